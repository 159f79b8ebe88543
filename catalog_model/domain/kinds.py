"""The two kinds of titles, and the key that identifies a title."""

from typing import Final, Literal, NamedTuple

from catalog_model.dynamodb.limits import MAX_DIGITS

Kind = Literal["movie", "tv"]
KINDS: Final[tuple[Kind, ...]] = ("movie", "tv")

END_OF_IDS: Final = 10**MAX_DIGITS
"""Ids are positive whole numbers of up to 38 digits, the precision of numbers in DynamoDB."""


class TitleKey(NamedTuple):
    """The identity of a title. It includes the kind because ids of movies and shows overlap."""

    kind: Kind
    id: int
