"""A table with few provisioned units: work on many titles continues at its pace, to the end."""

import os
import random
import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from command_line import CommandLine
from engines import Engine, running_server
from memory_engine import fill
from older_tables import grow_old
from table_dump import assert_in_step, by_key, movie
from throughput import Clock, Throughput, limited_throughput

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.cli import progress
from catalog_model.cli.progress import Progress, left
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.pace import AdaptivePace
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.errors import AccessDeniedError
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import keys
from catalog_model.writes.load import LoadReport

MINUTE = 60.0


@pytest.fixture
def measuring(engine: Engine) -> Engine:
    """An engine that reports its charges."""
    if not engine.measures:
        pytest.skip("moto's units are constants: nothing can be charged by them")
    return engine


@pytest.fixture
def provisioned(measuring: Engine) -> Iterator[Any]:
    """Makes provisioned tables with this number of read and write units."""
    made: list[Catalog] = []

    def make(units: int) -> Catalog:
        made.append(Engine(measuring.name, measuring.endpoint_url).catalog())
        create_table(made[-1], read_capacity=units, write_capacity=units)
        return made[-1]

    yield make
    for catalog in made:
        delete_table(catalog)


def now(throughput: Throughput) -> float:
    """Return the simulated time."""
    assert throughput.clock
    return throughput.clock()


def ideal_seconds(throughput: Throughput, rate: float, burst: float) -> float:
    """Return the minimum duration, from the most used units beyond the burst capacity."""
    return max(throughput.units.values()) / rate - 300 * burst


