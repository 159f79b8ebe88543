"""Commands that export declarations for other tools."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from catalog_model.access_patterns import PATTERNS
from catalog_model.analysis import iam
from catalog_model.analysis.data_model import data_model
from catalog_model.analysis.explain import pattern_named
from catalog_model.analysis.workbench import workbench
from catalog_model.cli.arguments import no_such_pattern
from catalog_model.cli.base import CONTEXT, EXIT_CHECK_FAILED, Command, Settings, shared_options
from catalog_model.cli.cost import amount
from catalog_model.cli.examples import example_calls
from catalog_model.cli.output import print_json
from catalog_model.cli.patterns import file_options, titles_in
from catalog_model.cli.settings_options import settings_options
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.deployment import cloudformation as formation
from catalog_model.deployment.describe_table import describe_table
from catalog_model.deployment.settings import TableSettings
from catalog_model.deployment.template_check import mistakes_in
from catalog_model.deployment.terraform import terraform
from catalog_model.domain.kinds import KINDS
from catalog_model.domain.rejection import Rejection
from catalog_model.entities import AnyTitle
from catalog_model.files.reader import parse_json, read_folder, sample_folder
from catalog_model.table.indexes import SCHEMA

EACH: Final = 6
"""Titles of each kind in an export, by default."""

_ACCOUNT = re.compile(r"\d{12}|\*", re.ASCII)


@click.group("export", context_settings=CONTEXT, params=shared_options(hidden=True))
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
@click.option("--sharded-lists", is_flag=True, help="Also allow lists of several partitions.")
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
    sharded_lists: bool,
) -> None:
    """Print the smallest IAM policy for a role, or for some access patterns, as JSON.

    A reader may use the access patterns that only read, a writer all of them. An operator may
    create, show and delete the table, but cannot access items without --integrity or --dump. The
    table is that of --table, in the region that other commands would use.
    """
    if role is None and not names:
        roles = ", ".join(iam.ROLES)
        raise click.UsageError(f"give --role ({roles}), --patterns or both")
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
            table_arn=_arn(settings, account) if arn is None else arn,
            operations=operations,
            integrity=iam.INTEGRITY_ACTIONS if integrity else (),
            scaling=scaling,
            restore=restore,
            dump=iam.DUMP_ACTIONS if dump else (),
            sharded_lists=sharded_lists,
        )
    )


@export_group.command("cloudformation", cls=Command, short_help="A template of AWS CloudFormation.")
@settings_options
@click.option(
    "--kind",
    type=click.Choice(formation.KINDS),
    default="table",
    show_default=True,
    help="A table, or a global table with one replica.",
)
@click.option(
    "--check",
    "checked",
    type=Path,
    metavar="FILE",
    help="Check this template, as JSON, for mistakes that linters miss; print them.",
)
@click.pass_context
def cloudformation_template(
    ctx: click.Context, /, kind: formation.Kind, checked: Path | None, declared: TableSettings
) -> None:
    """Print a template that creates the table, with its scaling, as JSON.

    Deleting the stack keeps the table. Point-in-time recovery, deletion protection and other
    settings are those of the options, as for `create`; what no option declares is left to
    CloudFormation's default. With --check, the exit code is 1 if there is a mistake.
    """
    settings = ctx.ensure_object(Settings)
    if checked is None:
        table = _name(settings)
        print_json(formation.cloudformation(SCHEMA, table, declared, kind=kind))
        return
    template = parse_json(checked)
    if not isinstance(template, Mapping):
        raise click.UsageError(f"{checked} has no JSON object")
    mistakes = mistakes_in(template)
    for mistake in mistakes:
        click.echo(mistake)
    ctx.exit(EXIT_CHECK_FAILED if mistakes else 0)


@export_group.command("terraform", cls=Command, short_help="A configuration of Terraform.")
@settings_options
@click.pass_obj
def terraform_configuration(settings: Settings, declared: TableSettings) -> None:
    """Print a Terraform configuration that creates the table, with its scaling.

    It has a resource for each scaling target and each policy. `terraform destroy` refuses to delete
    the table. What no option declares is left to the provider's default.
    """
    click.echo(terraform(SCHEMA, _name(settings), declared), nl=False)


@export_group.command(
    "describe-table", cls=Command, short_help="The table as DescribeTable answers."
)
@settings_options
@click.option(
    "--account",
    default="123456789012",
    show_default=True,
    metavar="ID",
    help="Account of the table, 12 digits.",
)
@click.pass_obj
def description(settings: Settings, account: str, declared: TableSettings) -> None:
    """Print what DescribeTable answers for the new, empty table, as JSON.

    Local engines create the table from it, and other tools read its keys and indexes.
    """
    arn = _arn(settings, account)
    print_json(describe_table(SCHEMA, _name(settings), declared, arn=arn))


@export_group.command(
    "workbench",
    cls=Command,
    short_help="A model of NoSQL Workbench, with sample rows.",
    params=file_options(),
)
@settings_options
@click.option(
    "--titles",
    "count",
    type=click.IntRange(0),
    default=EACH,
    show_default=True,
    metavar="N",
    help="Titles of each kind whose items are the sample rows.",
)
@click.pass_obj
def workbench_model(
    settings: Settings, movies: Path | None, tv: Path | None, count: int, declared: TableSettings
) -> None:
    """Print a model of NoSQL Workbench, as JSON: keys, indexes, facets and sample rows.

    The rows are the items of titles from the files, or of the sample data.
    """
    titles = _some(_titles(movies, tv), count)
    print_json(workbench(titles, table=_name(settings), settings=declared))


@export_group.command(
    "data-model", cls=Command, short_help="The data model for AWS's design tools."
)
@click.option(
    "--rate",
    "rates",
    multiple=True,
    metavar="PATTERN=NUMBER",
    help="Calls per second of an access pattern, 1 by default; may be repeated.",
)
@click.pass_obj
def data_model_document(settings: Settings, rates: tuple[str, ...]) -> None:
    """Print `dynamodb_data_model.json` of AWS's design tools: table, items, access patterns.

    Each request of an access pattern is a command of the AWS CLI. The commands succeed one after
    the other on a table with the items, which are those of the sample data.
    """
    titles = [_valid(each) for each in _sample()]
    asked = example_calls(titles, rates=_rates(rates))
    print_json(data_model(asked, titles, table=_name(settings)))


def _rates(texts: tuple[str, ...]) -> dict[str, float]:
    rates = {}
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not PATTERN=NUMBER", param_hint="--rate")
        rates[_pattern(name, "--rate").name] = amount(number)
    return rates


def _pattern(name: str, option: str) -> AccessPattern:
    if name.replace("-", "_") not in PATTERNS:
        known = [each.replace("_", "-") for each in PATTERNS]
        raise click.UsageError(f"{option}: {no_such_pattern(name, known)}")
    return pattern_named(name)


def _name(settings: Settings) -> str:
    """Return the name of the table selected by the options, without the rest of an ARN."""
    return settings.catalog().table.rpartition("table/")[2]


def _titles(movies: Path | None, tv: Path | None) -> list[AnyTitle]:
    """Return the titles of the files, or those of the sample data."""
    files = movies or tv
    return [_valid(each) for each in (titles_in(movies, tv) if files else _sample())]


def _sample() -> list[AnyTitle | Rejection]:
    return read_folder(sample_folder())


def _valid(title: AnyTitle | Rejection) -> AnyTitle:
    if isinstance(title, Rejection):
        raise click.UsageError(str(title))
    return title


def _some(titles: Sequence[AnyTitle], count: int) -> list[AnyTitle]:
    """Return the first titles of each kind."""
    by_kind = [[title for title in titles if title.kind == kind] for kind in KINDS]
    return [title for each in by_kind for title in each[:count]]


def _chosen(role: iam.Role | None, names: tuple[str, ...]) -> list[AccessPattern]:
    of_role = iam.patterns_of(role or "writer")
    chosen = [_pattern(name, "--patterns") for name in names]
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
