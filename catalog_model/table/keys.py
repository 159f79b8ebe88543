"""The formats of all keys in the table. No other module makes or parses keys.

======================  =========================  ==============================
item                    PK                         SK
======================  =========================  ==============================
title                   ``TITLE#movie#996154``     ``TITLE#movie#996154``
its membership          ``TITLE#movie#996154``     ``GENRE#28``
its listing, in a slot  ``SLOT#movie#2``           ``SLOT#0241``
tally of a kind         ``GENRE#movie``            ``TALLY#2``
======================  =========================  ==============================

Tallies and slots are spread over shards by title id. Before version 4, a listing was next to its
title, under ``ALL``, and a tally under ``GENRE#movie#2`` and ``TALLY``; both are *former* items.
``ALL`` < ``GENRE#`` < ``TITLE#``, so one key condition selects a title with its memberships,
without a former listing.

Listings and memberships have the keys of the indexes. A *list* is all titles of a kind
(``ALL#movie``) or of one of its genres (``GENRE#movie#28``); no item has the key of a list. A sort
key is the sortable text of a value, ``#`` and the id, so no two titles have the same one.

Lists may be spread over shards (`catalog_model.table.spread`): the list of shard 2 is
``ALL#movie#~2``, by rating ``ALL#movie#5#~2``. No magnitude and no genre begins with ``~``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NewType

from catalog_model.domain.kinds import END_OF_IDS, KINDS, Kind, TitleKey
from catalog_model.dynamodb.limits import MAX_SORT_KEY_BYTES
from catalog_model.dynamodb.typed_json import ItemKey
from catalog_model.errors import UnknownEntityError
from catalog_model.table.sortable import parse_id, sortable_id, sortable_name, sortable_number

ListKey = NewType("ListKey", str)
"""Partition key of a list: all titles of a kind, or those of one genre."""

SortKey = NewType("SortKey", str)
"""Place of a title in a list: the sortable value, ``#``, and the sortable id."""

SHARDS: Final = 8
"""The number of tallies of each kind. Stored data depends on it."""

TOP_MAGNITUDE: Final = 8
"""The highest magnitude of votes has no upper limit: 4 to the 7th, 16,384 votes, and more."""

MAX_SORT_KEY: Final = "\U0010fffd"
"""Higher than every sort key: the last valid code point, which is not a letter, mark or number."""

_PLACE: Final = re.compile(r"[^#\ud800-\udfff]*#(\d{2})([1-9]\d*)", re.ASCII)

FORMER_LISTING_SK: Final = "ALL"
FORMER_TALLY_SK: Final = "TALLY"
FIRST_MEMBERSHIP: Final = "GENRE#"


@dataclass(frozen=True, slots=True)
class TitleItem:
    """The name of the item that stores a title."""

    key: TitleKey


@dataclass(frozen=True, slots=True)
class MembershipItem:
    """The name of a title's copy in the lists of one genre."""

    key: TitleKey
    genre_id: int


@dataclass(frozen=True, slots=True)
class TallyItem:
    """The name of one shard of the counts of a kind."""

    kind: Kind
    shard: int


@dataclass(frozen=True, slots=True)
class SlotItem:
    """The name of a slot: a title's copy for the lists of its kind, where the sampler finds it."""

    kind: Kind
    shard: int
    number: int


@dataclass(frozen=True, slots=True)
class FormerListing:
    """The name of a title's copy in the lists of its kind, before version 4."""

    key: TitleKey


@dataclass(frozen=True, slots=True)
class FormerTally:
    """The name of one shard of the counts of a kind, before version 4."""

    kind: Kind
    shard: int


ItemName = TitleItem | MembershipItem | TallyItem | SlotItem | FormerListing | FormerTally


def shard_of(key: TitleKey) -> int:
    """Return the shard of a title: that of the tally that counts it, and of its slot."""
    return key.id % SHARDS


def title_pk(key: TitleKey) -> str:
    """Return the partition key of the title's item collection."""
    return f"TITLE#{key.kind}#{key.id}"