@pytest.mark.parametrize("seed", range(6))
def test_a_load_continues_at_the_pace_of_any_table(
    seed: int, provisioned: Any, titles: list[AnyTitle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, complete, without losses, and not much slower than the table's units allow.

    The units, the burst capacity and the number of titles are random; a role that only writes may
    not ask for the capacity.
    """
    rng = random.Random(seed)
    units, burst = rng.choice([1, 2, 5, 10, 25]), rng.choice([0.0, 0.1, 1.0])
    some = rng.sample(titles, rng.randint(30, 60))
    catalog = provisioned(units)
    if seed % 3 == 0:
        denied = Mock(side_effect=AccessDeniedError("no DescribeTable"))
        monkeypatch.setattr(catalog.gateway, "describe_table", denied)
    with limited_throughput(catalog, units, units, seed=seed, burst=burst) as throughput:
        report = ap.load_titles(catalog, some)
    assert report == LoadReport(created=len(some))
    assert (report.throttled > 0) == (throughput.refused["TransactWriteItems"] > 0)
    assert assert_in_step(catalog) == by_key(some)
    least = max(0.0, ideal_seconds(throughput, units, burst))
    assert now(throughput) <= 1.1 * least + 30
    assert report.throttled <= len(some)


def test_a_load_that_was_slowed_down_is_fast_again_when_the_table_is(provisioned: Any) -> None:
    """Its capacity is scaled from 1 to 200 units, as by auto scaling, without notice."""
    some = [movie(number, 28, 12, 18) for number in range(1, 121)]
    catalog = provisioned(1)
    seen: list[tuple[float, int]] = []
    with limited_throughput(catalog, 200, 1, burst=0.0) as throughput:

        def scale(done: int) -> None:
            seen.append((now(throughput), done))
            if done == 20:
                throughput.scale(write_units=200)

        assert ap.load_titles(catalog, some, on_progress=scale).created == 120
    (slow, _), (fast, _) = seen[20], seen[-1]
    assert slow > 20 * 12
    assert fast - slow < 100 * 12 / 3


def test_a_load_takes_no_more_write_units_than_it_may(provisioned: Any) -> None:
    """Of the table and of each index, in transactions that are not bursts themselves."""
    some = [movie(number, 28, 12, 18) for number in range(1, 41)]
    for write_units in (5, 20.5, 60):
        catalog = provisioned(1000)
        with limited_throughput(catalog, 1000, 1000) as throughput, catalog.trace() as trace:
            report = ap.load_titles(catalog, some, write_units=write_units)
        assert (report.created, report.throttled) == (40, 0)
        taken = throughput.units[TABLE, "write"]
        largest = max(r.units[TABLE] for r in trace if r.operation == "TransactWriteItems")
        assert largest <= max(write_units, 16) * 1.3
        assert (taken - 2 * largest) / write_units <= now(throughput)
        assert now(throughput) <= 1.2 * taken / write_units + 2


@pytest.mark.parametrize("units", [pytest.param(1, marks=pytest.mark.slow), 10])
def test_maintenance_continues_at_the_tables_pace(units: int, provisioned: Any) -> None:
    """On a table that is throttling from the beginning."""
    some: list[AnyTitle] = [movie(number, 28, 12, 18, 35) for number in range(1, 31)]
    catalog = provisioned(units)
    fill(catalog, some)
    grow_old(catalog, "old")
    with limited_throughput(catalog, units, units, burst=0.0) as throughput:
        assert migrate(catalog, segments=2).left == []
    assert throughput.refused["TransactWriteItems"] > 0
    for title in some[:10]:
        gone = key_attributes(keys.membership_key(title.key, 28))
        catalog.client.delete_item(TableName=catalog.table, Key=gone)
    with limited_throughput(catalog, units, units, burst=0.0) as throughput:
        assert len(repair(catalog).actions) > 0
        assert verify(catalog).is_clean
    assert throughput.refused["Scan"] > 0
    assert assert_in_step(catalog) == by_key(some)


def test_a_pace_follows_what_is_refused_and_what_is_taken() -> None:
    """First at the capacity, slower if that is throttled, too, then gradually faster."""
    clock = Clock()
    pace = AdaptivePace(None, clock, clock.sleep)
    pace.await_turn()
    pace.taken(1000)
    assert (pace.rate, clock()) == (None, 0)
    pace.refused(capacity=10, guess=500)
    assert pace.rate == 10
    pace.refused(capacity=10, guess=500)
    assert pace.rate == pytest.approx(7)
    pace.taken(70)
    pace.await_turn()
    assert clock() == pytest.approx(10, rel=0.01)
    for _ in range(300):
        pace.taken(1)
    assert pace.rate > 100
    for _ in range(100):
        pace.refused(capacity=None, guess=1)
    assert 0 < pace.rate < 1


def test_a_pace_is_never_above_its_bound() -> None:
    """However many writes succeed, and whatever capacity the table reports."""
    pace = AdaptivePace(5)
    for _ in range(100):
        pace.taken(0)
    assert pace.rate == 5
    pace.refused(capacity=100, guess=100)
    assert pace.rate < 5


def test_progress_tells_how_far_it_is_and_how_long_it_takes() -> None:
    """By the last minute, so an initial burst has a short effect."""
    clock = Clock()
    shown = Progress(1160, clock=clock)
    assert shown.line() == "0 of 1,160 titles, time left unknown"
    shown(270)
    clock.sleep(10)
    assert shown.line() == "270 of 1,160 titles, about 33 s left"
    shown.throttled()
    for done in range(271, 471):
        clock.sleep(1)
        shown(done)
        line = shown.line()
    assert line == "throttled: waiting; 470 of 1,160 titles, about 12 min left"
    shown(400)
    assert shown.done == 470
    clock.sleep(300)
    assert shown.line().startswith("470 of 1,160 titles")


def test_progress_shows_a_pause_of_the_work() -> None:
    """Not a time left that the work before the pause would take."""
    clock = Clock()
    shown = Progress(200, "item", "Migrating", clock=clock)
    clock.sleep(1)
    shown(100)
    assert shown.line() == "100 of 200 items, about 1 s left"
    shown.pauses(90)
    clock.sleep(30)
    assert shown.line() == "pausing for 60 s; 100 of 200 items, time left unknown"
    assert shown.words == "Migrating, pausing for 60 s"
    clock.sleep(59)
    assert shown.line() == "pausing for 1 s; 100 of 200 items, time left unknown"
    clock.sleep(4)
    shown(150)
    assert (shown.line(), shown.words) == ("150 of 200 items, about 4 s left", "Migrating")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "time left unknown"),
        (0, "about 0 s left"),
        (59.6, "about 60 s left"),
        (89, "about 89 s left"),
        (840, "about 14 min left"),
        (15_480, "about 4.3 h left"),
    ],
)
def test_durations_are_readable(seconds: float | None, text: str) -> None:
    """Seconds, minutes or hours."""
    assert left(seconds) == text


@pytest.fixture
def cli(measuring: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The command line on a table with one unit."""
    with running_server(measuring.name) as engine:
        cli = CommandLine(engine)
        create_table(cli.catalog, read_capacity=1, write_capacity=1)
        monkeypatch.setattr(Catalog, "from_env", lambda **_: cli.catalog)
        yield cli


LOAD = ("load", "--movies", str(sample_folder() / FILE_NAMES["movie"]))


def test_the_command_loads_to_the_end_and_tells_how_far_it_is(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run, exit code 0, a report, and regular output on stderr."""
    monkeypatch.setattr(progress, "TICK", 0.002)
    with limited_throughput(cli.catalog, 1, 1, burst=0.5) as throughput:
        result = cli(*LOAD)
    assert (result.exit_code, throughput.refused["TransactWriteItems"] > 0) == (0, True)
    assert result.stdout == "60 created, 0 changed, 0 unchanged, 0 rejected\n"
    lines = result.stderr.splitlines()
    told = r"throttled: waiting; (\d+) of 60 titles, (about [\d.]+ (s|min|h)|time) left.*"
    assert len([line for line in lines if re.fullmatch(told, line)]) > 3
    assert re.fullmatch(r"The table was throttled \d+ times\.", lines[-1])
    assert verify(cli.catalog).is_clean


def test_a_load_that_nothing_comes_of_says_how_far_it_came(cli: CommandLine) -> None:
    """After a quarter of an hour without any progress, with exit code 254."""
    with limited_throughput(cli.catalog, 10, 0.0001) as throughput:
        result = cli(*LOAD)
    assert (result.exit_code, result.stdout) == (254, "")
    assert 15 * MINUTE <= now(throughput) <= 25 * MINUTE
    there = ap.count_titles(cli.catalog, "movie")
    assert 0 < there < 60
    assert f"{there} of 60 titles done; run the same command again to continue." in result.stderr
    assert "raise the capacity" in result.stderr


@pytest.mark.skipif("CATALOG_DATA" not in os.environ, reason="CATALOG_DATA names no real data")
@pytest.mark.parametrize("units", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_the_whole_catalogue_is_loaded_by_one_run(
    units: int, provisioned: Any, titles: list[AnyTitle]
) -> None:
    """On 10 units in about 21 minutes, on one in little more than four hours."""
    catalog = provisioned(units)
    with limited_throughput(catalog, units, units) as throughput:
        report = ap.load_titles(catalog, titles)
    assert report == LoadReport(created=len(titles))
    assert verify(catalog).is_clean
    for kind in KINDS:
        assert ap.count_titles(catalog, kind) == sum(title.kind == kind for title in titles)
    assert now(throughput) <= 1.02 * ideal_seconds(throughput, units, 1.0)
    assert report.throttled < len(titles) / 8
