"""Predicted capacity units of this table's reads and writes, from titles, items and plans alone."""

from collections.abc import Iterable
from functools import partial

from catalog_model.dynamodb import capacity
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.table import codec, plan
from catalog_model.table.encoded import TYPICAL_VERSION, Encoded
from catalog_model.table.indexes import SCHEMA, IndexName
from catalog_model.table.slots import shard_of

write_units = partial(capacity.write_units, SCHEMA)


def predict_page(
    titles: Iterable[AnyTitle], index: IndexName, genre_id: int | None = None
) -> Units:
    """Predict the Query for a page of a list that reads *titles*; with *genre_id* of that genre."""
    copies = (
        codec.encode_listing(each, 0)
        if genre_id is None
        else codec.encode_membership(each, genre_id)
        for each in titles
    )
    return capacity.query_units(SCHEMA, copies, index=index)


def predict_creation(
    title: AnyTitle, tally: Item | None = None, version: int = TYPICAL_VERSION
) -> Units:
    """Predict the transaction that creates a title in a shard with this tally."""
    planned = plan.plan_creation(Encoded(title), version, shard_of(tally or {}))
    return capacity.predict_plan(SCHEMA, planned, _by_key(tally))


def predict_change(before: plan.Stored, after: AnyTitle, tally: Item | None = None) -> Units:
    """Predict the transaction that puts *after* in place of a title; nothing where it is equal."""
    planned = plan.plan_change(before, Encoded(after))
    return capacity.predict_plan(SCHEMA, planned, items_of(before) | _by_key(tally))


def predict_deletion(before: plan.Stored, tally: Item | None = None) -> Units:
    """Predict the transaction that deletes a title of a shard with this tally."""
    planned = plan.plan_deletion(before, shard_of(tally or {}))
    return capacity.predict_plan(SCHEMA, planned, items_of(before) | _by_key(tally))


def items_of(stored: plan.Stored) -> dict[ItemKey, Item]:
    """Return every item of a title: its own, and its copies."""
    slot = stored.slot or 0
    title = codec.encode_title(stored.title, version=stored.version, slot=slot)
    return _by_key(title, *codec.encode_copies(stored.title, slot))


def _by_key(*items: Item | None) -> dict[ItemKey, Item]:
    return {primary_key(item): item for item in items if item}
