"""The migration of a whole table: complete, concurrent with writers, resumable."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import CommandLine
from engines import Engine, has_dynoxide
from older_tables import AGES, Age, as_version_1, change, grow_old, put, types, versions
from table_dump import (
    Killed,
    assert_complete,
    assert_in_step,
    comparable,
    dump,
    hooked,
    killed_at,
    movie,
    once,
    writers,
)

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.cli import migrate as migrate_command
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.actions import Absent, NotNewer, Plan, Put, Update
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.limits import MAX_ITEM_BYTES
from catalog_model.dynamodb.pace import Pace
from catalog_model.dynamodb.schema import TableSchema, Versions
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, number, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError, SchemaMismatchError
from catalog_model.local import start_engine
from catalog_model.maintenance import migrate
from catalog_model.operations import repair, verify
from catalog_model.table import codec, evolution, keys
from catalog_model.table.indexes import INCLUDED, INDEX_KEYS, INDEXES
from catalog_model.table.plan import as_read

pytestmark = pytest.mark.in_memory

WRITES = ("TransactWriteItems",)
CURRENT = evolution.SCHEMA_VERSION
NEWER = number(CURRENT + 1)


@pytest.fixture
def filled(catalog: Catalog, titles: list[AnyTitle]) -> Catalog:
    """A handle on a table with 12 titles."""
    ap.load_titles(catalog, [*titles[:8], *titles[-4:]])
    return catalog


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of 10 items, so that most titles are on two pages."""
    monkeypatch.setattr(migrate, "PAGE", 10)


def assert_migrated(catalog: Catalog) -> None:
    """Check that all items have the current version and their type, and the table is intact."""
    table = dump(catalog)
    assert versions(catalog) == {CURRENT}
    assert all(says == is_ for says, is_ in types(table))
    assert all("_version" in item for key, item in table.items() if key.SK.startswith("TALLY"))
    assert_complete(table)
    assert verify(catalog).is_clean


def assert_kept(catalog: Catalog, acknowledged: dict[int, float]) -> None:
    """Check that no acknowledged popularity was lost."""
    there = {title.id: title.popularity for title in assert_in_step(catalog).values()}
    assert {title_id: there[title_id] for title_id in acknowledged} == acknowledged


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("age", AGES)
def test_a_migration_makes_of_every_item_what_the_current_version_writes(
    filled: Catalog, age: Age, segments: int, tmp_path: Path
) -> None:
    """Only the titles' versions show it; a second migration reads, and writes nothing.

    A dry run before it counts versions; it writes nothing, nor does it leave a checkpoint.
    """
    new = comparable(dump(filled))
    before = grow_old(filled, age)
    outdated = sum(map(evolution.is_outdated, before.values()))
    with filled.trace() as trace:
        dry = migrate.migrate(filled, dry_run=True, checkpoint=tmp_path / "place")
    assert not {request.operation for request in trace} & {*WRITES}
    assert (dump(filled), list(tmp_path.iterdir())) == (before, [])
    assert dry.outdated == dry.upgraded == outdated
    assert Counter(dry.versions) == Counter(map(evolution.version_of, before.values()))
    seen: list[int] = []
    report = migrate.migrate(filled, segments=segments, on_progress=seen.append)
    assert comparable(dump(filled)) == new
    assert_migrated(filled)
    assert (report.left, report.foreign) == ([], 0)
    assert report.upgraded == outdated
    assert max(seen) == report.items
    with filled.trace() as trace:
        again = migrate.migrate(filled)
    assert not {request.operation for request in trace} & {*WRITES}
    assert (again.versions, again.upgraded, again.outdated) == ({CURRENT: len(dump(filled))}, 0, 0)


