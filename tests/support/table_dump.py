"""Reads a whole table, checks that it is intact, and disturbs its writers."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import pytest
from reference import pages

from catalog_model import Catalog, Movie, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.typed_json import ItemKey, primary_key, read_int
from catalog_model.entities import AnyTitle
from catalog_model.errors import ConflictError, TitleNotFoundError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.plan import moved_tally
from catalog_model.table.slots import MOST_FREE, Shard, shard_of
from catalog_model.table.title_items import expected_copies, expected_slot, read_stored
from catalog_model.writes.load import LoadReport

Table = dict[ItemKey, dict[str, Any]]

OF_THE_ORDER_OF_WRITES = {"SK", codec.VERSION, codec.SLOT, codec.SLOTS, codec.FREE}


def dump(catalog: Catalog) -> Table:
    """Read every item of the table with strong consistency; free slots are sorted."""
    pages = catalog.client.get_paginator("scan").paginate(
        TableName=catalog.table, ConsistentRead=True
    )
    return {primary_key(item): _sorted(item) for page in pages for item in page["Items"]}


def _sorted(item: dict[str, Any]) -> dict[str, Any]:
    free = item.get(codec.FREE, {}).get("NS")  # a set has no order
    return {**item, codec.FREE: {"NS": sorted(free, key=int)}} if free else item


def comparable(table: Table) -> dict[object, dict[str, Any]]:
    """Leave out what depends on the order of writes: versions, slots, zeros, empty tallies."""
    return {
        _known_as(key, item): {
            name: value
            for name, value in item.items()
            if name not in OF_THE_ORDER_OF_WRITES and (not is_tally(key) or value != {"N": "0"})
        }
        for key, item in table.items()
        if not is_former_tally(key) and not (is_tally(key) and not read_int(item, codec.TOTAL))
    }


def _known_as(key: ItemKey, item: dict[str, Any]) -> object:
    name = keys.parse_key(*key)
    return codec.decode_slot(name.kind, item) if isinstance(name, keys.SlotItem) else key


def is_tally(key: ItemKey) -> bool:
    return isinstance(keys.parse_key(*key), keys.TallyItem)


def is_former_tally(key: ItemKey) -> bool:
    return isinstance(keys.parse_key(*key), keys.FormerTally)


def titles_in(table: Table) -> dict[TitleKey, AnyTitle]:
    """Read all titles that have a title item, which are those that get_title finds."""
    return by_key(codec.decode_title(item) for key, item in table.items() if key.PK == key.SK)


def assert_complete(table: Table) -> dict[TitleKey, AnyTitle]:
    """Check that each title has its copies and its own slot, and that tallies are exact.

    Titles of an older version have their former listings, and slots that only name them.
    """
    there = titles_in(table)
    copies: Table = {}
    for key, title in there.items():
        own = table[keys.title_key(key)]
        stored = read_stored(key, own)
        assert stored is not None
        slot = expected_slot(stored)
        assert slot is not None, f"{key} has no slot"
        copies |= {**expected_copies(stored), primary_key(slot): slot}
        if not stored.is_former:
            doc = codec.encode_title(title, version=1, slot=0).get(codec.DOC)
            assert own.get(codec.DOC) == doc
    found = {key: evolution.upgraded(table.get(key, {})) for key in copies}
    assert found == copies
    _assert_slots(table, there)
    _assert_tallies(table, there)
    return there


def assert_whole(table: Table) -> dict[TitleKey, AnyTitle]:
    """Check that the table is complete, and has no other items."""
    there = assert_complete(table)
    tallies = sum(is_tally(key) or is_former_tally(key) for key in table)
    former = sum(evolution.is_outdated(table[keys.title_key(key)]) for key in there)
    items = sum(2 + len(set(title.genre_ids)) for title in there.values())
    assert len(table) == tallies + former + items
    return there


def assert_in_step(catalog: Catalog) -> dict[TitleKey, AnyTitle]:
    """Check that the table is complete, has no other items, and that all reads agree."""
    there = assert_whole(dump(catalog))
    for kind in KINDS:
        _assert_reads_agree(catalog, kind, {k: t for k, t in there.items() if k.kind == kind})
    return there


def assert_counts_are_of_what_can_be_got(catalog: Catalog, some: list[AnyTitle]) -> None:
    """Check titles and counts after a partial load: each title is complete or missing."""
    there = assert_complete(dump(catalog))
    for title in some:
        if title.key in there:
            assert ap.get_title(catalog, *title.key) == title
        else:
            with pytest.raises(TitleNotFoundError):
                ap.get_title(catalog, *title.key)
    for kind in KINDS:
        own = [title for title in there.values() if title.kind == kind]
        assert ap.count_titles(catalog, kind) == len(own)
        counted = sum(genre.title_count for genre in ap.list_genres(catalog, kind))
        assert counted == sum(len(set(title.genre_ids)) for title in own)


def assert_a_repetition_completes(
    catalog: Catalog, some: list[AnyTitle], undisturbed: dict[object, dict[str, Any]]
) -> None:
    """Check that a second run adds what is missing, and leaves no trace of the first."""
    before = len(titles_in(dump(catalog)))
    report = ap.load_titles(catalog, some)
    assert report == LoadReport(created=len(some) - before, unchanged=before)
    table = dump(catalog)
    assert len(assert_complete(table)) == len(some)
    assert comparable(table) == undisturbed


def walk(page_of: Callable[..., Page[AnyTitle]], *args: Any, **more: Any) -> list[AnyTitle]:
    read = partial(page_of, *args, limit=1000, **more)
    return [title for page in pages(lambda after: read(after=after)) for title in page]


@contextmanager
def hooked(catalog: Catalog, event: str, hook: Callable[..., None]) -> Iterator[None]:
    """Call *hook* at an event of the handle's client in this block."""
    events = catalog.client.meta.events
    events.register(event, hook)
    try:
        yield
    finally:
        events.unregister(event, hook)


