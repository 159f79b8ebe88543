"""Names folded differently by older versions are found after a migration; pages stay correct."""

# ruff: noqa: RUF001 # similar letters are the subject of folding

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engines import Engine
from hypothesis import given
from hypothesis import strategies as st
from older_tables import (
    AGES,
    Age,
    as_version_1,
    as_version_2,
    fold_name_of_version_2,
    grow_old,
    put,
    versions,
)
from strategies import titles as any_titles
from table_dump import comparable, dump

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.typed_json import number
from catalog_model.entities import AnyTitle
from catalog_model.operations import create_table, delete_table, migrate, repair, verify
from catalog_model.table import codec, evolution
from catalog_model.table.folding import fold_name

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
    """Make a title with this name."""
    usual: dict[str, Any] = {"genre_ids": [18], "popularity": 1, "vote_average": 1, "vote_count": 1}
    return (
        Movie(id=title_id, title=name, **usual)
        if kind == "movie"
        else TVShow(id=title_id, name=name, **usual)
    )


TITLES = [titled(kind, at, name) for kind in KINDS for at, name in enumerate(NAMES, start=1)]


@pytest.fixture
def filled(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table with movies and shows of these names."""
    catalog = engine.catalog()
    create_table(catalog)
    ap.load_titles(catalog, TITLES)
    yield catalog
    delete_table(catalog)


def found(catalog: Catalog, kind: Any, typed: str) -> list[str]:
    """Return the names found by their prefix."""
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
    assert (migrated.versions, migrated.left) == ({2: len(before)}, [])
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
    listed: list[int] = []
    after = None
    for _ in range(len(NAMES) + 1):
        page = ap.list_titles(
            filled, "tv", order="name", descending=descending, limit=limit, after=after
        )
        listed += [title.id for title in page]
        after = page.next
        if after is None:
            break
    assert len(listed) == len(NAMES)
    assert set(listed) == {title.id for title in TITLES}


@given(any_titles(), st.integers(0, 9))
def test_every_older_item_is_read_as_the_new(title: AnyTitle, slot: int) -> None:
    """From version 2, and by both steps from version 1."""
    for item in (
        codec.encode_title(title, version=7, slot=slot),
        *codec.encode_copies(title),
        codec.encode_slot(title.key, slot),
    ):
        for old in (as_version_2(item), as_version_1(item)):
            assert evolution.is_outdated(old)
            assert evolution.upgraded(old) == item


CURRENT = {"_schema": number(evolution.SCHEMA_VERSION)}
JUNK: tuple[Any, ...] = (
    *(None, 5, {}, {"S": 5}, {"S": ""}, {"S": "null"}, {"S": "[]"}, {"S": "{}"}, {"N": "5"}),
    *({"S": '{"title": 5}'}, {"S": '{"title": null}'}, {"S": "[" * 100_000}, {"S": "{"}, []),
)


@pytest.mark.parametrize("doc", JUNK, ids=range(len(JUNK)))
def test_a_listing_without_a_readable_record_keeps_its_place(doc: Any) -> None:
    """The conversion does not judge it."""
    listing = as_version_2(codec.encode_copies(TITLES[0])[0]) | {"_doc": doc}
    assert evolution.upgraded(listing) == listing | CURRENT
    del listing["_doc"]
    assert evolution.upgraded(listing) == listing | CURRENT


def test_a_surplus_listing_of_an_older_version_is_repaired(filled: Catalog) -> None:
    """An item of version 2 with a defect is found and repaired like any other."""
    grow_old(filled, "version 2")
    put(filled, as_version_2(codec.encode_copies(titled("movie", 99, "Œuvre"))[0]))
    assert [finding.problem for finding in verify(filled).findings] == ["listing surplus"]
    repair(filled)
    assert verify(filled).is_clean
    assert versions(filled) == {2}
