"""The sampler: each set of titles is equally likely, after any writes and deletions."""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import replace
from itertools import combinations, count, permutations
from typing import Any

import pytest
from engines import Engine, running_engine
from hypothesis import given
from hypothesis import strategies as st
from memory_engine import MemoryCatalog
from older_tables import put
from request_log import logged_requests
from scaled import scaled
from table_dump import assert_complete, dump, hooked, titles_in

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.estimate import reproducible
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.conversation import hold
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import UnknownEntityError
from catalog_model.operations import create_table, delete_table, repair, verify
from catalog_model.reads.counts import read_tallies
from catalog_model.reads.sampling import _Lottery
from catalog_model.table import codec, keys
from catalog_model.table.keys import SHARDS
from catalog_model.table.slots import Shard, shard_of

UNLIKELY = 4.75
"""Standard deviations that are exceeded by chance once in a million."""

AFTER_THE_TALLIES = "after-call.dynamodb.Query"
SAMPLES, SIZE = 12_000, 5
SMALL_SHARDS = [
    Shard(total=2, slots=4, free=frozenset({0, 2})),
    Shard(),
    Shard(total=1, slots=3, free=frozenset({1, 2})),
    Shard(total=0, slots=2, free=frozenset({0, 1})),
    Shard(),
    Shard(total=3, slots=3),
    Shard(),
    Shard(),
]
SMALL_SLOTS = [(0, 1), (0, 3), (2, 0), (5, 0), (5, 1), (5, 2)]


def surprise(drawn: Iterable[Hashable], cells: Iterable[Hashable], each: int = 1) -> float:
    """Return the deviation of the draws from an even spread over *cells*, in standard deviations.

    Pearson's chi-square for samples of *each* different cells, converted to a normal distribution
    by Wilson and Hilferty's cube root. It is about 0 for an even spread, and beyond `UNLIKELY` for
    others.
    """
    counts, expected = Counter(drawn), set(cells)
    assert set(counts) <= expected
    mean, freedom = counts.total() / len(expected), len(expected) - 1
    spread = sum((counts[cell] - mean) ** 2 for cell in expected) / mean
    chi_square = spread * freedom / (len(expected) - each)
    ninth = 2 / (9 * freedom)
    return float(((chi_square / freedom) ** (1 / 3) - 1 + ninth) / ninth**0.5)


def title(kind: Kind, title_id: int) -> Movie | TVShow:
    title_class = TITLE_CLASSES[kind]
    numbers = {"popularity": title_id / 8, "vote_average": 7.5, "vote_count": title_id}
    record = {"id": title_id, "genre_ids": [18, 28], title_class.name_field: "Up", **numbers}
    return title_class.from_json(record)


History = tuple[Catalog, dict[Kind, set[TitleKey]]]


@pytest.fixture(scope="module")
def history(engine: Engine) -> History:
    """A table with a history: 60 movies loaded, 25 deleted, 8 of them and others put; and shows."""
    catalog, rng = engine.catalog("sampled"), random.Random(20)
    create_table(catalog)
    ids = rng.sample(range(1, 5_000), 70)
    ap.load_titles(catalog, [title("movie", id_) for id_ in ids[:60]])
    ap.load_titles(catalog, [title("tv", id_) for id_ in ids[30:40]])
    gone = rng.sample(ids[:60], 25)
    for id_ in gone:
        ap.delete_title(catalog, "movie", id_)
    for id_ in (*gone[:8], *ids[60:]):
        ap.put_title(catalog, title("movie", id_))
    movies = {*ids} - {*gone[8:]}
    return catalog, {
        "movie": {TitleKey("movie", id_) for id_ in movies},
        "tv": {TitleKey("tv", id_) for id_ in ids[30:40]},
    }


@pytest.mark.in_memory
def test_each_title_is_equally_likely_in_samples(engine: Engine, history: History) -> None:
    """After inserts and deletions: in the sample as a whole, and at its first place."""
    if not engine.is_quick:
        pytest.skip("a thousand samples of moto take long, and its slots are the same")
    catalog, there = history
    rng = random.Random(2)
    samples = [ap.sample_titles(catalog, "movie", SIZE, rng=rng) for _ in range(1_000)]
    drawn = [each.key for sample in samples for each in sample]
    assert surprise(drawn, there["movie"], SIZE) < UNLIKELY
    assert surprise([sample[0].key for sample in samples], there["movie"]) < UNLIKELY


