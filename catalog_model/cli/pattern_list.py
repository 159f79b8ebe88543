"""The command that lists the access patterns."""

import click

from catalog_model import access_patterns as ap
from catalog_model.checks import counted
from catalog_model.cli.base import Command, Settings
from catalog_model.cli.commands import command_name
from catalog_model.cli.output import print_json, print_table
from catalog_model.declarations.pattern import Cost


@click.command("patterns", cls=Command)
@click.pass_obj
def patterns_command(settings: Settings) -> None:
    """Show the access patterns: the question, the requests to DynamoDB, and the cost of each."""
    if settings.output == "json":
        print_json([_described(pattern) for pattern in ap.PATTERNS.values()])
        return
    described = map(_described, ap.PATTERNS.values())
    print_table(
        ("pattern", "~description"), [(each.pop("name"), _lines(each)) for each in described]
    )


def _lines(described: dict[str, str]) -> list[str]:
    labels = {name: name.replace("_", " ") for name in described if described[name]}
    return [f"{label}: {described[name]}" for name, label in labels.items()]


def _described(pattern: ap.AccessPattern) -> dict[str, str]:
    return {
        "name": pattern.name,
        "command": command_name(pattern),
        "question": pattern.question,
        "operation": pattern.operation,
        "index": pattern.index,
        "key_condition": pattern.key_condition,
        "order": pattern.order,
        "consistency": pattern.consistency,
        **{f"cost{_when(cost)}": _cost(cost) for cost in pattern.costs},
        "role": pattern.role,
    }


def _when(cost: Cost) -> str:
    return f" with {cost.when}" if cost.when else ""


def _cost(cost: Cost) -> str:
    units = ((cost.reads, "read unit"), (cost.writes, "write unit"))
    used = [counted(formula, noun) for formula, noun in units if formula != "0"]
    asked = [counted(cost.requests, "request"), counted(cost.round_trips, "round trip")]
    return "; ".join([*asked, *used])
