"""Access patterns that change attributes of one title, with everything derived from it.

Only these attributes are written: concurrent changes of others are kept.
"""

from collections.abc import Iterable
from typing import Any, Final, Unpack

from catalog_model.catalog import Catalog
from catalog_model.checks import refuse
from catalog_model.declarations.pattern import Step, access_pattern, step
from catalog_model.declarations.vocabulary import (
    AS_READ,
    COPIES,
    COUNTED,
    ENROLMENT,
    MOVE_OF_TALLIES,
    MOVED_ONCE,
    READ_TO_ENROL,
    REPLACED,
    REWRITTEN,
    SEARCH_OF_SLOTS,
    TITLE,
    former_change,
    put,
    write_step,
)
from catalog_model.domain.arguments import check_genre_ids, check_id, check_kind
from catalog_model.domain.attributes import TitleAttributes
from catalog_model.domain.fields import MAX_GENRES
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.dynamodb.numbers import check_count, check_number
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.writes.storing import change_title

_NO_VOTES: Final = {"popularity": 0.0, "vote_average": 0.0, "vote_count": 0}


def _change(*written: str, units: str) -> tuple[Step, ...]:
    """Declare a change with these actions, and those on the title and its copies."""
    return (
        step("GetItem", TITLE, units="rcu(title)", strong=True),
        write_step(put(TITLE, AS_READ), *COPIES, *written, units=units),
        READ_TO_ENROL,
        ENROLMENT,
        former_change(*written),
        *MOVE_OF_TALLIES,
        SEARCH_OF_SLOTS,
    )


@access_pattern(
    "Change some attributes of a title",
    *_change(*COUNTED, units=f"{REPLACED} + 2 * wcu(tally)"),
    consistency="atomic",
)
def update_title(
    catalog: Catalog, kind: Kind, title_id: int, **attributes: Unpack[TitleAttributes]
) -> Conversation[AnyTitle]:
    """Change some attributes of a title, and leave the others as they are at that moment.

    Concurrent changes of other attributes are kept, and the title need not be read before.
    Concurrent changes of the same attribute are applied one after the other.

    Costs one GetItem (1 read unit) and one TransactWriteItems; only the GetItem if the title has
    these values already.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        attributes: At least one attribute of the record, except ``id``, with its new value. An
            attribute unknown to the model is stored as passed (in a ``dict[str, Any]``: type
            checkers refuse its name); a new one comes last in the record.
            ``None`` is stored as null, never as a removal; for a field of the model that is missing
            in the record, ``None`` leaves it missing.

    Returns:
        The title as it is after the change.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written.
        InvalidTitleError: If a value is not valid, or the title with its copies becomes too large.
        InvalidArgumentError: If no attribute is passed, or ``id`` is.
        ConflictError: If concurrent changes won every time.

    >>> update_title(catalog, "movie", 949, overview="A thief and a cop.", popularity=12.5)
    <Movie 949 'Heat'>
    """
    key = TitleKey(check_kind(kind), check_id(title_id))
    changes = check_attributes(key, {**attributes})
    return (yield from change_title(catalog, kind, title_id, **changes))


def check_attributes(key: TitleKey, attributes: dict[str, Any]) -> dict[str, Any]:
    """Check new attributes of a title by themselves, before the title is read."""
    if not attributes:
        refuse("attributes", attributes, "at least one attribute with its new value")
    if "id" in attributes:
        refuse("attributes", attributes, "any but id, which names the title")
    title_class = TITLE_CLASSES[key.kind]
    least = {"id": key.id, "genre_ids": [], title_class.name_field: "", **_NO_VOTES}
    title_class.from_json(least).replace(**attributes)
    return attributes


@access_pattern(
    "Change the popularity of a title", *_change(units=MOVED_ONCE), consistency="atomic"
)
def update_popularity(
    catalog: Catalog, kind: Kind, title_id: int, popularity: float
) -> Conversation[AnyTitle]:
    """Change the popularity of a title, and so its place in its lists.

    Costs one GetItem (1 read unit) and one TransactWriteItems; only the GetItem if the title has
    that popularity already.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        popularity: Any finite number that DynamoDB can hold; stored as a float.

    Returns:
        The title as it is after the change.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written.
        InvalidArgumentError: If an argument is invalid.
        ConflictError: If concurrent changes won every time.

    >>> update_popularity(catalog, "movie", 949, 1500.5).popularity
    1500.5
    """
    value = check_number(popularity, "popularity")
    return (yield from change_title(catalog, kind, title_id, popularity=value))


@access_pattern("Change the votes of a title", *_change(units=MOVED_ONCE), consistency="atomic")
def update_votes(
    catalog: Catalog, kind: Kind, title_id: int, *, vote_average: float, vote_count: int
) -> Conversation[AnyTitle]:
    """Change the average vote and the number of votes. Costs the same as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        vote_average: Any finite number that DynamoDB can hold, usually 0 to 10; stored as a float.
        vote_count: 0 or more.

    Returns:
        The title as it is after the change.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written.
        InvalidArgumentError: If an argument is invalid.
        ConflictError: If concurrent changes won every time.

    >>> update_votes(catalog, "movie", 949, vote_average=8.5, vote_count=7000).vote_average
    8.5
    """
    votes = {
        "vote_average": check_number(vote_average, "vote_average"),
        "vote_count": check_count(vote_count, "vote_count"),
    }
    return (yield from change_title(catalog, kind, title_id, **votes))


@access_pattern(
    "Change the genres of a title",
    *_change(*COUNTED, units=f"{REWRITTEN} + 2 * wcu(tally)"),
    consistency="atomic",
)
def set_genres(
    catalog: Catalog, kind: Kind, title_id: int, genre_ids: Iterable[int]
) -> Conversation[AnyTitle]:
    """Change the genres of a title: memberships are added, removed and reordered.

    Costs the same as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        genre_ids: Up to 48 ids of genres, in their order; none remove the title from all genres.

    Returns:
        The title as it is after the change.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written.
        InvalidArgumentError: If an argument is invalid.
        InvalidTitleError: If the title with its copies is over 4 MB.
        ConflictError: If concurrent changes won every time.

    >>> set_genres(catalog, "movie", 949, [80, 18]).genre_ids
    (80, 18)
    """
    genres = list(check_genre_ids(genre_ids, most=MAX_GENRES))
    return (yield from change_title(catalog, kind, title_id, genre_ids=genres))
