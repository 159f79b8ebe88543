"""Pure functions from titles to items of DynamoDB's typed JSON, and back.

A title's item holds its record as native attributes. DynamoDB does not keep the order of a record's
keys, nor whether a whole number was written ``7`` or ``7.0``. If a record differs in either from
the application's files, the attribute ``_form`` describes it. Copies hold the record as JSON text,
``_doc``, and so does the title's item itself, unless that would make it cost more to read.

The package's own attributes begin with ``_``. A record's key that begins so (or that is ``PK``,
``SK`` or empty) is stored with the prefix ``__``, so a record cannot set them.

Other programs write titles, too. Decoding returns the item's content, whatever ``_form`` says: a
set becomes a list in ascending order, and attributes unknown to the model follow the known ones, by
name. The record is checked against the fields of the model and against the item's key; if that
fails, the item is unreadable, and the error has the reason.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from math import isfinite
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.checks.nesting import parse_json
from catalog_model.domain.fields import Rule
from catalog_model.domain.kinds import END_OF_IDS, Kind, TitleKey
from catalog_model.domain.records import check_record
from catalog_model.dynamodb.limits import MAX_DIGITS, READ_UNIT_BYTES
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import (
    AS_IT_READS,
    ESCAPE,
    IS_FLOAT,
    JSON,
    MALFORMED,
    Item,
    Value,
    decode,
    decode_object,
    encode,
    escape,
    form_of,
    key_attributes,
    number,
    place_of,
    primary_key,
    read_int,
    read_numbers,
    text,
    whole,
)
from catalog_model.entities import FIELDS, TITLE_CLASSES, GenreMembership, Movie, TVShow
from catalog_model.errors import InvalidTitleError, UnknownEntityError
from catalog_model.table import evolution, keys
from catalog_model.table.compiled import (
    record_of_document,
    record_of_item,
    records_of_documents,
)

SCHEMA_VERSION: Final = evolution.SCHEMA_VERSION

DOC: Final = evolution.DOC
FORM: Final = "_form"
SCHEMA: Final = evolution.SCHEMA
SLOT: Final = "_slot"
TYPE: Final = evolution.TYPE
VERSION: Final = evolution.VERSION
TITLE_ID: Final = "title_id"

TOTAL: Final = "total"
SLOTS: Final = "_slots"
FREE: Final = "_free"
LISTS: Final = "_lists"
LISTS_ALSO: Final = "_lists_also"

LIST_PK: Final = "_list"
POPULARITY_SK: Final = "_popularity"
RELEASE_SK: Final = "_release"
NAME_SK: Final = evolution.NAME_SK
RATING_PK: Final = "_rating_list"
RATING_SK: Final = "_rating"

END_OF_COUNTS: Final = 2**59
"""The bound of versions, slots and counts: the sum of all shards' is still a valid index."""

LARGEST: Final = END_OF_COUNTS - 1
"""The largest version and the largest slot."""

MOST_LISTS: Final = 32
"""The largest number of shards of a list: by rating, a page then reads 288 partitions."""

LIST_SHARD_BYTES: Final = 16
"""More than the bytes by which an item grows where lists are spread over shards."""


def own_item(name: keys.ItemName, **attributes: Value) -> Item:
    """Return an item with its key, its type, the schema version, and *attributes*."""
    own = {TYPE: text(evolution.type_of(name)), SCHEMA: number(SCHEMA_VERSION)}
    return {**key_attributes(keys.item_key(name)), **own, **attributes}


def encode_title(
    title: Movie | TVShow, *, version: int, slot: int, text_of_record: str | None = None
) -> Item:
    """Encode the title's own item."""
    record = title.to_json()
    own = {VERSION: number(version), SLOT: number(slot)}
    item = own_item(keys.TitleItem(title.key), **own)
    item.update({escape(name): encode(value) for name, value in record.items()})
    form = form_of(record)
    if list(form.items()) != list(_usual_form(title.kind).items()):  # in another order, too
        item[FORM] = text(json.dumps(form, ensure_ascii=False, separators=(",", ":")))
    doc = text(title.to_json_text() if text_of_record is None else text_of_record)
    return {**item, DOC: doc} if has_room_for({**item, DOC: doc}) else item


def with_lists(own: Item, lists: int) -> Item:
    """Return a title's own item with the number of shards of its lists; 1 is not stated."""
    if lists == 1:
        return own
    item = {**own, LISTS: number(lists)}
    return item if has_room_for(item) else {n: v for n, v in item.items() if n != DOC}


def in_list_shard(copy: Item, key: TitleKey, lists: int) -> Item:
    """Return a copy with the keys of the title's shard, in lists of that many shards."""
    shard = keys.list_shard_of(key, lists)
    if shard is None:
        return copy
    places = (LIST_PK, RATING_PK)
    spread = {n: keys.list_shard_key(keys.ListKey(copy[n]["S"]), shard) for n in places}
    return {**copy, **{name: text(place) for name, place in spread.items()}}


