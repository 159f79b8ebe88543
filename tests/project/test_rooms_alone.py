"""`dynamodb` is independent: it is checked and tested without the catalogue."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packages import need

ROOT = Path(__file__).parents[2]
KEPT = ("dynamodb", "checks", "errors.py", "_version.py", "py.typed")
TESTS = ("test_another_model.py", "test_breaker.py")
HELPERS = ("scaled.py",)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `dynamodb`, the layers below it, and its tests."""
    folder = tmp_path_factory.mktemp("room")
    package = folder / "catalog_model"
    package.mkdir()
    (package / "__init__.py").write_text('"""Nothing of the catalogue."""\n')
    for name in KEPT:
        source = ROOT / "catalog_model" / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, package / name)
    for name in (*TESTS, *HELPERS):
        (found,) = (ROOT / "tests").rglob(name)
        shutil.copy(found, folder)
    return folder


def run(folder: Path, *words: str) -> str:
    """Run Python in the folder, without the rest of this project on the path."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_no_catalogue_in_it(room: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    code = "import catalog_model.dynamodb, importlib.util as u; print(u.find_spec({!r}))"
    assert run(room, "-c", code.format("catalog_model.table")) == "None\n"


def test_it_is_type_checked_alone(room: Path) -> None:
    """In strict mode; an import of the catalogue would not be found."""
    need("mypy")
    untyped = "--untyped-calls-exclude=pynamodb,moto"
    found = run(
        room, "-m", "mypy", "--strict", untyped, "--ignore-missing-imports", "catalog_model"
    )
    assert "Success" in found


def test_its_tests_pass_alone(room: Path) -> None:
    """Including those of a table of another model."""
    found = run(room, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert " passed" in found
    assert "failed" not in found


def test_its_examples_run_alone(room: Path) -> None:
    """All docstrings except those of engines, which start one."""
    options = ("-q", "-p", "no:cacheprovider", "--doctest-modules")
    found = run(
        room, "-m", "pytest", *options, "--ignore=catalog_model/dynamodb/engines", "catalog_model"
    )
    assert " passed" in found