def test_the_law_of_even_spread_finds_a_bias() -> None:
    """Choosing the first title after a random key is detected, and so is one missing pair."""
    rng = random.Random(3)
    ids = sorted(rng.sample(range(1, 5_000), 53))
    first_after = [
        ids[bisect_right(ids, rng.randrange(5_000)) % len(ids)] for _ in range(SAMPLES * SIZE)
    ]
    assert surprise(first_after, ids) > UNLIKELY
    pairs = list(combinations(range(6), 2))
    assert surprise(rng.choices(pairs[1:], k=SAMPLES), pairs) > UNLIKELY
    assert surprise(rng.choices(pairs, k=SAMPLES), pairs) < UNLIKELY


@pytest.mark.parametrize("sizes", [(2,), (3,), (1, 1), (2, 1), (1, 1, 1)], ids=str)
def test_each_set_of_titles_is_equally_likely(sizes: tuple[int, ...]) -> None:
    """Every pair and every triple of six slots, even if some are drawn later as substitutes."""
    rng, drawn = random.Random(4), []
    for _ in range(50_000 // sum(sizes)):
        lottery = _Lottery(SMALL_SHARDS, rng)
        drawn.append(tuple(sorted(slot for size in sizes for slot in lottery.draw(size))))
    assert surprise(drawn, combinations(SMALL_SLOTS, sum(sizes))) < UNLIKELY


@pytest.mark.parametrize("empty", [0, 3, 20])
def test_each_pair_is_equally_likely_if_some_slots_are_empty(empty: int) -> None:
    """Unlisted slots change how many are drawn, and not how likely a title is."""
    shards = [Shard(total=6, slots=6 + empty)]
    titles = {(0, number) for number in range(empty, 6 + empty)}
    rng, drawn = random.Random(12), []
    for _ in range(10_000):
        lottery, found = _Lottery(shards, rng), list[tuple[int, int]]()
        while len(found) < 2:
            found += sorted(titles.intersection(lottery.draw(2 - len(found))))
        drawn.append(tuple(sorted(rng.sample(found, 2))))
    assert surprise(drawn, combinations(sorted(titles), 2)) < UNLIKELY


def test_a_sampler_that_ignores_the_free_slots_of_a_shard_is_found() -> None:
    """It would mistake free slots for titles, and draw fewer."""
    lottery = _Lottery([replace(shard, free=frozenset()) for shard in SMALL_SHARDS], random)  # type: ignore[arg-type]
    assert set(lottery.draw(6)) - set(SMALL_SLOTS)


shards = st.lists(
    st.builds(
        lambda slots, free: Shard(slots - len(free), 0, slots, free),
        st.just(6),
        st.frozensets(st.integers(0, 5)),
    )
    | st.just(Shard()),
    min_size=SHARDS,
    max_size=SHARDS,
)


@given(shards, st.lists(st.integers(0, 9), max_size=6), st.randoms(use_true_random=False))
def test_the_lottery_draws_each_slot_once_and_all_of_them_in_the_end(
    some: list[Shard], sizes: list[int], rng: random.Random
) -> None:
    """No duplicates, no missing slots, and as many as requested while there are enough."""
    slots = {(at, n) for at, each in enumerate(some) for n in range(each.slots) if each.is_taken(n)}
    lottery = _Lottery(some, rng)
    drawn = [slot for size in sizes for slot in lottery.draw(size)]
    assert len(drawn) == len(set(drawn)) == min(sum(sizes), len(slots))
    rest = lottery.draw(len(slots) + 1)
    assert sorted(drawn + rest) == sorted(slots)


@pytest.mark.in_memory
def test_each_order_of_a_sample_is_equally_likely(engine: Engine, catalog: Catalog) -> None:
    """900 samples of all of three titles: the six orders, by the access pattern itself."""
    ap.load_titles(catalog, [title("movie", id_) for id_ in (3, 8, 11)])
    rng, samples = random.Random(5), 900 if engine.is_quick else 300
    orders = [
        tuple(each.id for each in ap.sample_titles(catalog, "movie", 3, rng=rng))
        for _ in range(samples)
    ]
    assert surprise(orders, permutations((3, 8, 11))) < UNLIKELY


@pytest.mark.in_memory
@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_has_different_titles_of_its_kind_and_all_where_fewer_exist(
    history: History, kind: Kind
) -> None:
    """As many as requested, even 0, or as exist; ids of both kinds are not confused."""
    catalog, there = history
    for size in (0, 1, 2, 9, 10, 11, 20, 53, 54, 1_000):
        sample = ap.sample_titles(catalog, kind, size)
        found = [each.key for each in sample]
        assert len(set(found)) == len(found) == min(size, len(there[kind]))
        assert set(found) <= there[kind]
        assert all(isinstance(each, TITLE_CLASSES[kind]) for each in sample)


@pytest.mark.in_memory
def test_an_empty_kind_gives_an_empty_sample(catalog: Catalog) -> None:
    """Before the first title, while there are only titles of the other kind, and after the last."""
    assert ap.sample_titles(catalog, "movie") == []
    ap.put_title(catalog, title("tv", 7))
    assert ap.sample_titles(catalog, "movie") == []
    ap.put_title(catalog, title("movie", 7))
    ap.delete_title(catalog, "movie", 7)
    assert ap.sample_titles(catalog, "movie") == []
    assert ap.sample_titles(catalog, "tv") == [title("tv", 7)]


def test_any_counts_of_a_tally_are_added_up_or_refused() -> None:
    """The largest counts in all shards are still an index; a larger one is unreadable.

    An attribute whose name has more digits than any id is not a count.
    """
    for total in (codec.END_OF_COUNTS - 1, codec.END_OF_COUNTS, 10**38 - 1):
        catalog = MemoryCatalog()
        counts: Any = {"total": {"N": str(total)}, "g28": {"N": "3"}, f"g{'9' * 5000}": {"N": "1"}}
        for shard in range(SHARDS):
            put(catalog, {**key_attributes(keys.tally_key("movie", shard)), **counts})
        if total < codec.END_OF_COUNTS:
            assert ap.sample_titles(catalog, "movie") == []
            assert ap.count_titles(catalog, "movie") == SHARDS * total
            assert [each.id for each in ap.list_genres(catalog, "movie")] == [28]
        else:
            with pytest.raises(UnknownEntityError, match="total is not a count"):
                ap.sample_titles(catalog, "movie")


@pytest.mark.in_memory
def test_a_sample_may_exceed_a_batch(full_catalog: Catalog, titles: list[Movie | TVShow]) -> None:
    """BatchGetItem is limited to 100 keys; a sample is not."""
    movies = {each.key: each for each in titles if each.kind == "movie"}
    for size in (100, 101, 250, len(movies), 10_000, 10**37):
        sample = ap.sample_titles(full_catalog, "movie", size, rng=random.Random(size))
        assert len({each.key for each in sample}) == len(sample) == min(size, len(movies))
        assert all(each == movies[each.key] for each in sample)


@pytest.mark.in_memory
def test_the_same_seed_gives_the_same_sample(history: History) -> None:
    """Each time, in the same order; another seed gives another one, and so does none.

    20 of 53 titles are the same, in the same order, once in 10**32 times.
    """
    catalog, _ = history
    one, again, other = (
        ap.sample_titles(catalog, "movie", 20, rng=random.Random(seed)) for seed in (7, 7, 8)
    )
    assert one == again
    assert one != other
    assert ap.sample_titles(catalog, "movie") != ap.sample_titles(catalog, "movie")


def test_the_same_seed_gives_the_same_sample_on_each_engine() -> None:
    """Engines answer a batch in different orders; samples do not depend on it."""
    samples = []
    for name in ("moto", "dynoxide"):
        with running_engine(name) as engine:
            catalog = engine.catalog()
            create_table(catalog)
            with reproducible():
                ap.load_titles(catalog, [title("movie", id_) for id_ in range(1, 151)])
            ap.delete_title(catalog, "movie", 30)
            rng = random.Random(9)
            samples.append([ap.sample_titles(catalog, "movie", n, rng=rng) for n in (20, 120)])
            delete_table(catalog)
    assert samples[0] == samples[1]


def _sampled(catalog: Catalog, calls: int, units: float) -> list[TitleKey]:
    """Sample 20 movies this many times within a bound; return what was drawn."""
    rng, drawn, usual = random.Random(6), [], 0
    for _ in range(calls):
        with logged_requests(catalog) as log:
            drawn += [each.key for each in ap.sample_titles(catalog, "movie", 20, rng=rng)]
        assert {request.operation for request in log} <= {"Query", "BatchGetItem"}
        usual += len(log) <= 2 and sum(request.units for request in log) <= units
    assert usual >= 0.99 * calls
    return drawn


def test_a_sample_is_two_requests_after_any_usual_history(engine: Engine, catalog: Catalog) -> None:
    """Loaded, put, deleted and put again; the contract allows 24 units."""
    if engine.name != "dynoxide":
        pytest.skip("moto does not charge as the service does")
    ids = random.Random(10).sample(range(1, 100_000), 300)
    ap.load_titles(catalog, [title("movie", id_) for id_ in ids[:250]])
    for id_ in ids[:120]:
        ap.delete_title(catalog, "movie", id_)
    for id_ in ids[250:]:
        ap.put_title(catalog, title("movie", id_))
    left = {TitleKey("movie", id_) for id_ in ids[120:]}
    assert surprise(_sampled(catalog, scaled(300), units=11), left, 20) < UNLIKELY


def test_a_sample_is_right_after_a_mass_deletion(
    engine: Engine, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 titles loaded, 150 deleted, 120 more, 15 more; few of their slots are listed as free.

    A repair then makes it as cheap as before.
    """
    if engine.name != "dynoxide":
        pytest.skip("moto does not charge as the service does")
    monkeypatch.setattr("catalog_model.table.slots.MOST_FREE", 2)
    monkeypatch.setattr("catalog_model.maintenance.shard_plans.MOST_FREE", 2)
    ids = random.Random(10).sample(range(1, 100_000), 300)
    ap.load_titles(catalog, [title("movie", id_) for id_ in ids])
    for first, last, units in ((150, 300, 40), (30, 150, 60), (15, 30, 60)):
        for id_ in ids[first:last]:
            ap.delete_title(catalog, "movie", id_)
        left = {TitleKey("movie", id_) for id_ in ids[:first]}
        drawn = _sampled_at_all(catalog, scaled(60))
        assert set(drawn) <= left
        if first <= 20:
            assert Counter(drawn) == dict.fromkeys(left, scaled(60))
        else:
            assert surprise(drawn, left, min(20, first)) < UNLIKELY
        assert units
    assert {finding.problem for finding in verify(catalog).findings} == {"slots sparse"}
    assert repair(catalog).actions
    assert verify(catalog).is_clean
    assert Counter(_sampled(catalog, scaled(60), units=11)) == dict.fromkeys(left, scaled(60))
    assert set(assert_complete(dump(catalog))) == left


def _sampled_at_all(catalog: Catalog, calls: int) -> list[TitleKey]:
    rng = random.Random(6)
    samples = [ap.sample_titles(catalog, "movie", 20, rng=rng) for _ in range(calls)]
    return [each.key for sample in samples for each in sample]


def test_titles_created_after_a_mass_deletion_take_the_slots_that_it_left(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the slots do not grow with each deletion of all titles: half of them stay taken.

    Slots are looked for at random, so once in a while more are opened; here chance is seeded.
    """
    random.seed(18)
    monkeypatch.setattr("catalog_model.table.slots.MOST_FREE", 2)
    monkeypatch.setattr("catalog_model.table.slots.FEW", 2)
    some = [title("movie", id_) for id_ in range(8, 8 * 120, 8)]
    ap.load_titles(catalog, some)
    opened = shard_of(dump(catalog)[keys.tally_key("movie", 0)]).slots
    for _ in range(3):
        for each in some:
            ap.delete_title(catalog, *each.key)
        for each in some:
            ap.put_title(catalog, each)
    shard = shard_of(dump(catalog)[keys.tally_key("movie", 0)])
    assert shard.total == len(some)
    assert shard.slots <= 2 * opened
    assert len(assert_complete(dump(catalog))) == len(some)


@pytest.mark.parametrize("victims", [1, 5])
def test_a_title_deleted_under_way_is_replaced_by_another(catalog: Catalog, victims: int) -> None:
    """A sample has the requested length, without gaps and without the deleted titles."""
    ap.load_titles(catalog, [title("movie", id_) for id_ in range(1, 61)])
    for seed in range(3):
        there = set(titles_in(dump(catalog)))
        sample, deleted = _delete_under_way(catalog, victims, seed)
        assert len(deleted) == victims
        found = [each.key for each in sample]
        assert len(set(found)) == len(found) == 20
        assert set(found) <= there - deleted


def _delete_under_way(
    catalog: Catalog, victims: int, seed: int
) -> tuple[list[Movie | TVShow], set[TitleKey]]:
    """Sample while titles that it is about to read are deleted after it has read the tallies."""
    owners = {
        (name.shard, name.number): codec.decode_slot(name.kind, item)
        for key, item in dump(catalog).items()
        if isinstance(name := keys.parse_key(*key), keys.SlotItem)
    }
    tallies = hold(catalog, read_tallies("movie", consistent=True))
    lottery = _Lottery([shard_of(tally) for tally in tallies], random.Random(seed))
    on_their_way = [owners[slot] for slot in lottery.draw(20)]
    deleted, requests = set[TitleKey](), count(1)

    def delete(**_: object) -> None:
        for key in on_their_way[:victims] if next(requests) == 1 else ():
            ap.delete_title(catalog, *key)
            deleted.add(key)

    with hooked(catalog, AFTER_THE_TALLIES, delete):
        return ap.sample_titles(catalog, "movie", 20, rng=random.Random(seed)), deleted


def test_a_sample_ends_when_all_titles_are_deleted_under_way(catalog: Catalog) -> None:
    """It returns the titles that are left, and ends."""
    ap.load_titles(catalog, [title("movie", id_) for id_ in range(1, 13)])
    left = [TitleKey("movie", id_) for id_ in range(1, 13)]

    def delete(**_: object) -> None:
        while left:
            ap.delete_title(catalog, *left.pop())

    with hooked(catalog, AFTER_THE_TALLIES, delete):
        assert ap.sample_titles(catalog, "movie", 5) == []
