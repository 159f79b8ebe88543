"""Processes and the engine are killed: no acknowledged write is lost, none is incomplete."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_worker import NOT_FOUND, as_entry, from_entry
from crashes import SCHEDULE, Crashes, Model, crashing, run
from engines import has_dynoxide
from fault_histories import Write
from table_dump import by_key, movie

from catalog_model import access_patterns as ap
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.verify import verify

HEAT = movie(949, 80, 18)
RENAMED = HEAT.replace(popularity=7.5)
CHANGE = Write("popularity", HEAT.key, {"popularity": 7.5})
DELETION = Write("delete", HEAT.key)

needs_dynoxide = pytest.mark.skipif(not has_dynoxide(), reason="only dynoxide keeps its tables")


@pytest.fixture
def some(titles: list[AnyTitle]) -> list[AnyTitle]:
    """Enough titles for a load of several transactions."""
    return random.Random(9).sample(titles, 80)


@pytest.fixture
def crashes(tmp_path: Path, some: list[AnyTitle]) -> Iterator[Crashes]:
    """A table that writers change, on a persistent engine."""
    with crashing(tmp_path, some, seed=2) as crashes:
        yield crashes


@needs_dynoxide
def test_after_any_kill_no_write_is_lost_or_incomplete(
    tmp_path: Path, some: list[AnyTitle]
) -> None:
    """Writers, loaders and the engine, at any time or at a request; `make soak` has many more."""
    figures = run(8, 4, tmp_path, some)
    assert figures.notes == []
    assert figures.is_clean
    assert figures.kills.total() >= 8
    assert {what.split()[0] for what in +figures.kills} == {what.split()[0] for what in SCHEDULE}
    assert figures.acknowledged > 0
    assert figures.unanswered > 0
    assert figures.repeated_loads > 0


@needs_dynoxide
def test_a_product_that_writes_in_two_requests_is_found_out(crashes: Crashes) -> None:
    """Killed in between, it leaves an incomplete title, which the tests above would detect."""
    crashes.kill_writer("broken", "answered", 2, writers=1, splits=True)
    assert crashes.figures.kills["broken"] == 1
    assert crashes.figures.findings > 0
    assert not crashes.figures.is_clean
    assert not verify(crashes.written).is_clean


@needs_dynoxide
def test_an_acknowledged_write_that_is_gone_is_found_out(crashes: Crashes) -> None:
    """Another writer undoes it; the table is intact, so only the journal shows the loss."""
    with crashes.writers() as worker:
        worker.await_answers(20)
        worker.finish()
        journal = worker.journal()
    done = {entry["done"] for entry in journal if entry.get("answer", NOT_FOUND) != NOT_FOUND}
    written = [from_entry(**entry["write"]) for entry in journal if entry.get("begun") in done]
    last = by_act(written)
    key = next(key for key, act in last.items() if act.name != "delete")
    ap.delete_title(crashes.written, *key)
    crashes.look_at_writes(journal)
    assert (crashes.figures.lost, crashes.figures.findings) == (1, 0)


def by_act(acts: list[Write]) -> dict[Any, Write]:
    """Return the last act on each title."""
    return {act.key: act for act in acts}


def entries(act: Write, *after: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the journal of one act."""
    return [{"begun": 1, "write": as_entry(act)}, *after]


@pytest.mark.parametrize(
    ("there", "applied", "lost"), [(HEAT, 0, 0), (RENAMED, 1, 0), (HEAT.replace(adult=True), 0, 1)]
)
@pytest.mark.parametrize("last", [[], [{"unknown": 1}]])
def test_a_write_without_an_answer_is_there_whole_or_not_at_all(
    there: AnyTitle, applied: int, lost: int, last: list[dict[str, Any]]
) -> None:
    """The process or the engine was killed; the title has one of two values, and no other."""
    model = Model([HEAT])
    model.replay(entries(CHANGE, *last))
    missing, unanswered, found = model.settle(by_key([there]))
    assert (len(missing), unanswered, found) == (lost, 1, applied)


@pytest.mark.parametrize(("there", "lost"), [(HEAT, 1), (RENAMED, 0), (None, 1)])
def test_a_write_with_an_answer_is_there(there: AnyTitle | None, lost: int) -> None:
    """Neither the previous title nor none is accepted."""
    model = Model([HEAT])
    model.replay(entries(CHANGE, {"done": 1, "answer": RENAMED.to_json_text()}))
    missing, unanswered, _ = model.settle(by_key([there] if there else []))
    assert (len(missing), unanswered, model.acknowledged) == (lost, 0, 1)


@pytest.mark.parametrize(
    ("was_killed", "lost"), [(False, 1), (True, 0)], ids=["engine runs", "engine was killed"]
)
def test_only_a_killed_engine_may_say_that_a_deletion_found_nothing(
    was_killed: bool, lost: int
) -> None:
    """The engine forgets the token of a request, so the client's retry meets its own write."""
    meanwhile = [{"engine": "down"}, {"engine": "up"}] if was_killed else []
    model = Model([HEAT])
    model.replay(entries(DELETION, *meanwhile, {"done": 1, "answer": NOT_FOUND}))
    missing, _, _ = model.settle({})
    assert len(missing) == lost


def test_only_the_process_that_saw_the_engine_killed_is_excused() -> None:
    """The next process must get the correct answer."""
    model = Model([HEAT])
    model.replay([{"engine": "down"}])
    model.replay(entries(DELETION, {"done": 1, "answer": NOT_FOUND}))
    missing, _, _ = model.settle({})
    assert len(missing) == 1


def test_an_answer_that_cannot_be_is_noted() -> None:
    """Even if the table is correct."""
    model = Model([HEAT])
    model.replay(entries(CHANGE, {"done": 1, "answer": HEAT.to_json_text()}))
    missing, _, _ = model.settle(by_key([RENAMED]))
    assert len(missing) == 1