@pytest.mark.in_memory(False)
def test_what_a_dry_run_predicts_is_charged(filled: Catalog, engine: Engine) -> None:
    """Exactly, for the table and for the indexes, as the listings move into their slots."""
    grow_old(filled, "old")
    predicted = migrate.migrate(filled, dry_run=True)
    with filled.trace() as trace:
        report = migrate.migrate(filled)
    assert (report.units, report.upgraded) == (predicted.units, predicted.upgraded)
    if engine.measures:
        written = [request for request in trace if request.operation in WRITES]
        assert sum(request.total_units for request in written) == report.units
        found = {name for request in written for name in request.units}
        assert found == {"table", *INDEXES}


def _set_back(catalog: Catalog, wanted: Callable[[ItemKey], bool]) -> int:
    """Set the version of some items back, as another program may; return their number."""
    chosen = sorted(filter(wanted, dump(catalog)))
    for number_, key in enumerate(chosen):
        change(catalog, key, _schema=number(1 + number_ % (CURRENT - 1)))
    return len(chosen)


SET_BACK: Final[dict[str, Callable[[ItemKey], bool]]] = {
    "titles": lambda key: key.PK == key.SK,
    "slots": lambda key: key.SK.startswith("SLOT#"),
    "memberships": lambda key: key.SK.startswith("GENRE#"),
    "tallies": lambda key: key.SK.startswith("TALLY#"),
    "former tallies": lambda key: key.SK == "TALLY",
    "copies": lambda key: key.SK.startswith(("SLOT#", "GENRE#")),
    "all": lambda _: True,
}
"""Which items of a table of the current version claim an older one."""


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("segments", [1, 3])
@pytest.mark.parametrize("name", SET_BACK)
def test_items_whose_version_was_set_back_are_upgraded(
    filled: Catalog, name: str, segments: int
) -> None:
    """Each kind of item, as a dry run predicts; afterwards none is older, and none is left."""
    grow_old(filled, "version 3")
    migrate.migrate(filled)
    new = comparable(dump(filled))
    count = _set_back(filled, SET_BACK[name])
    assert verify(filled).outdated == count > 0
    dry = migrate.migrate(filled, dry_run=True, segments=segments)
    report = migrate.migrate(filled, segments=segments)
    assert report.left == dry.left == []
    assert (report.upgraded, report.units) == (dry.upgraded, dry.units)
    assert report.upgraded >= count
    assert comparable(dump(filled)) == new
    assert_migrated(filled)


@pytest.mark.in_memory(False)
def test_writers_meet_a_table_of_version_1_while_it_is_migrated(
    catalog: Catalog, titles: list[AnyTitle]
) -> None:
    """From its first item to its last, in one run."""
    ap.load_titles(catalog, titles[:24])
    grow_old(catalog, "old")
    with writers(catalog, titles[:24]) as acknowledged:
        assert migrate.migrate(catalog).left == []
    assert_migrated(catalog)
    assert_kept(catalog, acknowledged)


OLD: Final = TableSchema(INDEX_KEYS, INCLUDED, Versions("_schema", CURRENT - 1))


def old_gateway(catalog: Catalog) -> Gateway:
    """Return a gateway with the conditions of the last version that had the former form."""
    return Gateway(catalog.table, catalog.client, OLD)


def old_creation(title: Movie, tally: Item, slot: int) -> Plan:
    """Plan a title as the last version did that had the former form."""
    read = as_read(codec.read_version(tally))
    name = keys.FormerTally(title.kind, keys.shard_of(title.key))
    own = codec.encode_title(title, version=7, slot=slot)
    former = (own, codec.encode_former_listing(title), codec.encode_former_slot(title.key, slot))
    return (
        *(Put(item | {"_schema": number(CURRENT - 1)}, Absent()) for item in former),
        Update(
            keys.item_key(name),
            sets=(("_type", "tally"), ("_schema", CURRENT - 1)),
            adds=(("total", 1), ("_version", 1)),
            condition=NotNewer(read),
        ),
    )


