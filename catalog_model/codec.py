"""Between titles and items: pure functions from entities to DynamoDB's typed JSON and back.

A title's item holds its record as native attributes. DynamoDB forgets two things of a record, the
order of its keys and whether a whole number was written ``7`` or ``7.0``; where a record differs
in either from the application's files, the attribute ``_form`` remembers it. Copies hold the
record as JSON text and need nothing else.

Attributes of our own begin with ``_``; a record's key that does too (or that is ``PK``, ``SK``
or empty) is stored with ``__`` before it, so that no record can reach them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

from catalog_model import evolution, keys
from catalog_model.arguments import MAX_EXPONENT, shown
from catalog_model.entities import TITLE_CLASSES, GenreMembership, Movie, TVShow
from catalog_model.errors import UnknownEntityError
from catalog_model.keys import Kind, TitleKey
from catalog_model.records import FIELDS

SCHEMA_VERSION: Final = evolution.SCHEMA_VERSION

DOC: Final = evolution.DOC
FORM: Final = "_form"
SCHEMA: Final = evolution.SCHEMA
SLOT: Final = "_slot"
TYPE: Final = evolution.TYPE
VERSION: Final = evolution.VERSION
TOTAL: Final = "total"
TITLE_ID: Final = "title_id"

LIST_PK: Final = "_list"
POPULARITY_SK: Final = "_popularity"
RELEASE_SK: Final = "_release"
NAME_SK: Final = evolution.NAME_SK
RATING_PK: Final = "_rating_list"
RATING_SK: Final = "_rating"

ESCAPE: Final = "__"
IS_FLOAT: Final = 1
AS_IT_READS: Final = 0

_MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What it raises to read an item that no writer of ours made."""

Value = Mapping[str, Any]
Item = dict[str, Any]
"""DynamoDB's typed JSON: ``{"S": "text"}``, and a mapping of names to such values."""


def text(value: str) -> Value:
    """Write a string attribute."""
    return {"S": value}


def number(value: float) -> Value:
    """Write a number attribute, in the shortest digits that read back as the same value."""
    return {"N": repr(value).removesuffix(".0")}


def own_value(value: str | int) -> Value:
    """Write an attribute of our own."""
    return text(value) if isinstance(value, str) else number(value)


def key_attributes(key: keys.ItemKey) -> Item:
    """Write the primary key of an item."""
    return {"PK": text(key.PK), "SK": text(key.SK)}


def primary_key(item: Mapping[str, Any]) -> keys.ItemKey:
    """Read the primary key of an item: `key_attributes` turned round."""
    return keys.ItemKey(item["PK"]["S"], item["SK"]["S"])


def own_item(name: keys.ItemName, **attributes: Value) -> Item:
    """Write an item's key, what it is, the version of the schema, and *attributes*."""
    own = {TYPE: text(evolution.type_of(name)), SCHEMA: number(SCHEMA_VERSION)}
    return {**key_attributes(keys.item_key(name)), **own, **attributes}


def encode_title(title: Movie | TVShow, *, version: int, slot: int) -> Item:
    """Write the item that holds the title."""
    record = title.to_json()
    own = {VERSION: number(version), SLOT: number(slot)}
    item = own_item(keys.TitleItem(title.key), **own)
    item.update({_escape(name): _encode(value) for name, value in record.items()})
    form = _form_of(record)
    if _changes(form, _usual_form(title.kind)):
        item[FORM] = text(json.dumps(form, ensure_ascii=False, separators=(",", ":")))
    return item


def encode_copies(title: Movie | TVShow) -> list[Item]:
    """Write the copies that the lists show: one for all of the kind, one for each genre."""
    listing = own_item(keys.ListingItem(title.key), **_list_attributes(title, None))
    listing[NAME_SK] = text(keys.name_sort_key(title.display_name, title.id))
    return [listing, *(encode_membership(title, genre_id) for genre_id in unique_genres(title))]


def encode_membership(title: Movie | TVShow, genre_id: int) -> Item:
    """Write the copy that the lists of one genre show."""
    name = keys.MembershipItem(title.key, genre_id)
    return own_item(name, **_list_attributes(title, genre_id))


def unique_genres(title: Movie | TVShow) -> tuple[int, ...]:
    """Give the title's genres, each once, in their order."""
    return tuple(dict.fromkeys(title.genre_ids))


def _list_attributes(title: Movie | TVShow, genre_id: int | None) -> dict[str, Value]:
    magnitude = keys.magnitude_of(title.vote_count)
    return {
        LIST_PK: text(keys.list_key(title.kind, genre_id)),
        RATING_PK: text(keys.rating_list_key(title.kind, genre_id, magnitude)),
        POPULARITY_SK: text(keys.number_sort_key(title.popularity, title.id)),
        RATING_SK: text(keys.number_sort_key(title.vote_average, title.id)),
        RELEASE_SK: text(keys.date_sort_key(title.released, title.id)),
        DOC: text(title.to_json_text()),
    }


def encode_slot(key: TitleKey, slot: int) -> Item:
    """Write the item that lets the sampler find the title by its slot."""
    name = keys.SlotItem(key.kind, keys.shard_of(key), slot)
    return own_item(name, **{TITLE_ID: number(key.id)})


def decode_slot(kind: Kind, item: Mapping[str, Any]) -> TitleKey:
    """Read which title owns a slot.

    Raises:
        UnknownEntityError: If the item is no slot.
    """
    try:
        return TitleKey(kind, int(evolution.upgraded(item)[TITLE_ID]["N"]))
    except _MALFORMED as error:
        raise UnknownEntityError(f"this is no slot of a {kind}: {shown(dict(item))}") from error


