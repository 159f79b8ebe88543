"""The catalogue for an application's tests: as strict as DynamoDB, in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from moto.dynamodb.models import DynamoDBBackend
from strict_requests import ITEM

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.failures import translated
from catalog_model.errors import SchemaMismatchError, ServiceError
from catalog_model.operations import create_table
from catalog_model.testing import strict_catalog

ORDERS: tuple[Literal["popularity", "rating", "release", "name"], ...] = (
    "popularity",
    "rating",
    "release",
    "name",
)
OTHER_KEYS: dict[str, Any] = {
    "TableName": "other-keys",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
}
MATCHES: tuple[Literal["all", "any"], ...] = ("all", "any")


def test_every_pattern_works_through_a_strict_client(titles: list[Movie | TVShow]) -> None:
    """Load, every list, every write: this package conforms to the rules."""
    some = [*titles[:100], *titles[-100:]]
    with strict_catalog() as catalog:
        assert ap.load_titles(catalog, some).created == len(some)
        for kind in ("movie", "tv"):
            own = [title for title in some if title.kind == kind]
            first, genre = own[0], own[0].genre_ids[0] if own[0].genre_ids else 18
            for order in ORDERS:
                ap.list_titles(catalog, kind, order=order)
                if order != "name":
                    ap.list_titles_in_genre(catalog, kind, genre, order=order)
            for match in MATCHES:
                ap.list_titles_in_genres(catalog, kind, [genre, 35], match=match)
            page = ap.list_titles(catalog, kind, limit=60)
            assert page.next
            rest = ap.list_titles(catalog, kind, limit=60, after=page.next)
            assert {title.id for title in (*page.items, *rest.items)} == {each.id for each in own}
            assert ap.get_title(catalog, kind, first.id, consistent=True) == first
            assert len(ap.get_titles(catalog, [title.key for title in own])) == len(own)
            assert ap.get_title_with_genres(catalog, kind, first.id)
            ap.list_top_rated(catalog, kind, min_votes=10, min_rating=5)
            ap.list_released_between(catalog, kind, "1990-01-01", "2030-01-01")
            ap.find_titles_by_name(catalog, kind, first.display_name[:3])
            assert len(ap.sample_titles(catalog, kind, 20)) == 20
            assert ap.list_genres(catalog, kind)
            ap.update_popularity(catalog, kind, first.id, 5.0)
            ap.update_votes(catalog, kind, first.id, vote_average=7.0, vote_count=10)
            ap.set_genres(catalog, kind, first.id, [35, 18])
            ap.delete_title(catalog, kind, first.id)
            ap.put_title(catalog, first)
            assert ap.count_titles(catalog, kind) == len(own)


def test_a_breach_is_this_packages_error() -> None:
    """Errors of the strict client are translated, also for a table with other keys."""
    with strict_catalog() as catalog:
        client: Any = catalog.client
        other = Catalog("other-keys", client=client)
        client.create_table(**OTHER_KEYS)
        with pytest.raises(SchemaMismatchError, match="match the schema"):
            ap.get_title(other, "movie", 1)
        too_large = {**ITEM, "d": {"S": "x" * 500_000}}
        with pytest.raises(ServiceError, match="exceeded the maximum"), translated(catalog.table):
            client.put_item(TableName=catalog.table, Item=too_large)


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
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "2 passed" in shown.stdout, json.dumps(shown.stdout + shown.stderr)


def test_a_strict_catalog_leaves_nothing_behind() -> None:
    """Neither its table, nor its changes to moto."""
    before = DynamoDBBackend.transact_write_items
    for _ in range(2):
        with strict_catalog("twice") as catalog:
            assert create_table(catalog).is_ready
            assert ap.count_titles(catalog, "tv") == 0
    assert DynamoDBBackend.transact_write_items is before
