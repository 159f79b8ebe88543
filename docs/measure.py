"""Measures the cost of each access pattern on the application's files, next to its declaration.

``python -m docs.measure FOLDER`` writes `docs/measured.json`, which `docs.generate` puts into the
pages; it needs dynoxide, whose capacity figures follow DynamoDB's rules. Chance is seeded, so the
same files give the same figures.
"""

import json
import random
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from catalog_model import Catalog, Movie, Rejection, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.comparison import Comparison
from catalog_model.analysis.offline import offline_catalog
from catalog_model.files.reader import read_folder
from catalog_model.local import start_engine
from catalog_model.operations import create_table
from docs.calls import Call, reads, writes

USAGE: Final = (
    "Usage: python -m docs.measure FOLDER\n"
    "FOLDER has the application's data_movies.json and data_tv.json, as the folder data/ of "
    "github.com/exit-zero-academy/NetflixMovieCatalog."
)
FIGURES: Final = Path(__file__).with_name("measured.json")

TYPICAL: Final = {"limit": 20, "count": 20}
"""Calls with other values of these arguments are not measured; nor are calls for less than 100
keys, or lists of other than two genres.
"""

KEYS: Final = 100
GENRES: Final = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """The most expensive call of one kind: declared, predicted and consumed units."""

    pattern: str
    case: str
    declared_requests: float
    predicted_requests: int
    requests: int
    declared_units: float
    predicted_units: float
    units: float
    mean_units: float
    declared_round_trips: float = 0
    round_trips: int = 0


def main() -> None:
    """Measure, and write the figures."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(USAGE)
    FIGURES.write_text(json.dumps([asdict(each) for each in measure(Path(sys.argv[1]))], indent=1))


def measured() -> list[Figures]:
    """Read the written figures."""
    return [Figures(**each) for each in json.loads(FIGURES.read_text("utf-8"))]


def measure(folder: Path) -> list[Figures]:
    """Measure calls of every access pattern with the titles in a folder."""
    titles = [each for each in read_folder(folder) if not isinstance(each, Rejection)]
    with start_engine("dynoxide") as engine:
        full, empty = engine.catalog("measured-full"), engine.catalog("measured-empty")
        create_table(full)
        create_table(empty)
        pairs = _pairs(reads(titles), full, titles), _pairs(writes(titles), empty, ())
        return _worst(pair for each in pairs for pair in each)


Pair = tuple[Comparison, Comparison]


def _pairs(
    calls: Iterable[Call], catalog: Catalog, titles: Sequence[Movie | TVShow]
) -> Iterator[Pair]:
    """Make each call on the engine and offline."""
    offline = offline_catalog()
    for each in (catalog, offline):
        random.seed(7)
        ap.load_titles(each, titles)
    for call in filter(is_typical, calls):
        state = random.getrandbits(32)
        explained = []
        for each in (catalog, offline):
            random.seed(state)
            if "rng" in call.arguments:
                call.arguments["rng"].seed(state)
            explained.append([found.comparison for found in call.explained(each)])
        yield from zip(*explained, strict=True)


def is_typical(call: Call) -> bool:
    """Whether a call has the usual arguments, which are measured."""
    asked = call.arguments
    has_usual = all(asked.get(name, usual) == usual for name, usual in TYPICAL.items())
    has_genres = "match" not in asked or len(asked["genre_ids"]) == GENRES
    return has_usual and has_genres and len(asked.get("keys", range(KEYS))) == KEYS


def _worst(pairs: Iterable[Pair]) -> list[Figures]:
    cases: dict[tuple[str, str], list[Figures]] = {}
    for consumed, predicted in pairs:
        found = _figures(consumed, predicted)
        cases.setdefault((found.pattern, found.case), []).append(found)
    order = list(ap.PATTERNS)
    worst = [_most_expensive(found) for found in cases.values()]
    return sorted(worst, key=lambda each: order.index(each.pattern))


def _most_expensive(calls: list[Figures]) -> Figures:
    """Return the call with the most units, with the average over calls with as many requests."""
    worst = max(calls, key=lambda each: (each.units, each.requests))
    mean = statistics.mean(each.units for each in calls if each.requests == worst.requests)
    return replace(worst, mean_units=round(mean, 1))


def _figures(consumed: Comparison, predicted: Comparison) -> Figures:
    return Figures(
        pattern=consumed.pattern.name,
        case=case_of(consumed.arguments),
        declared_requests=consumed.most_requests,
        predicted_requests=len(predicted.requests),
        requests=len(consumed.requests),
        declared_units=consumed.read_budget + consumed.write_budget,
        predicted_units=predicted.read_units + predicted.write_units,
        units=consumed.read_units + consumed.write_units,
        mean_units=0,
        declared_round_trips=consumed.most_round_trips,
        round_trips=consumed.round_trips,
    )


def case_of(arguments: Mapping[str, Any]) -> str:
    """Return a description of the arguments that make a call a separate case."""
    named = {"order", "match", "consistent"} & arguments.keys()
    kinds = [f"{name}={arguments[name]}" for name in sorted(named) if arguments[name] is not False]
    kinds += [f"{len(arguments[name])} {name}" for name in ("keys", "titles") if name in arguments]
    return ", ".join(kinds)


if __name__ == "__main__":
    main()
