"""The cost of copies: read and write units of this model and of one with slim memberships.

The slim variant is the same plan and the same indexes without ``_doc``: a page is a Query for the
keys, then a BatchGetItem of the titles. Run it as ``python bench/costs.py FOLDER`` with the
application's files; it needs dynoxide, whose capacity figures follow DynamoDB's rules.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.actions import Plan, Put
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.local import start_engine
from catalog_model.operations import create_table
from catalog_model.table import codec, keys
from catalog_model.table.indexes import SCHEMA

SAMPLE = 60


class Meter:
    """Adds up the units that the engine charges."""

    def __init__(self, client: Any) -> None:
        self.units = 0.0
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._add)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _add(self, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        parts = consumed if isinstance(consumed, list) else [consumed]
        self.units += sum(part["CapacityUnits"] for part in parts)

    def of(self, action: Callable[[], object]) -> float:
        """Return the units of one action."""
        before = self.units
        action()
        return self.units - before


def main() -> None:
    """Print the units of each action in both variants, as a table."""
    folder = Path(sys.argv[1])
    records = json.loads((folder / "data_movies.json").read_bytes()).values()
    movies = [Movie.from_json(record) for record in records]
    with start_engine("dynoxide") as engine:
        full, slim = (engine.catalog(name) for name in ("full-copies", "slim-copies"))
        create_table(full)
        _create_slim(slim)
        meters = [Meter(full.client), Meter(slim.client)]
        slim_gateway = slim.gateway
        plain_transact = slim_gateway.transact
        slim_gateway.transact = lambda operations: plain_transact(_without_copies(operations))  # type: ignore[method-assign]
        rows = [_measure(name, action, full, slim, meters, movies) for name, action in ACTIONS]
    print("| action (mean of real movies) | with copies | slim |")
    print("|---|---|---|")
    for name, with_copies, without in rows:
        print(f"| {name} | {with_copies:.1f} | {without:.1f} |")


def _measure(
    name: str,
    action: Callable[[Catalog, Movie], object],
    full: Catalog,
    slim: Catalog,
    meters: list[Meter],
    movies: list[Movie],
) -> tuple[str, float, float]:
    some = movies[:: len(movies) // SAMPLE] if name.startswith("1 ") else movies
    units = []
    for catalog, meter in zip((full, slim), meters, strict=True):
        each = [meter.of(partial(action, catalog, movie)) for movie in some]
        units.append(sum(each) / len(each))
    return name, units[0], units[1]


def _put(catalog: Catalog, movie: Movie) -> object:
    return ap.put_title(catalog, movie)


def _page(catalog: Catalog, movie: Movie) -> object:
    if not catalog.table.startswith("slim"):
        return ap.list_titles_in_genre(catalog, "movie", movie.genre_ids[0], limit=20)
    return _slim_page(catalog.gateway, movie.genre_ids[0])


def _slim_page(gateway: Gateway, genre_id: int) -> object:
    partition = keys.list_key("movie", genre_id)
    found = gateway.query(
        partition, EVERYTHING, index="by_popularity", descending=True, limit=21, only="PK"
    )
    ids = [int(item["PK"]["S"].rpartition("#")[2]) for item in found[:20]]
    return gateway.batch_get(keys.title_key(TitleKey("movie", id_)) for id_ in ids)


ACTIONS: list[tuple[str, Callable[[Catalog, Movie], object]]] = [
    ("put a new title (WCU, RCU of its read included)", _put),
    ("1 page of 20 titles of a genre (RCU)", _page),
    ("1 GetItem (RCU)", lambda c, m: ap.get_title(c, "movie", m.id)),
    (
        "1 change of popularity",
        lambda c, m: ap.update_popularity(c, "movie", m.id, m.popularity + 1),
    ),
    (
        "1 change of votes",
        lambda c, m: ap.update_votes(
            c, "movie", m.id, vote_average=m.vote_average + 0.1, vote_count=m.vote_count + 1
        ),
    ),
    (
        "1 change of one genre",
        lambda c, m: ap.set_genres(c, "movie", m.id, [*m.genre_ids[1:], 37]),
    ),
    ("1 deletion", lambda c, m: ap.delete_title(c, "movie", m.id)),
]


def _without_copies(plan: Plan) -> Plan:
    return tuple(
        Put(
            {name: operation.item[name] for name in operation.item if name != codec.DOC},
            operation.condition,
        )
        if isinstance(operation, Put)
        else operation
        for operation in plan
    )


def _create_slim(catalog: Catalog) -> None:
    declared = SCHEMA.declaration()
    for index in declared["GlobalSecondaryIndexes"]:
        index["Projection"] = {"ProjectionType": "KEYS_ONLY"}
    catalog.client.create_table(TableName=catalog.table, **declared, BillingMode="PAY_PER_REQUEST")


if __name__ == "__main__":
    main()
