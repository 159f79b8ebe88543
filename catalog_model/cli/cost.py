"""The command that prices access patterns offline: from rates to capacity and dollars a month.

Each pattern is run once on a table in memory, which charges like DynamoDB. No requests are sent.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from math import inf, nan
from pathlib import Path
from typing import Any, Final

import click

from catalog_model.analysis.estimate import Asked, Estimate, Priced, by_place, estimate, naming
from catalog_model.analysis.prices import (
    DEFAULT_PRICES,
    PRICES,
    TARGET,
    Prices,
    prices_from_json,
    units_per_second,
)
from catalog_model.checks import counted
from catalog_model.cli.arguments import no_such_pattern
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, printable
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.patterns import (
    PatternCommand,
    file_options,
    files_in,
    pattern_commands,
    run_pattern,
)
from catalog_model.cli.progress import progress
from catalog_model.dynamodb.schema import TABLE
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.reader import parse_json, read_folder, sample_folder
from catalog_model.table.indexes import INDEXES
from catalog_model.writes.load import Loadable

USAGE: Final = '--pattern "list-titles-in-genre movie 28" --per-second 100'
CALL_COLUMNS: Final = (
    "/pattern",
    ">calls/s",
    ">requests",
    ">requests/s",
    "units on",
    ">read",
    ">read/s",
    ">write",
    ">write/s",
)
PLACE_COLUMNS: Final = ("units on", ">read/s", ">read capacity", ">write/s", ">write capacity")
DOLLAR_COLUMNS: Final = ("dollars a month", ">on demand", ">provisioned")


def amount(text: str) -> float:
    """Read a number, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not 0 <= value < inf:
        raise click.BadParameter(f"{text!r} is not a number from 0 on")
    return value


@click.command(cls=Command, params=file_options())
@click.option(
    "--pattern",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="An access pattern with its arguments, as one text; may be repeated.",
)
@click.option(
    "--per-second",
    "rates",
    multiple=True,
    type=amount,
    metavar="NUMBER",
    help="Calls per second; one for each --pattern, in the same order.",
)
@click.option(
    "--scale",
    default=1,
    show_default=True,
    type=amount,
    metavar="NUMBER",
    help="Factor for the stored data.",
)
@click.option(
    "--prices", "prices_path", type=Path, metavar="FILE", help="File with your own prices, as JSON."
)
@click.option(
    "--utilisation",
    default=TARGET,
    show_default=True,
    help="Target utilisation of provisioned capacity.",
)
@click.pass_context
def cost(
    ctx: click.Context,
    /,
    texts: tuple[str, ...],
    rates: tuple[float, ...],
    scale: float,
    prices_path: Path | None,
    utilisation: float,
    **paths: Path | None,
) -> None:
    """Price access patterns: units, capacity and dollars a month, from their rates.

    Runs offline, without an AWS account. Each pattern is run once, separately, on a table in memory
    with the titles of the files, or with the sample data if no file is given. The output has the
    requests and the units of one call and of a second; the capacity to provision for the table and
    each index; and the bill for both billing modes. --region selects the prices.
    """
    settings = ctx.ensure_object(Settings)
    if settings.table or settings.endpoint_url or settings.profile:
        raise click.UsageError("cost runs offline: it takes no table, endpoint or profile")
    prices = _prices(settings, prices_path)
    asked = _asked(ctx, texts, rates)
    titles = _titles(**paths)
    with progress(len(titles), "Predicting") as on_progress:
        found = estimate(
            asked,
            titles,
            prices=prices,
            utilisation=utilisation,
            scale=scale,
            name="given-files" if any(paths.values()) else "sample-data",
            on_progress=on_progress,
        )
    if settings.output == "json":
        print_json(as_json(found))
    else:
        _print(found)
    ctx.exit(EXIT_CHECK_FAILED if found.rejected else 0)


def _prices(settings: Settings, path: Path | None) -> Prices:
    if path is None:
        region = settings.region or DEFAULT_PRICES.region
        if region not in PRICES:
            known = " and ".join(PRICES)
            raise click.UsageError(f"prices are known for {known}, not {region!r}: --prices FILE")
        return PRICES[region]
    if settings.region:
        raise click.UsageError("give --region or --prices, not both: the file names its region")
    record = parse_json(path)
    try:
        return prices_from_json(record)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{path}: {error}") from error


def _asked(ctx: click.Context, texts: Sequence[str], rates: Sequence[float]) -> list[Asked]:
    if not texts or len(texts) != len(rates):
        patterns, seconds = counted(len(texts), "time"), counted(len(rates), "time")
        given = f"--pattern is given {patterns}, --per-second {seconds}"
        raise click.UsageError(f"{given}: give one of each for every pattern, as {USAGE}")
    commands = {each.name: each for each in pattern_commands(run_pattern, with_load=True)}
    return [parsed_call(ctx, commands, text, rate) for text, rate in zip(texts, rates, strict=True)]


