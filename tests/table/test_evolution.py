"""Items of other versions: older ones are read and written, newer ones are never overwritten."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from engines import Engine
from hypothesis import given
from hypothesis import strategies as st
from older_tables import (
    AGES,
    Age,
    as_version_1,
    as_version_2,
    as_version_3,
    change,
    grow_old,
    types,
)
from strategies import titles as any_titles
from table_dump import changed_at_random, dump, movie, titles_in, walk

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain
from catalog_model.analysis.offline import offline_catalog
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.typed_json import ItemKey, key_attributes, number, primary_key, text
from catalog_model.entities import AnyTitle
from catalog_model.errors import SchemaMismatchError
from catalog_model.operations import repair, verify
from catalog_model.table import codec, evolution, keys
from catalog_model.writes.load import LoadReport

pytestmark = pytest.mark.in_memory

CURRENT = evolution.SCHEMA_VERSION
NEWER = number(CURRENT + 1)
SLOT = key_attributes(ItemKey("SLOT#movie#0", "SLOT#010"))


@pytest.fixture
def some(titles: list[AnyTitle]) -> list[AnyTitle]:
    """10 movies and 5 shows."""
    return [*titles[:10], *titles[-5:]]


@pytest.fixture
def filled(catalog: Catalog, some: list[AnyTitle]) -> Catalog:
    """A handle on a table with these titles."""
    ap.load_titles(catalog, some)
    return catalog


@given(any_titles(), st.integers(0, 9))
def test_every_item_says_what_it_is_and_older_ones_read_as_new(title: AnyTitle, slot: int) -> None:
    """Upgrading an older item gives the current form; upgrading twice changes nothing."""
    for item in (
        codec.encode_title(title, version=7, slot=slot),
        *codec.encode_copies(title, slot),
        codec.encode_former_listing(title),
        codec.encode_former_slot(title.key, slot),
    ):
        assert item["_type"] == text(evolution.type_of(keys.parse_key(*primary_key(item))))
        assert not evolution.is_outdated(item)
        for old in (as_version_1(item), as_version_2(item)):
            assert evolution.is_outdated(old)
            assert evolution.upgraded(old) == evolution.upgraded(item) == item
    assert codec.decode_title(as_version_1(codec.encode_title(title, version=7, slot=0))) == title


@given(any_titles())
def test_a_tally_without_a_version_is_read_as_of_version_0(title: AnyTitle) -> None:
    """A tally with a version keeps it."""
    offline = offline_catalog([title])
    table = as_version_3({primary_key(item): item for item in offline.items()})
    (tally,) = (
        item | {"_schema": number(CURRENT)} for item in table.values() if item["SK"]["S"] == "TALLY"
    )
    assert tally["_version"] == {"N": "1"}
    assert evolution.upgraded(as_version_1(tally)) == tally | {"_version": number(0)}
    counted = as_version_1(tally) | {"_version": number(5)}
    assert evolution.upgraded(counted) == tally | {"_version": number(5)}


@pytest.mark.parametrize("said", [None, {"N": "0"}, NEWER, {"N": "-1"}, {"N": "1.5"}, {"S": "1"}])
def test_what_is_of_no_known_version_stays_as_it_is(said: Any) -> None:
    """It is neither outdated nor known, and is returned unchanged."""
    item = SLOT | ({} if said is None else {"_schema": said})
    assert (evolution.is_outdated(item), evolution.is_known(item)) == (False, False)
    assert evolution.is_newer(item) is (said == NEWER)
    assert evolution.upgraded(item) == item


def test_the_steps_lead_from_each_known_version_to_the_current_one() -> None:
    """Without a gap."""
    for version in range(evolution.OLDEST_VERSION, evolution.SCHEMA_VERSION + 1):
        old = SLOT | {"_schema": number(version)}
        assert evolution.is_known(old)
        assert evolution.version_of(evolution.upgraded(old)) == evolution.SCHEMA_VERSION


def answers(catalog: Catalog, some: list[AnyTitle]) -> list[Any]:
    """Return the results of every read; by name in any order, which differs in older versions."""
    found: list[Any] = [ap.get_titles(catalog, [title.key for title in some])]
    for title in some:
        found.append(ap.get_title(catalog, *title.key, consistent=True))
        found.append(ap.get_title_with_genres(catalog, *title.key))
    for kind in KINDS:
        found.append(walk(ap.list_titles, catalog, kind, order="rating"))
        by_name = walk(ap.list_titles, catalog, kind, order="name")
        found.append(sorted(title.key for title in by_name))
        genres = ap.list_genres(catalog, kind)
        found.append(genres)
        found += [walk(ap.list_titles_in_genre, catalog, kind, genre.id) for genre in genres]
        found.append(ap.list_titles_in_genres(catalog, kind, [18, 28], match="any"))
        found.append(ap.list_top_rated(catalog, kind, min_votes=1, min_rating=1))
        found.append(ap.list_released_between(catalog, kind, "1900-01-01", "2100-01-01"))
        found.append(ap.find_titles_by_name(catalog, kind, "the"))
        found.append(ap.count_titles(catalog, kind))
        sample = ap.sample_titles(catalog, kind, 1000, rng=random.Random(1))
        found.append(sorted(title.key for title in sample))
    return found


@pytest.mark.parametrize("age", ["old", "mixed"])
def test_every_read_returns_the_same_for_all_versions(
    filled: Catalog, some: list[AnyTitle], age: Age
) -> None:
    """For a table of version 1, a mixed one, and a current one; no read writes."""
    expected = answers(filled, some)
    before = grow_old(filled, age)
    assert answers(filled, some) == expected
    assert dump(filled) == before


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("count", [1, 20, 1000])
def test_a_sample_costs_what_is_declared_for_every_version(
    filled: Catalog, engine: Engine, age: Age, count: int
) -> None:
    """One more request for the tallies of an older version, and one for its titles."""
    grow_old(filled, age)
    explained = explain(filled, ap.sample_titles, "movie", count)
    departures = {each.check for each in explained.comparison.departures}
    assert not departures - ({"units"} if engine.name == "moto" else set())
    assert len(explained.answer) == min(count, 10)


@pytest.mark.parametrize("age", AGES)
def test_every_write_works_on_every_version_and_leaves_whole_titles_of_the_current(
    filled: Catalog, some: list[AnyTitle], age: Age
) -> None:
    """All written items have the current version, and the table is intact."""
    grow_old(filled, age)
    a, b, c, d, e, f, *_ = some
    expected = {title.key: title for title in some}
    newcomer = a.replace(id=a.id + 8 * 10**6)  # in the same shard
    changed = {
        a.key: ap.put_title(filled, a.replace(overview="Another.", genre_ids=[16, 35])),
        b.key: ap.update_popularity(filled, *b.key, b.popularity + 1),
        c.key: ap.update_votes(filled, *c.key, vote_average=9.5, vote_count=c.vote_count + 1),
        d.key: ap.set_genres(filled, *d.key, [18, 99_999]),
        newcomer.key: ap.put_title(filled, newcomer),
        f.key: changed_at_random(f, random.Random(2)),
    }
    assert ap.load_titles(filled, [changed[f.key]]).changed == 1
    ap.delete_title(filled, *e.key)
    del expected[e.key]
    table = dump(filled)
    assert titles_in(table) == expected | changed
    for key, title in changed.items():
        slot = codec.read_slot(table[keys.title_key(key)])
        assert slot is not None
        own = {keys.title_pk(key), keys.listing_key(key, slot)}
        collection = {at: item for at, item in table.items() if own & {at, at.PK}}
        assert len(collection) == 2 + len(set(title.genre_ids))
        assert {evolution.version_of(item) for item in collection.values()} == {CURRENT}
        assert all(says == is_ for says, is_ in types(collection))
    assert verify(filled).is_clean


@pytest.mark.parametrize("age", AGES)
def test_an_equal_title_of_an_older_version_is_not_written(
    filled: Catalog, some: list[AnyTitle], age: Age
) -> None:
    """Neither a load nor a put: only a migration writes just to change the version."""
    before = grow_old(filled, age)
    assert ap.load_titles(filled, some) == LoadReport(unchanged=len(some))
    ap.put_title(filled, some[0])
    ap.update_popularity(filled, *some[1].key, some[1].popularity)
    assert dump(filled) == before


@pytest.mark.parametrize("age", AGES)
def test_an_older_version_is_no_defect_and_is_counted(filled: Catalog, age: Age) -> None:
    """`verify` finds nothing and reports their number; `repair` does not change them."""
    before = grow_old(filled, age)
    outdated = sum(map(evolution.is_outdated, before.values()))
    assert outdated == {"old": len(before), "new": 0}.get(age, outdated)
    report = verify(filled)
    assert (report.findings, report.outdated, report.items) == ((), outdated, len(before))
    assert repair(filled).actions == []
    assert dump(filled) == before


ITEMS: dict[str, Callable[[Any], ItemKey]] = {
    "membership": lambda table: min(key for key in table if key.SK.startswith("GENRE#")),
    "tally": lambda table: min(key for key in table if key.SK.startswith("TALLY")),
    "slot": lambda table: min(key for key in table if key.SK.startswith("SLOT#")),
}
"""The first item of each kind but the title."""


@pytest.mark.parametrize("age", AGES)
def test_a_repair_of_older_items_writes_only_what_is_wrong(filled: Catalog, age: Age) -> None:
    """One copy, a count and a slot, which then have the current version, as do all tallies."""
    before = grow_old(filled, age)
    copy, tally, slot = (find(before) for find in ITEMS.values())
    change(filled, copy, _doc={"S": "{}"})
    change(filled, tally, total={"N": "77"})
    filled.client.delete_item(TableName=filled.table, Key=key_attributes(slot))
    while repair(filled).actions:
        pass
    assert verify(filled).is_clean
    after = dump(filled)
    assert {evolution.version_of(after[key]) for key in (copy, tally, slot)} == {CURRENT}
    written = {key for key in before if before[key] != after[key]} - {copy, tally, slot}
    others = {key for key in written if not key.SK.startswith("TALLY")}
    assert [key.PK for key in others] == [key.SK for key in others], "the title with a new slot"
    assert len(others) <= 1


Write = Callable[[Catalog, AnyTitle], Any]


def _other(title: AnyTitle) -> AnyTitle:
    return title.replace(overview="Another.", genre_ids=[99_998])


WRITES: dict[str, Write] = {
    "put_title": lambda catalog, title: ap.put_title(catalog, _other(title)),
    "update_title": lambda catalog, title: ap.update_title(
        catalog, *title.key, overview="Another.", genre_ids=[99_998]
    ),
    "update_popularity": lambda catalog, title: ap.update_popularity(catalog, *title.key, 4.5),
    "update_votes": lambda catalog, title: ap.update_votes(
        catalog, *title.key, vote_average=1, vote_count=3
    ),
    "set_genres": lambda catalog, title: ap.set_genres(catalog, *title.key, [99_998]),
    "delete_title": lambda catalog, title: ap.delete_title(catalog, *title.key),
    "load_titles": lambda catalog, title: ap.load_titles(catalog, [_other(title)]),
}
"""Every write, each as a change that affects all items of a title."""


def assert_refused(catalog: Catalog, write: Write, title: AnyTitle) -> None:
    """Immediately, with both versions in the message, and nothing is written."""
    before = dump(catalog)
    words = f"is of version {CURRENT + 1}, this code writes version {CURRENT}"
    with catalog.trace() as trace, pytest.raises(SchemaMismatchError, match=words):
        write(catalog, title)
    assert len(trace) <= 4, "it was not retried"
    assert dump(catalog) == before


def test_every_write_is_among_those_that_are_refused() -> None:
    """All writes are covered."""
    assert set(WRITES) == {p.name for p in ap.PATTERNS.values() if p.role == "write"}


@pytest.mark.parametrize("name", WRITES)
def test_no_write_goes_over_a_newer_title(filled: Catalog, some: list[AnyTitle], name: str) -> None:
    """It would lose data of the newer version; reads still work."""
    change(filled, keys.title_key(some[0].key), _schema=NEWER)
    assert_refused(filled, WRITES[name], some[0])
    assert ap.get_title(filled, *some[0].key) == some[0]


@pytest.fixture
def newer_tally(filled: Catalog, some: list[AnyTitle]) -> Catalog:
    """A handle on a table in which the tally of the first title is newer."""
    key = some[0].key
    change(filled, keys.tally_key(key.kind, keys.shard_of(key)), _schema=NEWER)
    return filled


@pytest.mark.parametrize(
    "name", [n for n in WRITES if n not in ("update_popularity", "update_votes")]
)
def test_newer_tallies_are_kept(newer_tally: Catalog, some: list[AnyTitle], name: str) -> None:
    """Even if the title itself is older, and the tally is not read first."""
    assert_refused(newer_tally, WRITES[name], some[0])


@pytest.mark.parametrize("name", ["put_title", "load_titles"])
def test_no_new_title_is_counted_in_a_newer_tally(
    newer_tally: Catalog, some: list[AnyTitle], name: str
) -> None:
    """Neither by a put nor by a load."""
    assert_refused(newer_tally, WRITES[name], some[0].replace(id=some[0].id + 8 * 10**6))


@pytest.mark.parametrize("name", [name for name in WRITES if name != "load_titles"])
def test_no_write_goes_over_a_newer_listing(catalog: Catalog, name: str) -> None:
    """Although it is not read first."""
    one, other = movie(8, 28), movie(16, 28)
    ap.load_titles(catalog, [one, other])
    slot = codec.read_slot(dump(catalog)[keys.title_key(one.key)])
    assert slot is not None
    change(catalog, keys.listing_key(one.key, slot), _schema=NEWER)
    assert_refused(catalog, WRITES[name], one)


def test_a_repair_leaves_what_is_newer(filled: Catalog) -> None:
    """With the reason; its other defects are left to newer code."""
    before = dump(filled)
    for find in ITEMS.values():
        change(filled, find(before), _schema=NEWER)
    change(filled, ITEMS["tally"](before), total={"N": "77"})
    before = dump(filled)
    repaired = repair(filled)
    assert repaired.actions == []
    assert {finding.problem for finding, _ in repaired.left} == {
        "wrong schema version",
        "count wrong",
    }
    assert dump(filled) == before
