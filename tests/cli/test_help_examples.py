"""The examples in the help are run as printed, for every way to call the program."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import CommandLine
from packages import ROOT

from catalog_model import access_patterns as ap
from catalog_model.cli.program import program
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine

NAMES = ("catalog-model", "python -m catalog_model")


PATHS = [
    path
    for name, command in program.commands.items()
    for path in ((name,), *((name, inner) for inner in getattr(command, "commands", ())))
]
"""The words of every command, including those in groups."""


def examples(name: str, path: tuple[str, ...]) -> list[str]:
    """Return the examples in the help of a command, as printed on a narrow terminal."""
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(program, [*path, "--help"], prog_name=name)
    assert shown.exit_code == 0
    return re.findall(r"^ *Example: (.*)$", shown.output, re.MULTILINE)


def test_every_example_of_help_runs(
    local_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the sample data, with its files and a record of one title."""
    name, other = NAMES
    cli = CommandLine(local_engine).filled(read_folder(sample_folder()))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(str(sample_folder()), tmp_path, dirs_exist_ok=True)
    Path("alien.json").write_text(cli.done("--output", "json", "get-title", "movie", "34"))
    found = {path: examples(name, path) for path in PATHS}
    for path, texts in found.items():
        assert examples(other, path) == [text.replace(name, other, 1) for text in texts]
    with_examples = [path for path, texts in found.items() if texts]
    assert len(with_examples) == 2 * len(ap.PATTERNS) - 1, "load's own help has none"
    for path in sorted(with_examples, key=lambda path: "delete-title" in path):
        (text,) = found[path]
        prefix, words = name.split(), shlex.split(text)
        assert words[: len(prefix)] == prefix
        if "delete-title" in path:
            cli.done("put-title", "movie", "alien.json")
        if not (path[0] == "explain" and local_engine.name == "moto"):  # invented figures
            cli.done(*words[len(prefix) :])


def test_the_example_of_the_module_is_pasted_into_a_shell(
    local_engine: Engine, tmp_path: Path
) -> None:
    """Like a user: the program's own output, in a separate shell."""
    cli = CommandLine(local_engine).filled(read_folder(sample_folder()))
    scripts = Path(sys.executable).parent
    environment = {**os.environ, **cli.environment, "PYTHONPATH": str(ROOT), "COLUMNS": "60"}
    environment["PATH"] = os.pathsep.join([str(scripts), environment["PATH"]])
    script = (
        "python -m catalog_model update-votes --help"
        " | sed -n 's/^Example: //p' > example.sh && sh -e example.sh"
    )
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert ap.get_title(cli.catalog, "movie", 34).vote_count == 15000
