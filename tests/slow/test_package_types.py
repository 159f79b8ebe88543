"""Type checkers accept correct code of users: the installed wheel is typed, strictly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from packages import ROOT, build, environment_with, need, run_in


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a user's code, and an environment with the wheel."""
    need("mypy", "pyright")
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copytree(ROOT / "typing_tests", folder, dirs_exist_ok=True)
    environment_with(build(ROOT, folder / "dist", "--wheel"), folder / "venv")
    return folder


def _mypy(consumer: Path) -> str:
    files = sorted(consumer.glob("*.py"))
    return _checked(
        consumer, "mypy", "--config-file", "mypy.ini", "--python-executable", "venv/bin/python",
        *(path.name for path in files),
    )  # fmt: skip


def _pyright(consumer: Path) -> str:
    return _checked(consumer, "pyright", "--pythonpath", "venv/bin/python", "--project", ".")


def _checked(consumer: Path, *command: str) -> str:
    done = run_in(consumer, "-m", *command, PYTHONPATH="")
    return done.stdout + done.stderr


def test_mypy_finds_nothing_in_strict_mode(consumer: Path) -> None:
    """It accepts all correct uses, and detects all mistakes."""
    assert "Success: no issues found in 7 source files" in _mypy(consumer)


def test_pyright_finds_nothing_in_strict_mode(consumer: Path) -> None:
    """The same for pyright, which infers more and is stricter."""
    assert "0 errors, 0 warnings" in _pyright(consumer)


def test_it_is_the_installed_wheel_that_they_look_at(consumer: Path) -> None:
    """Without ``py.typed``, mypy treats it as untyped, and the tests above prove nothing."""
    (marker,) = (consumer / "venv").rglob("catalog_model/py.typed")
    marker.rename(marker.with_suffix(".away"))
    try:
        assert "missing library stubs or py.typed marker" in _mypy(consumer)
    finally:
        marker.with_suffix(".away").rename(marker)


MISTAKES = (
    'get_title(catalog, "film", 949)',
    'update_title(catalog, "movie", 949, popularity="x")',
    'Movie(titel="Up", popularity="x")',
    'movie.replace(titel="Up")',
    'movie.replace(popularity="x")',
    "movie.popularity = 9.5",
)


@pytest.mark.parametrize("check", [_mypy, _pyright])
def test_a_mistake_is_found(consumer: Path, check: Callable[[Path], str]) -> None:
    """A wrong kind, name or type, without its ``type: ignore``."""
    wrong = consumer / "wrong.py"
    lines = (
        "from catalog_model import Catalog, Movie",
        "from catalog_model.access_patterns import get_title, update_title",
        'catalog, movie = Catalog("t"), Movie.from_json({})',
        *MISTAKES,
    )
    wrong.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        found = check(consumer)
        for number, line in enumerate(lines, start=1):
            assert (f"wrong.py:{number}:" in found) == (line in MISTAKES), line
    finally:
        wrong.unlink()
