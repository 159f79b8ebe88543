"""Concurrent writers and readers: their answers are those of some sequential order of all calls.

No reader sees an incomplete write, and the table is intact at the end. Deliberately broken writes
show that these tests can fail; `test_history` tests the checker.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from concurrent_runs import run_processes, run_threads
from concurrent_worker import observe, observe_get
from engines import Engine, has_dynoxide
from history import Call, check, is_linearizable
from table_dump import assert_in_step, hooked, movie, once

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.faults.injector import Injection
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.local import start_engine
from catalog_model.operations import create_table
from catalog_model.testing import Fault, inject_faults, without_pauses

KEY = TitleKey("movie", 1)

WRITES = {"put": 4, "create": 4, "delete": 3, "change_popularity": 3, "change_genres": 3, "get": 3}

A_MOMENT = 0.002
"""Seconds that a broken write leaves for others, so that they interfere on any machine."""


def of(engine: Engine, operations: int) -> int:
    """Return the number of operations in the time that dynoxide needs for this number."""
    return operations if engine.name == "dynoxide" else operations // 2


def test_only_one_of_many_creators_wins(catalog: Catalog) -> None:
    """put_title with if_absent: one creates it, all others are told that it exists."""

    def create(worker: int) -> Call:
        title = movie(1, 28, vote_count=worker)
        act = partial(ap.put_title, catalog, title, if_absent=True)
        return observe(KEY, "create", act, **title.to_json())

    with ThreadPoolExecutor(8) as pool:
        calls = list(pool.map(create, range(8)))
    assert Counter(call.outcome for call in calls) == {"ok": 1, "refused": 7}
    assert is_linearizable([*calls, observe_get(catalog, KEY)])
    assert ap.count_titles(catalog, "movie") == 1


def test_threads_that_meet_see_one_order(engine: Engine, catalog: Catalog) -> None:
    """Histories are linearizable, readers see no incomplete writes, the table is intact."""
    histories = run_threads(catalog, seed=1, threads=8, operations=of(engine, 30))
    found = check(histories)
    assert not found.violations
    assert histories.failures == found.outcomes.get("unknown", 0) == 0
    assert histories.races > 0
    assert found.open_calls > 1
    assert_in_step(catalog)


@pytest.mark.skipif(not has_dynoxide(), reason="dynoxide is not installed")
def test_processes_that_meet_see_one_order(tmp_path: Path) -> None:
    """Each with its own client, on an engine with its tables in a file."""
    with start_engine("dynoxide", folder=tmp_path) as engine:
        catalog = engine.catalog("catalog")
        create_table(catalog)
        histories = run_processes(engine, "catalog", seed=2, processes=4, operations=50)
        found = check(histories)
        assert not found.violations
        assert histories.failures == found.outcomes.get("unknown", 0) == 0
        assert histories.races > 0
        assert found.open_calls > 1
        assert_in_step(catalog)


def test_lost_answers_leave_one_order(engine: Engine, catalog: Catalog) -> None:
    """A write with a lost answer is retried, and counts once; if that fails, once or never."""
    faults = [Fault("lost_answer", 0.3), Fault("throttling", 0.2), Fault("conflict", 0.2)]
    injected: list[Injection] = []

    @contextmanager
    def disturbed() -> Iterator[None]:
        with without_pauses(), inject_faults(catalog, faults, seed=3) as injector:
            yield
        injected.extend(injector.injected)

    way: dict[str, Any] = {"threads": 4, "operations": of(engine, 30)}
    histories = run_threads(catalog, seed=3, **way, mix=WRITES, meanwhile=disturbed())
    found = check(histories)
    assert not found.violations
    assert found.outcomes["unknown"] > 0
    assert {each.kind for each in injected} == {"lost_answer", "throttling", "conflict"}
    assert_in_step(catalog)


def test_a_write_without_conditions_is_found(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers that both read first: the checker detects the lost update."""

    def forget(*_: object) -> None:
        time.sleep(A_MOMENT)

    monkeypatch.setattr("catalog_model.dynamodb.gateway._condition", forget)
    mix = {"put": 3, "change_popularity": 4, "change_votes": 4, "get": 2}
    found = check(run_threads(catalog, seed=4, threads=8, operations=20, mix=mix))
    assert any("no order explains" in problem for problem in found.violations)


def test_a_write_in_two_transactions_is_found(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.parametrize("match", ["rating", "any"])
def test_a_title_that_moves_while_a_page_is_read_is_on_it_once(
    catalog: Catalog, match: str
) -> None:
    """A page of several partitions needs several requests, and each may contain the title."""
    ap.put_title(catalog, movie(1, 12, 18, popularity=5, vote_count=0))
    ap.put_title(catalog, movie(2, 12, 18, popularity=4, vote_count=1, vote_average=0.5))

    def move() -> None:
        if match == "any":
            ap.update_popularity(catalog, "movie", 1, 3)
        else:
            ap.update_votes(catalog, "movie", 1, vote_average=0, vote_count=10**6)

    with hooked(catalog, "after-call.dynamodb.Query", once(move)):
        if match == "any":
            page = ap.list_titles_in_genres(catalog, "movie", [12, 18], match="any")
        else:
            page = ap.list_titles(catalog, "movie", order="rating")
    assert sorted(title.id for title in page) == [1, 2]
