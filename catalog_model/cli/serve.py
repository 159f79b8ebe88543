"""The command that serves a local engine with the sample data."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from catalog_model import access_patterns as ap
from catalog_model import operations
from catalog_model.catalog import DEFAULT_TABLE, Catalog
from catalog_model.checks import counted
from catalog_model.cli.base import Command, Settings
from catalog_model.cli.output import print_json
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.engines.local import ENGINE_CHOICES, EngineChoice
from catalog_model.errors import ServiceError
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine, start_engine

TRY: Final = (
    "catalog-model list-titles-in-genre movie 28 --limit 5",
    "catalog-model list-top-rated movie --min-votes 100 --min-rating 8.5",
    "catalog-model --output json get-title tv 73",
)


@click.command(cls=Command)
@click.option(
    "--port", default=8000, show_default=True, help="Port on 127.0.0.1; 0 selects a free one."
)
@click.option(
    "--engine",
    "name",
    type=click.Choice(ENGINE_CHOICES),
    default="auto",
    show_default=True,
    help="The engine; auto selects dynoxide if it is found, else moto.",
)
@click.option("--empty", is_flag=True, help="Create no table and load no data.")
@click.option(
    "--expose",
    is_flag=True,
    help="Also answer other machines, without authentication: for isolated containers.",
)
@click.pass_obj
def serve(settings: Settings, port: int, name: EngineChoice, *, empty: bool, expose: bool) -> None:
    """Run an engine on this machine with the sample data, to explore without AWS.

    It prints the environment variables for other programs and some examples, and runs until Ctrl-C.
    No data is kept.
    """
    if settings.endpoint_url or settings.profile or settings.region:
        raise click.UsageError("serve has its own endpoint, region and credentials")
    table = settings.catalog().table
    with _until_told(), start_engine(name, port=port, exposed=expose) as engine:
        catalog = engine.catalog(table)
        count = 0 if empty else _fill(catalog)
        _announce(engine, catalog, count, settings)
        while engine.is_running:
            waits.sleep(0.2)
        raise ServiceError(f"{engine.name} has ended")


def _fill(catalog: Catalog) -> int:
    operations.create_table(catalog)
    return ap.load_titles(catalog, read_folder(sample_folder())).created


@contextmanager
def _until_told() -> Iterator[None]:
    """End the block quietly at Ctrl-C, or when the process receives a signal to end."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    told = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        told.append(signal.SIGHUP)
    before = {each: signal.signal(each, end) for each in told}
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _announce(engine: Engine, catalog: Catalog, count: int, settings: Settings) -> None:
    variables = engine.environment()
    if catalog.table != DEFAULT_TABLE:
        variables["CATALOG_TABLE"] = catalog.table
    if settings.output == "json":
        print_json(
            {
                "engine": engine.name,
                "endpoint_url": engine.endpoint_url,
                "table": catalog.table,
                "titles": count,
                "environment": variables,
            }
        )
        return
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    holds = f"{counted(count, 'title')} in {catalog.table!r}" if count else "no table"
    tries = TRY if count else ("catalog-model create",)
    lines = [
        f"{engine.name} answers at {engine.endpoint_url}, with {holds}",
        "",
        "In another shell:",
        "",
        *(f"    {line}" for line in (*exports, "", *tries)),
        "",
        "Ctrl-C stops it; nothing is kept.",
    ]
    click.echo("\n".join(lines))
