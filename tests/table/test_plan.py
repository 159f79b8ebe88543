"""Write plans, without a database: applying a plan leads from one state to the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import genre_lists, small_ids, titles
from table_dump import Table, movie

from catalog_model import Movie, TitleKey
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.domain.fields import MAX_GENRES
from catalog_model.dynamodb.actions import Condition, Delete, Plan, Update, check_distinct, key_of
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.limits import MAX_TRANSACTION_ACTIONS
from catalog_model.dynamodb.typed_json import key_attributes, number, primary_key, read_int
from catalog_model.errors import ConflictError, InvalidTitleError
from catalog_model.table import codec, keys, plan
from catalog_model.table.encoded import Encoded
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


def shard(table: Table, key: TitleKey) -> plan.Shard:
    """Read what a writer must know about the title's shard."""
    at = keys.shard_of(key)
    tally = table.get(keys.tally_key(key.kind, at), {})
    total, version = (read_int(tally, name) for name in (codec.TOTAL, codec.VERSION))
    last = table.get(keys.slot_key(key.kind, at, total - 1)) if total else None
    return plan.Shard(total, codec.decode_slot(key.kind, last) if last else None, version)


def without_zeros(table: Table) -> Table:
    """Leave out zero counts, and the versions of tallies, which depend on the order."""
    cleaned: Table = {}
    for key, item in table.items():
        if key.SK != keys.TALLY_SK:
            cleaned[key] = item
        elif read_int(item, codec.TOTAL):
            counts = {name: value for name, value in item.items() if value != {"N": "0"}}
            cleaned[key] = counts | {codec.VERSION: number(0)}
    return cleaned


@given(titles())
def test_a_title_put_and_deleted_leaves_nothing(title: Movie) -> None:
    """The plan of a deletion reverses the plan of the creation."""
    table = apply({}, plan.plan_creation(Encoded(title), 5, plan.Shard(0)))
    before = stored(table, title.key)
    assert before == plan.Stored(title, 5, 0)
    gone = apply(table, plan.plan_deletion(before, shard(table, title.key)))
    assert without_zeros(gone) == {}


@given(titles(st.just(7)), titles(st.just(7)))
def test_a_change_leads_where_a_creation_would(one: Movie, other: Movie) -> None:
    """A change from A to B leads to the table of B, for any A; only the version differs."""
    if one.kind != other.kind:
        return
    table = apply({}, plan.plan_creation(Encoded(one), 1, plan.Shard(0)))
    changed = apply(table, plan.plan_change(stored(table, one.key), Encoded(other)))
    version = 2 if one != other else 1
    fresh = apply({}, plan.plan_creation(Encoded(other), version, plan.Shard(0)))
    assert without_zeros(changed) == without_zeros(fresh)


@given(st.lists(titles(st.integers(1, 40)), min_size=1, max_size=12, unique_by=lambda t: t.key))
def test_slots_stay_without_gaps_after_any_deletion(some: list[Movie]) -> None:
    """After each deletion, the slots of a shard are 0 to total - 1, one for each title."""
    table: Table = {}
    for title in some:
        at = shard(table, title.key)
        table = apply(table, plan.plan_creation(Encoded(title), 1, at))
    for gone, title in enumerate(some, start=1):
        leaving = plan.plan_deletion(stored(table, title.key), shard(table, title.key))
        table = apply(table, leaving)
        assert _owners(table) == {left.key: stored(table, left.key).slot for left in some[gone:]}


def _owners(table: Table) -> dict[TitleKey, int]:
    owners = {}
    for key, item in table.items():
        name = keys.parse_key(*key)
        if isinstance(name, keys.SlotItem):
            owners[codec.decode_slot(name.kind, item)] = name.number
    return owners


@given(st.lists(titles(st.integers(1, 60)), min_size=1, max_size=20, unique_by=lambda t: t.id))
def test_creating_titles_together_leads_where_creating_them_one_by_one_would(
    some: list[Movie],
) -> None:
    """A bulk load leads to the same table as single writes."""
    some = [title for title in some if title.kind == some[0].kind]
    one_by_one: Table = {}
    for title in some:
        at = shard(one_by_one, title.key)
        one_by_one = apply(one_by_one, plan.plan_creation(Encoded(title), 1, at))
    together = apply({}, plan.plan_creations(map(Encoded, some), 1, [plan.Shard(0)] * keys.SHARDS))
    assert without_zeros(together) == without_zeros(one_by_one)