@pytest.mark.parametrize("first", ["migrate", "put another", "delete another", "set genres"])
def test_a_creation_of_an_older_process_is_refused_from_the_first_write_on(
    catalog: Catalog, first: str
) -> None:
    """It read the tallies before they were moved, or reads them afterwards; nothing is counted."""
    ap.load_titles(catalog, [movie(8, 28), movie(16, 28)])
    grow_old(catalog, "version 3")
    at = keys.former_tally_key("movie", 0)
    read = dump(catalog)[at]
    acts: dict[str, Callable[[], object]] = {
        "migrate": lambda: migrate.migrate(catalog),
        "put another": lambda: ap.put_title(catalog, movie(24, 28)),
        "delete another": lambda: ap.delete_title(catalog, "movie", 8),
        "set genres": lambda: ap.set_genres(catalog, "movie", 8, [35]),
    }
    acts[first]()
    before = dump(catalog)
    for tally in (read, before[at]):
        with pytest.raises(SchemaMismatchError, match="update catalog-model"):
            old_gateway(catalog).transact(old_creation(movie(32, 28), tally, 2))
    with pytest.raises(SchemaMismatchError):
        OLD.versions.check_not_newer(before[at])
    assert dump(catalog) == before
    migrate.migrate(catalog)
    assert_migrated(catalog)


def test_a_creation_of_an_older_process_just_before_the_move_is_counted(catalog: Catalog) -> None:
    """The move then finds that the tally has changed, and reads again."""
    ap.load_titles(catalog, [movie(8, 28)])
    grow_old(catalog, "version 3")
    late = movie(16, 35)

    def create() -> None:
        tally = dump(catalog)[keys.former_tally_key("movie", 0)]
        old_gateway(catalog).transact(old_creation(late.replace(genre_ids=[]), tally, 1))

    with hooked(catalog, "before-call.dynamodb.TransactWriteItems", once(create)):
        ap.put_title(catalog, movie(24, 28))
    migrate.migrate(catalog)
    assert_migrated(catalog)
    assert {key.id for key in assert_in_step(catalog)} == {8, 16, 24}


