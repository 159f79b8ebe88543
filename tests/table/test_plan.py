"""Write plans, without a database: applying a plan leads from one state to the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from older_tables import as_version_1, as_version_3
from strategies import genre_lists, small_ids, titles
from table_dump import Table, assert_whole, comparable, movie

from catalog_model import Movie, TitleKey
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.domain.fields import MAX_GENRES
from catalog_model.dynamodb.actions import (
    Condition,
    Contains,
    Delete,
    Equals,
    Lacks,
    Plan,
    Update,
    check_distinct,
    key_of,
)
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.limits import (
    MAX_ITEM_BYTES,
    MAX_PUT_BYTES,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.strict.request import Request
from catalog_model.dynamodb.typed_json import Item, key_attributes, number, primary_key
from catalog_model.errors import ConflictError, InvalidTitleError
from catalog_model.table import codec, keys, plan
from catalog_model.table.encoded import VERSION_BITS, Encoded
from catalog_model.table.slots import BLOCK, FEW, LOOKS, MOST_FREE, Shard, freed, shard_of, take
from catalog_model.table.title_items import read_stored


def apply(table: Table, planned: Plan) -> Table:
    """Apply a transaction, all of it or nothing."""
    catalog = OfflineCatalog(items=table.values())
    if planned:
        catalog.gateway.transact(planned)
    return {primary_key(item): item for item in catalog.items()}


def stored(table: Table, key: TitleKey) -> plan.Stored:
    found = read_stored(key, table[keys.title_key(key)])
    assert found is not None
    return found


def shard(table: Table, key: TitleKey) -> Shard:
    """Read what a writer must know about the title's shard."""
    return shard_of(table.get(keys.tally_key(key.kind, keys.shard_of(key)), {}))


def without_zeros(table: Table) -> dict[object, Item]:
    """Leave out zero counts, slots, and the versions of tallies, which depend on the order."""
    return {
        key: {name: value for name, value in item.items() if name != codec.VERSION}
        for key, item in comparable(table).items()
    }


@given(titles())
def test_a_title_put_and_deleted_leaves_nothing(title: Movie) -> None:
    """The plan of a deletion reverses the plan of the creation."""
    table = apply({}, plan.plan_creation(Encoded(title), 5, Shard()))
    before = stored(table, title.key)
    assert before.slot is not None
    assert before == plan.Stored(title, 5, before.slot)
    gone = apply(table, plan.plan_deletion(before, shard(table, title.key)))
    assert without_zeros(gone) == {}
    after = shard(gone, title.key)
    assert after.free == frozenset(range(after.slots))


@given(titles(st.just(7)), titles(st.just(7)))
def test_a_change_leads_where_a_creation_would(one: Movie, other: Movie) -> None:
    """A change from A to B leads to the table of B, for any A; only the version differs."""
    if one.kind != other.kind:
        return
    table = apply({}, plan.plan_creation(Encoded(one), 1, Shard()))
    changed = apply(table, plan.plan_change(stored(table, one.key), Encoded(other)))
    version = 2 if one != other else 1
    fresh = apply({}, plan.plan_creation(Encoded(other), version, Shard()))
    assert without_zeros(changed) == without_zeros(fresh)


@given(
    st.lists(titles(st.integers(1, 40)), min_size=1, max_size=12, unique_by=lambda t: t.key),
    st.lists(st.integers(0, 2**VERSION_BITS - 1), min_size=12, max_size=12),
)
def test_each_title_owns_one_slot_after_any_deletion(some: list[Movie], draws: list[int]) -> None:
    """Whatever slots were drawn: every opened slot has one title or is free, and none moves."""
    table: Table = {}
    for title, draw in zip(some, draws, strict=False):
        table = apply(table, plan.plan_creation(Encoded(title), draw, shard(table, title.key)))
    slots = {title.key: stored(table, title.key).slot for title in some}
    for gone, title in enumerate(some, start=1):
        leaving = plan.plan_deletion(stored(table, title.key), shard(table, title.key))
        table = apply(table, leaving)
        assert _owners(table) == {left.key: slots[left.key] for left in some[gone:]}
        assert len(assert_whole(table)) == len(some) - gone
        after = shard(table, title.key)
        assert after.slots == after.total + len(after.free)


