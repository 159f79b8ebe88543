"""The content of a drawing: rows in the order of the table and the indexes, and calls."""

from collections.abc import Sequence
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled
from strategies import titles

from catalog_model import Catalog
from catalog_model.analysis.chosen_titles import choose_titles, example_arguments
from catalog_model.analysis.drawing import DrawnCall, View, draw
from catalog_model.analysis.drawn_rows import RowKey
from catalog_model.analysis.estimate import Asked, Priced, by_place, call, estimate, stock
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.analysis.prices import DEFAULT_PRICES
from catalog_model.cli.examples import example_calls
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.typed_json import Item, primary_key
from catalog_model.entities import AnyTitle, Title
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.table.indexes import INDEXES
from catalog_model.writes.load import load_titles

SAMPLE = [title for title in read_folder(sample_folder()) if isinstance(title, Title)]

some_titles = st.lists(titles(), min_size=1, max_size=4, unique_by=lambda title: title.key)


def views_of(some: Sequence[AnyTitle]) -> Sequence[View]:
    return draw(some, [], table="films").views


def indexes_of(some: Sequence[AnyTitle]) -> list[View]:
    return [view for view in views_of(some) if view.place != TABLE]


def queried(catalog: Catalog, index: str, names: tuple[str, str], partition: str) -> list[object]:
    """Return the keys of an index's partition in the order of a Query."""
    answer = catalog.client.query(
        TableName=catalog.table,
        IndexName=index,
        KeyConditionExpression="#pk = :pk",
        ExpressionAttributeNames={"#pk": names[0]},
        ExpressionAttributeValues={":pk": {"S": partition}},
    )
    return [(item[names[1]]["S"], *primary_key(item)) for item in answer["Items"]]


@given(some_titles)
def test_each_item_is_one_row_of_the_table(some: list[AnyTitle]) -> None:
    """In item collections, sorted by the sort key; nothing else is there."""
    items, _ = stock(some)
    table = views_of(some)[0]
    assert sorted((row.key.pk, row.key.sk) for row in table.rows) == sorted(map(primary_key, items))
    for partition, rows in table.partitions:
        assert {row.key.pk for row in rows} == {partition}
        sorts = [row.key.sort.encode() for row in rows]
        assert sorts == sorted(sorts)
    assert len({partition for partition, _ in table.partitions}) == len(table.partitions)


@given(some_titles)
def test_each_index_has_the_rows_of_its_queries(some: list[AnyTitle]) -> None:
    """The rows of a partition are the answer of a Query, and every other item lacks a key."""
    items, _ = stock(some)
    catalog = OfflineCatalog(items=items)
    for view in indexes_of(some):
        for partition, rows in view.partitions:
            found = [(row.key.sort, row.key.pk, row.key.sk) for row in rows]
            assert found == queried(catalog, view.place, view.names, partition)
        there = {(row.key.pk, row.key.sk) for row in view.rows}
        for item in items:
            has_keys = all(name in item for name in view.names)
            assert has_keys == (primary_key(item) in there)


def test_each_view_is_that_of_an_engine(catalog: Catalog) -> None:
    """The same rows in the same order as from an engine with these titles."""
    some = choose_titles(SAMPLE, 4)
    load_titles(catalog, some)
    for view in indexes_of(some):
        for partition, rows in view.partitions:
            found = [(row.key.sort, row.key.pk, row.key.sk) for row in rows]
            assert found == queried(catalog, view.place, view.names, partition)


@given(some_titles)
def test_what_an_index_lacks_is_counted(some: list[AnyTitle]) -> None:
    """Entries and missing items make up the table, and each missing type lacks an attribute."""
    table, *indexes = views_of(some)
    for view in indexes:
        assert sum(share.entries for share in view.shares) == len(view.rows)
        assert sum(share.items for share in view.shares) == len(table.rows)
        for share in view.shares:
            assert bool(share.lacking) == (share.entries < share.items)


