"""Measures loads of the application's files into small provisioned tables, in simulated time.

``python -m docs.paced_loads FOLDER`` writes `docs/loads.json`, for `docs.generate`; it
needs dynoxide. Chance is seeded.
"""

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog_model import Catalog, Movie, Rejection, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.schema import TABLE
from catalog_model.files.reader import read_folder
from catalog_model.local import start_engine
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table.indexes import INDEXES
from catalog_model.testing import Throughput, inject_faults, simulated_time
from catalog_model.writes.load_estimate import estimate_load

USAGE: Final = (
    "Usage: python -m docs.paced_loads FOLDER, with data_movies.json and data_tv.json in it."
)
FIGURES: Final = Path(__file__).with_name("loads.json")

UNITS: Final = range(1, 11)
"""The capacities: those between which the course's table scales."""


@dataclass(frozen=True, slots=True)
class Load:
    """A load into an empty table with a number of read and write units, and full buckets."""

    units: int
    seconds: float
    estimated_seconds: float
    """The time that the command line announces, for a table without saved units."""
    write_units: float
    """The write units taken, of the resource that took the most."""
    refused: int
    """Throttled attempts, including those that botocore retried."""
    throttled: int
    """Those that the load itself retried."""
    lost: int
    findings: int
    """What `verify` finds afterwards."""


def main() -> None:
    """Measure, and write the figures."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(USAGE)
    titles = [each for each in read_folder(Path(sys.argv[1])) if not isinstance(each, Rejection)]
    with start_engine("dynoxide") as engine:
        loads = [measure(engine.catalog(f"load-{units}"), units, titles) for units in UNITS]
    FIGURES.write_text(json.dumps([asdict(each) for each in loads], indent=1) + "\n")


def measured() -> list[Load]:
    """Read the written figures."""
    return [Load(**each) for each in json.loads(FIGURES.read_text("utf-8"))]


def measure(catalog: Catalog, units: int, titles: Sequence[Movie | TVShow]) -> Load:
    """Load titles into a new table, and check that all of them are stored."""
    create_table(catalog, read_capacity=units, write_capacity=units)
    random.seed(7)
    with simulated_time() as clock:
        throughput = Throughput(clock=clock)
        with inject_faults(catalog, [throughput]):
            report = ap.load_titles(catalog, titles)
        seconds = clock()
    stored = sum(ap.count_titles(catalog, kind) for kind in KINDS)
    findings = len(verify(catalog).findings)
    delete_table(catalog)
    capacity = dict.fromkeys((TABLE, *INDEXES), float(units))
    return Load(
        units=units,
        seconds=round(seconds),
        estimated_seconds=round(estimate_load(titles).seconds(capacity)),
        write_units=max(taken for (_, way), taken in throughput.units.items() if way == "write"),
        refused=len(throughput.refusals),
        throttled=report.throttled,
        lost=len(titles) - stored,
        findings=findings,
    )


def table() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of loads for the page."""
    columns = ("units", "simulated time", "announced", "write units", "throttled", "lost")
    return columns, [_row(each) for each in measured()]


def _row(load: Load) -> tuple[str, ...]:
    times = (_time(load.seconds), f"about {_time(load.estimated_seconds)}")
    figures = (load.write_units, load.refused, load.lost)
    return str(load.units), *times, *(f"{figure:,.0f}" for figure in figures)


def _time(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


if __name__ == "__main__":
    main()