def has_room_for(item: Item) -> bool:
    """Whether a title's item can be read for one unit, with any version and any slot."""
    largest = {VERSION: number(LARGEST), SLOT: number(LARGEST)}
    return item_size({**item, **largest}) <= READ_UNIT_BYTES


def encode_copies(
    title: Movie | TVShow, slot: int, text_of_record: str | None = None
) -> list[Item]:
    """Encode the copies: the listing, in its slot, and a membership for each genre."""
    shared = _shared_attributes(title, text_of_record)
    genres = unique_genres(title)
    memberships = (_encode_membership(title, genre_id, shared) for genre_id in genres)
    return [_encode_listing(title, slot, shared), *memberships]


def encode_listing(title: Movie | TVShow, slot: int) -> Item:
    """Encode the copy for the lists of the title's kind, in its slot."""
    return _encode_listing(title, slot, _shared_attributes(title))


def _encode_listing(title: Movie | TVShow, slot: int, shared: Mapping[str, Value]) -> Item:
    name = keys.SlotItem(title.kind, keys.shard_of(title.key), slot)
    place = text(keys.name_sort_key(title.display_name, title.id))
    own = {TITLE_ID: number(title.id), **_list_attributes(title, None), NAME_SK: place}
    return own_item(name, **own, **shared)


def encode_former_listing(title: Movie | TVShow) -> Item:
    """Encode the listing of a title of the former form, with the current version."""
    listing = encode_listing(title, 0)
    del listing[TITLE_ID]
    return {**listing, **key_attributes(keys.former_listing_key(title.key))}


def encode_former_slot(key: TitleKey, slot: int) -> Item:
    """Encode the slot of a title of the former form, with the current version."""
    name = keys.SlotItem(key.kind, keys.shard_of(key), slot)
    return own_item(name, **{TITLE_ID: number(key.id)})


def encode_membership(title: Movie | TVShow, genre_id: int) -> Item:
    """Encode the copy for the lists of one genre."""
    return _encode_membership(title, genre_id, _shared_attributes(title))


def unique_genres(title: Movie | TVShow) -> tuple[int, ...]:
    """Return the title's genres without duplicates, in their order."""
    return tuple(dict.fromkeys(title.genre_ids))


def _encode_membership(title: Movie | TVShow, genre_id: int, shared: Mapping[str, Value]) -> Item:
    name = keys.MembershipItem(title.key, genre_id)
    return own_item(name, **_list_attributes(title, genre_id), **shared)


def _list_attributes(title: Movie | TVShow, genre_id: int | None) -> dict[str, Value]:
    magnitude = keys.magnitude_of(title.vote_count)
    return {
        LIST_PK: text(keys.list_key(title.kind, genre_id)),
        RATING_PK: text(keys.rating_list_key(title.kind, genre_id, magnitude)),
    }


def _shared_attributes(
    title: Movie | TVShow, text_of_record: str | None = None
) -> dict[str, Value]:
    """Encode the attributes that are the same in all copies: sort keys, and the record."""
    return {
        POPULARITY_SK: text(keys.number_sort_key(title.popularity, title.id)),
        RATING_SK: text(keys.number_sort_key(title.vote_average, title.id)),
        RELEASE_SK: text(keys.date_sort_key(title.released, title.id)),
        DOC: text(title.to_json_text() if text_of_record is None else text_of_record),
    }


def decode_slot(kind: Kind, item: Mapping[str, Any]) -> TitleKey:
    """Decode the key of the title that owns a slot."""
    try:
        title_id = whole(evolution.upgraded(item)[TITLE_ID]["N"])
    except MALFORMED as error:
        raise UnknownEntityError(f"this is not a slot of a {kind}: {shown(dict(item))}") from error
    if not 0 < title_id < END_OF_IDS:
        raise UnknownEntityError(f"this is not a slot of a {kind}: {shown(dict(item))}")
    return TitleKey(kind, title_id)


def decode_copy(kind: Kind, item: Mapping[str, Any]) -> Movie | TVShow:
    """Decode the title of a copy; only its ``_doc`` is needed."""
    try:
        document = item[DOC]["S"]
        record = record_of_document(kind, document)
        if record is None:
            record = _parse_document(kind, document)
    except MALFORMED as error:
        raise UnknownEntityError(
            f"this is not a copy of a {kind} ({_reason(error)}): {shown(dict(item))}"
        ) from error
    return TITLE_CLASSES[kind]._trusted(record)


