"""Access patterns that change attributes of one title, with everything derived from it.

The other attributes stay as they are at that moment: nothing that others change is undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Unpack

from catalog_model.catalog import Catalog
from catalog_model.checks import refuse
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    AS_READ,
    ENROLMENT,
    KNOWN,
    LISTING,
    MEMBERSHIP,
    MOVED_ONCE,
    READ_TO_ENROL,
    REPLACED,
    REWRITTEN,
    TALLY,
    TITLE,
    write_step,
)
from catalog_model.domain.arguments import check_genre_ids, check_id, check_kind
from catalog_model.domain.attributes import TitleAttributes
from catalog_model.domain.fields import MAX_GENRES
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.numbers import check_count, check_number
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.writes.storing import change_title

READ_BEFORE: Final = step("GetItem", TITLE, units="rcu(title)", strong=True)

_NO_VOTES: Final = {"popularity": 0.0, "vote_average": 0.0, "vote_count": 0}


@access_pattern(
    "Change some attributes of a title",
    READ_BEFORE,
    write_step(
        f"{TITLE} {AS_READ}",
        LISTING,
        MEMBERSHIP,
        f"{TALLY} {KNOWN}",
        units=f"{REPLACED} + 2 * wcu(tally)",
    ),
    READ_TO_ENROL,
    ENROLMENT,
    consistency="atomic",
)
def update_title(
    catalog: Catalog, kind: Kind, title_id: int, **attributes: Unpack[TitleAttributes]
) -> AnyTitle:
    """Change some attributes of a title, and leave the others as they are at that moment.

    What others change at the same time stays, and nothing has to be read before. Two changes of
    one attribute come one after the other.

    Costs one GetItem (1 read unit) and one TransactWriteItems; only the GetItem where the title
    has these values already.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        attributes: At least one attribute of the record with its new value, of any but ``id``;
            one that the model does not know is kept as it is given, and comes last in the record
            where it is new (pass it in a ``dict[str, Any]``: type checkers refuse its name).
            ``None`` is stored as null, and no attribute is removed; a field of the model that the
            record lacks stays away for ``None``.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidTitleError: If a value is not valid, or the title with its copies gets too large.
        InvalidArgumentError: If no attribute is given, or ``id``.
        ConflictError: If concurrent changes won every time.

    >>> update_title(catalog, "movie", 949, overview="A thief and a cop.", popularity=12.5)
    <Movie 949 'Heat'>
    """
    key = TitleKey(check_kind(kind), check_id(title_id))
    changes = check_attributes(key, {**attributes})
    return change_title(catalog, kind, title_id, lambda title: title.replace(**changes))


def check_attributes(key: TitleKey, attributes: dict[str, Any]) -> dict[str, Any]:
    """Accept attributes for a title, each by itself, before it is known what else the title has.

    Raises:
        InvalidArgumentError: If there are none, the id is among them, or a value is not valid.
    """
    if not attributes:
        refuse("attributes", attributes, "at least one attribute with its new value")
    if "id" in attributes:
        refuse("attributes", attributes, "any but id, which names the title")
    title_class = TITLE_CLASSES[key.kind]
    least = {"id": key.id, "genre_ids": [], title_class.name_field: "", **_NO_VOTES}
    title_class.from_json(least).replace(**attributes)
    return attributes


@access_pattern(
    "Change the popularity of a title",
    READ_BEFORE,
    write_step(f"{TITLE} {AS_READ}", LISTING, MEMBERSHIP, units=MOVED_ONCE),
    READ_TO_ENROL,
    ENROLMENT,
    consistency="atomic",
)
def update_popularity(catalog: Catalog, kind: Kind, title_id: int, popularity: float) -> AnyTitle:
    """Give a title another popularity, and so another place in its lists.

    Costs one GetItem (1 read unit) and one TransactWriteItems; only the GetItem where the title
    has that popularity already.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        popularity: Any finite number that DynamoDB holds; it is kept as a float.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        ConflictError: If concurrent changes won every time.

    >>> update_popularity(catalog, "movie", 949, 1500.5).popularity
    1500.5
    """
    value = check_number(popularity, "popularity")
    return change_title(catalog, kind, title_id, lambda title: title.replace(popularity=value))


@access_pattern(
    "Change the votes of a title",
    READ_BEFORE,
    write_step(f"{TITLE} {AS_READ}", LISTING, MEMBERSHIP, units=MOVED_ONCE),
    READ_TO_ENROL,
    ENROLMENT,
    consistency="atomic",
)
def update_votes(
    catalog: Catalog, kind: Kind, title_id: int, *, vote_average: float, vote_count: int
) -> AnyTitle:
    """Give a title another average vote and another number of votes. Costs as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        vote_average: Any finite number that DynamoDB holds, usually 0 to 10; kept as a float.
        vote_count: 0 or more.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        ConflictError: If concurrent changes won every time.

    >>> update_votes(catalog, "movie", 949, vote_average=8.5, vote_count=7000).vote_average
    8.5
    """
    average = check_number(vote_average, "vote_average")
    count = check_count(vote_count, "vote_count")
    return change_title(
        catalog,
        kind,
        title_id,
        lambda title: title.replace(vote_average=average, vote_count=count),
    )


@access_pattern(
    "Change the genres of a title",
    READ_BEFORE,
    write_step(
        f"{TITLE} {AS_READ}",
        LISTING,
        MEMBERSHIP,
        f"{TALLY} {KNOWN}",
        units=f"{REWRITTEN} + 2 * wcu(tally)",
    ),
    READ_TO_ENROL,
    ENROLMENT,
    consistency="atomic",
)
def set_genres(catalog: Catalog, kind: Kind, title_id: int, genre_ids: Iterable[int]) -> AnyTitle:
    """Give a title other genres: memberships are added and removed, their order follows.

    Costs as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        genre_ids: Up to 48 ids of genres in the order to keep; none at all takes the title out
            of every genre.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidTitleError: If the title with its copies is over 4 MB.
        ConflictError: If concurrent changes won every time.

    >>> set_genres(catalog, "movie", 949, [80, 18]).genre_ids
    (80, 18)
    """
    genres = list(check_genre_ids(genre_ids, most=MAX_GENRES))
    return change_title(catalog, kind, title_id, lambda title: title.replace(genre_ids=genres))


__all__ = [
    "set_genres",
    "update_popularity",
    "update_title",
    "update_votes",
]
