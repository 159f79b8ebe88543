"""The two kinds of title, and the key that tells titles apart."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from catalog_model.dynamodb.limits import MAX_DIGITS

Kind = Literal["movie", "tv"]
KINDS: Final[tuple[Kind, ...]] = ("movie", "tv")

END_OF_IDS: Final = 10**MAX_DIGITS
"""Ids are positive whole numbers of up to 38 digits: all that DynamoDB keeps of a number."""


class TitleKey(NamedTuple):
    """The identity of a title. Ids of movies and shows overlap, so the kind is part of it."""

    kind: Kind
    id: int