def decode_copies(kind: Kind, items: Sequence[Mapping[str, Any]]) -> list[Movie | TVShow]:
    """Decode the titles of several copies, in their order, as `decode_copy` does."""
    trusted = TITLE_CLASSES[kind]._trusted
    try:
        records = records_of_documents(kind, [item[DOC]["S"] for item in items])
    except MALFORMED:
        records = [None] * len(items)
    return [
        decode_copy(kind, item) if record is None else trusted(record)
        for item, record in zip(items, records, strict=True)
    ]


def _parse_document(kind: Kind, document: str) -> dict[str, Any]:
    """Parse and check a document in full."""
    record: dict[str, Any] = parse_json(document, JSON)
    _check_fields(record, kind)
    if not record.keys() <= _known_names(kind):
        check_record(
            record, kind, FIELDS[kind]
        )  # JSON holds more than DynamoDB's numbers and names
    return record


def decode_title(item: Mapping[str, Any]) -> Movie | TVShow:
    """Decode a title from its own item, of any known version."""
    try:
        current = evolution.upgraded(item)
    except MALFORMED as error:
        raise _unreadable(item, error) from error
    return decode_current(current)


def decode_current(item: Mapping[str, Any]) -> Movie | TVShow:
    """Decode a title from its own item, of the current version; otherwise as `decode_title`."""
    title = _usual_title(item)
    if title is not None:
        return title
    try:
        name = keys.parse_key(*primary_key(item))
        if not isinstance(name, keys.TitleItem):
            raise UnknownEntityError(f"this is not a title: {shown(dict(item))}")
        kind, title_id = name.key
        record = _decode_record(item, kind)
        _check_fields(record, kind)
        _check_id(record, title_id)
    except MALFORMED as error:
        raise _unreadable(item, error) from error
    return TITLE_CLASSES[kind]._trusted(record)


def _usual_title(item: Mapping[str, Any]) -> Movie | TVShow | None:
    """Decode a title from a usual item; None for all others."""
    try:
        place, its_sort_key = primary_key(item)
        kind = keys.kind_of(place)
    except MALFORMED:
        return None
    if not item.keys() <= _usual_names(kind):
        return None
    record = record_of_item(kind, item)
    if record is None or not place == its_sort_key == keys.title_pk(TitleKey(kind, record["id"])):
        return None
    return TITLE_CLASSES[kind]._trusted(record)


def _unreadable(item: Mapping[str, Any], error: BaseException) -> UnknownEntityError:
    return UnknownEntityError(f"this title cannot be read ({_reason(error)}): {place_of(item)}")


def _check_id(record: Mapping[str, Any], title_id: int) -> None:
    """Refuse the record of another title, which would be overwritten."""
    if record["id"] != title_id:
        raise ValueError(f"its id is {shown(record['id'])}, its key says {title_id}")


def why_unreadable(item: Mapping[str, Any]) -> str:
    """Return the reason why a title's item cannot be read; "" if it can.

    >>> why_unreadable(encode_title(Movie.from_json(record), version=1, slot=0) | {"id": text("x")})
    "id must be a positive whole number of at most 38 digits, not 'x'"
    """
    try:
        decode_title(item)
    except UnknownEntityError as error:
        return _reason(error.__cause__ or error)
    try:
        read_version(item)
        read_lists(item)
    except UnknownEntityError as error:
        return str(error)
    return ""


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error) or type(error).__name__


def _check_fields(record: Any, kind: Kind) -> None:
    """Check the fields of a record that was read; other values were accepted before."""
    if not isinstance(record, dict):
        raise TypeError("its record is not a JSON object")
    for name, every, rule, accepts, must_be_finite in _checks(kind):
        value = record.get(name)
        if type(value) is every:
            continue
        if value is None:
            if rule.is_nullable:
                continue
            if name not in record:
                raise KeyError(name)
            raise InvalidTitleError(f"{name} must be {rule.wanted}, not null")
        if not accepts(value) or (must_be_finite and not isfinite(value)):
            raise InvalidTitleError(f"{name} must be {rule.wanted}, not {shown(value)}")


@cache
def _checks(kind: Kind) -> tuple[tuple[str, type | None, Rule, Callable[[Any], bool], bool], ...]:
    return tuple(
        (name, rule.kind if rule.is_every else None, rule, rule.accepts, rule.is_float)
        for name, rule in ((name, field.rule) for name, field in FIELDS[kind].items())
    )


@cache
def _known_names(kind: Kind) -> frozenset[str]:
    return frozenset(FIELDS[kind])