def _owners(table: Table) -> dict[TitleKey, int]:
    owners = {}
    for key, item in table.items():
        name = keys.parse_key(*key)
        if isinstance(name, keys.SlotItem):
            owners[codec.decode_slot(name.kind, item)] = name.number
    return owners


@given(st.lists(titles(st.integers(1, 60)), min_size=1, max_size=20, unique_by=lambda t: t.id))
def test_creating_titles_together_is_creating_them_one_by_one(some: list[Movie]) -> None:
    """A bulk load leads to the same table as single writes."""
    some = [title for title in some if title.kind == some[0].kind]
    one_by_one: Table = {}
    for title in some:
        at = shard(one_by_one, title.key)
        one_by_one = apply(one_by_one, plan.plan_creation(Encoded(title), 1, at))
    together = apply({}, plan.plan_creations(map(Encoded, some), 1, [Shard()] * keys.SHARDS))
    assert without_zeros(together) == without_zeros(one_by_one)


@given(
    titles(small_ids),
    titles(),
    st.builds(
        Shard,
        st.integers(0, 4),
        st.integers(0, 2),
        st.integers(0, 80),
        st.frozensets(st.integers(0, 90), max_size=70),
        st.lists(st.integers(0, 80), max_size=3, unique=True).map(tuple),
    ),
    st.integers(0, 90),
    st.integers(0, 2**VERSION_BITS - 1),
)
def test_no_plan_names_an_item_twice(
    title: Movie, other: Movie, shard: Shard, slot: int, draw: int
) -> None:
    """DynamoDB rejects a transaction with two actions on one item.

    The reads may be of different moments, or damaged: the title's slot may be free, or beyond all.
    """
    key = title.key
    enrolled, foreign = plan.Stored(title, draw, slot), plan.Stored(title, draw, None)
    former = plan.Stored(title, draw, slot, is_former=True)
    after = title.replace(genre_ids=list(other.genre_ids))
    neighbours = [after.replace(id=key.id + n) for n in (1, keys.SHARDS, 2 * keys.SHARDS)]
    several = map(Encoded, (title, *neighbours))
    plans = [
        plan.plan_creation(Encoded(title), draw, shard),
        plan.plan_change(enrolled, Encoded(after)),
        plan.plan_change(former, Encoded(after)),
        plan.plan_rewriting(enrolled, Encoded(title)),
        plan.plan_rewriting(former, Encoded(title)),
        plan.plan_enrolment(foreign, Encoded(after), draw, shard),
        plan.plan_creations(several, draw, [shard] * keys.SHARDS),
        *(plan.plan_deletion(each, shard) for each in (enrolled, former, foreign)),
        plan.plan_deletion(enrolled, shard, owns_slot=False),
        plan.plan_move(title.kind, [{}] * keys.SHARDS),
    ]
    for planned in plans:
        touched = [key_of(operation) for operation in planned]
        assert len(touched) == len(set(touched))
        assert check_distinct(planned) == planned


@given(titles())
def test_a_plan_that_names_an_item_twice_is_refused(title: Movie) -> None:
    """For each of its items; the message names it."""
    planned = plan.plan_creation(Encoded(title), 1, Shard())
    for operation in planned:
        twice = (*planned, Delete(key_of(operation)))
        with pytest.raises(ConflictError, match="two actions of one transaction") as raised:
            check_distinct(twice)
        assert key_of(operation).SK in str(raised.value)


