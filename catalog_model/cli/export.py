"""Commands that export declarations for other tools."""

from __future__ import annotations

import re

import click

from catalog_model.analysis import iam
from catalog_model.analysis.explain import pattern_named
from catalog_model.cli.base import CONTEXT, Command, Settings, shared_options
from catalog_model.cli.output import print_json
from catalog_model.declarations.pattern import AccessPattern

_ACCOUNT = re.compile(r"\d{12}|\*", re.ASCII)


@click.group(
    "export",
    context_settings=CONTEXT,
    short_help="Export for other tools.",
    params=shared_options(hidden=True),
)
def export_group() -> None:
    """Export declarations of the table for other tools, offline."""


@export_group.command("iam", cls=Command, short_help="The smallest IAM policy for a role.")
@click.option("--role", type=click.Choice(iam.ROLES), help="Role of the policy, see above.")
@click.option(
    "--patterns",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this access pattern; may be repeated.",
)
@click.option(
    "--account",
    default="*",
    show_default=True,
    metavar="ID",
    help="Account of the table, 12 digits.",
)
@click.option("--arn", metavar="ARN", help="ARN of the table, instead of --table and --account.")
@click.option("--health", is_flag=True, help="Also allow the readiness check of /readyz.")
@click.option("--tags", is_flag=True, help="Also allow an operator to create the table with tags.")
@click.option(
    "--settings",
    "has_settings",
    is_flag=True,
    help="Also allow an operator to show and change the settings.",
)
@click.option("--scaling", is_flag=True, help="Also allow an operator to scale the table.")
@click.option(
    "--integrity", is_flag=True, help="Also allow an operator to verify, repair and migrate."
)
@click.option("--dump", is_flag=True, help="Also allow an operator to dump and import.")
@click.option("--restore", is_flag=True, help="Also allow an operator to back up and restore.")
@click.pass_obj
def iam_policy(
    settings: Settings,
    /,
    role: iam.Role | None,
    names: tuple[str, ...],
    account: str,
    arn: str | None,
    *,
    health: bool,
    tags: bool,
    has_settings: bool,
    scaling: bool,
    integrity: bool,
    dump: bool,
    restore: bool,
) -> None:
    """Print the smallest IAM policy for a role, or for some access patterns, as JSON.

    A reader may use the access patterns that only read, a writer all of them. An operator may
    create, show and delete the table, but cannot access items without --integrity or --dump. The
    table is that of --table, in the region that other commands would use.
    """
    if role is None and not names:
        raise click.UsageError("give --role, --patterns or both")
    of_operators = {
        "tags": tags,
        "settings": has_settings,
        "scaling": scaling,
        "integrity": integrity,
        "dump": dump,
        "restore": restore,
    }
    for name, is_given in of_operators.items():
        if is_given and role != "operator":
            raise click.UsageError(f"--{name} is for --role operator")
    operations = (
        *(iam.TABLE_ACTIONS if role == "operator" else ()),
        *((iam.TAGGING,) if tags else ()),
        *(iam.SETTINGS_ACTIONS if has_settings else ()),
        *(iam.HEALTH_ACTIONS if health else ()),
    )
    print_json(
        iam.policy(
            _chosen(role, names),
            table_arn=arn or _arn(settings, account),
            operations=operations,
            integrity=iam.INTEGRITY_ACTIONS if integrity else (),
            scaling=scaling,
            restore=restore,
            dump=iam.DUMP_ACTIONS if dump else (),
        )
    )


def _chosen(role: iam.Role | None, names: tuple[str, ...]) -> list[AccessPattern]:
    of_role = iam.patterns_of(role or "writer")
    chosen = [pattern_named(name) for name in names]
    for pattern in chosen:
        if pattern not in of_role:
            raise click.UsageError(f"{pattern.name} is not an access pattern of a {role}")
    return chosen or list(of_role)


def _arn(settings: Settings, account: str) -> str:
    """Return the ARN of the table selected by the options, in their region."""
    if not _ACCOUNT.fullmatch(account):
        raise click.BadParameter(f"{account!r} is not 12 digits", param_hint="--account")
    catalog = settings.catalog()
    if catalog.table.startswith("arn:"):
        return catalog.table
    meta = catalog.client.meta
    return f"arn:{meta.partition}:dynamodb:{meta.region_name}:{account}:table/{catalog.table}"