ACTS: dict[str, Callable[[Catalog, AnyTitle], Any]] = {
    "change it": lambda catalog, title: ap.update_popularity(catalog, *title.key, 4.5),
    "take a genre away": lambda catalog, title: ap.set_genres(catalog, *title.key, [28]),
    "delete it": lambda catalog, title: ap.delete_title(catalog, *title.key),
    "add a neighbour": lambda catalog, _: ap.put_title(catalog, movie(16, 28)),
    "put it again": lambda catalog, title: (
        ap.delete_title(catalog, *title.key),
        ap.put_title(catalog, title),
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("operation", WRITES)
def test_writes_between_reading_and_writing_are_not_undone(
    catalog: Catalog, act: str, operation: str
) -> None:
    """What the migration has read is outdated then: it reads again, or has nothing to do."""
    title = movie(8, 28, 12)
    ap.load_titles(catalog, [title, movie(24, 12), movie(9, 28)])
    grow_old(catalog, "old")
    done: list[Any] = []

    def meet() -> None:
        done.append(ACTS[act](catalog, title))

    with hooked(catalog, f"before-call.dynamodb.{operation}", once(meet)):
        report = migrate.migrate(catalog, segments=1)
    assert len(done) == 1
    assert report.left == []
    after = dump(catalog)
    assert_migrated(catalog)
    assert (keys.title_key(title.key) in after) is (act != "delete it")
    if act == "change it":
        assert ap.get_title(catalog, *title.key).popularity == 4.5


# --- interruption and resumption


def _stop(_: int) -> None:
    """End a migration at its first page."""
    raise Killed


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("segments", [1, 2])
def test_a_killed_migration_gets_there(filled: Catalog, tmp_path: Path, segments: int) -> None:
    """Each run resumes after the last one's checkpoint; at the end the file is removed."""
    new = comparable(dump(filled))
    items = len(grow_old(filled, "old"))
    place = tmp_path / "place.json"
    runs = read = 0
    while True:
        with filled.trace() as trace:
            try:
                report = migrate.migrate(
                    filled,
                    checkpoint=place,
                    segments=segments,
                    on_progress=_stop if runs < 1000 else None,
                )
            except Killed:
                runs += 1
            else:
                break
            finally:
                read += sum(r.items_read for r in trace if r.operation == "Scan")
        assert json.loads(place.read_text())["target"] == CURRENT
    assert runs >= items // 10 // segments
    assert read <= items + 4 * keys.SHARDS, "no page was read twice; tallies were added"
    assert report.items == 0
    assert list(tmp_path.iterdir()) == []
    assert comparable(dump(filled)) == new
    assert_migrated(filled)


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
@pytest.mark.parametrize("number", [2, 4, 8, 19, 25])
def test_a_migration_killed_at_a_request_is_completed_by_repeating_it(
    filled: Catalog, tmp_path: Path, number: int, moment: str
) -> None:
    """Before it is sent, or with its answer lost."""
    new = comparable(dump(filled))
    grow_old(filled, "old")
    place = tmp_path / "place.json"
    with killed_at(filled, f"{moment}.dynamodb", number):
        migrate.migrate(filled, checkpoint=place, segments=1)
    assert place.exists()
    assert verify(filled).is_clean
    assert migrate.migrate(filled, checkpoint=place).left == []
    assert not place.exists()
    assert comparable(dump(filled)) == new
    assert_migrated(filled)


def checkpoint_of(catalog: Catalog, **other: Any) -> dict[str, Any]:
    """Return a checkpoint of a migration of the table, with one difference."""
    walk = {"table": catalog.table, "endpoint": catalog.client.meta.endpoint_url}
    return {**walk, "target": CURRENT, "segments": [None, "done"], **other}


NO_PLACES: list[dict[str, Any]] = [
    *({}, {"PK": 5}, {"PK": {"S": "a"}}, {"items": 5}, {"PK": {"S": "a"}, "SK": "a"}),
    *({"PK": {"S": "a"}, "SK": wrong} for wrong in ({"N": "1"}, {"S": 1}, {"S": ""}, None)),
    *({"PK": {"S": "a"}, "SK": {"S": text}} for text in ("a\ud800", "a" * 1025)),
    {"PK": {"S": "a"}, "SK": {"S": "a", "N": "1"}},
    {"PK": {"S": "a"}, "SK": {"S": "a"}, "by": {"S": "a"}},
]
"""Objects that are no keys of items."""


@pytest.mark.parametrize(
    "content",
    [
        {"table": "another"},
        {"endpoint": "http://127.0.0.1:1"},
        {"target": CURRENT + 1},
        {"segments": []},
        {"segments": ["here"]},
        {"segments": 7},
        *({"segments": [None, place]} for place in NO_PLACES),
        {"segments": [None] * 2000},
        *("", "{", "[]", "7", "{}", "\x00"),
    ],
    ids=repr,
)
def test_a_checkpoint_of_something_else_is_refused(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | dict[str, Any]
) -> None:
    """By name, before anything is read; the file, which may be another, is not changed."""
    monkeypatch.chdir(tmp_path)  # a long path would be truncated
    place = Path("place.json")
    text = content if isinstance(content, str) else json.dumps(checkpoint_of(catalog, **content))
    place.write_text(text)
    with catalog.trace() as trace, pytest.raises(InvalidArgumentError, match=r"place\.json"):
        migrate.migrate(catalog, checkpoint=place)
    assert len(trace) == 0
    assert place.read_text() == text


def test_a_checkpoint_decides_how_many_segments_there_are(filled: Catalog, tmp_path: Path) -> None:
    """One of its two segments is done and the other is left, whatever number is requested."""
    place = tmp_path / "place.json"
    place.write_text(json.dumps(checkpoint_of(filled)))
    with filled.trace() as trace:
        migrate.migrate(filled, checkpoint=place, segments=5)
    scans = [r.asked for r in trace if r.operation == "Scan"]
    asked = {(each["Segment"], each["TotalSegments"]) for each in scans}
    assert asked == {(0, 2)}


# --- pace


@pytest.mark.in_memory(False)
def test_a_migration_keeps_its_pace(
    filled: Catalog, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that advances only by waiting: all reads and writes count."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(migrate, "Pace", lambda rate: Pace(rate, lambda: now[0], sleep))
    grow_old(filled, "old")
    with filled.trace() as trace:
        report = migrate.migrate(filled, units_per_second=25, segments=1)
    assert now[0] * 25 >= report.units
    if engine.measures:
        assert now[0] * 25 == pytest.approx(sum(request.total_units for request in trace), rel=0.02)


# --- items that are left


def test_what_cannot_be_brought_up_is_left_with_the_reason(catalog: Catalog) -> None:
    """A copy without a title, an unwanted copy, an unreadable title."""
    title = movie(8, 28)
    ap.put_title(catalog, title)
    orphan = codec.encode_membership(movie(99, 28), 28)
    surplus = codec.encode_membership(title, 35)
    unreadable = codec.own_item(keys.TitleItem(TitleKey("movie", 555)))
    foreign = {"PK": {"S": "USER#7"}, "SK": {"S": "ALL"}, "_schema": {"N": "1"}}
    stray = {**key_attributes(ItemKey("SLOT#movie#0", "SLOT#0299")), "_schema": NEWER}
    for item in (orphan, surplus, unreadable):
        put(catalog, as_version_1(item))
    for item in (foreign, stray):
        put(catalog, item)
    report = migrate.migrate(catalog)
    reasons = dict(report.left)
    assert set(reasons) == {primary_key(each) for each in (orphan, surplus, unreadable)}
    assert reasons[primary_key(unreadable)].startswith(
        "this title cannot be read (genre_ids is missing)"
    )
    assert (report.foreign, report.versions) == (1, {1: 3, CURRENT: 4, CURRENT + 1: 1})
    after = dump(catalog)
    assert after[primary_key(foreign)] == foreign
    assert after[primary_key(stray)] == stray
    assert dict(migrate.migrate(catalog).left) == reasons


def test_a_title_whose_slot_has_another_title_is_left(filled: Catalog) -> None:
    """It does not keep the others from being upgraded; after a repair, it is upgraded, too."""
    new = comparable(dump(filled))
    one, other = movie(8_000_000), movie(8_000_008)
    ap.load_titles(filled, [one, other])
    grow_old(filled, "version 3")
    at = keys.title_key(one.key)
    slot = keys.listing_key(one.key, codec.read_count(dump(filled)[at], codec.SLOT))
    change(filled, slot, title_id=number(other.id))
    report = migrate.migrate(filled)
    assert {key.PK for key, _ in report.left} == {slot.PK, at.PK}
    reason = f"its slot, {' | '.join(slot)}, is not its own: `catalog-model repair` assigns one"
    assert dict(report.left)[at] == reason
    assert not new.keys() - comparable(dump(filled)).keys()
    repair(filled)
    assert migrate.migrate(filled).left == []
    assert_migrated(filled)
    assert {one.key, other.key} <= assert_in_step(filled).keys()


@pytest.mark.in_memory(False)
def test_a_title_that_would_become_too_large_is_left(catalog: Catalog, engine: Engine) -> None:
    """It filled its item to the last byte; it can still be read, and be made smaller."""
    if engine.name == "moto":
        pytest.skip("moto takes at most 405,000 bytes")

    def items(overview: str) -> list[Item]:
        title = movie(8, overview=overview)
        own = codec.encode_title(title, version=2**48, slot=0)
        slot = codec.encode_former_slot(title.key, 0)
        return [own, codec.encode_former_listing(title), slot]

    largest = codec.encode_listing(movie(8, overview=""), codec.LARGEST)
    fitting = MAX_ITEM_BYTES - item_size(largest)
    ap.put_title(catalog, movie(8))
    for item in map(as_version_1, items("x" * (fitting + 1))):
        assert item_size(item) <= MAX_ITEM_BYTES
        put(catalog, item)
    report = migrate.migrate(catalog)
    assert "409,600" in dict(report.left)[keys.title_key(TitleKey("movie", 8))]
    assert len(ap.get_title(catalog, "movie", 8).to_json()["overview"]) == fitting + 1
    ap.put_title(catalog, movie(8, overview="Short."))
    assert_migrated(catalog)


def test_a_newer_title_with_older_copies_is_left(filled: Catalog) -> None:
    """With its slot: code of an older version does not write there."""
    grow_old(filled, "old")
    at = min(key for key in dump(filled) if key.PK == key.SK)
    title, slot = keys.parse_key(*at), codec.read_slot(dump(filled)[at])
    assert isinstance(title, keys.TitleItem)
    assert slot is not None
    change(filled, at, _schema=NEWER)
    before = {key: item for key, item in dump(filled).items() if key.PK == at.PK}
    reasons = dict(migrate.migrate(filled).left)
    assert {key.PK for key in reasons} == {at.PK, keys.listing_key(title.key, slot).PK}
    assert all(f"of version {CURRENT + 1}" in reason for reason in reasons.values())
    assert {key: item for key, item in dump(filled).items() if key.PK == at.PK} == before


# --- on the command line


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    """The command line on a table of version 1."""
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        command = CommandLine(engine).filled([movie(n, 28, 12) for n in range(1, 13)])
        yield command


def test_the_command_line_migrates_and_says_what_it_did(cli: CommandLine) -> None:
    """First a dry run, then the migration; `verify` counts before and after."""
    items = len(grow_old(cli.catalog, "old"))
    assert f"{items} items of an older version" in cli.done("verify")
    dry = cli.json("migrate", "--dry-run")
    assert (dry["versions"], dry["outdated"], dry["dry_run"]) == ({"1": items}, items, True)
    assert f"{items} items of version 1" in cli.done("migrate", "--dry-run")
    done = cli.done("migrate", "--units-per-second", "1e6", "--segments", "2")
    assert f"{items} items upgraded to version {CURRENT}" in done
    assert "older" not in cli.done("verify")
    assert cli.json("migrate")["versions"] == {str(CURRENT): len(dump(cli.catalog))}


def test_an_interruption_says_how_to_go_on(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130, and a file that the next run reads and removes."""
    grow_old(cli.catalog, "old")
    monkeypatch.setattr(migrate, "PAGE", 10)
    place = tmp_path / "the place.json"

    def press(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrate_command, "progress", lambda *_: nullcontext(press))
        result, without = cli("migrate", "--checkpoint", str(place)), cli("migrate")
        spread = cli("migrate", "--list-shards", "4", "--checkpoint", str(place))
    assert (result.exit_code, result.stdout, without.exit_code) == (130, "", 130)
    assert f"`catalog-model migrate --checkpoint '{place}'` continues" in result.stderr
    assert "run the command again for the rest" in without.stderr
    assert f"`catalog-model migrate --list-shards 4 --checkpoint '{place}'`" in spread.stderr
    assert place.exists()
    cli.done("migrate", "--checkpoint", str(place))
    assert not place.exists()
    assert versions(cli.catalog) == {CURRENT}


def test_what_is_left_is_shown_and_the_exit_code_is_1(cli: CommandLine) -> None:
    """With its key and the reason."""
    orphan = codec.encode_membership(movie(9999, 28), 28)
    put(cli.catalog, as_version_1(orphan))
    result = cli("migrate")
    assert result.exit_code == 1
    assert "left: TITLE#movie#9999 | GENRE#28: it does not match its title" in result.stdout
    cli.catalog.client.delete_item(
        TableName=cli.catalog.table, Key=key_attributes(primary_key(orphan))
    )
