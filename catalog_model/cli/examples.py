"""A call of every access pattern, with the example arguments of its command."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import click

from catalog_model.analysis.estimate import Asked
from catalog_model.cli.base import Settings
from catalog_model.cli.commands import command_name
from catalog_model.cli.cost import parsed_call
from catalog_model.cli.patterns import EXAMPLES, pattern_commands, run_pattern
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.entities import AnyTitle

NEW_ID: Final = 900_001
"""The id of the first title that a call creates; the sample data has none so high."""


def example_calls(
    titles: Sequence[AnyTitle],
    *,
    rates: Mapping[str, float] | None = None,
    arguments: Mapping[str, str] = EXAMPLES,
) -> list[Asked]:
    """Return a call of every access pattern, in an order in which each succeeds.

    Args:
        titles: Titles of the table; those that are created have the fields of the first ones.
        rates: Calls per second by the names of the patterns; 1 for the others.
        arguments: Arguments by the names of the patterns, as on the command line.
    """
    commands = {each.name: each for each in pattern_commands(run_pattern, with_load=True)}
    context = click.Context(click.Group("catalog-model"), obj=Settings())
    new = _new_titles(titles)
    calls = []
    for command in commands.values():
        pattern, rate = command.pattern, (rates or {}).get(command.pattern.name, 1)
        if (given := _created(pattern, new)) is not None:
            calls.append(Asked(command_name(pattern), rate, pattern, given))
        else:
            text = f"{command_name(pattern)} {arguments[pattern.name]}"
            calls.append(parsed_call(context, commands, text, rate))
    return calls


def _created(pattern: AccessPattern, new: Iterator[AnyTitle]) -> dict[str, Any] | None:
    """Return the arguments of a pattern that takes titles; the command reads them from a file."""
    match pattern.name:
        case "put_title":
            return pattern.bind(next(new))
        case "load_titles":
            return pattern.bind([next(new), next(new)])
    return None


def _new_titles(titles: Sequence[AnyTitle]) -> Iterator[AnyTitle]:
    for number, title in enumerate(cycle(titles)):
        yield title.replace(id=NEW_ID + number)
