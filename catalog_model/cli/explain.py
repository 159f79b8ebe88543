"""The command that compares the requests of an access pattern with its declaration."""

from collections.abc import Mapping
from typing import Any, Final

import click

from catalog_model.analysis.comparison import Comparison
from catalog_model.analysis.explain import explain
from catalog_model.cli.base import CONTEXT, EXIT_CHECK_FAILED, Settings, printable, shared_options
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.patterns import PatternCommand, pattern_commands
from catalog_model.dynamodb.trace import SHOWN_KEYS, Request

COLUMNS: Final = (
    ">trip",
    "operation",
    "index",
    "/key condition",
    ">read",
    ">returned",
    "/units",
    ">retries",
    ">bytes",
    ">ms",
)


def run_explained(command: PatternCommand, settings: Settings, given: Mapping[str, Any]) -> None:
    """Call the access pattern and print its requests."""
    catalog = settings.catalog().warm()
    command.make_sure(catalog, given)
    explained = explain(catalog, command.pattern.name, **command.arguments(**given))
    comparison = explained.comparison
    if settings.output == "json":
        print_json(as_json(comparison))
    else:
        _print(comparison)
    if explained.error:
        raise explained.error
    if comparison.departures:
        click.get_current_context().exit(EXIT_CHECK_FAILED)


class PatternGroup(click.Group):
    """A group with a command for each access pattern, also by the names of the functions."""

    def __init__(self, name: str, summary: str) -> None:
        super().__init__(
            name,
            context_settings=CONTEXT,
            help=summary,
            params=shared_options(hidden=True),
            subcommand_metavar="PATTERN [ARGS]...",
        )
        for command in pattern_commands(run_explained, with_load=True):
            self.add_command(command)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; ``list_titles`` works like ``list-titles``."""
        name = "load" if cmd_name == "load_titles" else cmd_name.replace("_", "-")
        return super().get_command(ctx, name)


explain_group = PatternGroup(
    "explain",
    """Show every request of an access pattern, and its cost.

    The call is real, so changes are written. For each request it shows the operation, the index,
    the key condition with its values, the items read and returned, the units charged on the table
    and each index, retries, bytes and milliseconds. Below that, it compares the declared budget
    with the consumption. The exit code is 1 if the call departs from its declaration, which may
    happen after a conflict with another writer.
    """,
)


def _print(comparison: Comparison) -> None:
    print_table(COLUMNS, [_row(request) for request in comparison.requests])
    click.echo()
    rows = [
        (name.replace("_", " "), f"at most {declared:.4g}", f"{made:g}")
        for name, (declared, made) in _totals(comparison).items()
        if declared or made
    ]
    print_table(("", ">declared", ">made"), rows)
    for departure in comparison.departures:
        click.echo(printable(f"Departs from its declaration: {departure.what}"))


def _row(request: Request) -> tuple[object, ...]:
    more = len(request.key_conditions) - SHOWN_KEYS
    units = ", ".join(f"{units:g} {name}" for name, units in request.units.items())
    return (
        request.round_trip,
        request.operation,
        request.index,
        [*request.key_conditions[:SHOWN_KEYS], *([f"and {more} more"] if more > 0 else [])],
        request.items_read,
        request.items_returned,
        units or request.error_type,
        request.retries,
        f"{request.bytes_received:,}",
        f"{request.milliseconds:.1f}",
    )


def _totals(comparison: Comparison) -> dict[str, tuple[float, float]]:
    return {
        "requests": (comparison.most_requests, len(comparison.requests)),
        "round_trips": (comparison.most_round_trips, comparison.round_trips),
        "read_units": (comparison.read_budget, comparison.read_units),
        "write_units": (comparison.write_budget, comparison.write_units),
    }


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON."""
    totals = _totals(comparison)
    return {
        "pattern": comparison.pattern.name,
        "requests": [_request(request) for request in comparison.requests],
        "declared": {name: declared for name, (declared, _) in totals.items()},
        "made": {name: made for name, (_, made) in totals.items()},
        "departures": [departure._asdict() for departure in comparison.departures],
    }


def _request(request: Request) -> dict[str, Any]:
    return {
        "round_trip": request.round_trip,
        "operation": request.operation,
        "index": request.index,
        "key_conditions": request.key_conditions,
        "items_read": request.items_read,
        "items_returned": request.items_returned,
        "units": dict(request.units),
        "retries": request.retries,
        "bytes_received": request.bytes_received,
        "milliseconds": round(request.milliseconds, 3),
        "error": request.error,
    }
