"""CONTRIBUTING.md and the how-to pages, followed exactly on a copy of the project."""

import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from engines import has_dynoxide
from packages import ROOT, copy_of_the_tree, run_in, run_tests
from pages import apply_diffs, blocks, commands_of, is_as_shown

import catalog_model
from catalog_model.domain.kinds import KINDS
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.local import Engine, start_engine
from docs.rooms import layers

PATTERN_PAGE = "how-to-add-an-access-pattern.md"
ATTRIBUTE_PAGE = "how-to-add-an-attribute.md"
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
OTHER_ENGINE = "moto" if has_dynoxide() else "dynoxide"


def well_kept(folder: Path) -> str:
    """Return the findings of the linter and the import rules in a copy; "" if there are none."""
    if find_spec("ruff") is None:
        pytest.skip("ruff is not installed: it comes with the dependency group lint")
    commands = [["check", "."], ["format", "--check", "."]]
    done = [run_in(folder, "-m", "ruff", *words, RUFF_NO_CACHE="true") for words in commands]
    return "".join(each.stdout + each.stderr for each in done if each.returncode)


def paths_of(folder: Path, *names: str) -> list[str]:
    """Return the paths of test modules in a copy."""
    found = [next((folder / "tests").rglob(f"test_{name}.py")) for name in names]
    return [str(path.relative_to(folder)) for path in found]