@given(
    titles(small_ids), titles(), st.integers(0, 4), st.integers(0, 4), st.integers(-1, 2), st.data()
)
def test_no_plan_names_an_item_twice(
    title: Movie, other: Movie, total: int, slot: int, last: int, data: st.DataObject
) -> None:
    """DynamoDB rejects a transaction with two actions on one item.

    The reads may be of different moments: the last slot may belong to another title, to this one or
    to none, and the title's slot may be beyond the last one. Inconsistent reads give no plan.
    """
    key = title.key
    owners = [None, key, *(TitleKey(key.kind, key.id + keys.SHARDS * n) for n in (1, 2))]
    shard = plan.Shard(total, owners[last + 1], data.draw(st.integers(0, 2)))
    version = data.draw(st.integers(0, 2))
    enrolled, foreign = plan.Stored(title, version, slot), plan.Stored(title, version, None)
    after = title.replace(genre_ids=list(other.genre_ids))
    neighbour = after.replace(id=key.id + 1)
    plans = [
        plan.plan_creation(Encoded(title), 1, shard),
        plan.plan_change(enrolled, Encoded(after)),
        plan.plan_rewriting(enrolled, Encoded(title)),
        plan.plan_enrolment(foreign, Encoded(after), 7, shard),
        plan.plan_deletion(foreign, shard),
        plan.plan_creations(map(Encoded, (title, neighbour)), 1, [shard] * keys.SHARDS),
    ]
    plans += [plan.plan_removal(enrolled, shard, owns_slot=owns) for owns in (True, False)]
    if plan.fits(enrolled, shard):
        plans.append(plan.plan_deletion(enrolled, shard))
    else:
        with pytest.raises(ConflictError, match="do not fit together"):
            plan.plan_deletion(enrolled, shard)
    for planned in plans:
        touched = [key_of(operation) for operation in planned]
        assert len(touched) == len(set(touched))
        assert check_distinct(planned) == planned


@given(titles())
def test_a_plan_that_names_an_item_twice_is_refused(title: Movie) -> None:
    """For each of its items; the message names it."""
    planned = plan.plan_creation(Encoded(title), 1, plan.Shard(0))
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
    foreign = {n: v for n, v in item.items() if n not in (codec.VERSION, codec.SLOT)}
    if version:
        foreign[codec.VERSION] = number(version)
    table = {keys.title_key(one.key): foreign}
    before = plan.Stored(one, version, None)
    enrolled = apply(table, plan.plan_enrolment(before, Encoded(other), 7, plan.Shard(0)))
    assert enrolled == apply({}, plan.plan_creation(Encoded(other), 7, plan.Shard(0)))
    with pytest.raises(LostRaceError):
        apply({}, plan.plan_enrolment(before, Encoded(other), 7, plan.Shard(0)))


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
    """48 genres to 48 others: 99 of the 100 actions that DynamoDB allows; 100 with an enrolment."""
    before = movie(1, *range(1, 1 + MAX_GENRES))
    after = Encoded(movie(1, *range(100, 100 + MAX_GENRES)))
    assert len(plan.plan_change(plan.Stored(before, 1, 0), after)) == 99
    enrolment = plan.plan_enrolment(plan.Stored(before, 1, None), after, 1, plan.Shard(0))
    assert len(enrolment) == MAX_TRANSACTION_ACTIONS


@pytest.mark.parametrize(
    ("genres", "length", "words"),
    [(range(1, 2), 400 * 1024, "makes an item of"), (range(1, 20), 250_000, "with its copies")],
)
def test_no_plan_is_over_the_bounds_of_the_service(genres: range, length: int, words: str) -> None:
    """400 KB an item, 4 MB a transaction: refused without a plan, and in every plan."""
    title = movie(1, *genres, overview="x" * length)
    large, stored, shard = Encoded(title), plan.Stored(movie(1, *genres), 1, 0), plan.Shard(0)
    for act in (
        large.check_size,
        lambda: plan.plan_creation(large, 1, shard),
        lambda: plan.plan_change(stored, large),
        lambda: plan.plan_rewriting(plan.Stored(title, 1, 0), large),
        lambda: plan.plan_enrolment(stored, large, 1, shard),
    ):
        with pytest.raises(InvalidTitleError, match=words):
            act()