class Killed(BaseException):  # not an error: it must not be caught
    """The process ends here."""


@contextmanager
def killed_at(catalog: Catalog, event: str, number: int = 1) -> Iterator[None]:
    """End the process at the *number*-th event; after this block it runs again."""
    numbers = count(1)

    def kill(**_: Any) -> None:
        if next(numbers) == number:
            raise Killed

    with hooked(catalog, event, kill), pytest.raises(Killed):
        yield


def once(act: Callable[[], Any]) -> Callable[..., None]:
    """Make a hook that acts only at its first event, as its own actions may be such events."""
    acts = iter([act])

    def hook(**_: Any) -> None:
        for each in acts:
            each()

    return hook


def movie(title_id: int, *genre_ids: int, **fields: Any) -> Movie:
    usual = {"title": f"Movie {title_id}", "popularity": 1, "vote_average": 1, "vote_count": 1}
    return Movie(id=title_id, genre_ids=list(genre_ids), **{**usual, **fields})


def by_key(titles: Iterable[AnyTitle]) -> dict[TitleKey, AnyTitle]:
    """Return the expected table after loading *titles*: the last title of each key."""
    return {title.key: title for title in titles}


def changed_at_random(title: AnyTitle, rng: random.Random) -> AnyTitle:
    """Return a title with some of its fields changed."""
    changes: dict[str, Any] = {
        "popularity": rng.random() * 100,
        "vote_average": rng.random() * 10,
        "vote_count": rng.randint(0, 10**6),
        "genre_ids": rng.sample((12, 18, 28, 35, 80, 99999), rng.randint(0, 4)),
        "overview": "Another.",
    }
    names = rng.sample(sorted(changes), rng.randint(1, len(changes)))
    return title.replace(**{name: changes[name] for name in names})


class Withholding:
    """A client that leaves parts of batches unprocessed, like DynamoDB without enough units."""

    def __init__(self, client: Any, holds_back: Callable[[], bool]) -> None:
        self._client = client
        self._holds_back = holds_back
        self.withheld = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, asked),) = request["RequestItems"].items()
        held: list[Any] = []
        done: list[Any] = []
        for key in asked["Keys"]:
            (held if self._holds_back() else done).append(key)
        self.withheld += len(held)
        answer: dict[str, Any] = {"Responses": {table: []}}
        if done:
            answer = self._client.batch_get_item(RequestItems={table: {**asked, "Keys": done}})
        return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": held}} if held else {}}


