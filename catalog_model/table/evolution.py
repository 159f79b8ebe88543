"""The versions of stored items, and the conversion of older ones. Pure.

Each item has its version in ``_schema``. Up to version 3, all differences are within an item.
Version 4 moves items: the listing and the slot of a title become one item, and a tally gets another
key. A title of an older version has the *former* form, with all of its items, until its first
change: see `catalog_model.table.plan`. The differences between versions are defined only here;
`docs/evolution.md` describes how to add the next one.

=======  ================================================================
version  its changes
=======  ================================================================
1        the five kinds of item in `catalog_model.table.keys`
2        ``_type`` in every item, and ``_version`` in every tally
3        names folded by `catalog_model.table.folding`, so different places by name
4        listings in slots, tallies in one item collection, ``_doc`` in a title's own item
=======  ================================================================
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from catalog_model.checks.nesting import parse_json
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.schema import Versions
from catalog_model.dynamodb.typed_json import Item
from catalog_model.table import keys
from catalog_model.table.keys import ItemName

SCHEMA_VERSION: Final = 4
"""The version that this code writes; it reads versions from `OLDEST_VERSION` to this one."""

LISTED_IN_SLOTS: Final = 4
"""The version that moved listings into slots, and tallies to other keys."""

SCHEMA: Final = "_schema"
TYPE: Final = "_type"
VERSION: Final = "_version"
DOC: Final = "_doc"
NAME_SK: Final = "_name"

VERSIONS: Final = Versions(SCHEMA, SCHEMA_VERSION)
version_of: Final = VERSIONS.of
is_newer: Final = VERSIONS.is_newer
check_not_newer: Final = VERSIONS.check_not_newer

ItemType = Literal["title", "membership", "listing", "tally"]

_NAME_FIELDS: Final[Mapping[Kind, str]] = {"movie": "title", "tv": "name"}
_CURRENT: Final = {"N": str(SCHEMA_VERSION)}
_TYPES: Final[Mapping[type[ItemName], ItemType]] = {
    keys.TitleItem: "title",
    keys.MembershipItem: "membership",
    keys.SlotItem: "listing",
    keys.TallyItem: "tally",
    keys.FormerListing: "listing",
    keys.FormerTally: "tally",
}


def type_of(name: ItemName) -> ItemType:
    """Return the ``_type`` of the item called *name*.

    >>> type_of(keys.TallyItem("movie", 3))
    'tally'
    """
    return _TYPES[type(name)]


def is_known(item: Mapping[str, Any]) -> bool:
    """Return whether an item has a version that this code reads and may overwrite."""
    return item.get(SCHEMA) == _CURRENT or version_of(item) in _STEPS


def is_current(item: Mapping[str, Any]) -> bool:
    """Return whether an item has the current version."""
    return bool(item.get(SCHEMA) == _CURRENT)


def is_outdated(item: Mapping[str, Any]) -> bool:
    """Return whether an item has a known version older than the current one.

    >>> is_outdated({"_schema": {"N": "1"}}), is_outdated({"_schema": {"N": "0"}})
    (True, False)
    """
    return version_of(item) in _STEPS


def is_former(item: Mapping[str, Any]) -> bool:
    """Return whether a title has the form before version 4, with a listing next to it.

    >>> is_former({"_schema": {"N": "3"}}), is_former({"_schema": {"N": "4"}})
    (True, False)
    """
    version = version_of(item)
    return version is not None and OLDEST_VERSION <= version < LISTED_IN_SLOTS


def upgraded(item: Mapping[str, Any]) -> Item:
    """Return an item in the form of the current version, converted step by step from its own.

    Items of the current version or of an unknown one, and partial items, are returned unchanged.

    >>> tally = {"PK": {"S": "GENRE#movie#3"}, "SK": {"S": "TALLY"}, "_schema": {"N": "1"}}
    >>> new = upgraded(tally)
    >>> new["_schema"], new["_type"], new["_version"]
    ({'N': '4'}, {'S': 'tally'}, {'N': '0'})
    """
    after = dict(item)
    if after.get(SCHEMA) == _CURRENT:
        return after
    version = version_of(after)
    while version is not None and version in _STEPS:
        name = keys.parse_key(after["PK"]["S"], after["SK"]["S"])
        after = _STEPS[version](name, after)
        version += 1
        after[SCHEMA] = {"N": str(version)}
    return after


def _with_type(name: ItemName, item: Item) -> Item:
    """Convert from version 1 to 2: add the type; a tally without a version has version 0."""
    after = {**item, TYPE: {"S": type_of(name)}}
    if isinstance(name, keys.FormerTally):
        after.setdefault(VERSION, {"N": "0"})
    return after


def _with_folded_name(name: ItemName, item: Item) -> Item:
    """Convert from version 2 to 3: place a listing by its name, if readable, in this folding."""
    if not isinstance(name, keys.FormerListing):
        return item
    try:
        title = parse_json(item[DOC]["S"])[_NAME_FIELDS[name.key.kind]]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return item
    if not isinstance(title, str):
        return item
    return {**item, NAME_SK: {"S": keys.name_sort_key(title, name.key.id)}}


def _with_type_of_a_slot(name: ItemName, item: Item) -> Item:
    """Convert from version 3 to 4: a slot is a listing, here still without its copy."""
    return {**item, TYPE: {"S": type_of(name)}} if isinstance(name, keys.SlotItem) else item


_STEPS: Final[Mapping[int, Callable[[ItemName, Item], Item]]] = {
    1: _with_type,
    2: _with_folded_name,
    3: _with_type_of_a_slot,
}
"""The conversion from each older version to the next."""

OLDEST_VERSION: Final = min(_STEPS)
