"""Spreads the lists of a table over another number of shards, while readers and writers continue.

All tallies of the table state how lists are spread, and change in one transaction. From lists of A
shards to lists of B, each step is conditional on the one before:

1. *A, also B*: from now on readers read both. Nothing is in lists of B shards yet.
2. A pause, after which no handle reads lists of A shards alone.
3. *B, also A*: new titles get lists of B shards. A creation that was planned before fails, because
   its condition names A, and is planned again.
4. Each title with lists of A shards is written again, with its copies, in one transaction, on the
   condition that new titles still get lists of B.
5. *B*: readers read lists of B shards alone. Nothing is in the others any more: creations cannot
   put titles there, and changes keep a title in the lists that its own item states.

A change that was interrupted at any point continues from what the tallies state.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import refuse
from catalog_model.checks.plain import plain
from catalog_model.domain.kinds import KINDS, TitleKey
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.actions import Check, Every, NotNewer, Plan, Update
from catalog_model.dynamodb.capacity import predict_plan
from catalog_model.dynamodb.pace import Pace, PacedReads
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import retry_races
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import (
    ConflictError,
    InvalidTitleError,
    SchemaMismatchError,
    UnknownEntityError,
)
from catalog_model.maintenance.tallies import every_tally
from catalog_model.reads.list_shards import KEPT_FOR
from catalog_model.table import codec, keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.plan import Stored, own_sets, plan_lists, plan_rewriting
from catalog_model.table.spread import STATEMENT, Spread, lists_are, spread_in
from catalog_model.table.title_items import (
    expected_copies,
    expected_slot,
    item_name,
    key_of,
    read_stored,
)

PAUSE: Final = KEPT_FOR + 30
"""Seconds until no handle reads lists as they were before: a page may take 30 of them."""

PAGE: Final = 100


def check_list_shards(lists: object) -> int:
    """Check a number of shards of lists."""
    count = plain(lists)
    if type(count) is not int or not 1 <= count <= codec.MOST_LISTS:
        refuse("list_shards", lists, f"a whole number from 1 to {codec.MOST_LISTS}", int)
    return count


def spread_of(reads: PacedReads) -> Spread:
    """Read how the lists of a table are spread; all tallies state the same.

    Raises:
        ConflictError: If they do not, because the table is damaged, or in this moment.
    """
    stated = set(map(spread_in, every_tally(reads).values())) or {Spread()}
    if len(stated) > 1:
        listed = " and ".join(sorted(map(str, stated)))
        raise ConflictError(
            f"some tallies state {listed}: `catalog-model repair` repairs them, unless another "
            "change of the list shards is in progress"
        )
    return stated.pop()


class ListShards:
    """One change of the number of list shards; ``moved`` and ``units`` count what it writes."""

    def __init__(
        self, catalog: Catalog, pace: Pace, segments: int, on_progress: Callable[[int], None]
    ) -> None:
        self.moved = 0
        self.units = 0.0
        self.left: list[tuple[ItemKey, str]] = []
        self._gateway = catalog.gateway
        self._pace = pace
        self._reads = PacedReads(catalog.gateway, pace)
        self._segments = segments
        self._on_progress = on_progress
        self._seen = 0
        self._lock = threading.Lock()

    def change_to(self, lists: int) -> None:
        """Spread the lists over that many shards; stop where titles cannot be moved."""
        while not self.left:
            spread = spread_of(self._reads)
            if spread == Spread(lists):
                return
            if spread.also is None:
                self._state(spread, Spread(spread.lists, also=lists))
            elif spread.also == lists:
                waits.sleep_long(PAUSE)
                self._state(spread, Spread(lists, also=spread.lists))
            else:
                self._move_titles(spread.lists, is_dry=False)
                if not self.left:
                    self._state(spread, Spread(spread.lists))

    def predict(self, lists: int) -> None:
        """Count what `change_to` would write to titles now."""
        self._move_titles(lists, is_dry=True)

    def _state(self, before: Spread, after: Spread) -> None:
        """Change what all tallies state, if that is still what it was *before*."""

        def state(tried: int) -> None:
            if not tried or spread_of(self._reads) == before:
                self._gateway.transact(plan_statement(before, after))

        retry_races(state)

    def _move_titles(self, lists: int, *, is_dry: bool) -> None:
        walk = partial(self._walk, lists, is_dry=is_dry)
        in_parallel(walk, self._segments, self._pace.stop)

    def _walk(self, lists: int, segment: int, *, is_dry: bool) -> None:
        for items, _ in self._reads.pages_after(None, segment, self._segments, page=PAGE):
            for item in items:
                name = item_name(item)
                if isinstance(name, keys.TitleItem):
                    self._move(name.key, item, lists, is_dry=is_dry)
            with self._lock:
                self._seen += len(items)
                seen = self._seen
            self._on_progress(seen)
            if self._pace.is_stopped:
                return

    def _move(self, key: TitleKey, item: Item, lists: int, *, is_dry: bool) -> None:
        def move(tried: int) -> None:
            now = self._reads.get(key_of(item)) if tried else item
            stored = read_stored(key, now)
            if stored is not None and stored.lists != lists:
                self._write(stored, lists, is_dry=is_dry)

        try:
            retry_races(move)
        except (InvalidTitleError, SchemaMismatchError, UnknownEntityError) as error:
            with self._lock:
                self.left.append((key_of(item), str(error)))

    def _write(self, stored: Stored, lists: int, *, is_dry: bool) -> None:
        planned = plan_move(stored, lists)
        if not is_dry:
            self._gateway.transact(planned)
        units = predict_plan(SCHEMA, planned, _items_of(stored)).total
        with self._lock:
            self.moved += 1
            self.units += units
        if not is_dry:
            self._pace.spend(units)


def plan_move(stored: Stored, lists: int) -> Plan:
    """Plan a title in lists of another number of shards, as long as new titles get these.

    Otherwise a change to another number, at the same time, could move titles back unseen.
    """
    key = stored.title.key
    tally = keys.tally_key(key.kind, keys.shard_of(key))
    check = Check(tally, lists_are(lists))
    if stored.slot is None:  # another program put it: it is in no list yet
        return check, plan_lists(stored, lists)
    return check, *plan_rewriting(stored, Encoded(stored.title), lists)


def plan_statement(before: Spread, after: Spread) -> Plan:
    """Plan what all tallies state about lists, on the condition of what they state now."""
    attributes = after.attributes()
    removes = tuple(name for name in STATEMENT if name not in attributes)
    names = [keys.TallyItem(kind, shard) for kind in KINDS for shard in range(keys.SHARDS)]
    return tuple(
        Update(
            keys.item_key(name),
            sets=(*own_sets(name), *attributes.items()),
            adds=((codec.VERSION, 1),),
            condition=NotNewer(Every(before.conditions())),
            removes=removes,
        )
        for name in names
    )


def _items_of(stored: Stored) -> dict[ItemKey, Item]:
    """Return the items of a title as they are before its move."""
    slot = expected_slot(stored)
    own = Encoded(stored.title).own(
        version=stored.version, slot=stored.slot or 0, lists=stored.lists
    )
    listed = {} if slot is None else {key_of(slot): slot}
    return {key_of(own): own, **listed, **expected_copies(stored)}
