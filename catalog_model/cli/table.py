"""The commands that create, describe and delete the table."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click

from catalog_model import operations
from catalog_model.checks import counted
from catalog_model.cli.base import (
    EXIT_CHECK_FAILED,
    Command,
    Settings,
    confirm,
    printable,
    wait_note,
)
from catalog_model.cli.load import STILL_RAISED, load_note
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.settings_options import settings_options
from catalog_model.deployment.settings import MANAGED, NO_LIMIT, OWNED, UnitsPerSecond
from catalog_model.dynamodb.schema import TABLE
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.operations import TableSettings, TableStatus
from catalog_model.writes.load_estimate import estimate_load

THOUSAND: Final = 1000
"""The titles of the load of which `create` shows the time."""


@click.command("create", cls=Command)
@settings_options
@click.pass_obj
def create_command(settings: Settings, /, declared: TableSettings) -> None:
    """Create the table with its indexes and settings, and wait until it can be used.

    The table is on demand unless --provisioned or both capacities are given. With --provisioned,
    reads and writes of the table and of each index scale between --min and --max.

    Safe to repeat: after an interruption it finishes. On an existing table of this model, recovery
    and scaling are switched on if they are off; nothing else is changed, and what differs is shown.
    """
    catalog = settings.catalog()
    wait_note(f"Waiting until table {catalog.table!r} can be used ...")
    status = operations.create_table(catalog, settings=declared)
    print_status(status, settings)
    for departure in status.departures:
        click.echo(f"Not changed: {printable(departure)}.", err=True)
    if status.capacity and settings.output != "json":
        for line in _note(status):
            click.echo(line, err=True)


def _note(status: TableStatus) -> Iterator[str]:
    """Yield the least time of loading 1,000 titles like those of the sample."""
    sample = estimate_load(read_folder(sample_folder()))
    return load_note(sample.times(THOUSAND / sample.titles), status)


@click.command("delete", cls=Command)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete_command(settings: Settings, *, yes: bool) -> None:
    """Delete the table with everything in it, and wait until it is gone.

    A table that is protected from deletion is refused; apply --no-protect removes the protection.
    """
    catalog = settings.catalog()
    status = operations.table_status(catalog)
    if not yes and not status.settings.protection:
        endpoint = catalog.client.meta.endpoint_url
        confirm(
            f"Delete table {status.table!r} at {endpoint}, {counted(status.item_count, 'item')}?"
        )
    wait_note(f"Waiting until table {catalog.table!r} is gone ...")
    operations.delete_table(catalog)
    if settings.output == "json":
        print_json({"table": status.table, "status": "DELETED"})
    else:
        click.echo(f"Table {printable(status.table)} is deleted.")


@click.command("status", cls=Command)
@click.pass_context
def status_command(ctx: click.Context) -> None:
    """Show the state of the table; exit with 1 if it cannot be used or is not of this model.

    Shows its settings as well: capacity and scaling, recovery, protection, stream, encryption,
    class, tags, TTL. Those that the endpoint does not offer, or that may not be read, are named.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    found = operations.table_status(catalog, in_full=True)
    print_status(found, settings)
    if operations.is_raised(catalog):
        click.echo(STILL_RAISED, err=True)
    ctx.exit(0 if found.is_ready else EXIT_CHECK_FAILED)


def print_status(status: TableStatus, settings: Settings) -> None:
    """Print the state of the table, and the settings that were read."""
    if settings.output == "json":
        print_json(_as_json(status))
        return
    rows: list[tuple[str, object]] = [
        ("table", status.table),
        ("state", status.status),
        ("billing", status.billing_mode),
        ("items", f"{status.item_count:,} (the service counts every six hours)"),
        ("size", counted(status.size_bytes, "byte")),
    ]
    rows += [(f"index {name}", state) for name, state in status.indexes.items()]
    rows += _settings_rows(status)
    rows += [("not of this model", difference) for difference in status.differences]
    rows += [("next step", status.remedy)] if status.remedy else []
    rows += [(operation, reason) for operation, reason in status.unread.items()]
    print_table(("what", "~is"), rows)


