"""Measures access patterns on catalogues of growing size; ``make scale``.

``python -m docs.scale FOLDER [SIZE...]`` fills a database of dynoxide for each size, in a folder
that keeps them for the next run, and writes `docs/scale.json` and the plot. From a million titles
on, the table is in the memory of this process, 8 GB for a million, and the time of the client is
not measured. A size that is not measured again keeps its figures.
"""

import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import CatalogError
from catalog_model.local import start_engine
from catalog_model.table.codec import SCHEMA_VERSION
from docs.calls import Call, reads, writes
from docs.catalogues import titles
from docs.filling import DATABASE, TABLE, fill
from docs.measure import case_of, is_typical
from docs.packed import packed_catalog

FIGURES: Final = Path(__file__).with_name("scale.json")
PICTURE: Final = Path(__file__).parent / "images" / "scale.svg"
SIZES: Final = (1_000, 10_000, 100_000)

ASKED: Final = 600
"""The titles at the beginning of a catalogue that the calls ask for."""

IN_MEMORY: Final = 1_000_000
"""The size from which on the table is in memory: a database of it has 20 GB."""

NEW: Final = 300
"""The titles that the writes create, beyond those of the catalogue, and delete again."""

REPEATS: Final = 3
"""The number of times that each read is made; at first, the engine has not read its file."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The calls of one kind on a catalogue of one size: averages of requests, trips and units."""

    size: int
    pattern: str
    case: str
    calls: int
    requests: float
    round_trips: float
    units: float
    most_units: float
    cpu_ms: float | None
    """The median processor time of a call in the client; None for a table in memory."""


def main() -> None:
    """Measure the sizes, and write figures and plot."""
    if len(sys.argv) < 2:  # noqa: PLR2004
        sys.exit("Usage: python -m docs.scale FOLDER [SIZE...]")
    sizes = [int(size) for size in sys.argv[2:]] or SIZES
    kept = [each for each in measured() if each.size not in sizes] if FIGURES.exists() else []
    found = sorted(kept + measure(Path(sys.argv[1]), sizes), key=lambda each: each.size)
    FIGURES.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n")
    draw(found)


def measured() -> list[Figures]:
    """Read the written figures."""
    return [Figures(**each) for each in json.loads(FIGURES.read_text("utf-8"))]


def measure(folder: Path, sizes: Sequence[int]) -> list[Figures]:
    """Measure all access patterns on catalogues of these sizes, in turn."""
    with ExitStack() as stack:
        tables = {size: stack.enter_context(_opened(folder, size)) for size in sizes}
        found = measure_calls(tables)
    return [replace(each, cpu_ms=None) if each.size >= IN_MEMORY else each for each in found]


@contextmanager
def _opened(folder: Path, size: int) -> Iterator[Catalog]:
    """Open a catalogue of this size, filled if it is not yet."""
    if size >= IN_MEMORY:
        yield packed_catalog(titles(size))
        return
    place = folder / f"{size}-titles-version-{SCHEMA_VERSION}"
    if not (place / DATABASE).exists():
        fill(place, titles(size))
    with start_engine("dynoxide", folder=place) as engine:
        yield engine.catalog(TABLE)


def measure_calls(tables: Mapping[int, Catalog]) -> list[Figures]:
    """Measure the same calls on generated catalogues, each call on all of them in turn.

    Reads ask for titles at the beginning, and writes create new ones, which are deleted afterwards.
    """
    random.seed(7)
    made: defaultdict[tuple[int, str, str], list[tuple[float, list[Request]]]] = defaultdict(list)
    new = {size: list(islice(titles(size + NEW), size, None)) for size in tables}
    try:
        for turn in zip(*(_calls(size, new[size]) for size in tables), strict=True):
            for (size, catalog), call in zip(tables.items(), turn, strict=True):
                made[size, call.pattern, case_of(call.arguments)].append(_made(catalog, call))
    finally:
        for size, catalog in tables.items():
            _delete(catalog, new[size])
    return [_figures(*kind, calls) for kind, calls in made.items()]


def _calls(size: int, new: Sequence[Movie | TVShow]) -> list[Call]:
    """Return all calls, made up in advance, because some of them draw random numbers."""
    stored = list(titles(min(size, ASKED)))
    asked = chain.from_iterable([call] * REPEATS for call in reads(stored))
    return list(filter(is_typical, chain(asked, writes(new))))


