"""The commands by name. The module of a command is imported when the command is used."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Final

import click

from catalog_model import access_patterns as ap
from catalog_model.declarations.pattern import AccessPattern

WRITTEN: Final = {
    "adopt": ("adopt:adopt_command", "Move a catalogue from another layout into the table."),
    "apply": ("plan:apply_command", "Change the table into the declared one."),
    "backup": ("restore:backup_command", "Make a backup of the table, or list them."),
    "compare": ("restore:compare_command", "Compare the titles with another table's."),
    "cost": ("cost:cost", "Price access patterns: capacity, dollars a month."),
    "create": ("table:create_command", "Create the table with its indexes."),
    "cut-over": ("restore:cut_over_command", "Let applications use another table."),
    "delete": ("table:delete_command", "Delete the table with everything in it."),
    "dump": ("dump:dump_command", "Write all items, or all titles, into files."),
    "explain": ("explain:explain_group", "Show every request of an access pattern, and its cost."),
    "export": ("export:export_group", "Export for other tools."),
    "import": ("dump:import_command", "Write the items of a dump into the table."),
    "load": ("load:load_command", "Load the application's JSON files."),
    "lower": ("load:lower_command", "Put the capacity back after a killed load."),
    "migrate": ("migrate:migrate_command", "Upgrade all items to the current version."),
    "patterns": (
        "pattern_list:patterns_command",
        "Show the access patterns and their requests to DynamoDB.",
    ),
    "plan": ("plan:plan_command", "Show what differs from the declared table."),
    "repair": ("integrity:repair_command", "Rewrite derived data from the titles."),
    "restore": ("restore:restore_command", "Restore the table to a moment, as a new table."),
    "serve": ("serve:serve", "Run an engine here with the sample data."),
    "show": ("show:show_command", "Draw the table as an HTML page."),
    "status": ("table:status_command", "Show the state and the settings of the table."),
    "verify": ("integrity:verify_command", "Check that all derived data matches the titles."),
}
"""The commands that are written by hand: module and name of each, and its line in the help."""

OTHER_COMMAND: Final = frozenset({"load_titles"})
"""Access patterns whose command is written by hand, under a different name: `load`."""


def command_name(pattern: AccessPattern) -> str:
    """Return the name of a pattern's command."""
    return "load" if pattern.name in OTHER_COMMAND else pattern.name.replace("_", "-")


GENERATED: Final = {
    command_name(pattern): pattern
    for pattern in ap.PATTERNS.values()
    if pattern.name not in OTHER_COMMAND
}
"""The access patterns by their commands, which are generated."""


def summary(name: str) -> str:
    """Return the line of a command in the list of all commands."""
    pattern = GENERATED.get(name)
    return WRITTEN[name][1] if pattern is None else f"{pattern.question}."


class Commands(MutableMapping[str, click.Command]):
    """All commands; each is loaded when it is read for the first time."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*WRITTEN, *GENERATED, *self._loaded])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _load(name: str) -> click.Command:
    if name in GENERATED:
        patterns = import_module("catalog_model.cli.patterns")
        command: click.Command = patterns.pattern_command(GENERATED[name], patterns.run_pattern)
    else:
        module, _, attribute = WRITTEN[name][0].partition(":")
        command = getattr(import_module(f"catalog_model.cli.{module}"), attribute)
        command.short_help = summary(name)
    return command