@given(titles(st.just(8)), titles(st.just(8)), st.integers(0, 3))
def test_an_enrolment_leads_where_a_creation_would(one: Movie, other: Movie, version: int) -> None:
    """From another program's item to the table of the resulting title."""
    if one.kind != other.kind:
        return
    item = codec.encode_title(one, version=version, slot=0)
    ours = (codec.VERSION, codec.SLOT, codec.DOC)
    foreign = {n: v for n, v in item.items() if n not in ours}
    if version:
        foreign[codec.VERSION] = number(version)
    table = {keys.title_key(one.key): foreign}
    before = plan.Stored(one, version, None)
    enrolled = apply(table, plan.plan_enrolment(before, Encoded(other), 7, Shard()))
    assert enrolled == apply({}, plan.plan_creation(Encoded(other), 7, Shard()))
    with pytest.raises(LostRaceError):
        apply({}, plan.plan_enrolment(before, Encoded(other), 7, Shard()))


@pytest.mark.parametrize("version", [0, 1, 5])
def test_a_missing_title_has_no_version(version: int) -> None:
    """A missing tally has version 0; a title must exist to be unchanged."""
    key = keys.title_key(TitleKey("movie", 1))
    there = key_attributes(key) | ({codec.VERSION: number(version)} if version else {})
    other = key_attributes(key) | {codec.VERSION: number(version + 1)}

    def holds(condition: Condition, table: Table) -> bool:
        try:
            apply(table, (Delete(key, condition),))
        except LostRaceError:
            return False
        return True

    conditions = ((plan.title_as_read(version), False), (plan.as_read(version), version == 0))
    for condition, or_missing in conditions:
        assert holds(condition, {key: there})
        assert not holds(condition, {key: other})
        assert holds(condition, {}) == or_missing


@given(genre_lists, genre_lists)
def test_only_what_changes_is_counted(old: list[int], new: list[int]) -> None:
    """A change of genres counts one down for each that goes, one up for each that comes."""
    before = movie(1, *old)
    planned = plan.plan_change(plan.Stored(before, 1, 0), Encoded(before.replace(genre_ids=new)))
    updates = [operation for operation in planned if isinstance(operation, Update)]
    counted = {f"g{genre}": -1 for genre in set(old) - set(new)}
    counted |= {f"g{genre}": +1 for genre in set(new) - set(old)}
    changed = [{**counted, codec.VERSION: 1}] if counted else []
    assert [dict(update.adds) for update in updates] == changed


def test_a_change_of_all_genres_fits_one_transaction() -> None:
    """48 genres to 48 others: 99 of the 100 actions that DynamoDB allows.

    One more deletes the listing of a title of an older version, or of another program's.
    """
    before = movie(1, *range(1, 1 + MAX_GENRES))
    after = Encoded(movie(1, *range(100, 100 + MAX_GENRES)))
    assert len(plan.plan_change(plan.Stored(before, 1, 0), after)) == 99
    former = plan.plan_change(plan.Stored(before, 1, 0, is_former=True), after)
    assert len(former) == MAX_TRANSACTION_ACTIONS
    enrolment = plan.plan_enrolment(plan.Stored(before, 1, None), after, 1, Shard())
    assert len(enrolment) == MAX_TRANSACTION_ACTIONS


@pytest.mark.parametrize(
    ("genres", "length", "words"),
    [(range(1, 2), 400 * 1024, "makes an item of"), (range(1, 20), 250_000, "with its copies")],
)
def test_no_plan_is_over_the_bounds_of_the_service(genres: range, length: int, words: str) -> None:
    """400 KB an item, 4 MB a transaction: refused without a plan, and in every plan."""
    title = movie(1, *genres, overview="x" * length)
    large, stored, shard = Encoded(title), plan.Stored(movie(1, *genres), 1, 0), Shard()
    for act in (
        large.check_size,
        lambda: plan.plan_creation(large, 1, shard),
        lambda: plan.plan_change(stored, large),
        lambda: plan.plan_rewriting(plan.Stored(title, 1, 0), large),
        lambda: plan.plan_enrolment(stored, large, 1, shard),
    ):
        with pytest.raises(InvalidTitleError, match=words):
            act()