def decode_collection(
    items: list[dict[str, Any]],
) -> tuple[Movie | TVShow, tuple[GenreMembership, ...]] | None:
    """Decode a title and its memberships from its item collection; None without a title."""
    title: Movie | TVShow | None = None
    genre_ids: list[int] = []
    for item in items:
        match keys.parse_key(*primary_key(item)):
            case keys.TitleItem():
                title = decode_title(item)
            case keys.MembershipItem(_, genre_id):
                genre_ids.append(genre_id)
            case other:
                raise UnknownEntityError(f"{other} is not part of a title")
    if title is None:
        return None
    order = {genre_id: at for at, genre_id in reversed(list(enumerate(title.genre_ids)))}
    memberships = [
        GenreMembership(title.key, genre_id, order.get(genre_id, len(order)))
        for genre_id in genre_ids
    ]
    return title, tuple(sorted(memberships, key=lambda membership: membership.position))


def read_count(item: Mapping[str, Any], name: str) -> int:
    """Decode one of the package's own numbers, from 0 to `END_OF_COUNTS`."""
    value = read_int(item, name)
    if not 0 <= value < END_OF_COUNTS:
        raise UnknownEntityError(f"{name} is not a count but {shown(value)}: {place_of(item)}")
    return value


def read_version(item: Mapping[str, Any]) -> int:
    """Decode the version of a title or a tally; 0 if it is missing."""
    return read_count(item, VERSION)


def read_slot(item: Mapping[str, Any]) -> int | None:
    """Decode the slot of a title; None if it is missing or invalid."""
    if SLOT not in item:
        return None
    try:
        return read_count(item, SLOT)
    except UnknownEntityError:
        return None


def read_lists(item: Mapping[str, Any], name: str = LISTS) -> int:
    """Decode a number of shards of lists; 1 if it is missing."""
    lists = read_count(item, name) if name in item else 1
    if not 1 <= lists <= MOST_LISTS:
        raise UnknownEntityError(f"{name} is not a number of shards but {lists}: {place_of(item)}")
    return lists


def read_free(item: Mapping[str, Any]) -> frozenset[int]:
    """Decode the free slots of a shard."""
    free = read_numbers(item, FREE)
    if not _are_slots(free):
        raise UnknownEntityError(f"{FREE} has numbers that are no slots: {place_of(item)}")
    return free


@lru_cache(64)  # each sample reads the same tallies, which seldom change
def _are_slots(numbers: frozenset[int]) -> bool:
    return not numbers or 0 <= min(numbers) <= max(numbers) < END_OF_COUNTS


def tally_counts(item: Mapping[str, Any]) -> dict[int, int]:
    """Decode the number of titles in each genre of one shard, without zeros."""
    counts = {name: read_count(item, name) for name in item if is_count(name) and name != TOTAL}
    return {int(name.removeprefix("g")): count for name, count in counts.items() if count}


def readable_counts(item: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of a tally by the names of their attributes, without invalid ones."""
    found: dict[str, int] = {}
    for name in filter(is_count, item):
        with suppress(UnknownEntityError):
            found[name] = read_count(item, name)
    return found


def is_count(name: str) -> bool:
    """Whether this is the name of a count in a tally."""
    digits = name.removeprefix("g")
    is_genre = digits != name and digits.isascii() and digits.isdecimal()
    return name == TOTAL or (is_genre and len(digits) <= MAX_DIGITS)


def tally_attributes(title: Movie | TVShow) -> list[str]:
    """Return the names of the counts that include a title: its kind's, and its genres'."""
    return [tally_attribute(genre_id) for genre_id in (None, *unique_genres(title))]


def tally_attribute(genre_id: int | None) -> str:
    """Return the name of the count of a genre in a tally, or of all titles of the kind."""
    return TOTAL if genre_id is None else f"g{genre_id}"


def _is_own(name: str) -> bool:
    """Whether an attribute of a title's item is the package's own, and not the record's."""
    return name in ("PK", "SK") or (name.startswith("_") and not name.startswith(ESCAPE))


@cache
def _usual_form(kind: Kind) -> dict[str, int]:
    return {
        name: IS_FLOAT if field.rule.is_float else AS_IT_READS
        for name, field in FIELDS[kind].items()
    }


def _decode_record(item: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    usual = _usual_form(kind)
    if item.keys() <= _usual_names(kind):  # nearly all items, and much faster
        return {name: decode(item[name], part) for name, part in usual.items() if name in item}
    form = _form_in(item) if FORM in item else usual
    content = {name: value for name, value in item.items() if not _is_own(name)}
    return decode_object(content, form, usual)


def _form_in(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        form = parse_json(item[FORM]["S"], JSON)
    except MALFORMED as error:
        raise ValueError(f"{FORM} is not JSON but {shown(item[FORM])}") from error
    if not isinstance(form, dict):
        raise TypeError(f"{FORM} is not a JSON object but {shown(form)}")
    return form


@cache
def _usual_names(kind: Kind) -> frozenset[str]:
    return frozenset(("PK", "SK", SCHEMA, TYPE, VERSION, SLOT, LISTS, DOC, *FIELDS[kind]))
