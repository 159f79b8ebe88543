"""Builds and copies of the project for tests, each in a separate folder."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from email.parser import Parser
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from engines import has_dynoxide
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from catalog_model.dynamodb.engines.local import environment_without_aws, find_dynoxide

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NAME = "catalog_model"
PATIENCE = 300


_ABOUT = ROOT / "PKG-INFO"
RELEASE: str = (
    Parser().parsestr(_ABOUT.read_text("utf-8"))["Version"] if _ABOUT.exists() else "1.2.3"
)
"""The version to build: an arbitrary one, except in a source distribution, which has its own."""


def need(*modules: str) -> None:
    """Skip if the dependency group ``package`` is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install --group package")


def attempt(
    *command: str | Path,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    timeout: float = PATIENCE,
) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    return subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the output of a command, which must have succeeded."""
    assert done.returncode == 0, f"{done.args}\n{done.stdout[-9000:]}\n{done.stderr[-9000:]}"
    return done.stdout


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command with additional variables; it must succeed. Return its output."""
    return output_of(attempt(*command, cwd=cwd, env={**os.environ, **environment}))


def build(source: Path, into: Path, *options: str, version: str = RELEASE) -> Path:
    """Build with *options* (``--wheel``, ``--sdist``); return the file."""
    need("build", "hatchling", "hatch_vcs")
    into.mkdir(parents=True, exist_ok=True)
    pretended = {"SETUPTOOLS_SCM_PRETEND_VERSION": version} if version else {}
    python = (sys.executable, "-m", "build", "--no-isolation", "--outdir")
    run(*python, into, *options, source, cwd=source, **pretended)
    return max(into.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def files_of_the_repository() -> set[str]:
    """Return the files tracked by git; skip without git."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git repository")
    names = run("git", "ls-files", "-z").split("\0")
    return {name for name in names if name and (ROOT / name).exists()}


def copy_of_the_tree(into: Path) -> Path:
    """Copy the files of the project, without git."""
    selected = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    always = ("LICENSE", "README.md", "pyproject.toml", ".gitignore")
    made = shutil.ignore_patterns("__pycache__", "*.pyc")
    into.mkdir(parents=True)
    for name in (*selected, *always):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, into / name, ignore=made)
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, into / name)
    return into


def run_in(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python on a copy of the project; return its output."""
    found = {"DYNOXIDE": str(find_dynoxide())} if has_dynoxide() else {}
    environment = {**environment_without_aws(), "PYTHONPATH": str(folder), **found, **more}
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_"))]:
        del environment[name]
    return attempt(sys.executable, *words, cwd=folder, env=environment)


def run_tests(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run some tests of a copy in one process."""
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    return run_in(folder, "-m", "pytest", *plain, *words)


def closure(names: set[str]) -> dict[str, str]:
    """Return the dependencies of installed distributions, recursively, with versions; no extras."""
    found: dict[str, str] = {}
    todo = [canonicalize_name(name) for name in names]
    while todo:
        name = todo.pop()
        if name not in found:
            installed = distribution(name)
            found[name] = installed.version
            todo += [
                canonicalize_name(each.name)
                for each in map(Requirement, installed.requires or [])
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]
    return found


def environment_with(wheel: Path, folder: Path) -> Path:
    """Install a wheel into an environment with this one's other packages; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    run(sys.executable, "-m", "pip", "--python", python, *install)
    here, there = (run(each, "-c", _SITE).strip() for each in (sys.executable, python))
    (Path(there) / "all_else.pth").write_text(here + "\n", encoding="utf-8")
    return python


_SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds this package, without AWS settings."""
    colours = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING")
    kept = {name: value for name, value in environment_without_aws().items() if name not in colours}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}