def sent_bytes(planned: Plan) -> int:
    """Return the size of a transaction: its items, its keys and the values in its expressions."""
    listed = OfflineCatalog().gateway.exchanges.writes.listed(planned)
    request = Request("TransactWriteItems", {"TransactItems": listed}, lambda _: None)
    return sum(action.size() for action in request.actions)


huge = st.integers(10**37, 10**38 - 1)
genre_sets = st.sampled_from((0, 1, MAX_GENRES)).flatmap(
    lambda count: st.lists(huge, min_size=count, max_size=count, unique=True)
)
crowded = Shard(3, 2**58, 2**58, frozenset(range(2**58, 2**58 + MOST_FREE)), lists=32)


@given(huge, genre_sets, genre_sets, st.sampled_from((crowded, Shard())), st.booleans())
def test_what_a_plan_sends_beside_its_title_has_room(
    title_id: int, old: list[int], new: list[int], around: Shard, is_former: bool
) -> None:
    """So a title of the largest size is never refused by the service, whatever its genres were."""
    before, after = movie(title_id, *old), Encoded(movie(title_id, *new, popularity=2))
    record = plan.Stored(before, 2**58, 2**58, is_former=is_former, lists=32)
    unknown = plan.Stored(before, 2**58, None)
    group = [Encoded(movie(title_id - n, *new[:10])) for n in range(8)]
    for titles_, planned in (
        ([after], plan.plan_creation(after, 2**48, around)),
        ([after], plan.plan_change(record, after)),
        ([after], plan.plan_enrolment(unknown, after, 2**48, around)),
        ([], plan.plan_deletion(record, around)),
        (group, plan.plan_creations(group, 2**48, (around,) * 8)),
    ):
        rest = sent_bytes(planned) - sum(each.size for each in titles_)
        assert rest <= MAX_TRANSACTION_BYTES - MAX_PUT_BYTES


@given(st.integers(0, 4096), st.sampled_from(["x", "é", "千"]), st.sampled_from([1, 8]))
def test_a_title_with_its_document_is_below_all_bounds(length: int, sign: str, lists: int) -> None:
    """So its copies, even 48 of them, need not be measured."""
    genres = range(10**37, 10**37 + MAX_GENRES)
    title = Encoded(movie(10**37, *genres, title=sign * length, overview=sign * (4096 - length)))
    own = title.own(version=codec.LARGEST, slot=codec.LARGEST, lists=lists)
    if codec.DOC in own:
        copies = (title.listing(codec.LARGEST, lists), *title.memberships(lists))
        sizes = [item_size(each) for each in (own, *copies)]
        assert max(sizes) < MAX_ITEM_BYTES / 10
        assert sum(sizes) < MAX_TRANSACTION_BYTES / 10


# --- Slots


draws = st.integers(0, 2**VERSION_BITS - 1)


@given(st.integers(0, 40), st.integers(1, 20), draws)
def test_a_new_title_takes_a_free_slot_or_opens_a_block(free: int, wanted: int, draw: int) -> None:
    """Each condition says what the plan requires: that the slots are free, or that none opened."""
    shard = Shard(total=100, slots=100 + free, free=frozenset(range(50, 50 + free)))
    taken = take(shard, wanted, draw)
    assert len(set(taken.slots)) == wanted
    if taken.end is None:
        assert set(taken.slots) == set(taken.closed) <= shard.free
        assert taken.conditions == tuple(Contains("_free", slot) for slot in taken.slots)
    else:
        assert free < FEW or wanted > free
        opened = range(shard.slots, taken.end)
        assert sorted((*taken.slots, *taken.opened)) == list(opened)
        assert len(opened) == max(BLOCK, wanted)
        assert taken.conditions == (Equals("_slots", shard.slots),)