def parsed_call(
    ctx: click.Context, commands: Mapping[str | None, PatternCommand], text: str, rate: float
) -> Asked:
    """Parse a pattern as its own command would, with the same errors."""
    name, *words = given = _words(text)
    name = "load" if name == "load_titles" else name.replace("_", "-")
    if name not in commands:
        known = filter(None, commands)
        raise click.UsageError(f"--pattern {text!r}: {no_such_pattern(name, known)}")
    command = commands[name]
    try:
        # The shared options are its own; errors show the usage of its command.
        inner = command.make_context(name, words, parent=ctx.find_root(), obj=Settings())
        with inner, naming(text):
            arguments = command.arguments(**inner.params)
    except click.UsageError as error:
        example = f"\nExample: {name} {command.example}" if command.example else ""
        message = f"--pattern {text!r}: {error.format_message()}{example}"
        raise click.UsageError(message, error.ctx) from error
    if arguments.get("after") is not None:
        raise click.UsageError(f"--pattern {text!r}: omit --after, every page costs the same")
    return Asked(shlex.join([name, *given[1:]]), rate, command.pattern, arguments)


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise click.UsageError(f"--pattern {text!r}: {error}") from error
    if not words:
        raise click.UsageError(f"--pattern {text!r} names no pattern; write it as {USAGE}")
    return words


def _titles(movies: Path | None, tv: Path | None) -> Sequence[Loadable]:
    if movies or tv:
        return [*chain.from_iterable(files_in(movies, tv))]
    return read_folder(sample_folder())


def _print(found: Estimate) -> None:
    print_table(CALL_COLUMNS, [_call_row(each) for each in found.priced])
    click.echo()
    print_table(PLACE_COLUMNS, _place_rows(found))
    click.echo()
    print_table(DOLLAR_COLUMNS, _dollar_rows(found))
    click.echo()
    for note in found.notes:
        click.echo(printable(note))
    for each in found.rejected:
        click.echo(printable(f"Left out: {each}"))


def _call_row(priced: Priced) -> tuple[object, ...]:
    rate = priced.calls.per_second
    reads, writes = by_place(priced.calls.reads), by_place(priced.calls.writes)
    places = [place for place in (TABLE, *INDEXES) if place in reads or place in writes]
    return (
        priced.text,
        _figure(rate),
        priced.requests,
        _figure(priced.requests * rate),
        places,
        *(
            [_figure(units.get(place, 0) * times) for place in places]
            for units in (reads, writes)
            for times in (1, rate)
        ),
    )


def _place_rows(found: Estimate) -> Iterator[tuple[object, ...]]:
    reads, writes = map(by_place, units_per_second(each.calls for each in found.priced))
    for place in (TABLE, *INDEXES):
        yield (
            place,
            _figure(reads.get(place, 0)),
            f"{found.bill.read_capacity[place]:,}",
            _figure(writes.get(place, 0)),
            f"{found.bill.write_capacity[place]:,}",
        )


def _dollar_rows(found: Estimate) -> Iterator[tuple[object, ...]]:
    from rich.filesize import decimal  # noqa: PLC0415  # as in `cli_output`

    storage = found.bill.storage
    ways = found.bill.on_demand, found.bill.provisioned
    yield ("reads and writes", *(f"{way:,.2f}" for way in ways))
    yield (f"storage of {decimal(found.stored_bytes)}", *(f"{storage:,.2f}" for _ in ways))
    yield ("together", *(f"{way + storage:,.2f}" for way in ways))


def _figure(value: float) -> str:
    return f"{value:,.10g}"


def as_json(found: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON."""
    reads, writes = units_per_second(each.calls for each in found.priced)
    price = found.bill
    return {
        "patterns": [_priced(each) for each in found.priced],
        "per_second": {"read_units": by_place(reads), "write_units": by_place(writes)},
        "capacity": {
            "utilisation": found.utilisation,
            "read": dict(price.read_capacity),
            "write": dict(price.write_capacity),
        },
        "stored_bytes": found.stored_bytes,
        "scale": found.scale,
        "dollars_a_month": {
            "on_demand": price.on_demand,
            "provisioned": price.provisioned,
            "storage": price.storage,
            "on_demand_with_storage": price.on_demand + price.storage,
            "provisioned_with_storage": price.provisioned + price.storage,
        },
        "prices": asdict(found.prices),
        "notes": found.notes,
        "rejected": [each.to_json() for each in found.rejected],
    }


def _priced(priced: Priced) -> dict[str, Any]:
    calls = priced.calls
    return {
        "pattern": priced.pattern,
        "call": priced.text,
        "calls_per_second": calls.per_second,
        **{
            name: {
                "requests": priced.requests * times,
                "read_units": by_place(calls.reads.times(times)),
                "write_units": by_place(calls.writes.times(times)),
            }
            for name, times in (("per_call", 1), ("per_second", calls.per_second))
        },
    }