def kind_of(pk: str) -> Kind:
    """Return the kind of the title whose item collection has this partition key."""
    return _KIND[pk.split("#")[1]]


def title_of(pk: str) -> TitleKey:
    """Return the title whose item collection has this partition key."""
    _, kind, title_id = pk.split("#")
    return TitleKey(_KIND[kind], int(title_id))


def title_key(key: TitleKey) -> ItemKey:
    """Return the key of the item that stores the title."""
    pk = title_pk(key)
    return ItemKey(pk, pk)


def membership_key(key: TitleKey, genre_id: int) -> ItemKey:
    """Return the key of the title's membership in a genre."""
    return ItemKey(title_pk(key), f"GENRE#{genre_id}")


def tallies_pk(kind: Kind) -> str:
    """Return the partition key of all counts of *kind*."""
    return f"GENRE#{kind}"


def tally_key(kind: Kind, shard: int) -> ItemKey:
    """Return the key of one shard of the counts of *kind*."""
    return ItemKey(tallies_pk(kind), f"TALLY#{shard}")


def tally_keys(kind: Kind) -> list[ItemKey]:
    """Return the keys of all counts of *kind*, by shard."""
    return [tally_key(kind, shard) for shard in range(SHARDS)]


def former_tally_keys(kind: Kind) -> list[ItemKey]:
    """Return the keys that all counts of *kind* had before version 4, by shard."""
    return [former_tally_key(kind, shard) for shard in range(SHARDS)]


def slot_key(kind: Kind, shard: int, number: int) -> ItemKey:
    """Return the key of one slot, with its title's listing; slots are numbered from 0."""
    return ItemKey(f"SLOT#{kind}#{shard}", f"SLOT#{sortable_id(number)}")


def listing_key(key: TitleKey, slot: int) -> ItemKey:
    """Return the key of the title's copy for the lists of its kind: its *slot*."""
    return slot_key(key.kind, shard_of(key), slot)


def former_listing_key(key: TitleKey) -> ItemKey:
    """Return the key of the title's copy for the lists of its kind, before version 4."""
    return ItemKey(title_pk(key), FORMER_LISTING_SK)


def former_tally_key(kind: Kind, shard: int) -> ItemKey:
    """Return the key of one shard of the counts of *kind*, before version 4."""
    return ItemKey(f"GENRE#{kind}#{shard}", FORMER_TALLY_SK)


def parse_key(pk: str, sk: str) -> ItemName:
    """Return the name of the item with this primary key, the reverse of `item_key`."""
    try:
        name = _parse(pk.split("#"), sk.split("#"))
    except (ValueError, KeyError) as error:
        raise UnknownEntityError(f"no item of this model has PK={pk!r}, SK={sk!r}") from error
    if item_key(name) != (pk, sk):
        raise UnknownEntityError(f"no item of this model has PK={pk!r}, SK={sk!r}")
    return name


def parse_slot(pk: str, sk: str) -> SlotItem:
    """Return the name of the slot with this primary key."""
    name = parse_key(pk, sk)
    if not isinstance(name, SlotItem):
        raise UnknownEntityError(f"PK={pk!r}, SK={sk!r} is no slot")
    return name


def _parse(pk: list[str], sk: list[str]) -> ItemName:
    match pk, sk:
        case ["TITLE", kind, number], [*rest]:
            title_id = _within(int(number), 1, END_OF_IDS)
            return _parse_collection(TitleKey(_KIND[kind], title_id), rest)
        case ["GENRE", kind], ["TALLY", shard]:
            return TallyItem(_KIND[kind], _within(int(shard), 0, SHARDS))
        case ["GENRE", kind, shard], ["TALLY"]:
            return FormerTally(_KIND[kind], _within(int(shard), 0, SHARDS))
        case ["SLOT", kind, shard], ["SLOT", slot]:
            at = _within(int(shard), 0, SHARDS)
            return SlotItem(_KIND[kind], at, _within(parse_id(slot), 0, END_OF_IDS))
    raise ValueError(pk)


