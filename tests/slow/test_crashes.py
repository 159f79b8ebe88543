"""Processes and the engine are killed: no acknowledged write is lost, none is incomplete."""

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
CHANGING = {"begun": 1, "write": as_entry(Write("popularity", HEAT.key, {"popularity": 7.5}))}
DELETING = {"begun": 1, "write": as_entry(Write("delete", HEAT.key))}
NOTHING = {"done": 1, "answer": NOT_FOUND}
DOWN, UP = {"engine": "down"}, {"engine": "up"}

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
def test_after_a_kill_no_write_is_lost_or_incomplete(tmp_path: Path, some: list[AnyTitle]) -> None:
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
    last = {act.key: act for act in written}
    key = next(key for key, act in last.items() if act.name != "delete")
    ap.delete_title(crashes.written, *key)
    crashes.look_at_writes(journal)
    assert (crashes.figures.lost, crashes.figures.findings) == (1, 0)


def done(answer: AnyTitle) -> dict[str, Any]:
    return {"done": 1, "answer": answer.to_json_text()}


@pytest.mark.parametrize(
    ("there", "applied", "lost"), [(HEAT, 0, 0), (RENAMED, 1, 0), (HEAT.replace(adult=True), 0, 1)]
)
@pytest.mark.parametrize("last", [[], [{"unknown": 1}]])
def test_a_write_without_an_answer_is_there_whole_or_not_at_all(
    there: AnyTitle, applied: int, lost: int, last: list[dict[str, Any]]
) -> None:
    """The process or the engine was killed; the title has one of two values, and no other."""
    model = Model([HEAT])
    model.replay([CHANGING, *last])
    missing, unanswered, found = model.settle(by_key([there]))
    assert (len(missing), unanswered, found) == (lost, 1, applied)


@pytest.mark.parametrize(
    ("journals", "there", "lost"),
    [
        pytest.param([[CHANGING, done(RENAMED)]], [RENAMED], 0, id="the answered title"),
        pytest.param([[CHANGING, done(RENAMED)]], [HEAT], 1, id="the previous title"),
        pytest.param([[CHANGING, done(RENAMED)]], [], 1, id="no title"),
        pytest.param([[CHANGING, done(HEAT)]], [RENAMED], 1, id="an answer that cannot be"),
        pytest.param([[DELETING, NOTHING]], [], 1, id="nothing to delete"),
        pytest.param(
            [[DELETING, DOWN, UP, NOTHING]], [], 0, id="nothing, as the engine was killed"
        ),
        pytest.param([[DOWN], [DELETING, NOTHING]], [], 1, id="it was killed in another process"),
    ],
)
def test_a_write_with_an_answer_is_there(
    journals: list[list[dict[str, Any]]], there: list[AnyTitle], lost: int
) -> None:
    """Only a killed engine may say that a deletion found nothing, and only to that process.

    The engine forgets the token of a request, so the client's retry meets its own write.
    """
    model = Model([HEAT])
    for journal in journals:
        model.replay(journal)
    missing, unanswered, _ = model.settle(by_key(there))
    assert (len(missing), unanswered) == (lost, 0)
    assert model.acknowledged == (NOTHING not in journals[-1])
