"""The command line: ``catalog-model COMMAND``. `docs/command-line.md` describes it."""

from __future__ import annotations

import click

from catalog_model import access_patterns as ap
from catalog_model._version import __version__
from catalog_model.checks import counted
from catalog_model.cli.adopt import adopt_command
from catalog_model.cli.base import CONTEXT, Program, Settings, shared_options
from catalog_model.cli.cost import cost
from catalog_model.cli.dump import dump_command, import_command
from catalog_model.cli.explain import explain_group
from catalog_model.cli.export import export_group
from catalog_model.cli.integrity import repair_command, verify_command
from catalog_model.cli.load import load_command, lower_command
from catalog_model.cli.migrate import migrate_command
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.patterns import command_name, pattern_commands, run_pattern
from catalog_model.cli.plan import apply_command, plan_command
from catalog_model.cli.restore import (
    backup_command,
    compare_command,
    cut_over_command,
    restore_command,
)
from catalog_model.cli.serve import serve
from catalog_model.cli.show import show_command
from catalog_model.cli.table import create_command, delete_command, status_command
from catalog_model.declarations.pattern import Cost

EPILOG = "The options may also follow the command."


@click.group(cls=Program, context_settings=CONTEXT, epilog=EPILOG, params=shared_options())
@click.version_option(__version__, prog_name="catalog-model")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Movies, TV shows and genres in one DynamoDB table."""
    ctx.ensure_object(Settings)


@program.command(short_help="Show the access patterns and their requests to DynamoDB.")
@click.pass_obj
def patterns(settings: Settings) -> None:
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
    return "; ".join([counted(cost.requests, "request"), *used])


program.add_command(create_command)
program.add_command(delete_command)
program.add_command(status_command)
program.add_command(plan_command)
program.add_command(apply_command)
program.add_command(load_command)
program.add_command(lower_command)
program.add_command(serve)
program.add_command(explain_group)
program.add_command(verify_command)
program.add_command(repair_command)
program.add_command(migrate_command)
program.add_command(adopt_command)
program.add_command(dump_command)
program.add_command(import_command)
program.add_command(backup_command)
program.add_command(restore_command)
program.add_command(compare_command)
program.add_command(cut_over_command)
program.add_command(cost)
program.add_command(export_group)
program.add_command(show_command)
for _command in pattern_commands(run_pattern):
    program.add_command(_command)


def main() -> None:
    """Run the command line and exit."""
    program()