def _as_json(status: TableStatus) -> dict[str, Any]:
    recovery = status.recovery
    return {
        **asdict(status),
        "is_ready": status.is_ready,
        "settings": status.settings.to_json(),
        "scaling": [
            {
                "resource": each.resource,
                "part": each.part,
                "min": each.min,
                "max": each.max,
                "target": each.target,
                "policy": each.policy,
            }
            for each in status.scaling or ()
        ],
        "recovery": recovery
        and {
            "days": recovery.days,
            "earliest": recovery.earliest and recovery.earliest.isoformat(),
            "latest": recovery.latest and recovery.latest.isoformat(),
        },
    }


def _settings_rows(status: TableStatus) -> Iterator[tuple[str, object]]:
    yield from _units_rows("capacity", status.capacity)
    yield from _scaling_rows(status)
    yield from _units_rows("on-demand limit", status.max_units)
    yield from _units_rows("warm throughput", status.warm_throughput)
    yield from _recovery_rows(status)
    own = status.settings
    if own.protection is not None:
        yield "deletion protection", "on" if own.protection else "off"
    for name, value in (("stream", own.stream), ("class", own.table_class)):
        if value is not None:
            yield name, value
    if own.encryption is not None:
        names = {OWNED: "a key that DynamoDB owns", MANAGED: "a key of AWS in KMS"}
        yield "encryption", names.get(own.encryption, own.encryption)
    if own.ttl is not None:
        yield "TTL", own.ttl or "off"
    if own.tags is not None:
        yield "tags", ", ".join(f"{k}={v}" for k, v in own.tags.items()) or "none"


def _units_rows(name: str, units: dict[str, UnitsPerSecond]) -> Iterator[tuple[str, object]]:
    """Yield one row if all indexes have the units of the table, or one for each."""
    texts = {where: _units_text(own) for where, own in units.items()}
    if TABLE in texts and len(set(texts.values())) == 1:
        yield name, f"{texts[TABLE]} (table and each index)" if len(texts) > 1 else texts[TABLE]
        return
    for where, text in texts.items():
        yield (name if where == TABLE else f"{name} of {where}"), text


def _units_text(units: UnitsPerSecond) -> str:
    if units == UnitsPerSecond(NO_LIMIT, NO_LIMIT):
        return "none"
    parts = {"read": units.read, "write": units.write}
    texts = (
        f"any {part} units" if own == NO_LIMIT else counted(own, f"{part} unit")
        for part, own in parts.items()
        if own is not None
    )
    return " and ".join(texts) + " a second"


def _scaling_rows(status: TableStatus) -> Iterator[tuple[str, object]]:
    if status.settings.scaling is not None:
        each = status.settings.scaling
        bounds = f"{each.min:,} to {counted(each.max, 'unit')} at {each.target} %"
        yield "scaling", f"{bounds} (reads and writes of the table and each index)"
        return
    for target in status.scaling or ():
        where = target.resource.partition("/index/")[2]
        goal = f"at {target.target:g} %" if target.target else "without target tracking"
        text = f"{target.min:,} to {counted(target.max, 'unit')} {goal}"
        yield f"{target.part} scaling{f' of {where}' if where else ''}", text
    if status.scaling == ():
        yield "scaling", "off"


def _recovery_rows(status: TableStatus) -> Iterator[tuple[str, object]]:
    recovery = status.recovery
    if recovery is None:
        return
    if not recovery.days:
        yield "recovery", "off"
        return
    window = (
        f"{each:%Y-%m-%d %H:%M:%S %Z}" for each in (recovery.earliest, recovery.latest) if each
    )
    yield "recovery", f"{counted(recovery.days, 'day')}, from {' to '.join(window)}"
