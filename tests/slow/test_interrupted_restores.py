"""A restore that is killed at any of its requests continues to the same end."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from engines import Engine, running_engine
from kills import Moment, killed_at
from memory_engine import fill
from restored import age, bare_restores, create_with_everything, remove, settings_of, wanted_of
from table_dump import dump, movie

from catalog_model import access_patterns as ap
from catalog_model.deployment.saved_table import read_saved
from catalog_model.operations import (
    RestoreReport,
    TableSettings,
    create_table,
    pointed_at,
    restore_table,
    unfinished_restore,
)
from catalog_model.operations.control import control_of

TITLES = [movie(number, 28) for number in range(1, 13)]


@pytest.fixture
def moto() -> Iterator[Engine]:
    """Tables of moto that are restored as DynamoDB restores them."""
    with running_engine("moto") as engine, bare_restores():
        yield engine


class Scene:
    """A table, and one restore of it with all options."""

    def __init__(self, engine: Engine, folder: Path, *, complete: bool) -> None:
        remove(engine.catalog("films"))
        folder.mkdir()
        self.folder = folder
        self.source = engine.catalog("films")
        if complete:
            create_with_everything(self.source)
        else:
            create_table(self.source, settings=TableSettings(recovery_days=7))
        age(self.source)
        fill(self.source, TITLES)
        self._damage()
        self.before = read_saved(control_of(self.source))
        self._arguments: dict[str, Any] = {
            "at": datetime.now(UTC) - timedelta(minutes=6),
            "to": "films-restored",
            "repair": True,
            "freeze": True,
            "cut_over": True,
            "pointer": f"file:{folder}/table.json",
            "list_lost": folder / "lost.jsonl",
            "journal": folder / "journal.json",
        }

    def _damage(self) -> None:
        key = {"PK": {"S": "TITLE#movie#3"}, "SK": {"S": "GENRE#28"}}
        self.source.client.delete_item(TableName="films", Key=key)

    def restore(self) -> RestoreReport:
        """Restore with the same arguments each time."""
        return restore_table(self.source, **self._arguments)

    def check(self, report: RestoreReport) -> None:
        """Check that everything is as after a restore that was not interrupted."""
        restored = self.source.for_table("films-restored")
        assert report.is_clean
        assert report.is_cut_over
        assert settings_of(restored) == wanted_of(self.source, restored)
        assert read_saved(control_of(self.source)) == self.before
        assert ap.count_titles(restored, "movie") == len(TITLES)
        assert {**dump(self.source)}.keys() < dump(restored).keys()
        found = pointed_at(self.source, pointer=f"file:{self.folder}/table.json")
        assert found is not None
        assert (found.table, found.previous) == ("films-restored", "films")
        assert report.comparison is not None
        assert report.comparison.is_equal
        assert (self.folder / "lost.jsonl").read_text() == ""
        assert unfinished_restore(self.source, journal=self.folder / "journal.json") is None
        assert sorted(path.name for path in self.folder.iterdir()) == ["lost.jsonl", "table.json"]


MOST_MISSED = 2


@pytest.mark.parametrize(
    "complete",
    [
        pytest.param(False, id="plain"),
        pytest.param(True, id="with every setting", marks=pytest.mark.soak),
    ],
)
def test_a_restore_killed_at_any_request_goes_on_to_the_same_end(
    moto: Engine, tmp_path: Path, *, complete: bool
) -> None:
    """Before a request is sent, and after its answer is lost, wherever that makes a difference."""
    scene = Scene(moto, tmp_path / "whole", complete=complete)
    with killed_at(None, folder=scene.folder) as sent:
        report = scene.restore()
    scene.check(report)
    assert {"PutResourcePolicy", "RestoreTableToPointInTime"} <= set(sent.operations)
    missed = 0
    for number, moment in sent.different_kills():
        scene = Scene(moto, tmp_path / f"{moment}-{number}", complete=complete)
        missed += not _check_killed(scene, number, moment)
    assert missed <= MOST_MISSED


def _check_killed(scene: Scene, number: int, moment: Moment) -> bool:
    """Check a restore that is killed; return False if it had fewer requests than the first one.

    Threads share the reads of a check, so the number of requests may differ by one or two.
    """
    report: RestoreReport | None = None
    with killed_at(number, moment) as sent, suppress(KeyboardInterrupt):
        report = scene.restore()
    assert (report is None) == sent.is_dead
    scene.check(scene.restore() if report is None else report)
    return sent.is_dead