@pytest.fixture(scope="module")
def with_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with all changes from the page on access patterns, and regenerated tables."""
    folder = copy_with(PATTERN_PAGE, tmp_path_factory.mktemp("pattern"))
    made = run_in(folder, "-m", "docs.generate")
    assert (made.returncode, made.stdout) == (0, "")
    return folder


def test_the_new_pattern_is_right_and_keeps_to_its_budget(with_pattern: Path) -> None:
    """Its own test passes, and so do those that cover every access pattern."""
    files = ("hidden_gems", "public_api", "cli_help", "declarations", "refusals", "fault_laws")
    chosen = f"(gems or every_access or documentation) and not {OTHER_ENGINE}"
    names = paths_of(with_pattern, *files)
    done = run_tests(with_pattern, *names, "catalog_model/reads/ranges.py", "-k", chosen)
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 30
    assert " failed" not in done.stdout


def test_a_budget_that_is_too_low_is_found(with_pattern: Path, tmp_path: Path) -> None:
    """So the one on the page has an effect."""
    folder = Path(shutil.copytree(with_pattern, tmp_path / "project", ignore=LEFT_OUT))
    path = folder / "catalog_model" / "reads" / "ranges.py"
    before, after = path.read_text().split("def list_hidden_gems")
    declared = "requests=FILTERED_REQUESTS"
    kept, found, rest = before.rpartition(declared)
    assert found
    path.write_text(f'{kept}requests="1"{rest}def list_hidden_gems{after}')
    words = ("tests/analysis/test_declarations.py", "-k", f"gems and not {OTHER_ENGINE}")
    done = run_tests(folder, *words)
    assert done.returncode == 1, done.stdout
    assert "list_hidden_gems" in done.stdout


def test_the_new_pattern_is_in_the_tables_and_well_kept(with_pattern: Path) -> None:
    """The README has its row in the right place; the style is that of the project."""
    rows = re.findall(
        r"^\| [^|]+ \| `(\w+)` \|", (with_pattern / "README.md").read_text(), re.MULTILINE
    )
    assert rows.index("list_hidden_gems") == rows.index("list_top_rated") + 1
    assert well_kept(with_pattern) == ""


@pytest.fixture(scope="module")
def sample(with_pattern: Path) -> Iterator[Engine]:
    """An engine with the sample data, of the kind that `catalog-model serve` chooses."""
    movies, shows = (str(sample_folder() / FILE_NAMES[kind]) for kind in KINDS)
    with start_engine() as engine:
        for words in (["create"], ["load", "--movies", movies, "--tv", shows]):
            done = run_in(with_pattern, "-m", "catalog_model", *words, **engine.environment())
            assert done.returncode == 0, done.stderr
        yield engine


def test_explain_shows_what_the_page_shows(with_pattern: Path, sample: Engine) -> None:
    """The new command exists, and each request is within its declaration."""
    ((command, shown),) = [each for b in blocks(PATTERN_PAGE, "console") for each in commands_of(b)]
    words = command.split()[1:]
    done = run_in(with_pattern, "-m", "catalog_model", *words, **sample.environment())
    if sample.name == "moto":  # it invents its capacity figures
        assert done.stdout.count("ALL#movie#") == shown.count("ALL#movie#")
        return
    assert done.returncode == 0, done.stderr
    assert is_as_shown(shown, done.stdout), done.stdout


def copy_with(page: str, folder: Path) -> Path:
    """Copy the project, with all changes from a page."""
    copy_of_the_tree(folder / "project")
    apply_diffs(page, folder / "project")
    return folder / "project"


def test_tables_of_older_versions_get_the_new_attribute(tmp_path: Path) -> None:
    """By every write and by a migration; the rules on versions hold for the new one, too."""
    with_attribute = copy_with(ATTRIBUTE_PAGE, tmp_path)
    names = [*paths_of(with_attribute, "decade", "evolution"), "catalog_model/table/evolution.py"]
    quick = "" if has_dynoxide() else "not every_write and not newer and "  # slow on moto
    migrated = paths_of(with_attribute, "migrate")
    for files, chosen in ((names, quick), (migrated, "makes_of_every_item and ")):
        done = run_tests(with_attribute, *files, "-k", f"{chosen}not {OTHER_ENGINE}")
        assert done.returncode == 0, done.stdout
    assert well_kept(with_attribute) == ""


GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_map_has_one_line_for_each_package() -> None:
    """In the order of the layers that `lint-imports` enforces, with their docstrings."""
    package = Path(catalog_model.__file__).parent
    listed = re.findall(r"^\| \d+ \| \[`(\w+)`\]\(\S+\) \| \S", GUIDE, re.MULTILINE)
    assert listed == [name for layer in layers() for name in layer]
    there = {path.stem for path in package.glob("*.py")} - {"__init__"}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(listed) == there


def test_what_the_guide_names_exists() -> None:
    """Modules, make targets, tests, and targets of links."""
    listed = GUIDE.partition("| to change | look in |")[2].partition("<!--")[0]
    modules = re.findall(r"`([a-z_/]+)`", listed)
    assert len(modules) > 15
    package = Path(catalog_model.__file__).parent
    assert [
        m for m in modules if not (package / m).is_dir() and not (package / f"{m}.py").is_file()
    ] == []
    table = GUIDE.partition("| `make ...` |")[2].partition("\n\n")[0]
    targets = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    targets += re.findall(r"`(?:\S+=\S+ )?make (\w+)`", GUIDE)
    assert set(targets) <= set(re.findall(r"^(\w+):.*##", MAKEFILE, re.MULTILINE))
    for name in re.findall(r"`(test_\w+\*?|\w+\.py)`", GUIDE):
        assert list((ROOT / "tests").rglob(f"{name.removesuffix('.py')}.py")), name
    for target in re.findall(r"\]\(([^)#]+)", GUIDE):
        assert (ROOT / target).exists(), target


def test_people_and_machines_run_the_same_check() -> None:
    """The workflow calls `.ci/run`, which runs `make check` on every Python, then `make oldest`."""
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8")
    assert re.findall(r"run: (.*)", workflow) == [".ci/run", "make oldest"]
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("\nmake check")
    (oldest,) = re.findall(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    (matrix,) = re.findall(r"python: \[(.*)\]", workflow)
    *named, newest = re.findall(r'"([\w.]+)"', matrix)
    first = int(oldest.removeprefix("3."))
    assert named == [f"3.{minor}" for minor in range(first, first + len(named))]
    assert len(named) >= 3
    assert newest == "3.x"
    assert f'python-version: "{oldest}"' in workflow
    used = re.findall(r"uses: (\S+)", workflow)
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", each) for each in used)
