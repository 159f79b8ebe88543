"""Changes of titles, from the events that a Lambda function receives from the table's stream.

One write of a title changes its item, its copies, a tally and perhaps a slot, and the stream has a
record of each. This module turns them into one `TitleChange`. `docs/streams.md` has the function,
its filter and the commands that connect them.
"""

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
"""The pattern for an event source mapping that selects only the records of titles.

Use it in ``FilterCriteria={"Filters": [{"Pattern": FILTER}]}``. `changes` does not need the filter,
but a record that it drops does not invoke the function, and costs nothing.
"""

VIEW: Final = "NEW_AND_OLD_IMAGES"
"""The view type of a stream with both images, which a change needs."""

_SOURCE: Final = "aws:dynamodb"
_IMAGES: Final[Mapping[str, tuple[str, str]]] = {
    "INSERT": ("", "NewImage"),
    "MODIFY": ("OldImage", "NewImage"),
    "REMOVE": ("OldImage", ""),
}
"""The images in a record of each event; a title that did not exist has none."""

Record = Mapping[str, Any]
OnUnreadable = Callable[[Record, UnknownEntityError], object]


@dataclass(frozen=True, slots=True)
class TitleChange:
    """One change of one title: its state before and after.

    Attributes:
        kind: ``"movie"`` or ``"tv"``.
        id: The id of the title.
        before: The title before the change; None if it was created.
        after: The title after the change; None if it was deleted.
        sequence_number: Identifies a failed record in a partial batch response.
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
        """The kind and the id, which identify a title."""
        return TitleKey(self.kind, self.id)


def changes(event: object, *, on_unreadable: OnUnreadable | None = None) -> list[TitleChange]:
    """Return the changes of titles in an event of the table's stream, in their order.

    There is one for each write that changed a title's record, however many items it changed. Two
    writes of one title are two changes. A write that leaves the record unchanged, such as a
    migration, is not a change. Items other than titles, and items of other applications, are
    skipped. An expired item (TTL) counts as deleted.

    The whole event is read before anything is returned, so a rejected event has no effects.

    Args:
        event: The event passed to the function: ``{"Records": [...]}`` from an event source
            mapping, or the list of records sent by EventBridge Pipes.
        on_unreadable: Called with each record whose title is unreadable, and with the error; the
            record is then skipped. By default the error is raised.

    Raises:
        InvalidArgumentError: If *event* is not an event of a DynamoDB stream.
        ConfigurationError: If a record lacks an image because the view type of the stream is not
            ``NEW_AND_OLD_IMAGES``: None would then mean that there was no title.
        UnknownEntityError: If a title is unreadable, which only other writers can cause.

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
    """Return the change of a title; None if the record is of another item or changes nothing."""
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
    """Decode and check a title, which may have been written by another program."""
    title = decode_title(item)
    check_record(title._record, title.kind, title.fields)
    if title.key != key:
        raise UnknownEntityError(f"the item of {key.kind} {key.id} has the id {title.id}")
    return title
