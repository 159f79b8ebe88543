"""The options for the settings of a table, which several commands share."""

import functools
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import click

from catalog_model.checks import refuse, shown
from catalog_model.deployment.settings import Stream, TableClass
from catalog_model.operations import TableSettings

_OPTIONS: Final = (
    click.option(
        "--settings",
        "settings_file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="JSON or TOML file of settings; options take precedence.",
    ),
    click.option("--provisioned", is_flag=True, help="Provisioned capacity that scales."),
    click.option("--min", "low", type=int, metavar="N", help="Least units a second."),
    click.option("--max", "high", type=int, metavar="N", help="Most units a second."),
    click.option(
        "--target", type=int, metavar="PERCENT", help="Utilization to keep, 20 to 90; usually 70."
    ),
    click.option("--read-capacity", type=int, metavar="N", help="Fixed read units a second."),
    click.option("--write-capacity", type=int, metavar="N", help="Fixed write units a second."),
    click.option("--max-read-units", type=int, metavar="N", help="Limit of reads on demand."),
    click.option("--max-write-units", type=int, metavar="N", help="Limit of writes on demand."),
    click.option(
        "--recovery-days", type=int, metavar="DAYS", help="Point-in-time recovery, 1 to 35 days."
    ),
    click.option("--protect/--no-protect", default=None, help="Protect the table from deletion."),
    click.option("--stream", type=click.Choice(get_args(Stream)), help="Images in the stream."),
    click.option(
        "--encryption", metavar="KEY", help="Key: owned, managed, or the ARN of a key in KMS."
    ),
    click.option(
        "--class", "table_class", type=click.Choice(get_args(TableClass)), help="Table class."
    ),
    click.option("--warm-read", type=int, metavar="N", help="Reads a second supported at once."),
    click.option("--warm-write", type=int, metavar="N", help="Writes a second supported at once."),
    click.option(
        "--ttl", metavar="ATTRIBUTE", help='Attribute with the time of expiry; "" switches it off.'
    ),
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the table."),
)

MOST_BYTES: Final = 100_000
"""The maximum size of a file of settings, which has a few lines."""

_PAIRS: Final = {
    "capacity": ("read_capacity", "write_capacity"),
    "max_units": ("max_read_units", "max_write_units"),
    "warm_throughput": ("warm_read", "warm_write"),
}
"""The settings of which each option is a part, for reads and for writes."""

_SIMPLE: Final = ("recovery_days", "protect", "stream", "encryption", "table_class", "ttl")


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for settings to a command, which is passed ``declared: TableSettings``.

    An option takes precedence over the file's setting of that name.
    """

    @functools.wraps(command)
    def with_settings(*args: Any, **given: Any) -> Any:
        own = {name: given.pop(name) for name in _NAMES}
        return command(*args, declared=_declared(**own), **given)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings


_NAMES: Final = (
    "settings_file",
    "provisioned",
    "low",
    "high",
    "target",
    "tags",
    *_SIMPLE,
    *(name for pair in _PAIRS.values() for name in pair),
)


def _declared(settings_file: Path | None, tags: tuple[str, ...], **given: Any) -> TableSettings:
    members = {} if settings_file is None else read_settings(settings_file).to_json()
    scaling = _scaling(given)
    fixed = given["read_capacity"], given["write_capacity"]
    if (fixed[0] is None) != (fixed[1] is None):
        refuse("read_capacity and write_capacity", fixed, "both or none")
    if scaling is not None:
        members["scaling"] = scaling
    for name, (read, write) in _PAIRS.items():
        units = {"read": given[read], "write": given[write]}
        if any(part is not None for part in units.values()):
            members[name] = {part: value for part, value in units.items() if value is not None}
    for name in _SIMPLE:
        if given[name] is not None:
            members["protection" if name == "protect" else name] = given[name]
    if tags:
        members["tags"] = {**members.get("tags", {}), **_pairs(tags)}
    return TableSettings.from_json(members)


def _scaling(given: dict[str, Any]) -> dict[str, int] | None:
    bounds = {"min": given["low"], "max": given["high"], "target": given["target"]}
    members = {name: value for name, value in bounds.items() if value is not None}
    if members and not given["provisioned"]:
        raise click.UsageError(f"--{next(iter(members))} is for --provisioned")
    if not given["provisioned"]:
        return None
    is_fixed = given["read_capacity"] is not None or given["write_capacity"] is not None
    if not members and is_fixed:
        return None
    if not {"min", "max"} <= members.keys():
        raise click.UsageError("--provisioned needs --min and --max")
    if is_fixed:
        raise click.UsageError("give --min and --max, or --read-capacity and --write-capacity")
    return members


def _pairs(tags: tuple[str, ...]) -> dict[str, str]:
    pairs = dict(tag.partition("=")[::2] for tag in tags)
    if not all(pairs) or not all("=" in tag for tag in tags):
        raise click.BadParameter("a tag is KEY=VALUE", param_hint="--tag")
    if len(pairs) < len(tags):
        raise click.BadParameter("the keys of tags must differ", param_hint="--tag")
    return pairs


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    return content.decode()


def read_settings(path: Path) -> TableSettings:
    """Read settings from a file of JSON or, if its name ends with ``.toml``, of TOML.

    Raises:
        click.UsageError: If it cannot be read.
        InvalidArgumentError: If a setting is unknown or invalid.
    """
    try:
        text = _text_of(path)
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"--settings {shown(str(path))} cannot be read: {error}") from error
    return TableSettings.from_json(content)
