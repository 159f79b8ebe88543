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
        shown = str(self.value)
        return f"{' | '.join(self.key)}: {self.attribute} = {shown[:60]}"


def mutants(item: Item, *more: str) -> Iterator[Mutant]:
    """Yield an item with each of its attributes, and of *more* attributes, changed in every way."""
    name = keys.parse_key(*primary_key(item))
    for attribute in (*item, *(each for each in more if each not in item)):
        if attribute in ("PK", "SK"):
            continue
        for value in (None, *VALUES):
            if value == item.get(attribute) or not _can_be_stored(attribute, value):
                continue
            changed = {n: v for n, v in item.items() if n != attribute}
            if value is not None:
                changed[attribute] = value
            yield Mutant(name, attribute, value, changed)


def _can_be_stored(attribute: str, value: Typed | None) -> bool:
    """Whether DynamoDB accepts it: keys of indexes must be texts that are not empty."""
    return attribute not in INDEX_ATTRIBUTES or value is None or bool(value.get("S"))


def _is_whole(value: Typed, least: int) -> bool:
    number = Decimal(value.get("N", "0.5"))
    return number == number.to_integral_value() and number >= least


def _is_id(value: Typed) -> bool:
    return _is_whole(value, 1) and Decimal(value["N"]) < 10**38


def _is_genre_list(value: Typed) -> bool:
    elements = value.get("L") or [{"N": each} for each in value.get("NS", ())]
    return ("L" in value or "NS" in value) and len(elements) <= 48 and all(map(_is_id, elements))


def _is_text_list(value: Typed) -> bool:
    return "SS" in value or ("L" in value and all("S" in each for each in value["L"]))


def _or_null(accepts: Callable[[Typed], bool]) -> Callable[[Typed], bool]:
    return lambda value: "NULL" in value or accepts(value)


def _is_text(value: Typed) -> bool:
    return "S" in value


def _is_flag(value: Typed) -> bool:
    return "BOOL" in value


def _is_date(value: Typed) -> bool:
    return value.get("S") in ("", "1999-12-31")


def _is_any(value: Typed) -> bool:
    return not {"B", "BS"} & set(_types_in(value))


def _types_in(value: Typed) -> Iterator[str]:
    ((kind, content),) = value.items()
    yield kind
    for each in content if kind == "L" else content.values() if kind == "M" else ():
        yield from _types_in(each)


ACCEPTED: Final[Mapping[str, Callable[[Typed], bool]]] = {
    **dict.fromkeys(("adult", "video"), _or_null(_is_flag)),
    **dict.fromkeys(("release_date", "first_air_date"), _or_null(_is_date)),
    **dict.fromkeys(("title", "name"), _is_text),
    **dict.fromkeys(("popularity", "vote_average"), lambda value: "N" in value),
    "vote_count": lambda value: _is_whole(value, 0),
    "genre_ids": _is_genre_list,
    "origin_country": _or_null(_is_text_list),
    "id": lambda _: False,  # any other id contradicts the key
    "_version": lambda value: _is_whole(value, 0) and Decimal(value["N"]) < 2**62,
    "_form": lambda value: value == {"S": '{"id":0}'},
    **dict.fromkeys(("_schema", "_type", "_slot", "_doc", *INDEX_ATTRIBUTES), lambda _: True),
}
"""Valid values of the attributes of a title's item; for attributes not listed, any text or null."""

REQUIRED: Final = {"title", "name", "popularity", "vote_average", "vote_count", "genre_ids", "id"}
EXTRA: Final = "note"


def is_readable(mutant: Mutant) -> bool:
    """Whether a mutant of a title's item is still readable as a title."""
    if mutant.value is None:
        return mutant.attribute not in REQUIRED
    if mutant.attribute == EXTRA:
        return _is_any(mutant.value)
    return ACCEPTED.get(mutant.attribute, _or_null(_is_text))(mutant.value)


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


def mutants_of(item: Item) -> list[Mutant]:
    """Yield every mutant of an item, including attributes that its type does not have."""
    in_a_list = sorted(INDEX_ATTRIBUTES)
    more: dict[type[ItemName], tuple[str, ...]] = {
        keys.TitleItem: ("_form", "_doc", EXTRA, *in_a_list),
        keys.ListingItem: (EXTRA,),
        keys.MembershipItem: (EXTRA, "_name"),
        keys.SlotItem: (EXTRA, *in_a_list),
        keys.TallyItem: ("g99", "gx", EXTRA, *in_a_list),
    }
    return list(mutants(item, *more[type(keys.parse_key(*primary_key(item)))]))