def decode_copy(kind: Kind, item: Mapping[str, Any]) -> Movie | TVShow:
    """Read the title out of a copy; only its ``_doc`` needs to be there.

    Raises:
        UnknownEntityError: If the item is no copy.
    """
    try:
        record = json.loads(item[DOC]["S"])
        return TITLE_CLASSES[kind]._trusted(_checked(record))
    except _MALFORMED as error:
        raise UnknownEntityError(f"this is no copy of a {kind}: {shown(dict(item))}") from error


def decode_title(item: Mapping[str, Any]) -> Movie | TVShow:
    """Read the title out of its item.

    Raises:
        UnknownEntityError: If the item holds no title.
    """
    try:
        name = keys.parse_key(*primary_key(item))
        if not isinstance(name, keys.TitleItem):
            raise UnknownEntityError(f"this is no title: {shown(dict(item))}")
        record = _checked(_decode_record(evolution.upgraded(item), name.key.kind))
    except _MALFORMED as error:
        raise UnknownEntityError(f"this title cannot be read: {shown(dict(item))}") from error
    return TITLE_CLASSES[name.key.kind]._trusted(record)


def _checked(record: Any) -> dict[str, Any]:
    """Accept what can be a record at all; it was checked in full before it was stored."""
    if not isinstance(record, dict) or "id" not in record:
        raise TypeError("this is no record")
    return record


def decode_collection(
    items: list[dict[str, Any]],
) -> tuple[Movie | TVShow, tuple[GenreMembership, ...]] | None:
    """Read a title and its memberships out of its item collection; None without a title.

    Raises:
        UnknownEntityError: If an item is neither.
    """
    title: Movie | TVShow | None = None
    genre_ids: list[int] = []
    for item in items:
        match keys.parse_key(*primary_key(item)):
            case keys.TitleItem():
                title = decode_title(item)
            case keys.MembershipItem(_, genre_id):
                genre_ids.append(genre_id)
            case other:
                raise UnknownEntityError(f"{other} is no part of a title")
    if title is None:
        return None
    order = {genre_id: at for at, genre_id in reversed(list(enumerate(title.genre_ids)))}
    memberships = [
        GenreMembership(title.key, genre_id, order.get(genre_id, len(order)))
        for genre_id in genre_ids
    ]
    return title, tuple(sorted(memberships, key=lambda membership: membership.position))


def read_int(item: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Read a whole number of our own.

    Raises:
        UnknownEntityError: If it is none.
    """
    if name not in item:
        return default
    try:
        return int(_decimal(item[name]["N"]))
    except _MALFORMED as error:
        raise UnknownEntityError(f"{name} is no whole number: {shown(dict(item))}") from error


def tally_counts(item: Mapping[str, Any]) -> dict[int, int]:
    """Read how many titles each genre has in one shard; genres without titles are left out."""
    counts = {name: read_int(item, name) for name in item if is_count(name) and name != TOTAL}
    return {int(name.removeprefix("g")): count for name, count in counts.items() if count}


def is_count(name: str) -> bool:
    """Tell whether an attribute of a tally has this name because it counts."""
    digits = name.removeprefix("g")
    return name == TOTAL or (digits != name and digits.isascii() and digits.isdecimal())


def tally_attributes(title: Movie | TVShow) -> list[str]:
    """Name the attributes of its tally that count a title: that of its kind, and of its genres."""
    return [tally_attribute(genre_id) for genre_id in (None, *unique_genres(title))]


def tally_attribute(genre_id: int | None) -> str:
    """Name the attribute of a tally that counts the genre, or all of the kind."""
    return TOTAL if genre_id is None else f"g{genre_id}"


def _escape(name: str) -> str:
    reserved = not name or name.startswith("_") or name in ("PK", "SK")
    return ESCAPE + name if reserved else name


def _encode(value: Any) -> Value:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return text(value)
        case int() | float():
            return number(value)
        case list():
            return {"L": [_encode(element) for element in value]}
    return {"M": {_escape(name): _encode(element) for name, element in value.items()}}


def _decode(value: Value, form: Any) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return _decode_number(content, form)
        case "NULL":
            return None
        case "L":
            forms = form if isinstance(form, list) else [AS_IT_READS] * len(content)
            return [_decode(*pair) for pair in zip(content, forms, strict=True)]
        case "M":
            return {name: _decode(content[_escape(name)], part) for name, part in form.items()}
    raise ValueError(kind)


def _decode_number(content: str, form: Any) -> int | float:
    if form == IS_FLOAT:
        return float(content)
    decimal = _decimal(content)
    return int(decimal) if decimal == decimal.to_integral_value() else float(content)


def _decimal(content: str) -> Decimal:
    """Read a number that DynamoDB can hold; to write out another may take forever."""
    decimal = Decimal(content)
    if decimal.adjusted() > MAX_EXPONENT:
        raise ValueError(f"too large a number: {content[:80]}")
    return decimal


def _form_of(value: Any) -> Any:
    """Describe what DynamoDB forgets of a JSON value: key order, and which numbers are floats."""
    if isinstance(value, dict):
        return {name: _form_of(element) for name, element in value.items()}
    if isinstance(value, list):
        forms = [_form_of(element) for element in value]
        return forms if any(forms) or any(isinstance(e, dict) for e in value) else AS_IT_READS
    return IS_FLOAT if isinstance(value, float) else AS_IT_READS


@cache
def _usual_form(kind: Kind) -> dict[str, int]:
    return {
        name: IS_FLOAT if field.is_float else AS_IT_READS for name, field in FIELDS[kind].items()
    }


def _changes(form: dict[str, Any], usual: dict[str, int]) -> bool:
    return list(form.items()) != list(usual.items())


def _decode_record(item: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    form = json.loads(item[FORM]["S"]) if FORM in item else _usual_form(kind)
    return {name: _decode(item[_escape(name)], part) for name, part in form.items()}