def _made(catalog: Catalog, call: Call) -> tuple[float, list[Request]]:
    """Make a call; return the seconds of processor time, and the requests."""
    function = ap.PATTERNS[call.pattern].function
    with catalog.trace() as trace:
        began = time.process_time()
        function(catalog, **call.arguments)
        seconds = time.process_time() - began
    return seconds, list(trace)


def _delete(catalog: Catalog, several: Iterable[Movie | TVShow]) -> None:
    for title in several:
        try:
            ap.delete_title(catalog, title.kind, title.id)
        except CatalogError:  # it was not created, or a call has deleted it
            continue


def _figures(
    size: int, pattern: str, case: str, calls: Sequence[tuple[float, Sequence[Request]]]
) -> Figures:
    units = [sum(each.total_units for each in requests) for _, requests in calls]
    return Figures(
        size=size,
        pattern=pattern,
        case=case,
        calls=len(calls),
        requests=round(statistics.mean(len(requests) for _, requests in calls), 2),
        round_trips=round(statistics.mean(_trips(requests) for _, requests in calls), 2),
        units=round(statistics.mean(units), 2),
        most_units=max(units),
        cpu_ms=round(statistics.median(seconds for seconds, _ in calls) * 1000, 2),
    )


def _trips(requests: Sequence[Request]) -> int:
    """Return the number of round trips: requests that waited for each other."""
    numbers = {getattr(each, "round_trip", at) for at, each in enumerate(requests)}
    return len(numbers)


def table() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table for the page: requests, units and milliseconds at each size."""
    found = {(each.pattern, each.case, each.size): each for each in measured()}
    sizes = sorted({size for *_, size in found})
    kinds = dict.fromkeys((pattern, case) for pattern, case, _ in found)
    order = list(ap.PATTERNS)
    rows = [
        (_name(*kind), *(_cell(found.get((*kind, size))) for size in sizes))
        for kind in sorted(kinds, key=lambda kind: order.index(kind[0]))
    ]
    return ("pattern", *(f"{size:,} titles" for size in sizes)), rows


def _name(pattern: str, case: str) -> str:
    return f"`{pattern}`" + (f" ({case})" if case else "")


def _cell(figures: Figures | None) -> str:
    if figures is None:
        return ""
    averages = (figures.requests, figures.round_trips, figures.units)
    cpu = "" if figures.cpu_ms is None else f" / {figures.cpu_ms:.1f} ms"
    return " / ".join(f"{average:,.4g}" for average in averages) + cpu


def draw(figures: Sequence[Figures]) -> None:
    """Draw the units and the processor time of each pattern against the size."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # only here
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        print("matplotlib is not installed: no picture")  # noqa: T201
        return
    mpl.rcParams["svg.hashsalt"] = "scale"
    colors = mpl.colormaps["tab20"]
    picture = Figure(figsize=(10, 5.6), layout="constrained")
    units, cpu = picture.subplots(1, 2, sharex=True)
    for number, (pattern, lines) in enumerate(_lines(figures)):
        sizes, *values = zip(*lines, strict=True)
        is_read = ap.PATTERNS[pattern].role == "read"
        style: dict[str, Any] = {"linestyle": "-" if is_read else "--", "color": colors(number)}
        for axes, ys in zip((units, cpu), values, strict=True):
            known = [(size, y) for size, y in zip(sizes, ys, strict=True) if y is not None]
            axes.plot(*zip(*known, strict=True), marker="o", markersize=3, label=pattern, **style)
    for axes, label in (
        (units, "capacity units a call"),
        (cpu, "processor time of the client, ms"),
    ):
        axes.set(xscale="log", yscale="log", xlabel="titles", ylabel=label)
        axes.grid(visible=True, alpha=0.3)
    handles, names = units.get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8)
    picture.savefig(PICTURE, metadata={"Date": None})


def _lines(figures: Iterable[Figures]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Yield each pattern with its points: size, units and milliseconds, over all of its cases."""
    points: defaultdict[str, defaultdict[int, list[Figures]]]
    points = defaultdict(lambda: defaultdict(list))
    for each in figures:
        points[each.pattern][each.size].append(each)
    for pattern in (name for name in ap.PATTERNS if name in points):
        yield (
            pattern,
            [
                (
                    size,
                    statistics.mean(each.units for each in several),
                    _mean_of_known([each.cpu_ms for each in several]),
                )
                for size, several in sorted(points[pattern].items())
            ],
        )


def _mean_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


if __name__ == "__main__":
    main()
