"""What is imported when: a worker and a command load only what they use."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from catalog_model import operations
from catalog_model.cli.commands import GENERATED, WRITTEN, summary
from catalog_model.cli.program import program
from catalog_model.operations import _ORIGINS

EXTRAS = {"aiohttp", "flask", "moto", "opentelemetry", "prometheus_client", "rich", "yaml"}
"""Distributions that a program may have installed without using them here."""

OPERATIONS = {
    f"catalog_model.operations.{each}"
    for each in ("adopt", "backup", "cutover", "dump", "plan", "restore", "s3_import")
}
WORK = {"catalog_model.analysis", "catalog_model.local", "catalog_model.maintenance"}
STATUS = {"catalog_model.operations.table", "catalog_model.deployment.deployed"}
COMMANDS = {
    f"catalog_model.cli.{each}"
    for each in ("adopt", "cost", "explain", "export", "load", "patterns", "restore", "show")
}

RUN = "import sys; from catalog_model.cli.program import program; program.main({}.split(), {})"
NEVER: dict[str, tuple[str, set[str]]] = {
    "the package": ("import catalog_model", {*EXTRAS, *OPERATIONS, *WORK, *STATUS, "click"}),
    "operations": (
        "import catalog_model.operations",
        {*EXTRAS, *OPERATIONS, *WORK, *STATUS, "click"},
    ),
    "the status of a table": (
        "from catalog_model.operations import table_status",
        {*EXTRAS, *OPERATIONS, *WORK, "click"},
    ),
    "the Flask extension": (
        "import catalog_model.flask",
        {*EXTRAS - {"flask", "prometheus_client"}, *OPERATIONS, *WORK, "rich"},
    ),
    "the list of commands": (
        RUN.format("'--help'", "standalone_mode=False"),
        {*EXTRAS, *OPERATIONS, *WORK, *STATUS, *COMMANDS},
    ),
    "a question": (
        RUN.format("'get-title --help'", "standalone_mode=False"),
        {*EXTRAS, *OPERATIONS, *WORK, *STATUS, *COMMANDS - {"catalog_model.cli.patterns"}},
    ),
    "the command for the status": (
        RUN.format("'status --help'", "standalone_mode=False"),
        {*EXTRAS, *OPERATIONS, *WORK, "catalog_model.cli.restore", "catalog_model.cli.adopt"},
    ),
}
"""Programs, and the modules that they must not import."""


@pytest.mark.parametrize("name", NEVER)
def test_only_what_is_used_is_imported(name: str) -> None:
    """Each module costs every worker and every command some milliseconds at its start."""
    program_text, never = NEVER[name]
    code = f"{program_text}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert never & set(ran.stderr.split()) == set()


def test_modules_that_must_not_be_imported_exist() -> None:
    """Renamed, a module would pass unseen."""
    for name in {*OPERATIONS, *WORK, *STATUS, *COMMANDS}:
        assert import_module(name)


def test_the_names_of_operations_are_those_that_type_checkers_read() -> None:
    """The imports for type checkers, the table of modules and `__all__` agree."""
    source = Path(operations.__file__ or "").read_text("utf-8")
    (checked,) = (
        each
        for each in ast.parse(source).body
        if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
    )
    read = {
        alias.name: f"{each.module}"
        for each in checked.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }
    assert read == {name: f"catalog_model.{module}" for name, module in _ORIGINS.items()}
    assert sorted(read) == operations.__all__ == [n for n in dir(operations) if n in read]
    for name, module in read.items():
        assert getattr(operations, name) is getattr(import_module(module), name)


def test_a_name_that_does_not_exist_is_no_operation() -> None:
    """As of any other module; and no module has the name of an operation."""
    with pytest.raises(AttributeError, match="has no attribute 'creat'"):
        operations.creat  # type: ignore[attr-defined]  # noqa: B018
    modules = {each.stem for each in Path(operations.__file__ or "").parent.glob("*.py")}
    assert modules & set(operations.__all__) == set()


@pytest.mark.parametrize("name", [*WRITTEN, *GENERATED])
def test_a_command_is_the_one_that_the_list_shows(name: str) -> None:
    """Its name, and its line in the help of the program."""
    command = program.commands[name]
    assert command.name == name
    assert command.get_short_help_str(200) == summary(name)