def _assert_slots(table: Table, there: dict[TitleKey, AnyTitle]) -> None:
    """Check that each title owns its slot, no other is listed, and none of them is free."""
    owners: dict[ItemKey, TitleKey] = {}
    for key, item in table.items():
        name = keys.parse_key(*key)
        if isinstance(name, keys.SlotItem):
            owners[key] = codec.decode_slot(name.kind, item)
            tally = shard_of(tally_in(table, name.kind, name.shard))
            assert tally.is_taken(name.number), f"{key} is counted as free"
    slots = {key: read_int(table[keys.title_key(key)], codec.SLOT) for key in there}
    assert owners == {keys.listing_key(key, slots[key]): key for key in there}


def tally_in(table: Table, kind: Kind, shard: int) -> dict[str, Any]:
    """Return the tally of a shard, as moved if none of the kind has been moved; {} if missing."""
    if any(keys.tally_key(kind, each) in table for each in range(keys.SHARDS)):
        return table.get(keys.tally_key(kind, shard), {})
    former = table.get(keys.former_tally_key(kind, shard))
    return moved_tally(kind, shard, former) if former else {}


def _assert_tallies(table: Table, there: dict[TitleKey, AnyTitle]) -> None:
    for kind in KINDS:
        for shard in range(keys.SHARDS):
            own = [t for k, t in there.items() if (k.kind, keys.shard_of(k)) == (kind, shard)]
            tally = tally_in(table, kind, shard)
            assert read_int(tally, codec.TOTAL) == len(own)
            assert codec.tally_counts(tally) == _genre_counts(own)
            counted = shard_of(tally)
            assert all(each < counted.slots for each in counted.free)


def assert_no_slot_is_lost(table: Table) -> None:
    """Check that each opened slot is taken or listed as free, where there is room for all."""
    for key, item in table.items():
        shard = shard_of(item) if is_tally(key) else Shard()
        assert shard.gaps == 0 or shard.slots > MOST_FREE, f"slots are lost: {item}"


def _genre_counts(titles: list[AnyTitle]) -> Counter[int]:
    return Counter(genre for title in titles for genre in set(title.genre_ids))


def _assert_reads_agree(catalog: Catalog, kind: Kind, there: dict[TitleKey, AnyTitle]) -> None:
    own = list(there.values())
    assert ap.get_titles(catalog, there) == own
    for order in ("popularity", "rating", "release", "name"):
        _assert_each_once(walk(ap.list_titles, catalog, kind, order=order), there)
    _assert_each_once(ap.sample_titles(catalog, kind, 10**6), there)
    assert ap.count_titles(catalog, kind) == len(own)
    counts = {genre.id: genre.title_count for genre in ap.list_genres(catalog, kind)}
    assert counts == _genre_counts(own)
    for genre in counts:
        members = {key: title for key, title in there.items() if genre in title.genre_ids}
        _assert_each_once(walk(ap.list_titles_in_genre, catalog, kind, genre), members)


def _assert_each_once(listed: list[AnyTitle], there: dict[TitleKey, AnyTitle]) -> None:
    assert len(listed) == len(there)
    assert by_key(listed) == there


# --- Threads that write while a table is verified, repaired or migrated

WRITERS = 3


@contextmanager
def writers(catalog: Catalog, titles: list[AnyTitle]) -> Iterator[dict[int, float]]:
    """Let threads change titles during the block; yield the acknowledged popularities."""
    stop = threading.Event()
    acknowledged: dict[int, float] = {}

    def write(number: int) -> None:
        rng = random.Random(number)
        own = titles[number::WRITERS]
        while not stop.is_set():
            _change(catalog, rng, rng.choice(own), acknowledged)

    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            yield acknowledged
        finally:
            stop.set()
    for each in running:
        each.result()


def _change(
    catalog: Catalog, rng: random.Random, title: AnyTitle, acknowledged: dict[int, float]
) -> None:
    """Change a title in one of several ways; it may be deleted, and created again."""
    try:
        match rng.randrange(5):
            case 0:
                ap.delete_title(catalog, *title.key)
                acknowledged.pop(title.id, None)
            case 1:
                ap.set_genres(catalog, *title.key, rng.sample([16, 18, 28, 35, 80], 2))
            case 2:
                ap.put_title(catalog, title)
                acknowledged[title.id] = title.popularity
            case _:
                value = round(rng.uniform(0, 1000), 3)
                ap.update_popularity(catalog, *title.key, value)
                acknowledged[title.id] = value
    except (TitleNotFoundError, ConflictError):
        pass  # it was deleted, or lost twelve races: nothing was written
