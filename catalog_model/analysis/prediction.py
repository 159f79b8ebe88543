"""Predicted capacity units of this table's reads and writes, from titles, items and plans alone.

The rules are those of `dynamodb.capacity`, with this table's indexes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from catalog_model.dynamodb import capacity
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.entities import Movie, TVShow
from catalog_model.table import codec, plan
from catalog_model.table.encoded import TYPICAL_VERSION, Encoded
from catalog_model.table.indexes import SCHEMA, IndexName

index_entry: Final = SCHEMA.entry
query_units: Final = partial(capacity.query_units, SCHEMA)
write_units: Final = partial(capacity.write_units, SCHEMA)
predict_plan: Final = partial(capacity.predict_plan, SCHEMA)
stored_bytes: Final = partial(capacity.stored_bytes, SCHEMA)


def predict_page(
    titles: Iterable[Movie | TVShow], index: IndexName, genre_id: int | None = None
) -> Units:
    """Predict the Query for a page of a list that reads *titles*; with *genre_id* of that genre.

    A page of 20 titles reads 21, so as to know whether there is a next one.
    """
    return query_units((_copy(title, genre_id) for title in titles), index=index)


def predict_creation(
    title: Movie | TVShow, total: int, tally: Item | None = None, version: int = TYPICAL_VERSION
) -> Units:
    """Predict the transaction that creates a title in a shard with *total* titles.

    *tally* is the item with the shard's counts; without it, it is taken to be under 1 KB.
    """
    planned = plan.plan_creation(Encoded(title), version, plan.Shard(total))
    return predict_plan(planned, _by_key(tally))


def predict_change(before: plan.Stored, after: Movie | TVShow, tally: Item | None = None) -> Units:
    """Predict the transaction that puts *after* in place of a title; nothing where it is equal."""
    planned = plan.plan_change(before, Encoded(after))
    return predict_plan(planned, items_of(before) | _by_key(tally))


def predict_deletion(
    before: plan.Stored, total: int, last: plan.Stored | None = None, tally: Item | None = None
) -> Units:
    """Predict the transaction that deletes a title of a shard with *total* titles.

    *last* is the title in the shard's last slot, which takes over the slot that becomes free; None
    where the title has that one itself.
    """
    owner = last.title.key if last else None
    if last is None:
        before = replace(before, slot=total - 1)
    planned = plan.plan_deletion(before, plan.Shard(total, owner))
    there = items_of(before) | (items_of(last) if last else {}) | _by_key(tally)
    return predict_plan(planned, there)


def items_of(stored: plan.Stored) -> dict[ItemKey, Item]:
    """Return every item of a title: its own, its copies and its slot."""
    number = stored.slot or 0
    title = codec.encode_title(stored.title, version=stored.version, slot=number)
    slot = codec.encode_slot(stored.title.key, number)
    return _by_key(title, *codec.encode_copies(stored.title), slot)


def _copy(title: Movie | TVShow, genre_id: int | None) -> Item:
    if genre_id is None:
        return codec.encode_copies(title)[0]
    return codec.encode_membership(title, genre_id)


def _by_key(*items: Item | None) -> dict[ItemKey, Item]:
    return {primary_key(item): item for item in items if item}
