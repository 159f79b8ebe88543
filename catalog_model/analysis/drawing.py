"""The content of a drawing of the table: rows of the table and of each index, and what calls touch.

Each call is made on a table in memory that holds the chosen titles only, so its rows, requests and
units are those of the package itself. `drawing_page` draws it. Pure; no requests are sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from catalog_model.analysis.drawn_rows import PLACES, Row, RowKey, in_order, rows_of
from catalog_model.analysis.estimate import Asked, call, stock
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.declarations.pattern import WRITING, AccessPattern
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.memory import OfflineClient
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.dynamodb.typed_json import Item, Value, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError
from catalog_model.table import codec
from catalog_model.table.indexes import SCHEMA

State = Literal["created", "changed", "deleted"]

_ITEM_TYPES: Final = ("title", "membership", "listing", "tally")
_SHOWN: Final = 48
"""The number of characters shown of a changed value."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a call does to a row, and the attributes that it changes: name, before, after."""

    state: State
    row: Row
    attributes: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of a call, with the rows that it read."""

    request: Request
    rows: frozenset[RowKey]

    @property
    def is_write(self) -> bool:
        """Whether it is a transaction of writes."""
        return self.request.operation == WRITING


@dataclass(frozen=True, slots=True)
class DrawnCall:
    """A call of an access pattern: its requests in order, and the changed rows."""

    text: str
    pattern: AccessPattern
    sent: Sequence[Sent]
    changes: Mapping[RowKey, Change]

    @property
    def round_trips(self) -> int:
        """How many times the call waits for answers."""
        return len({each.request.round_trip for each in self.sent})

    @property
    def rows_read(self) -> frozenset[RowKey]:
        """All rows that the requests read."""
        return frozenset(row for each in self.sent for row in each.rows)

    @property
    def read_units(self) -> dict[str, float]:
        """The read units of the table and of each index."""
        return _units(each for each in self.sent if not each.is_write)

    @property
    def write_units(self) -> dict[str, float]:
        """The write units of the table and of each index."""
        return _units(each for each in self.sent if each.is_write)


@dataclass(frozen=True, slots=True)
class Share:
    """How many items of a type an index has; the others lack an attribute of its key."""

    type: str
    items: int
    entries: int
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The table or an index: its rows by partition, in their order.

    ``shares`` compare an index with the table, by type of item; the table has none.
    """

    place: str
    names: tuple[str, str]
    partitions: Sequence[tuple[str, Sequence[Row]]]
    shares: Sequence[Share] = ()

    @property
    def rows(self) -> list[Row]:
        """All rows, in their order."""
        return [row for _, rows in self.partitions for row in rows]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A table with a few titles, its views, and example calls."""

    table: str
    titles: Sequence[AnyTitle]
    views: Sequence[View]
    calls: Sequence[DrawnCall]

    def rows_of(self, key: TitleKey) -> list[RowKey]:
        """Return the rows of a title in all views: its items and its copies."""
        return [row.key for view in self.views for row in view.rows if row.owner == key]

    def created(self, place: str) -> list[Row]:
        """Return the rows that only exist after one of the calls."""
        changes = [change for each in self.calls for change in each.changes.values()]
        found = {
            change.row.key: change.row
            for change in changes
            if change.state == "created" and change.row.key.place == place
        }
        return [found[key] for key in sorted(found)]


def draw(titles: Sequence[AnyTitle], asked: Sequence[Asked], *, table: str) -> Drawing:
    """Draw a table with *titles*, and each of the calls *asked* on it.

    Every call is made on a table of its own, as in `estimate`, so it does not see the changes of
    another one.

    Args:
        titles: Titles of the table, at least one.
        asked: The calls.
        table: Name of the table.

    Raises:
        InvalidArgumentError: If there are no titles, or one of them cannot be stored.
        CatalogError: If a call raises one; the message begins with the call.

    >>> from catalog_model.analysis.drawing import draw
    >>> drawing = draw([Movie.from_json(record)], [], table="films")
    >>> [(view.place, len(view.rows)) for view in drawing.views][:2]
    [('table', 5), ('by_popularity', 3)]
    """
    if not titles:
        raise InvalidArgumentError("a drawing needs at least one title")
    items, rejected = stock(titles)
    for each in rejected:
        raise InvalidArgumentError(f"{each.key}: {each.reason}")
    views = [_view(place, items) for place in PLACES]
    return Drawing(table, titles, views, [_call(each, items, table) for each in asked])


def _view(place: str, items: Sequence[Item]) -> View:
    rows = in_order(row for row in rows_of(items).values() if row.key.place == place)
    partitions: dict[str, list[Row]] = {}
    for row in rows:
        partitions.setdefault(row.key.partition, []).append(row)
    names = SCHEMA.keys_of(_index(place))
    shares = list(_shares(place, items)) if place != TABLE else []
    return View(place, names, list(partitions.items()), shares)


def _shares(index: str, items: Iterable[Item]) -> Iterator[Share]:
    """Compare an index with the table, by type of item."""
    of_type: dict[str, list[Item]] = {each: [] for each in _ITEM_TYPES}
    for item in items:
        of_type[item[codec.TYPE]["S"]].append(item)
    for name, found in of_type.items():
        absent = [item for item in found if SCHEMA.entry(item, index) is None]
        lacking = [each for each in SCHEMA.keys_of(index) if any(each not in i for i in absent)]
        if found:
            yield Share(name, len(found), len(found) - len(absent), tuple(lacking))


def _call(asked: Asked, items: Sequence[Item], table: str) -> DrawnCall:
    catalog = OfflineCatalog(table, items=items)
    seen: list[tuple[Request, list[Item]]] = []
    catalog.on_request(lambda request: seen.append((request, catalog.items())))
    call(asked, catalog)
    sent = [Sent(request, frozenset(_rows_read(request, state))) for request, state in seen]
    return DrawnCall(asked.text, asked.pattern, sent, _changes(items, catalog.items()))


def _rows_read(request: Request, state: Sequence[Item]) -> Iterator[RowKey]:
    """Yield the rows that a request read, from the items after it."""
    asked = request.asked
    match request.operation:
        case "Query":
            yield from _rows_of_query(asked, state)
        case "GetItem":
            yield from _existing([asked["Key"]], state)
        case "BatchGetItem":
            for part in asked["RequestItems"].values():
                yield from _existing(part["Keys"], state)


def _rows_of_query(asked: Mapping[str, Any], state: Sequence[Item]) -> Iterator[RowKey]:
    """Repeat a Query for all attributes, and yield the rows of its answer."""
    whole = {name: value for name, value in asked.items() if name != "ProjectionExpression"}
    index = asked.get("IndexName")
    place, (partition, sort) = str(index or TABLE), SCHEMA.keys_of(index)
    for item in OfflineClient(SCHEMA, state).query(**whole)["Items"]:
        yield RowKey(place, item[partition]["S"], item[sort]["S"], *primary_key(item))


def _existing(asked: Iterable[Item], state: Iterable[Item]) -> Iterator[RowKey]:
    existing = {primary_key(item) for item in state}
    for pk, sk in map(primary_key, asked):
        if (pk, sk) in existing:
            yield RowKey(TABLE, pk, sk, pk, sk)


def _changes(before: Sequence[Item], after: Sequence[Item]) -> dict[RowKey, Change]:
    """Compare two states of a table, in the table and in each index."""
    old, new = rows_of(before), rows_of(after)
    changes: dict[RowKey, Change] = {}
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            changes[key] = Change("created", new[key])
        elif key not in new:
            changes[key] = Change("deleted", old[key])
        elif old[key].stored != new[key].stored:
            changed = tuple(_changed_attributes(old[key].stored, new[key].stored))
            changes[key] = Change("changed", new[key], changed)
    return changes


def _changed_attributes(before: Item, after: Item) -> Iterator[tuple[str, str, str]]:
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            yield name, _shown(name, before.get(name)), _shown(name, after.get(name))


def _shown(name: str, value: Value | None) -> str:
    """Return a value as text; the JSON of a record is too long."""
    if value is None:
        return "absent"
    if name == codec.DOC:
        return "the record as JSON"
    text = _plain(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _plain(value: Value) -> str:
    ((kind, content),) = value.items()
    if kind == "L":
        return f"[{', '.join(map(_plain, content))}]"
    return str(content)


def _units(sent: Iterable[Sent]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for each in sent:
        total.update(each.request.units)
    return {place: total[place] for place in PLACES if total[place]}


def _index(place: str) -> str | None:
    return None if place == TABLE else place
