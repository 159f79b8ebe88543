"""A Python built without an optional part runs everything that does not need it."""

import json
import subprocess
import sys

from packages import ROOT, environment

OPTIONAL = (
    *("_bz2", "_ctypes", "_curses", "_curses_panel", "_dbm", "_elementtree", "_gdbm", "_lsprof"),
    *("_lzma", "_sqlite3", "_statistics", "_tkinter", "_uuid", "_zoneinfo", "mmap", "nis"),
    *("readline", "resource", "spwd", "syslog", "termios"),
)
"""Parts that a system may lack, and that neither botocore nor PynamoDB needs."""

HIDING = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {OPTIONAL!r}:
            raise ImportError(f"{{name}} was not built", name=name)
sys.meta_path.insert(0, Missing())
for name in {OPTIONAL!r}:
    sys.modules.pop(name, None)
"""

RUNNING = """
import json, sys
from click.testing import CliRunner
import catalog_model, catalog_model.access_patterns, catalog_model.operations
from catalog_model.cli.program import program
from catalog_model.files.reader import read_folder, sample_folder
commands = json.loads(sys.argv[1])
results = [CliRunner().invoke(program, words) for words in commands]
print(json.dumps({
    "codes": [result.exit_code for result in results],
    "said": [result.output[-200:] for result in results if result.exit_code],
    "titles": len(read_folder(sample_folder())),
}))
"""

COMMANDS = [
    ["--version"],
    ["--help"],
    ["patterns"],
    ["cost", "--pattern", "get-title movie 34", "--per-second", "1"],
    ["export", "iam", "--role", "reader", "--region", "eu-west-1"],
]

IMPORTED = """
import importlib.machinery, json, sys
def extensions():
    specs = {name: getattr(it, "__spec__", None) for name, it in list(sys.modules.items())}
    loaders = {name: getattr(spec, "loader", None) for name, spec in specs.items()}
    kind = importlib.machinery.ExtensionFileLoader
    return {name for name in loaders if "." not in name and isinstance(loaders[name], kind)}
import boto3, botocore.httpsession, click, itsdangerous, pynamodb.connection, rich.table
boto3.client("dynamodb", region_name="eu-west-1")
theirs = extensions()
import catalog_model, catalog_model.cli.program, catalog_model.operations
print(json.dumps(sorted(extensions() - theirs)))
"""


def run(code: str, *words: str) -> object:
    """Run code in a new process, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_rare_is_imported_before_it_is_needed() -> None:
    """Beyond the parts that the libraries import themselves: those for names and for figures."""
    assert set(run(IMPORTED)) <= {"_statistics", "unicodedata"}  # type: ignore[call-overload]


def test_what_does_not_need_a_part_runs_without_it() -> None:
    """Imports, offline commands, and files."""
    found = run(HIDING + RUNNING, json.dumps(COMMANDS))
    expected = {"codes": [0] * len(COMMANDS), "said": [], "titles": 100}
    assert found == expected
