"""`dynamodb` is independent: it is checked and tested without the catalogue."""

import shutil
import sys
from pathlib import Path

import packages
import pytest
from packages import ROOT, need

KEPT = ("dynamodb", "checks", "errors.py", "_version.py", "py.typed")
TESTS = ("test_another_model.py", "test_breaker.py")
HELPERS = ("scaled.py",)
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


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
    return packages.run(sys.executable, *words, cwd=folder, PYTHONPATH=str(folder))


def test_there_is_no_catalogue_in_it(room: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    code = "import catalog_model.dynamodb, importlib.util as u; print(u.find_spec({!r}))"
    assert run(room, "-c", code.format("catalog_model.table")) == "None\n"


@pytest.mark.slow
def test_it_is_type_checked_alone(room: Path) -> None:
    """In strict mode; an import of the catalogue would not be found."""
    need("mypy")
    options = ("--strict", "--untyped-calls-exclude=pynamodb,moto", "--ignore-missing-imports")
    assert "Success" in run(room, "-m", "mypy", *options, "catalog_model")


@pytest.mark.slow
def test_its_tests_pass_alone(room: Path) -> None:
    """Including those of a table of another model."""
    assert " passed" in run(room, *PYTEST, *TESTS)


def test_its_examples_run_alone(room: Path) -> None:
    """All docstrings except those of engines, which start one."""
    options = ("--doctest-modules", "--ignore=catalog_model/dynamodb/engines")
    assert " passed" in run(room, *PYTEST, *options, "catalog_model")
