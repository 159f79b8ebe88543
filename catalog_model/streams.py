"""Changes of titles, from the events that a Lambda function gets from the table's stream.

One write of a title changes its item, its copies, a tally and perhaps a slot, and the stream has a
record of each. Here they become one `TitleChange`. `docs/streams.md` has the function, its filter
and the commands that connect them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from catalog_model.checks import refuse, shown
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.domain.records import check_record
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import (
    ConfigurationError,
    InvalidArgumentError,
    InvalidTitleError,
    UnknownEntityError,
)
from catalog_model.table import keys
from catalog_model.table.codec import decode_title

__all__ = ["FILTER", "TitleChange", "changes"]

FILTER: Final = json.dumps({"dynamodb": {"Keys": {"SK": {"S": [{"prefix": "TITLE#"}]}}}})
"""The pattern of an event source mapping that lets records of titles pass, and nothing else.

It goes into ``FilterCriteria={"Filters": [{"Pattern": FILTER}]}``. `changes` needs no filter, but
each record that is filtered out is one for which no function is invoked and paid.
"""

VIEW: Final = "NEW_AND_OLD_IMAGES"
"""The view type of a stream that has all that a change needs."""

_SOURCE: Final = "aws:dynamodb"
_IMAGES: Final[Mapping[str, tuple[str, str]]] = {
    "INSERT": ("", "NewImage"),
    "MODIFY": ("OldImage", "NewImage"),
    "REMOVE": ("OldImage", ""),
}
"""Which images a record of each event has; a title that was not there has none."""

Record = Mapping[str, Any]
OnUnreadable = Callable[[Record, UnknownEntityError], object]


@dataclass(frozen=True, slots=True)
class TitleChange:
    """One change of one title: as it was before, and as it is after.

    Attributes:
        kind: ``"movie"`` or ``"tv"``.
        id: The id of the title.
        before: The title before the change; None if it was created.
        after: The title after the change; None if it was deleted.
        sequence_number: What a partial batch response names a failed record by.
        event_id: The same for every delivery of this change: DynamoDB's stream delivers a record
            once, Lambda invokes a function at least once.
    """

    kind: Kind
    id: int
    before: Movie | TVShow | None
    after: Movie | TVShow | None
    sequence_number: str = field(default="", compare=False, repr=False)
    event_id: str = field(default="", compare=False, repr=False)

    @property
    def key(self) -> TitleKey:
        """The kind and the id: what identifies a title."""
        return TitleKey(self.kind, self.id)


def changes(event: object, *, on_unreadable: OnUnreadable | None = None) -> list[TitleChange]:
    """Return the changes of titles in an event of the table's stream, in their order.

    There is one for each write that changed a title's record, however many items the write
    changed. Two writes of one title are two changes. A write that leaves the record as it is, such
    as a migration, is none. Items that are not titles are passed over, and so are items of other
    applications. An expired item (TTL) is a deleted one.

    All of the event is read before anything is returned, so an event that is refused has had no
    effect yet.

    Args:
        event: What the function is invoked with: ``{"Records": [...]}`` from an event source
            mapping, or the list of records that EventBridge Pipes sends.
        on_unreadable: Called with each record whose title cannot be read, and with the error; the
            record is then passed over. Without it the error is raised.

    Raises:
        InvalidArgumentError: If *event* is not one of a DynamoDB stream.
        ConfigurationError: If a record lacks an image, because the view type of the stream is not
            ``NEW_AND_OLD_IMAGES``: None would then say that there was no title.
        UnknownEntityError: If a title cannot be read, as only other writers leave it.

    >>> key = {"PK": {"S": "TITLE#movie#949"}, "SK": {"S": "TITLE#movie#949"}}
    >>> item = catalog.client.get_item(TableName=catalog.table, Key=key)["Item"]
    >>> record = {"eventName": "INSERT", "dynamodb": {"Keys": key, "NewImage": item}}
    >>> changes({"Records": [record]})
    [TitleChange(kind='movie', id=949, before=None, after=<Movie 949 'Heat'>)]
    """
    if on_unreadable is not None and not callable(on_unreadable):
        refuse("on_unreadable", on_unreadable, "a function of a record and an error")
    found = []
    for record in _records(event):
        try:
            change = _change(record)
        except UnknownEntityError as error:
            if on_unreadable is None:
                raise
            on_unreadable(record, error)
        else:
            found += [] if change is None else [change]
    return found


def _records(event: object) -> list[Record]:
    records = event.get("Records") if isinstance(event, Mapping) else event
    if not isinstance(records, list) or not all(isinstance(each, Mapping) for each in records):
        refuse("event", event, 'an event of a DynamoDB stream: {"Records": [...]}')
    return records


def _change(record: Record) -> TitleChange | None:
    """Return what happened to a title; None if the record is of another item, or nothing did."""
    name, body = record.get("eventName"), record.get("dynamodb")
    if record.get("eventSource", _SOURCE) != _SOURCE or not isinstance(body, Mapping):
        refuse("event", record, "an event of a DynamoDB stream")
    if not isinstance(name, str) or name not in _IMAGES:
        refuse("eventName", name, " or ".join(map(repr, _IMAGES)))
    key = _title_key(body.get("Keys"))
    if key is None:
        return None
    before, after = (_title(key, body, image) for image in _IMAGES[name])
    if before == after:
        return None
    told = (str(body.get("SequenceNumber", "")), str(record.get("eventID", "")))
    return TitleChange(*key, before, after, *told)


def _title_key(named: object) -> TitleKey | None:
    """Return the key of the title whose own item this is; None if it is another item."""
    if not isinstance(named, Mapping):
        refuse("Keys", named, "the key of the item that a record is of")
    match named:
        case {"PK": {"S": str(pk)}, "SK": {"S": str(sk)}}:
            try:
                name = keys.parse_key(pk, sk)
            except UnknownEntityError:  # an item of another application
                return None
            return name.key if isinstance(name, keys.TitleItem) else None
    return None


def _title(key: TitleKey, body: Record, image: str) -> Movie | TVShow | None:
    if not image:
        return None
    item, number = body.get(image), body.get("SequenceNumber")
    if item is None:
        raise ConfigurationError(
            f"record {number} has no {image}: the view type of the table's stream must be {VIEW}, "
            f"not {body.get('StreamViewType')}"
        )
    if not isinstance(item, Mapping):
        raise InvalidArgumentError(f"{image} must be an item, not {shown(item)}")
    try:
        return _decoded(key, item)
    except (InvalidTitleError, UnknownEntityError) as error:
        raise UnknownEntityError(f"record {number}, {image}: {error}") from error


def _decoded(key: TitleKey, item: Mapping[str, Any]) -> Movie | TVShow:
    """Read a title, which may be another writer's, and hold it against the model."""
    title = decode_title(item)
    check_record(title._record, title.kind, title.fields)
    if title.key != key:
        raise UnknownEntityError(f"the item of {key.kind} {key.id} has the id {title.id}")
    return title
