"""Titles and memberships in the layouts of other tables, as items in typed JSON. Pure.

`read_item` recognizes an item by its attributes, not by its table:

- a movie or a show, with the attributes of the application's records. Its id is ``id`` or, for
  example, ``movie_id``; its kind is stated by the caller or an attribute (``type``), or follows
  from its attributes. The whole record may be in one attribute, a map.
- a membership of a table like ``MoviesByGenre``: a genre's id and a title's id, without a kind.

Attributes that only serve the layout (a second name of the id, the kind, a show's ``title`` that
repeats its ``name`` because the sort key needs one) are dropped if they say nothing else. All other
attributes unknown to the model are kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from catalog_model.checks import shown
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import FIELDS, TITLE_CLASSES, AnyTitle
from catalog_model.errors import InvalidTitleError
from catalog_model.files.typed_values import Values, is_typed, number_in

GENRE_IDS: Final = "genre_ids"
GENRE_ID: Final = "genre_id"
ID: Final = "id"

ID_NAMES: Final = (ID, "movie_id", "tv_id", "show_id", "title_id")
"""The names of a title's id, in this and other layouts."""

KIND_NAMES: Final = ("type", "media_type", "kind")
"""The attributes in which other layouts store the kind of a title."""

_SAID: Final[Mapping[str, Kind]] = {
    "movie": "movie",
    "movies": "movie",
    "film": "movie",
    "tv": "tv",
    "tvshow": "tv",
    "tv_show": "tv",
    "show": "tv",
    "series": "tv",
}
_CALLED: Final[Mapping[Kind, str]] = {"movie": "a movie", "tv": "a TV show"}
_PAIRS: Final = (
    ("release_date", "first_air_date"),
    ("original_title", "original_name"),
    ("title", "name"),
)
"""Attributes of a movie and of a show: the first pair of which an item has one decides its kind."""

_NAMES: Final[Mapping[Kind, tuple[str, str]]] = {
    "movie": ("title", "name"),
    "tv": ("name", "title"),
}
"""By kind: the name of a title, and that of the other kind, which a layout may use instead."""

_OWN: Final = frozenset({"PK", "SK", "_schema"})
"""Attributes that every item of this package has."""

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class FoundTitle:
    """A title in another layout, and what that layout did not keep of it.

    Attributes:
        title: The title.
        unordered: The paths of its lists that were stored as sets of several elements, and are in
            ascending order here.
        has_genres: Whether the item has ``genre_ids``; a layout may store them elsewhere, and
            DynamoDB has no empty set.
    """

    title: AnyTitle
    unordered: tuple[str, ...] = ()
    has_genres: bool = True


class FoundMembership(NamedTuple):
    """A membership in another layout: a genre, and the id of a movie or a show."""

    genre_id: int
    title_id: int


def read_item(item: Item, kind: Kind | None = None) -> FoundTitle | FoundMembership:
    """Return the title or the membership that an item of another layout is.

    Args:
        item: The item in typed JSON.
        kind: The kind of the titles; None if their attributes decide it.

    Raises:
        InvalidTitleError: If it is neither, or a value has no equivalent in a record.

    >>> read_item({"genre_id": {"N": "28"}, "movie_id": {"N": "949"}})
    FoundMembership(genre_id=28, title_id=949)
    """
    if item.keys() >= _OWN:
        raise InvalidTitleError("it is an item of this package's own table")
    membership = _membership(item)
    if membership:
        return membership
    found = _unwrapped(item)
    kind = _kind_of(found, kind)
    return _title(found, kind)


def label_of(item: Item) -> str:
    """Return the id of an item for a report, or some of its attributes if it has none."""
    names = [name for name in ID_NAMES if is_typed(item.get(name))]
    names = names[:1] or sorted(item)[:_SHOWN]
    return ", ".join(f"{name} {_label(item[name])}" for name in names)


def id_in(item: Item) -> int | None:
    """Return the id of an item, also of one that is no valid title; None without one."""
    try:
        found = _unwrapped(item)
    except InvalidTitleError:
        found = item
    exact = number_in(_content(found, _id_name(found)))
    return None if exact is None or exact % 1 else int(exact)


def _label(value: Any) -> str:
    content = next(iter(value.values())) if is_typed(value) else value
    return content if isinstance(content, str) and len(content) <= 80 else shown(content)  # noqa: PLR2004  # as `shown`


def _content(item: Item, name: str) -> Any:
    """Return the content of a number or a text; None for everything else."""
    value: Any = item.get(name)
    return value.get("N", value.get("S")) if is_typed(value) else None