def test_slots_that_are_free_are_all_drawn_alike() -> None:
    """Two writers of a shard take the same slot only by chance: one in the number of free ones."""
    shard = Shard(total=0, slots=64, free=frozenset(range(64)))
    found = [take(shard, 1, draw * 7919).slots[0] for draw in range(64 * 100)]
    counts = [found.count(slot) for slot in range(64)]
    assert min(counts) > 50
    assert max(counts) < 150


@given(st.integers(0, MOST_FREE + 5), draws)
def test_unlisted_slots_are_searched_where_there_are_many(free: int, draw: int) -> None:
    """Only if few are free, and more than a quarter of the slots is neither free nor taken."""
    shard = Shard(total=300, slots=1000, free=frozenset(range(free)))
    places = shard.places_to_look(draw)
    assert (len(places) > 0) is (free < FEW)
    assert len(places) <= LOOKS
    assert not shard.free.intersection(places)
    assert not Shard(total=900, slots=1000).places_to_look(draw)
    found = Shard(300, 0, 1000, shard.free, unlisted=(7, 8))
    taken = take(found, 1, draw)
    assert (taken.slots, taken.end, taken.closed) == ((7,), None, ())
    assert set(taken.conditions) == {Equals("_slots", 1000), Lacks("_free", 7)}


def test_a_full_tally_lists_no_more_free_slots() -> None:
    """With all of them, and the counts of 25 genres, it is still below 1 KB."""
    full = Shard(total=10**6, slots=2 * 10**6, free=frozenset(range(10**6, 10**6 + MOST_FREE)))
    assert freed(full, 5) == ()
    assert freed(Shard(total=1, slots=6), 5) == (5,)
    assert freed(Shard(total=1, slots=5), 5) == (), "the shard does not have it"
    counts = {f"g{10750 + n}": number(10**6) for n in range(25)}
    sets = {"_free": {"NS": [str(each) for each in full.free]}, "_slots": number(10**7)}
    tally = codec.own_item(keys.TallyItem("movie", 0), _version=number(10**9), **counts, **sets)
    assert item_size(tally) < 1024


# --- The former form


@given(st.lists(titles(st.integers(1, 40)), min_size=1, max_size=8, unique_by=lambda t: t.key))
def test_an_older_title_gets_the_current_form_with_its_first_change(some: list[Movie]) -> None:
    """Rewriting each title leads from any older version to the table of the current one."""
    fresh: Table = {}
    for title in some:
        fresh = apply(fresh, plan.plan_creation(Encoded(title), 5, shard(fresh, title.key)))
    for convert in (dict, as_version_1):
        table = {key: convert(item) for key, item in as_version_3(fresh).items()}
        for kind in {title.kind for title in some}:
            former = [table.get(keys.former_tally_key(kind, n), {}) for n in range(keys.SHARDS)]
            table = apply(table, plan.plan_move(kind, former))
        for title in some:
            before = stored(table, title.key)
            assert before.is_former
            table = apply(table, plan.plan_rewriting(before, Encoded(title)))
            assert not stored(table, title.key).is_former
        assert without_zeros(table) == without_zeros(fresh)
        assert_whole(table)


def test_tallies_are_moved_once() -> None:
    """The second writer loses the race; a writer of the older version finds its own changed."""
    former = {codec.VERSION: number(3), codec.TOTAL: number(2), "g18": number(1)}
    tally = codec.own_item(keys.FormerTally("movie", 0), **former) | {"_schema": number(3)}
    before = [tally, *[{}] * (keys.SHARDS - 1)]
    table = apply({primary_key(tally): tally}, plan.plan_move("movie", before))
    moved = table[keys.tally_key("movie", 0)]
    assert shard_of(moved) == Shard(total=2, version=3, slots=2)
    assert codec.tally_counts(moved) == {18: 1}
    assert len(table) == 2 * keys.SHARDS
    with pytest.raises(LostRaceError):
        apply(table, plan.plan_move("movie", before))
    for number_ in range(keys.SHARDS):
        old = table[keys.former_tally_key("movie", number_)]
        assert (old["_schema"], old["_version"] != number(3)) == (number(4), True)