@settings(max_examples=scaled(30))  # each makes a call of every access pattern, three times
@given(some_titles)
def test_each_call_is_drawn_as_it_is(some: list[AnyTitle]) -> None:
    """The rows read, the cost and the changes are those of the call on such a table."""
    calls = example_calls(some, arguments=example_arguments(some))
    priced = estimate(calls, some, prices=DEFAULT_PRICES, utilisation=0.7, name="films").priced
    drawing = draw(some, calls, table="films")
    known = {row.key for view in drawing.views for row in view.rows}
    items, _ = stock(some)
    for asked, each, wanted in zip(calls, drawing.calls, priced, strict=True):
        marks_the_rows_read(each, known)
        costs_what_is_estimated(each, wanted)
        changes_what_the_call_changes(each, asked, items)
        charges_indexes_for_changed_rows(each)


def marks_the_rows_read(each: DrawnCall, known: set[RowKey]) -> None:
    """As many as DynamoDB reports, of the right index, and each is drawn or was created."""
    for sent in each.sent:
        assert len(sent.rows) == sent.request.items_read
        assert {row.place for row in sent.rows} <= {sent.request.index}
    created = {key for key, change in each.changes.items() if change.state == "created"}
    assert each.rows_read <= known | created


def costs_what_is_estimated(each: DrawnCall, wanted: Priced) -> None:
    """Requests, read units and write units, in the table and in each index."""
    assert len(each.sent) == wanted.requests
    assert each.read_units == by_place(wanted.calls.reads)
    assert each.write_units == by_place(wanted.calls.writes)


def changes_what_the_call_changes(each: DrawnCall, asked: Asked, items: list[Item]) -> None:
    """The items that differ afterwards are marked, and no others."""
    catalog = OfflineCatalog(items=items)
    call(asked, catalog)
    before = {primary_key(item): item for item in items}
    after = {primary_key(item): item for item in catalog.items()}
    states = {
        key: "deleted" if key not in after else "changed" if key in before else "created"
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    }
    changes = each.changes.items()
    assert states == {(k.pk, k.sk): change.state for k, change in changes if k.place == TABLE}


def charges_indexes_for_changed_rows(each: DrawnCall) -> None:
    """A unit at least for each row of an index, and none without a changed row."""
    for index in INDEXES:
        rows = sum(key.place == index for key in each.changes)
        units = each.write_units.get(index, 0)
        assert units >= rows
        assert bool(units) == bool(rows)


@given(some_titles)
def test_a_title_is_found_in_every_view_that_has_it(some: list[AnyTitle]) -> None:
    """Its item, its listing, a membership for each genre and its slot; two rows without genres."""
    drawing = draw(some, [], table="films")
    for title in some:
        rows = drawing.rows_of(title.key)
        genres = len(set(title.genre_ids))
        numbers = {place: len(list(found)) for place, found in groupby(row.place for row in rows)}
        lists: dict[str, int] = dict.fromkeys(INDEXES, 1 + genres)
        assert numbers == {TABLE: 2 + genres} | lists | {"by_name": 1}


@given(st.lists(st.sampled_from(SAMPLE), unique=True), st.integers(0, 12))
def test_the_chosen_titles_are_of_both_kinds(some: list[AnyTitle], count: int) -> None:
    """As many as asked for, in their order, and equally many of each kind if possible."""
    chosen = choose_titles(some, count)
    assert len(chosen) == min(count, len(some))
    assert chosen == [title for title in some if title in chosen]
    numbers = [sum(title.kind == kind for title in chosen) for kind in KINDS]
    there = [sum(title.kind == kind for title in some) for kind in KINDS]
    is_short = any(n == t for n, t in zip(numbers, there, strict=True))
    assert is_short or abs(numbers[0] - numbers[1]) <= 1


def test_the_chosen_titles_of_the_sample_show_much() -> None:
    """Each kind has a genre that several share, and several magnitudes of votes."""
    views = views_of(choose_titles(SAMPLE, 8))
    ratings = next(view for view in views if view.place == "by_rating")
    popularity = next(view for view in views if view.place == "by_popularity")
    for kind in KINDS:
        lists = [name for name, _ in ratings.partitions if name.startswith(f"ALL#{kind}#")]
        shared = [
            name
            for name, rows in popularity.partitions
            if name.startswith(f"GENRE#{kind}#") and len(rows) > 1
        ]
        assert len(lists) >= 3
        assert shared


def test_a_drawing_needs_a_title() -> None:
    """It is refused before anything is drawn."""
    with pytest.raises(InvalidArgumentError, match="at least one title"):
        draw([], [], table="films")