def _id_name(item: Item) -> str:
    return next((name for name in ID_NAMES if name in item), ID)


def _membership(item: Item) -> FoundMembership | None:
    """Return the membership that an item is; None if it is not one."""
    name = _id_name(item)
    if GENRE_ID not in item or name not in item or GENRE_IDS in item or "vote_count" in item:
        return None
    ids = [number_in(_content(item, each)) for each in (GENRE_ID, name)]
    whole = [int(each) for each in ids if each is not None and each > 0 and not each % 1]
    if len(whole) < len(ids):
        raise InvalidTitleError(f"{GENRE_ID} and {name} must be ids, not {shown(dict(item))}")
    return FoundMembership(*whole)


def _unwrapped(item: Item) -> Item:
    """Return the attributes of a record that is in one attribute of the item, a map."""
    if GENRE_IDS in item or "vote_count" in item:
        return item
    maps = {name: value["M"] for name, value in item.items() if is_typed(value) and "M" in value}
    inner = [name for name, members in maps.items() if isinstance(members, dict) and ID in members]
    if len(inner) != 1:
        return item
    (name,) = inner
    outer = {each: value for each, value in item.items() if each != name}
    for each in outer.keys() & maps[name].keys():
        if outer[each] != maps[name][each]:
            raise InvalidTitleError(f"{each} differs between the item and its {name}")
    return {**outer, **maps[name]}


def _kind_of(item: Item, wanted: Kind | None) -> Kind:
    """Return the kind of a title.

    Raises:
        InvalidTitleError: If it is unknown, or not *wanted*.
    """
    pairs = _PAIRS if wanted is None else _PAIRS[:-1]  # a show may have a title instead of a name
    kind = _said(item) or _kind_by_attributes(item, pairs) or wanted
    if kind is None:
        raise InvalidTitleError(_why_unknown(item))
    if wanted is not None and kind != wanted:
        raise InvalidTitleError(f"it is {_CALLED[kind]}, not {_CALLED[wanted]}")
    return kind


def _said(item: Item) -> Kind | None:
    """Return the kind that an attribute says; None if none does."""
    for name in KIND_NAMES:
        said = _content(item, name)
        if isinstance(said, str) and said.lower() in _SAID:
            return _SAID[said.lower()]
    return None


def _kind_by_attributes(item: Item, pairs: Iterable[tuple[str, str]]) -> Kind | None:
    for pair in pairs:
        present = [kind for kind, name in zip(KINDS, pair, strict=True) if name in item]
        if len(present) == 1:
            return present[0]
    return None


def _why_unknown(item: Item) -> str:
    if not {name for pair in _PAIRS for name in pair} & item.keys():
        return "it is neither a movie nor a TV show: it has no title and no name"
    return "it may be a movie or a TV show: put movie= or tv= before its source"


def _title(item: Item, kind: Kind) -> FoundTitle:
    values, fields = Values(), FIELDS[kind]
    attributes = _renamed(item, kind)
    has_genres = attributes.get(GENRE_IDS) not in (None, {"NULL": True})
    if not has_genres:
        attributes[GENRE_IDS] = {"L": []}
    record = {
        name: values.field(attributes.pop(name), name, field.rule)
        for name, field in fields.items()
        if name in attributes
    }
    record |= {name: values.plain(attributes[name], name) for name in sorted(attributes)}
    for name in _redundant(record, kind):
        del record[name]
    title = TITLE_CLASSES[kind].from_json(record)
    return FoundTitle(title, tuple(values.unordered), has_genres)


def _renamed(item: Item, kind: Kind) -> Item:
    """Return the attributes under the names of a record."""
    renamed = dict(item)
    own, other = _NAMES[kind]
    if own not in renamed and other in renamed:
        renamed[own] = renamed.pop(other)
    name = _id_name(renamed)
    if name in renamed:
        renamed[ID] = renamed.pop(name)
    return renamed


def _redundant(record: Mapping[str, Any], kind: Kind) -> list[str]:
    """Return the attributes of the layout that repeat the id, the name or the kind."""
    own, other = _NAMES[kind]
    found = [other] if other in record and record[other] == record.get(own) else []
    same = [each for each in ID_NAMES[1:] if each in record and _repeats(record, each)]
    said = [each for each in KIND_NAMES if _SAID.get(str(record.get(each)).lower()) == kind]
    return [*found, *same, *said]


def _repeats(record: Mapping[str, Any], name: str) -> bool:
    return str(record[name]) == str(record.get(ID))
