"""Requests and capacity units of every access pattern, compared with the contract's bounds.

On dynoxide only, which charges like DynamoDB's documentation. ``-s`` shows the tables.
"""

import sys
from math import ceil

import pytest
from budget import Row, as_table, call, measure_reads, measure_writes
from engines import Engine
from generated import Records
from reference import Reference

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.limits import MAX_TRANSACTION_ACTIONS
from catalog_model.table.keys import SHARDS


@pytest.fixture(scope="module", autouse=True)
def _charged(engine: Engine) -> None:
    if engine.name != "dynoxide":
        pytest.skip("moto's capacity figures are constants")


@pytest.fixture(scope="module")
def reads(_charged: None, full_catalog: Catalog, records: Records) -> list[Row]:
    """The costs of the reads over the whole catalogue."""
    rows = measure_reads(full_catalog, Reference(records))
    sys.stdout.write(f"\n{as_table(rows)}\n")
    return rows


def test_every_read_keeps_its_bound(reads: list[Row]) -> None:
    """Every measured call, not only the average, is within the contract."""
    assert [row for row in reads if not row.is_within] == []


def test_every_read_was_measured(reads: list[Row]) -> None:
    """A new access pattern needs a bound and a measurement."""
    measured = {row.pattern.split("(")[0].split()[0] for row in reads}
    assert measured == {name for name, each in ap.PATTERNS.items() if each.role == "read"}


def test_every_write_reads_and_transacts(catalog: Catalog, titles: list[Movie | TVShow]) -> None:
    """The requests are those in the docstrings; a write that changes nothing sends no write."""
    ap.load_titles(catalog, titles[:20])
    rows = measure_writes(catalog)
    sys.stdout.write(f"\n{as_table(rows)}\n")
    assert [row for row in rows if not row.is_within] == []
    measured = {row.pattern.split(",")[0] for row in rows} | {"load_titles"}
    assert measured == {name for name, each in ap.PATTERNS.items() if each.role == "write"}


def test_a_load_takes_few_requests(catalog: Catalog, titles: list[Movie | TVShow]) -> None:
    """A read for 100 titles; for new ones, a read and a transaction each time the batch is full."""
    some = titles[:300]
    first = call(catalog, lambda: ap.load_titles(catalog, some))
    again = call(catalog, lambda: ap.load_titles(catalog, some))
    items = sum(2 + len(set(title.genre_ids)) for title in some)
    reads, writes = (first.operations.count(o) for o in ("BatchGetItem", "TransactWriteItems"))
    tallies = first.operations.count("Query")
    largest = max(2 + len(set(title.genre_ids)) for title in some)
    assert writes <= items // (MAX_TRANSACTION_ACTIONS - SHARDS - largest) + ceil(len(some) / 100)
    assert reads + writes + tallies == len(first.operations)
    assert tallies <= len(KINDS), "one before the first title of a kind"
    usual = writes + ceil(len(some) / 100)
    assert usual <= reads <= usual + len(KINDS), "one more before the first title of a kind"
    assert again.operations == ("BatchGetItem",) * ceil(len(some) / 100)
