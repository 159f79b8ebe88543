"""The catalogue for an application's tests: as strict as DynamoDB, in this process."""

import sys
from pathlib import Path
from typing import Any

import pytest
from lying_server import READS, STOCK, WRITES
from moto.dynamodb.models import DynamoDBBackend
from packages import run
from strict_requests import ITEM
from table_dump import assert_in_step, by_key

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.failures import translated
from catalog_model.errors import SchemaMismatchError, ServiceError
from catalog_model.operations import create_table
from catalog_model.testing import strict_catalog

OTHER_KEYS: dict[str, Any] = {
    "TableName": "other-keys",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
}


def test_every_pattern_works_through_a_strict_client(titles: list[Movie | TVShow]) -> None:
    """Load, every list, every write: this package conforms to the rules."""
    some = [*titles[:30], *titles[-30:]]
    with strict_catalog() as catalog:
        assert ap.load_titles(catalog, some).created == len(some)
        assert assert_in_step(catalog) == by_key(some)
        for title in (some[0], some[-1]):
            ap.delete_title(catalog, *title.key)
            ap.put_title(catalog, title)
        ap.load_titles(catalog, STOCK)
        for call in [*READS.values(), *WRITES.values()]:
            ap.put_title(catalog, STOCK[0])
            call(catalog)
        assert_in_step(catalog)


def test_a_breach_is_this_packages_error() -> None:
    """Errors of the strict client are translated, also for a table with other keys."""
    with strict_catalog() as catalog:
        other = Catalog("other-keys", client=catalog.client)
        catalog.client.create_table(**OTHER_KEYS)
        with pytest.raises(SchemaMismatchError, match="match the schema"):
            ap.get_title(other, "movie", 1)
        too_large = {**ITEM, "d": {"S": "x" * 500_000}}
        with pytest.raises(ServiceError, match="exceeded the maximum"), translated(catalog.table):
            catalog.client.put_item(TableName=catalog.table, Item=too_large)


@pytest.mark.slow
def test_the_fixture_gives_an_empty_catalogue(tmp_path: Path) -> None:
    """With ``pytest_plugins``, in an application's tests, new for each; no settings needed."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["catalog_model.testing"]\n', "utf-8")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "from catalog_model import Movie, access_patterns as ap\n"
        "@pytest.mark.parametrize('time', [1, 2])\n"
        "def test_it(catalog, time):\n"
        "    assert ap.count_titles(catalog, 'movie') == 0\n"
        "    ap.put_title(catalog, Movie(id=1, title='A', genre_ids=[18], popularity=1.0,\n"
        "                                vote_average=7.0, vote_count=3))\n",
        "utf-8",
    )
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 passed" in run(sys.executable, *words, tmp_path, cwd=tmp_path)


def test_a_strict_catalog_leaves_nothing_behind() -> None:
    """Neither its table, nor its changes to moto."""
    before = DynamoDBBackend.transact_write_items
    for _ in range(2):
        with strict_catalog("twice") as catalog:
            assert create_table(catalog).is_ready
            assert ap.count_titles(catalog, "tv") == 0
    assert DynamoDBBackend.transact_write_items is before