def _parse_collection(key: TitleKey, sk: list[str]) -> ItemName:
    match sk:
        case ["TITLE", _, _]:
            return TitleItem(key)
        case ["ALL"]:
            return FormerListing(key)
        case ["GENRE", genre_id]:
            return MembershipItem(key, _within(int(genre_id), 1, END_OF_IDS))
    raise ValueError(sk)


def _within(number: int, least: int, end: int) -> int:
    if not least <= number < end:
        raise ValueError(number)
    return number


_KIND: Final[dict[str, Kind]] = {kind: kind for kind in KINDS}


def item_key(name: ItemName) -> ItemKey:
    """Return the primary key of the item called *name*."""
    match name:
        case TitleItem(key):
            return title_key(key)
        case MembershipItem(key, genre_id):
            return membership_key(key, genre_id)
        case TallyItem(kind, shard):
            return tally_key(kind, shard)
        case SlotItem(kind, shard, number):
            return slot_key(kind, shard, number)
        case FormerListing(key):
            return former_listing_key(key)
        case FormerTally(kind, shard):
            return former_tally_key(kind, shard)


def list_key(kind: Kind, genre_id: int | None = None) -> ListKey:
    """Return the index partition that lists all of *kind*, or one of its genres."""
    return ListKey(f"ALL#{kind}" if genre_id is None else f"GENRE#{kind}#{genre_id}")


def rating_list_key(kind: Kind, genre_id: int | None, magnitude: int) -> ListKey:
    """Return the partition of the rating index for titles with this magnitude of votes."""
    return ListKey(f"{list_key(kind, genre_id)}#{magnitude}")


def list_shard_key(key: ListKey, shard: int | None) -> ListKey:
    """Return the partition of one shard of a list; None for a list that is not spread.

    >>> list_shard_key(list_key("movie", 28), 2), list_shard_key(list_key("movie", 28), None)
    ('GENRE#movie#28#~2', 'GENRE#movie#28')
    """
    return key if shard is None else ListKey(f"{key}#~{shard}")


def list_shard_of(key: TitleKey, lists: int) -> int | None:
    """Return the shard of a title in lists of that many shards; None where they are not spread.

    >>> list_shard_of(TitleKey("movie", 949), 8), list_shard_of(TitleKey("movie", 949), 1)
    (5, None)
    """
    return None if lists == 1 else key.id % lists


def magnitude_of(vote_count: int) -> int:
    """Return the magnitude of *vote_count*; by factors of four: 0, 1-3, 4-15, 16-63, ...

    >>> [magnitude_of(n) for n in (0, 1, 3, 4, 15, 16, 16_383, 16_384, 10**9)]
    [0, 1, 1, 2, 2, 3, 7, 8, 8]
    """
    return min((vote_count.bit_length() + 1) // 2, TOP_MAGNITUDE)


def number_sort_key(value: float | Decimal, title_id: int) -> SortKey:
    """Return the place of a title in a list sorted by a number: popularity or rating."""
    return SortKey(f"{sortable_number(value)}#{sortable_id(title_id)}")


def date_sort_key(date: str, title_id: int) -> SortKey:
    """Return the place of a title in a list by date; without a date (``""``) it comes first."""
    return SortKey(f"{date}#{sortable_id(title_id)}")


def name_sort_key(name: str, title_id: int) -> SortKey:
    """Return the place of a title in a list sorted by name."""
    return SortKey(f"{sortable_name(name)}#{sortable_id(title_id)}")


def is_place(text: object) -> bool:
    """Return whether *text* can be the place of a title in a list: any value, and an id."""
    found = _PLACE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return False
    states_its_length = int(found[1]) == len(found[2])
    return states_its_length and len(found[0].encode()) <= MAX_SORT_KEY_BYTES


def above(value: str) -> SortKey:
    """Return a bound above all places with this sortable value, and below those of the next."""
    return SortKey(f"{value}#{MAX_SORT_KEY}")
