"""Names folded differently by older versions are found after a migration; pages stay correct."""

# ruff: noqa: RUF001 # similar letters are the subject of folding

from functools import partial
from typing import Any

import pytest
from memory_engine import fill
from older_tables import AGES, Age, as_version_2, fold_name_of_version_2, grow_old, put, versions
from table_dump import comparable, dump, movie

from catalog_model import Catalog, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.typed_json import number
from catalog_model.entities import AnyTitle
from catalog_model.operations import migrate, repair, verify
from catalog_model.table import codec, evolution
from catalog_model.table.folding import fold_name

pytestmark = pytest.mark.in_memory

NAMES = (
    "❤️ Love Actually Not",
    "Monster High™: Ghouls Rule",
    "Łódź",
    "Lodz",
    "Œuvre",
    "Ölüm Işık",
    "1️⃣ One",
    "Heat",
    "ดู",
    "Zulu",
)
OTHERWISE = [name for name in NAMES if fold_name(name) != fold_name_of_version_2(name)]


def titled(kind: str, title_id: int, name: str) -> AnyTitle:
    if kind == "movie":
        return movie(title_id, 18, title=name)
    votes: dict[str, Any] = {"popularity": 1, "vote_average": 1, "vote_count": 1}
    return TVShow(id=title_id, name=name, genre_ids=[18], **votes)


TITLES = [titled(kind, at, name) for kind in KINDS for at, name in enumerate(NAMES, start=1)]


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """A handle on a table with movies and shows of these names."""
    fill(catalog, TITLES)
    return catalog


def found(catalog: Catalog, kind: Any, typed: str) -> list[str]:
    return [title.display_name for title in ap.find_titles_by_name(catalog, kind, typed)]


def test_most_of_these_names_were_folded_otherwise() -> None:
    """So the tests here have an effect."""
    assert len(OTHERWISE) >= 6
    assert "Heat" not in OTHERWISE


@pytest.mark.parametrize("kind", KINDS)
def test_stored_names_follow_by_a_migration(filled: Catalog, kind: Any) -> None:
    """Before it, a name may be missed, and verify counts older items; after it, all are current."""
    new = comparable(dump(filled))
    before = grow_old(filled, "version 2")
    assert found(filled, kind, "monster high ghouls") == found(filled, kind, "love") == []
    report = verify(filled)
    assert (report.findings, report.outdated) == ((), len(before))
    assert repair(filled).actions == []
    migrated = migrate(filled)
    assert migrated.left == []
    assert migrated.upgraded == len(before)
    assert found(filled, kind, "monster high ghouls") == ["Monster High™: Ghouls Rule"]
    assert found(filled, kind, "love") == ["❤️ Love Actually Not"]
    assert found(filled, kind, "lodz") == ["Łódź", "Lodz"]
    assert comparable(dump(filled)) == new
    assert (verify(filled).findings, verify(filled).outdated) == ((), 0)


def test_a_write_brings_its_name_along(filled: Catalog) -> None:
    """Without a migration."""
    grow_old(filled, "version 2")
    ap.update_popularity(filled, "movie", 2, 7.5)
    assert found(filled, "movie", "monster high ghouls") == ["Monster High™: Ghouls Rule"]
    assert found(filled, "tv", "monster high ghouls") == []


@pytest.mark.parametrize("age", ["version 2", *AGES])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_by_name_miss_and_repeat_nothing_for_all_versions(
    filled: Catalog, age: Age, limit: int, descending: bool
) -> None:
    """A page continues after the place in the index, not after the title's current one."""
    grow_old(filled, age)
    by_name = partial(ap.list_titles, filled, "tv", order="name", descending=descending)
    page = by_name(limit=limit)
    listed = [title.id for title in page]
    while page.next and len(listed) <= len(NAMES):
        page = by_name(limit=limit, after=page.next)
        listed += [title.id for title in page]
    assert len(listed) == len(NAMES)
    assert set(listed) == {title.id for title in TITLES}


CURRENT = {"_schema": number(evolution.SCHEMA_VERSION)}
JUNK: tuple[Any, ...] = (
    *(None, 5, {}, {"S": 5}, {"S": ""}, {"S": "null"}, {"S": "[]"}, {"S": "{}"}, {"N": "5"}),
    *({"S": '{"title": 5}'}, {"S": '{"title": null}'}, {"S": "[" * 100_000}, {"S": "{"}, []),
)


@pytest.mark.parametrize("doc", JUNK, ids=range(len(JUNK)))
def test_a_listing_without_a_readable_record_keeps_its_place(doc: Any) -> None:
    """The conversion does not judge it."""
    listing = as_version_2(codec.encode_former_listing(TITLES[0])) | {"_doc": doc}
    assert evolution.upgraded(listing) == listing | CURRENT
    del listing["_doc"]
    assert evolution.upgraded(listing) == listing | CURRENT


def test_a_surplus_listing_of_an_older_version_is_repaired(filled: Catalog) -> None:
    """An item of version 2 with a defect is found and repaired like any other."""
    grow_old(filled, "version 2")
    put(filled, as_version_2(codec.encode_former_listing(titled("movie", 99, "Œuvre"))))
    assert [finding.problem for finding in verify(filled).findings] == ["listing surplus"]
    repair(filled)
    assert verify(filled).is_clean
    assert versions(filled) == {2}
