"""Concurrent writers and readers: their answers are those of some sequential order of all calls.

No reader sees an incomplete write, and the table is intact at the end. Deliberately broken writes
show that these tests can fail; `test_history` tests the checker.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from concurrent_runs import run_processes, run_threads
from concurrent_worker import HOT, HOT_MIX, observe
from engines import Engine, has_dynoxide
from fault_histories import faults_of
from history import Histories, Verdict, check, is_linearizable
from scaled import scaled
from table_dump import assert_in_step, hooked, movie, once

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.faults.injector import Injection
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.writes import Writes
from catalog_model.local import Engine as LocalEngine
from catalog_model.local import start_engine
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import Fault, inject_faults, without_pauses

pytestmark = pytest.mark.one_engine

KEY = TitleKey("movie", 1)

WRITES = {"put": 4, "create": 4, "delete": 3, "change_popularity": 3, "change_genres": 3, "get": 3}

A_MOMENT = 0.002
"""Seconds that a broken write leaves for others, so that they interfere on any machine."""

OPERATIONS = {"dynoxide": 30, "moto": 15}
"""The number of operations of a thread, which take the same time on each engine."""


def assert_one_order(histories: Histories, catalog: Catalog) -> Verdict:
    """Check that histories are linearizable, and that the table is intact."""
    found = check(histories)
    assert not found.violations
    assert histories.races > 0
    assert_in_step(catalog)
    return found


def assert_undisturbed(histories: Histories, catalog: Catalog) -> None:
    """Check histories without faults, in which calls about a title were concurrent."""
    found = assert_one_order(histories, catalog)
    assert histories.failures == found.outcomes.get("unknown", 0) == 0
    assert found.open_calls > 1


def test_threads_that_meet_see_one_order(engine: Engine, catalog: Catalog) -> None:
    """Histories are linearizable, readers see no incomplete writes, the table is intact."""
    way: dict[str, Any] = {"threads": 8, "operations": OPERATIONS[engine.name]}
    assert_undisturbed(run_threads(catalog, seed=1, **way), catalog)


@pytest.fixture(scope="module")
def dynoxide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """A separate engine with its tables in a file."""
    if not has_dynoxide():
        pytest.skip("dynoxide is not installed")
    with start_engine("dynoxide", folder=tmp_path_factory.mktemp("file")) as engine:
        yield engine


@pytest.fixture
def in_file(dynoxide: LocalEngine, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A handle on a new table of that engine."""
    catalog = dynoxide.catalog(f"file-{abs(hash(request.node.name))}")
    create_table(catalog)
    yield catalog
    delete_table(catalog)


def test_processes_that_meet_see_one_order(dynoxide: LocalEngine, in_file: Catalog) -> None:
    """Each with its own client."""
    way: dict[str, Any] = {"seed": 2, "processes": 4, "operations": 50}
    assert_undisturbed(run_processes(dynoxide, in_file.table, **way), in_file)


HOT_WAY: dict[str, Any] = {"operations": 100_000, "mix": HOT_MIX, "contested": HOT}
"""Writers that share a few titles of one shard, and make as many writes as their time allows."""


@pytest.mark.parametrize("threads", [2, 3, 6, 16, 32])
def test_threads_that_meet_on_one_shard_leave_it_in_step(in_file: Catalog, threads: int) -> None:
    """Histories are linearizable, too, of as few threads as the search can take."""
    seconds = scaled(300 if threads <= 8 else 100) / 100
    histories = run_threads(in_file, seed=threads, threads=threads, seconds=seconds, **HOT_WAY)
    if threads <= 8:
        assert_one_order(histories, in_file)
    else:
        assert (histories.violations, histories.races > 0) == ([], True)
        assert_in_step(in_file)


def test_processes_on_one_shard_leave_it_in_step(dynoxide: LocalEngine, in_file: Catalog) -> None:
    """Each with its own client."""
    way: dict[str, Any] = {"seed": 1, "processes": 4, "seconds": scaled(300) / 100, **HOT_WAY}
    assert_one_order(run_processes(dynoxide, in_file.table, **way), in_file)


def test_lost_answers_leave_one_order(engine: Engine, catalog: Catalog) -> None:
    """Under all kinds of faults: a write that is retried counts once; one that fails, or never."""
    many = [Fault("lost_answer", 0.3), Fault("throttling", 0.2), Fault("conflict", 0.2)]
    faults = (*many, *faults_of(0))
    injected: list[Injection] = []

    @contextmanager
    def disturbed() -> Iterator[None]:
        with inject_faults(catalog, faults, seed=3, sleep=lambda _: None) as injector:
            yield
        injected.extend(injector.injected)

    way: dict[str, Any] = {"threads": 4, "operations": OPERATIONS[engine.name]}
    with without_pauses():
        histories = run_threads(catalog, seed=3, **way, mix=WRITES, meanwhile=disturbed())
    assert assert_one_order(histories, catalog).outcomes["unknown"] > 0
    met, planned = {each.kind for each in injected}, {each.kind for each in faults}
    assert met <= planned
    if engine.name == "dynoxide":  # on moto there are few operations
        assert {each.kind for each in many} <= met


def test_unconditional_writes_are_found(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers that both read first: the checker detects the lost update."""

    whole = Writes.action

    def forget(writes: Writes, operation: Any) -> dict[str, Any]:
        time.sleep(A_MOMENT)
        return whole(writes, replace(operation, condition=None))

    monkeypatch.setattr(Writes, "action", forget)
    mix = {"put": 3, "change_popularity": 4, "change_votes": 4, "get": 2}
    found = check(run_threads(catalog, seed=4, threads=8, operations=20, mix=mix))
    assert any("no order explains" in problem for problem in found.violations)


def test_a_write_in_two_parts_is_found(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The title first, its memberships later: a reader in between sees an inconsistent pair."""
    whole = Gateway.transact

    def in_two(gateway: Gateway, operations: Plan) -> None:
        whole(gateway, operations[:1])
        time.sleep(A_MOMENT)
        whole(gateway, operations[1:])

    monkeypatch.setattr(Gateway, "transact", in_two)
    mix = {"put": 2, "change_genres": 4, "look": 4}
    found = check(run_threads(catalog, seed=5, threads=8, operations=20, mix=mix))
    assert any("torn pair" in problem for problem in found.violations)
    assert any("torn collection" in problem for problem in found.violations)


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_title_put_again_is_not_taken_for_the_old_one(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    """It is deleted and put again between read and write; versions that all begin at 1 match."""
    if is_broken:
        monkeypatch.setattr("catalog_model.writes.storing.first_version", lambda: 1)
    title = movie(1, 28)
    record = title.to_json()
    create = partial(ap.put_title, catalog, title, if_absent=True)
    calls = [observe(KEY, "create", create, **record)]

    def meanwhile() -> None:
        calls.append(observe(KEY, "delete", partial(ap.delete_title, catalog, *KEY)))
        new = partial(ap.put_title, catalog, title.replace(vote_count=7))
        calls.append(observe(KEY, "put", new, **{**record, "vote_count": 7}))

    with hooked(catalog, "before-call.dynamodb.TransactWriteItems", once(meanwhile)):
        change = partial(ap.update_popularity, catalog, *KEY, 5.0)
        calls.append(observe(KEY, "change", change, popularity=5.0))
    assert [each.outcome for each in calls] == ["ok"] * 4
    assert is_linearizable(calls) is not is_broken
