"""Every item of a table with every attribute damaged in every way, one change at a time.

A table in this module defines, field by field, which mutants of a title are still readable, so that
the model is compared with an independent definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.maintenance.findings import INDEX_ATTRIBUTES
from catalog_model.table import evolution, keys
from catalog_model.table.keys import ItemName

Typed = dict[str, Any]
Accepts = Callable[[Typed], bool]

HUGE: Final = "1" + "0" * 125


def nested(levels: int) -> Typed:
    """Return a value with this nesting depth; DynamoDB allows 32 levels."""
    value: Typed = {"N": "1"}
    for level in range(levels - 1):
        value = {"L": [value]} if level % 2 else {"M": {"a": value}}
    return value


VALUES: Final[tuple[Typed, ...]] = (
    *({"S": text} for text in ("", "x", "7", "[28]", "1999-12-31", "ALL#movie", '{"id":0}')),
    *({"N": text} for text in ("0", "1", "-1", "7.5", "2", "3", "9", "9" * 38, HUGE, "0.1")),
    {"BOOL": True},
    {"NULL": True},
    {"SS": ["b", "a"]},
    {"NS": ["35", "9", "28"]},
    {"NS": ["-1", "28"]},
    {"B": b"x"},
    {"BS": [b"x"]},
    {"L": []},
    {"L": [{"N": "28"}, {"NULL": True}]},
    {"L": [{"N": "-1"}]},
    {"L": [{"N": "28.5"}]},
    {"L": [{"N": "35"}, {"N": "28"}]},
    {"L": [{"N": str(n)} for n in range(1, 50)]},
    {"L": [{"S": "GB"}, {"S": "FR"}]},
    {"L": [{"B": b"x"}]},
    {"M": {}},
    {"M": {"PK": {"S": "x"}, "_a": {"BS": [b"x"]}}},
    nested(31),
)
"""The values that replace an attribute: each type of DynamoDB, empty, negative, huge and nested."""


@dataclass(frozen=True)
class Mutant:
    """An item with one attribute changed, or removed if ``value`` is `None`."""

    name: ItemName
    attribute: str
    value: Typed | None
    item: Item

    @property
    def key(self) -> ItemKey:
        """The key of the item."""
        return keys.item_key(self.name)

    def __str__(self) -> str:
        return f"{' | '.join(self.key)}: {self.attribute} = {str(self.value)[:60]}"


def mutants_of(item: Item) -> Iterator[Mutant]:
    """Yield every mutant of an item, including attributes that its type does not have."""
    name = keys.parse_key(*primary_key(item))
    for attribute in dict.fromkeys((*item, *MORE[type(name)])):
        if attribute in ("PK", "SK"):
            continue
        for value in (None, *VALUES):
            # DynamoDB accepts only texts that are not empty as keys of indexes.
            is_key = attribute in INDEX_ATTRIBUTES
            if value == item.get(attribute) or (is_key and value and not value.get("S")):
                continue
            changed = {n: v for n, v in item.items() if n != attribute}
            if value is not None:
                changed[attribute] = value
            yield Mutant(name, attribute, value, changed)


def _is_whole(value: Typed, least: int) -> bool:
    number = Decimal(value.get("N", "0.5"))
    return number == number.to_integral_value() and number >= least


def _is_genre_list(value: Typed) -> bool:
    elements = value.get("L") or [{"N": each} for each in value.get("NS", ())]
    are_ids = all(_is_whole(each, 1) and Decimal(each["N"]) < 10**38 for each in elements)
    return ("L" in value or "NS" in value) and len(elements) <= 48 and are_ids


def _is_text_list(value: Typed) -> bool:
    return "SS" in value or ("L" in value and all("S" in each for each in value["L"]))


def _has(kind: str) -> Accepts:
    return lambda value: kind in value


def _or_null(accepts: Accepts) -> Accepts:
    return lambda value: "NULL" in value or accepts(value)


def _is_date(value: Typed) -> bool:
    return value.get("S") in ("", "1999-12-31")


def _types_in(value: Typed) -> Iterator[str]:
    ((kind, content),) = value.items()
    yield kind
    for each in content if kind == "L" else content.values() if kind == "M" else ():
        yield from _types_in(each)


ACCEPTED: Final[Mapping[str, Accepts]] = {
    **dict.fromkeys(("adult", "video"), _or_null(_has("BOOL"))),
    **dict.fromkeys(("release_date", "first_air_date"), _or_null(_is_date)),
    **dict.fromkeys(("title", "name"), _has("S")),
    **dict.fromkeys(("popularity", "vote_average"), _has("N")),
    "vote_count": lambda value: _is_whole(value, 0),
    "genre_ids": _is_genre_list,
    "origin_country": _or_null(_is_text_list),
    "id": lambda _: False,  # any other id contradicts the key
    "_version": lambda value: _is_whole(value, 0) and Decimal(value["N"]) < 2**62,
    "_form": lambda value: value == {"S": '{"id":0}'},
    **dict.fromkeys(("_schema", "_type", "_slot", "_doc", *INDEX_ATTRIBUTES), lambda _: True),
}
"""Valid values of the attributes of a title's item; for attributes not listed, any text or null."""

_IN_A_LIST: Final = sorted(INDEX_ATTRIBUTES)
EXTRA: Final = "note"
MORE: Final[Mapping[type[ItemName], tuple[str, ...]]] = {
    keys.TitleItem: ("_form", "_doc", EXTRA, *_IN_A_LIST),
    keys.ListingItem: (EXTRA,),
    keys.MembershipItem: (EXTRA, "_name"),
    keys.SlotItem: (EXTRA, *_IN_A_LIST),
    keys.TallyItem: ("g99", "gx", EXTRA, *_IN_A_LIST),
}
"""Attributes that are added to an item of this type."""

REQUIRED: Final = {"title", "name", "popularity", "vote_average", "vote_count", "genre_ids", "id"}


def is_readable(mutant: Mutant) -> bool:
    """Whether a mutant of a title's item is still readable as a title."""
    if mutant.value is None:
        return mutant.attribute not in REQUIRED
    if mutant.attribute == EXTRA:
        return not {"B", "BS"} & set(_types_in(mutant.value))
    return ACCEPTED.get(mutant.attribute, _or_null(_has("S")))(mutant.value)


def must_be_found(mutant: Mutant) -> bool:
    """Whether a verification must detect the change."""
    if mutant.attribute == "_schema":
        return not evolution.is_outdated(mutant.item)
    if mutant.attribute == "_version":
        is_title = isinstance(mutant.name, keys.TitleItem)
        return is_title if mutant.value is None else not ACCEPTED["_version"](mutant.value)
    if mutant.attribute in (EXTRA, "_doc"):
        return not isinstance(mutant.name, keys.SlotItem | keys.TallyItem) and (
            mutant.attribute == EXTRA or not isinstance(mutant.name, keys.TitleItem)
        )
    no_count = isinstance(mutant.name, keys.TallyItem) and mutant.value == {"N": "0"}
    return mutant.attribute != "gx" and not (no_count and mutant.attribute == "g99")
