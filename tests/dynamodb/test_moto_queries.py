"""moto's accelerated Query returns what moto does: items, counts, pages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engines import Engine, running_engine
from memory_engine import fill
from moto.dynamodb.models.table import Table
from table_dump import movie

from catalog_model import Catalog
from catalog_model.dynamodb.engines import moto_patches
from catalog_model.operations import create_table, delete_table
from catalog_model.table.indexes import INDEX_KEYS, INDEXES

MOVIES = [movie(n, 18, *[28] * (n % 2), popularity=n % 5, vote_count=4**n) for n in range(1, 8)]
PARTITIONS = ("ALL#movie", "ALL#tv", "GENRE#movie#18", "GENRE#movie#28", "GENRE#movie#1")
RANGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    (" AND #sk >= :low", {":low": "3"}),
    (" AND #sk <= :high", {":high": "8"}),
    (" AND #sk BETWEEN :low AND :high", {":low": "1", ":high": "5"}),
    (" AND begins_with(#sk, :low)", {":low": "T"}),
)


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    """A handle on moto's table of a few tied movies."""
    with running_engine("moto") as engine:
        catalog = Engine(engine.name, engine.endpoint_url).catalog()
        create_table(catalog)
        fill(catalog, MOVIES)
        yield catalog
        delete_table(catalog)


def questions(catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Yield queries of existing and missing partitions, in the table and each index."""
    found = catalog.client.scan(TableName=catalog.table)["Items"]
    for index in (None, *INDEXES):
        pk, sk = INDEX_KEYS[index] if index else ("PK", "SK")
        partitions = {*PARTITIONS, *(item[pk]["S"] for item in found if pk in item)}
        for partition in sorted(partitions):
            for condition, bounds in RANGES:
                yield {
                    "TableName": catalog.table,
                    **({"IndexName": index} if index else {}),
                    "KeyConditionExpression": f"#pk = :pk{condition}",
                    "ExpressionAttributeNames": {"#pk": pk, **({"#sk": sk} if condition else {})},
                    "ExpressionAttributeValues": {
                        name: {"S": value} for name, value in {":pk": partition, **bounds}.items()
                    },
                }


def pages(catalog: Catalog, question: dict[str, Any], **more: Any) -> list[Any]:
    """Read all pages of an answer."""
    client: Any = catalog.client
    found: list[Any] = []
    start: dict[str, Any] = {}
    while True:
        answer = client.query(**question, **more, **start)
        found.append([answer[name] for name in ("Items", "Count", "ScannedCount")])
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@pytest.mark.parametrize(
    "more", [{}, {"Limit": 2}, {"ScanIndexForward": False, "Limit": 3}], ids=str
)
def test_a_query_finds_what_it_found_before(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """In the table and each index, in both directions, page by page."""
    asked = list(questions(catalog))
    quick = [pages(catalog, question, **more) for question in asked]
    monkeypatch.setattr(Table, "query", moto_patches._query_slowly)
    assert [pages(catalog, question, **more) for question in asked] == quick
    assert sum(map(len, quick)) > len(asked) or not more
    assert any(len(items) for question in quick for items, *_ in question)


def test_only_the_partition_is_looked_at(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the duration of a Query depends on it, and not on the table."""
    seen: list[int] = []
    ask = moto_patches._query_slowly

    def watched(table: Table, *args: Any, **more: Any) -> Any:
        seen.append(len(table.all_items()))
        return ask(table, *args, **more)

    monkeypatch.setattr(moto_patches, "_query_slowly", watched)
    items = catalog.client.scan(TableName=catalog.table)["Items"]
    for question in questions(catalog):
        names, values = (question[f"ExpressionAttribute{each}"] for each in ("Names", "Values"))
        seen.clear()
        pages(catalog, question)
        assert seen == [sum(item.get(names["#pk"]) == values[":pk"] for item in items)]
