"""Every wait of the package is in one module, and tests can remove those before retries."""

import ast
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest
from older_tables import as_version_2, put
from table_dump import dump, movie

import catalog_model
from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.errors import ConflictError, ThrottledError
from catalog_model.operations import migrate, repair, verify
from catalog_model.testing import Fault, inject_faults, without_pauses

PACKAGE = Path(catalog_model.__file__).parent

ALLOWED = {
    ("dynamodb/waits.py", "time.sleep"): "the one place",
    ("dynamodb/waits.py", "stopped.wait"): "the one place",
    ("dynamodb/waits.py", "stop.wait"): "the one place",
    ("dynamodb/engines/keeper.py", "time.sleep"): "a script without this package; for a program",
    ("dynamodb/engines/keeper.py", "program.wait"): "for the end of a program",
    ("dynamodb/engines/keeper.py", "ended.wait"): "for the end of a program",
    ("dynamodb/engines/moto_server.py", "ended.wait"): "for the end of the program that started it",
    ("dynamodb/faults/kinds.py", "wait"): "botocore's, for a copy of the table",
    ("dynamodb/guard.py", "self._freed.wait"): "for a place among the requests",
    ("dynamodb/strict/client.py", "use.done.wait"): "for another thread's transaction",
    ("flask/__init__.py", "asking.wait"): "for another thread's answer",
    ("cli/progress.py", "over.wait"): "between two drawings of the bar, in a thread of its own",
    ("dynamodb/retries.py", "work.wait"): "ours: it ends in `waits.rest`",
    ("writes/load_pace.py", "self.wait"): "ours: it ends in `waits.rest`",
    ("deployment/performing.py", "patience.wait"): "ours: it ends in `waits.sleep`",
    ("operations/restore.py", "work.wait"): "ours: it ends in `waits.sleep`",
}


def waits_in(source: str) -> Iterator[str]:
    """Return every mention of `time.sleep`, and every call of a ``wait``, in the source."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name("time" | "_time"), attr="sleep"):
                yield "time.sleep"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"from time import {each.name}" for each in names)
            case ast.Call(func=ast.Attribute(value=receiver, attr="wait" | "wait_for")):
                words = ast.unparse(receiver)
                yield f"{words}.wait" if words.replace(".", "").isidentifier() else "wait"


def test_nothing_else_waits() -> None:
    """`without_pauses` would silently miss a pause elsewhere."""
    found = {
        (path.relative_to(PACKAGE).as_posix(), words)
        for path in PACKAGE.rglob("*.py")
        for words in waits_in(path.read_text(encoding="utf-8"))
    }
    assert found - ALLOWED.keys() == set()


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "from time import sleep\nsleep(1)",
        "def f(sleep=time.sleep): sleep(1)",
        "threading.Event().wait(1)",
        "self._stopped.wait(timeout=1)",
    ],
)
def test_a_wait_is_found_however_it_is_written(source: str) -> None:
    """So the test above can fail."""
    assert list(waits_in(source))


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No wait takes time; the seconds are collected instead."""
    waited: list[float] = []
    for name in ("catalog_model.dynamodb.waits.sleep", "time.sleep"):
        monkeypatch.setattr(name, lambda seconds, *_: waited.append(seconds))
    return waited


def lose_all_races(catalog: Catalog) -> None:
    """Make tables older, and let another writer win each race for them."""
    for item in dump(catalog).values():
        put(catalog, as_version_2(item))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("transact", "update"):
            lose = Mock(side_effect=LostRaceError("another writer was faster"))
            patch.setattr(type(catalog.gateway), name, lose)
        migrate(catalog)


THROTTLED = [Fault("throttling", at=range(1, 200))]
RETRIED: dict[str, tuple[list[Fault], Callable[[Catalog], object]]] = {
    "get_title": (THROTTLED, lambda c: ap.get_title(c, "movie", 1)),
    "get_titles": (THROTTLED, lambda c: ap.get_titles(c, [movie(1).key])),
    "update_title": (THROTTLED, lambda c: ap.update_title(c, "movie", 1, popularity=8)),
    "put_title": (THROTTLED, lambda c: ap.put_title(c, movie(7))),
    "load_titles": (THROTTLED, lambda c: ap.load_titles(c, [movie(8)])),
    "verify": (THROTTLED, verify),
    "repair": (THROTTLED, repair),
    "migrate": (THROTTLED, migrate),
    "migrate, overtaken": ([], lose_all_races),
}


@pytest.mark.parametrize("name", RETRIED)
@pytest.mark.parametrize("paused", [True, False])
def test_no_call_pauses_before_a_retry_without_pauses(
    few: Catalog, waited: list[float], monkeypatch: pytest.MonkeyPatch, name: str, *, paused: bool
) -> None:
    """Reads, writes and work on the whole table; without the removal of pauses, they wait."""
    faults, call = RETRIED[name]
    monkeypatch.setattr("catalog_model.dynamodb.retries.MAX_STALLED_WORK_RETRIES", 20)
    pauses = nullcontext() if paused else without_pauses()
    with pauses, inject_faults(few, faults), pytest.raises((ThrottledError, ConflictError)):
        call(few)
    assert (sum(waited) > 0) == paused


def test_pauses_are_left_out_until_the_last_block_ends(waited: list[float]) -> None:
    """Blocks may be nested, and end in any order in several threads."""
    one, other = without_pauses(), without_pauses()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    waits.rest(1)
    assert (waits.pause(3), sum(waited)) == (0, 0)
    other.__exit__(None, None, None)
    waits.rest(1)
    assert (waits.pause(3) > 0, sum(waited)) == (True, 1)


def test_a_wait_for_a_pace_is_not_left_out(waited: list[float]) -> None:
    """Waits for `units_per_second` are kept."""
    with without_pauses():
        waits.sleep(2)
    assert sum(waited) == 2
