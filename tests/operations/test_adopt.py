"""Adoption: a catalogue in another layout becomes this table's, and what was lost is listed."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from engines import Engine
from generated import SHARED_IDS, Records, titles_of
from iam_evaluator import ARN, allows, needs
from other_layouts import (
    Item,
    as_lists,
    as_texts,
    as_the_course,
    memberships,
    movies_in,
    other_table,
    put_all,
    put_each,
    shows_in,
    with_a_title,
    wrapped,
)
from scaled import is_quick
from table_dump import assert_complete, by_key, comparable, dump, hooked, killed_at, once, titles_in

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis import iam
from catalog_model.domain.genres import MOVIE_GENRES, TV_GENRES
from catalog_model.domain.kinds import KINDS, TitleKey
from catalog_model.dynamodb import waits
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError, TableNotFoundError
from catalog_model.files.layouts import FoundTitle, read_item
from catalog_model.operations import AdoptReport, adopt_titles, create_table, delete_table, verify

pytestmark = pytest.mark.one_engine

SOME, FEW = 35, 14


@pytest.fixture(scope="module")
def some(records: Records) -> Records:
    """35 movies and 35 shows, with all ids that the two kinds share."""
    shared = list(map(str, SHARED_IDS))
    return {
        kind: {
            key: of_kind[key] for key in [*shared, *(k for k in of_kind if k not in shared)][:SOME]
        }
        for kind, of_kind in records.items()
    }


@pytest.fixture
def source(catalog: Catalog, some: Records) -> Iterator[str]:
    """A table of the course's layout with both kinds."""
    client: Any = catalog.client
    with other_table(client, "id", "title") as films:
        put_all(client, films, [with_a_title(each) for k in some for each in some[k].values()])
        yield films


def sorted_genres(title: AnyTitle) -> AnyTitle:
    """A title as a set of its genres keeps it."""
    return title.replace(genre_ids=sorted(title.genre_ids))


def lost(report: AdoptReport, what: str, *, restored: bool = False) -> set[str]:
    """Return the keys of losses of one kind; each is listed once."""
    keys = [loss.key for loss in report.losses if (loss.what, loss.is_restored) == (what, restored)]
    assert len(keys) == len(set(keys))
    return set(keys)


def kinds_of(report: AdoptReport) -> Counter[str]:
    """Count the losses by kind."""
    return Counter(loss.what for loss in report.losses)


def texts(keys: Any) -> set[str]:
    """Return keys as a report has them."""
    return {f"{kind} {title_id}" for kind, title_id in keys}


# --- three layouts, and what each is known to lose


def test_the_courses_tables_lose_the_shows_and_the_order(
    catalog: Catalog, engine: Engine, records: Records, some: Records
) -> None:
    """A show has no title, so PutItem refuses it; a set of genres has no order; nothing else.

    With the original files, nothing is lost at all. All records are adopted on the strict engine.
    """
    chosen = records if engine.is_quick and not is_quick() else some
    titles = titles_of(chosen)
    own = by_key(titles)
    with (
        other_table(catalog.client, "id", "title") as films,
        other_table(catalog.client, "genre_id", "movie_id") as by_genre,
    ):
        put_all(catalog.client, films, list(map(as_the_course, movies_in(chosen))))
        refused = put_each(catalog.client, films, map(as_the_course, shows_in(chosen)))
        put_all(catalog.client, by_genre, memberships(movies_in(chosen)))
        sources = [f"table:{films}", f"table:{by_genre}"]
        report = adopt_titles(catalog, sources)
        movies = {key: title for key, title in own.items() if key.kind == "movie"}
        assert len(refused) == len(own) - len(movies)
        assert report.created == len(movies)
        assert titles_in(dump(catalog)) == {k: sorted_genres(t) for k, t in movies.items()}
        assert lost(report, "order") == texts(k for k, t in movies.items() if len(t.genre_ids) > 1)
        assert kinds_of(report).keys() == {"order"}
        assert not report.rejected
        assert report.memberships == sum(len(title.genre_ids) for title in movies.values())

        report = adopt_titles(catalog, sources, originals=titles)
        shows = own.keys() - movies.keys()
        reordered = sum(title != sorted_genres(title) for title in movies.values())
        assert (report.created, report.changed) == (len(shows), reordered)
        assert titles_in(dump(catalog)) == own
        assert lost(report, "missing", restored=True) == texts(shows)
        assert report.is_complete


def test_a_key_without_the_kind_loses_the_movies_whose_ids_shows_share(
    catalog: Catalog, some: Records
) -> None:
    """Each of them is listed, and restored from the original files; all numbers were texts."""
    titles = titles_of(some)
    own = by_key(titles)
    shared = {TitleKey("movie", id_) for kind, id_ in own if kind == "tv"} & own.keys()
    assert {key.id for key in shared} == set(SHARED_IDS)
    with (
        other_table(catalog.client, "id", text_id=True) as films,
        other_table(catalog.client, "genre_id", "movie_id") as by_genre,
    ):
        put_all(catalog.client, films, list(map(as_texts, movies_in(some))))
        put_all(catalog.client, films, list(map(as_texts, shows_in(some))))
        put_all(catalog.client, by_genre, memberships([*movies_in(some), *shows_in(some)]))
        report = adopt_titles(catalog, [f"table:{films}"])
        left = {key: title for key, title in own.items() if key not in shared}
        assert titles_in(dump(catalog)) == left
        assert report.created == len(left)
        assert report.is_lossless, "the table alone shows no trace of them"

        traced = adopt_titles(catalog, [f"table:{films}", f"table:{by_genre}"], dry_run=True)
        spare = {k: {*own[k].genre_ids} - {*own[TitleKey("tv", k.id)].genre_ids} for k in shared}
        of_movies_only = MOVIE_GENRES.keys() - TV_GENRES.keys()
        traces = {key for key in shared if spare[key] & of_movies_only}
        assert lost(traced, "overwritten") == texts(traces)
        doubtful = {TitleKey("tv", key.id) for key in shared - traces if spare[key]}
        assert lost(traced, "genres") == texts(doubtful)

        report = adopt_titles(catalog, [f"table:{films}"], originals=titles)
        assert (report.created, report.changed) == (len(shared), 0)
        assert lost(report, "overwritten", restored=True) == texts(shared)
        assert kinds_of(report) == {"overwritten": len(SHARED_IDS)}
        assert titles_in(dump(catalog)) == own
        assert report.is_complete


def test_two_tables_lose_nothing(catalog: Catalog, engine: Engine, some: Records) -> None:
    """Movies and shows apart, with the id as key: the table is as after a load of the files."""
    client: Any = catalog.client
    titles = titles_of(some)
    with other_table(client, "id") as movies, other_table(client, "id") as shows:
        put_all(client, movies, list(map(as_lists, movies_in(some))))
        put_all(client, shows, list(map(as_lists, shows_in(some))))
        report = adopt_titles(catalog, [f"movie=table:{movies}", f"tv=table:{shows}"])
        assert report.created == len(titles)
        assert report.is_complete
        assert not report.losses
        assert assert_complete(dump(catalog)) == by_key(titles)
        again = adopt_titles(catalog, [f"table:{movies}", f"table:{shows}"])
    assert (again.created, again.changed, again.unchanged) == (0, 0, len(titles))
    assert verify(catalog).is_clean
    loaded = engine.catalog()
    create_table(loaded)
    ap.load_titles(loaded, titles)
    assert comparable(dump(catalog)) == comparable(dump(loaded))
    delete_table(loaded)


def _lines(items: list[Item]) -> str:
    return "\n".join(json.dumps({"Item": item}) for item in items)


def _batches(items: list[Item]) -> str:
    return json.dumps({"Films": [{"PutRequest": {"Item": item}} for item in items]})


TYPED: dict[str, Callable[[list[Item]], str]] = {
    "export to S3": _lines,
    "batch-write-item": _batches,
    "scan": lambda items: json.dumps({"Items": items, "Count": len(items)}),
    "put-item": lambda items: "\n".join(map(json.dumps, items)),
}


@pytest.mark.parametrize("form", TYPED)
def test_typed_json_is_lossless(catalog: Catalog, some: Records, tmp_path: Path, form: str) -> None:
    """In each form of the AWS command line: both kinds in one file, in any order."""
    items = [wrapped(each) for each in shows_in(some)] + list(map(as_lists, movies_in(some)))
    path = tmp_path / "films.json"
    path.write_text(TYPED[form](items), "utf-8")
    report = adopt_titles(catalog, [path])
    assert report.created == len(items)
    assert report.is_complete
    assert {k: t.to_json() for k, t in titles_in(dump(catalog)).items()} == {
        TitleKey(kind, each["id"]): each
        for kind, of_kind in zip(KINDS, some.values(), strict=True)
        for each in of_kind.values()
    }
    with path.open("rb") as file:
        assert adopt_titles(catalog, [file]).unchanged == len(items)


# --- what is lost, rejected and repeated


def test_of_several_items_of_one_title_the_first_is_taken(
    catalog: Catalog, some: Records, tmp_path: Path
) -> None:
    """Others are listed if they differ, and counted if they do not, so a repetition is stable."""
    first, second, third = (as_lists(each) for each in movies_in(some)[:3])
    renamed = {**first, "title": {"S": "Another"}}
    for name, items in (("a.json", [first, second]), ("b.json", [renamed, second, third])):
        (tmp_path / name).write_text(json.dumps(items), "utf-8")
    for _ in range(2):
        report = adopt_titles(catalog, [tmp_path / "a.json", tmp_path / "b.json"])
        (loss,) = report.losses
        assert loss.what == "duplicate"
        assert loss.key == f"movie {first['id']['N']}"
        assert "b.json" in loss.detail
        assert report.repeated == 1
    assert report.unchanged == 3
    assert ap.get_title(catalog, "movie", int(first["id"]["N"])).display_name != "Another"


def test_what_is_no_title_is_reported(catalog: Catalog, some: Records, tmp_path: Path) -> None:
    """File, line, key and reason; the others are taken."""
    good = as_lists(movies_in(some)[0])
    lines = [
        good,
        {**good, "id": {"S": "x"}},
        {"user": {"S": "ann"}, "id": {"N": "7"}},
        {"id": 7, "title": "Her"},
    ]
    path = tmp_path / "films.jsonl"
    path.write_text("\n".join([*map(json.dumps, lines), "{", "7"]), "utf-8")
    report = adopt_titles(catalog, [path])
    assert report.created == 1
    assert [(each.source, each.line, each.key) for each in report.rejected] == [
        ("films.jsonl", 2, "id x"),
        ("films.jsonl", 3, "id 7"),
        ("films.jsonl", 4, ""),
        ("films.jsonl", 5, ""),
        ("films.jsonl", 6, ""),
    ]
    assert "id must be a positive whole number" in report.rejected[0].reason
    assert "neither a movie nor a TV show" in report.rejected[1].reason
    assert not report.is_lossless


def test_genres_may_be_in_a_second_table(catalog: Catalog, some: Records, tmp_path: Path) -> None:
    """They are taken from there, in ascending order; wherever that table is read."""
    records = movies_in(some)
    items = [{n: v for n, v in as_lists(each).items() if n != "genre_ids"} for each in records]
    (tmp_path / "films.json").write_text(json.dumps(items), "utf-8")
    (tmp_path / "genres.json").write_text(json.dumps(memberships(records[1:])), "utf-8")
    names = [tmp_path / "films.json", tmp_path / "genres.json"]
    report = adopt_titles(catalog, names)
    expected = {each["id"]: tuple(sorted(each["genre_ids"])) for each in records[1:]}
    for each in records[1:]:
        title = ap.get_title(catalog, "movie", each["id"])
        assert title.genre_ids == expected[each["id"]]
    several = {f"movie {each['id']}" for each in records[1:] if len(each["genre_ids"]) > 1}
    assert lost(report, "order") == several
    assert lost(report, "genres") == {f"movie {records[0]['id']}"}
    assert adopt_titles(catalog, names[::-1]).losses == report.losses


def test_disagreement_of_the_tables_is_listed(
    catalog: Catalog, some: Records, tmp_path: Path
) -> None:
    """Memberships without a title, without its genre, and missing ones; own genres are kept."""
    records = movies_in(some)[11:20]
    members = memberships(records[1:])
    without = records[1]["genre_ids"][0]
    members.remove(memberships([{**records[1], "genre_ids": [without]}])[0])
    members.append({"genre_id": {"N": "37"}, "movie_id": {"N": str(records[2]["id"])}})
    members += [{"genre_id": {"N": "18"}, "movie_id": {"N": "77"}}]
    path = tmp_path / "films.json"
    path.write_text(json.dumps([*map(as_lists, records), *members]), "utf-8")
    report = adopt_titles(catalog, [path])
    assert report.created == len(records)
    assert lost(report, "missing") == {"id 77"}
    ids = {records[0]["id"], records[1]["id"]}
    ids |= {records[2]["id"]} - ({records[2]["id"]} if 37 in records[2]["genre_ids"] else set())
    assert lost(report, "genres") == {f"movie {each}" for each in ids}
    stored = ap.get_title(catalog, "movie", records[1]["id"])
    assert list(stored.genre_ids) == records[1]["genre_ids"]


def test_a_dry_run_writes_nothing(catalog: Catalog, some: Records) -> None:
    """It reads the sources only, and reports what would be taken and what was lost."""
    client: Any = catalog.client
    with other_table(client, "id", "title") as films:
        put_all(client, films, [with_a_title(each) for k in some for each in some[k].values()])
        with catalog.trace() as trace:
            report = adopt_titles(catalog, [f"table:{films}"], dry_run=True)
        assert {request.operation for request in trace} == {"Scan"}
        assert report.requests == len(trace)
        assert report.to_adopt == 2 * SOME
        assert kinds_of(report).keys() == {"order"}
        assert adopt_titles(catalog, [f"table:{films}"]).losses == report.losses


def test_sources_are_read_at_the_given_pace(
    catalog: Catalog, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every read unit is waited for."""
    waited: list[float] = []
    monkeypatch.setattr(waits, "sleep", lambda seconds, *_: waited.append(seconds))
    report = adopt_titles(catalog, [f"table:{source}"], dry_run=True, read_units_per_second=0.5)
    assert report.read_units >= 10
    assert sum(waited) == pytest.approx(report.read_units / 0.5, abs=1)


# --- interrupted


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_an_adoption_ends_the_same_wherever_it_was_interrupted(
    engine: Engine, catalog: Catalog, some: Records, moment: str
) -> None:
    """At each of its requests, before it is sent and after its answer."""
    titles = [*movies_in(some)[:FEW], *shows_in(some)[:FEW]]
    with other_table(catalog.client, "id", "title") as films:
        put_all(catalog.client, films, list(map(with_a_title, titles)))
        with catalog.trace() as trace:
            adopt_titles(catalog, [f"table:{films}"])
        assert len(trace) >= 5, len(trace)
        for number in range(1, len(trace) + 1):
            again = engine.catalog()
            create_table(again)
            with killed_at(again, f"{moment}.dynamodb", number):
                adopt_titles(again, [f"table:{films}"])
            before = len(titles_in(dump(again)))
            report = adopt_titles(again, [f"table:{films}"])
            assert (report.created, report.unchanged) == (2 * FEW - before, before)
            assert comparable(dump(again)) == comparable(dump(catalog))
            delete_table(again)


# --- live


def test_changes_during_a_copy_are_caught_up(catalog: Catalog, some: Records, source: str) -> None:
    """Created, changed and deleted after the page was read: the next passes find them."""
    client: Any = catalog.client
    first, second = movies_in(some)[:2]
    new = {**with_a_title(movies_in(some)[2]), "id": {"N": "4242"}}

    def change() -> None:
        client.put_item(TableName=source, Item={**with_a_title(first), "popularity": {"N": "7"}})
        client.put_item(TableName=source, Item=new)
        key = {name: with_a_title(second)[name] for name in ("id", "title")}
        client.delete_item(TableName=source, Key=key)

    with hooked(catalog, "after-call.dynamodb.Scan", once(change)):
        report = adopt_titles(catalog, [f"table:{source}"], follow=True)
    assert [(each.created, each.changed, each.deleted) for each in report.passes] == [
        (2 * SOME, 0, 0),
        (1, 1, 1),
        (0, 0, 0),
    ]
    assert report.is_settled
    assert report.comparison is not None
    assert report.comparison.equal == 2 * SOME
    assert report.comparison.holds_all
    assert not report.comparison.extra
    assert ap.get_title(catalog, "movie", first["id"]).popularity == 7.0
    assert TitleKey("movie", second["id"]) not in assert_complete(dump(catalog))


def test_after_the_writers_end_another_run_completes_the_move(
    catalog: Catalog, some: Records, source: str
) -> None:
    """As the page describes: writers change the source at any time, end, and adopt runs again."""
    rng, stopped = random.Random(5), threading.Event()
    records = movies_in(some) + shows_in(some)

    def write() -> None:
        while not stopped.is_set():
            record = rng.choice(records)
            item = {**with_a_title(record), "vote_count": {"N": str(rng.randint(0, 10**6))}}
            if rng.random() < 0.2:
                key = {name: item[name] for name in ("id", "title")}
                catalog.client.delete_item(TableName=source, Key=key)
            else:
                catalog.client.put_item(TableName=source, Item=item)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        adopt_titles(catalog, [f"table:{source}"], follow=True, max_passes=3)
    finally:
        stopped.set()
        writer.join()
    report = adopt_titles(catalog, [f"table:{source}"], follow=True)
    assert report.is_settled
    assert report.comparison is not None
    assert report.comparison.holds_all
    left = {
        found.title.key: found.title
        for item in catalog.client.scan(TableName=source, ConsistentRead=True)["Items"]
        if isinstance(found := read_item(item), FoundTitle)
    }
    there = assert_complete(dump(catalog))
    assert {key: there[key] for key in left} == left
    assert set(report.comparison.extra) == there.keys() - left.keys()


def test_a_restless_source_ends_the_passes(catalog: Catalog, some: Records, source: str) -> None:
    """After the maximum number; the report says so, and the comparison names what differs."""
    record = movies_in(some)[0]
    popularity = iter(range(100, 200))

    def change(**_: Any) -> None:
        item = {**with_a_title(record), "popularity": {"N": str(next(popularity))}}
        catalog.client.put_item(TableName=source, Item=item)

    with hooked(catalog, "after-call.dynamodb.Scan", change):
        report = adopt_titles(catalog, [f"table:{source}"], follow=True, max_passes=3)
    assert len(report.passes) == 3
    assert not report.is_settled
    assert not report.is_complete
    assert report.comparison is not None
    assert report.comparison.differing == (TitleKey("movie", record["id"]),)
    assert report.comparison.equal == 2 * SOME - 1


def test_titles_that_only_the_table_has_are_named_and_kept(
    catalog: Catalog, titles: list[AnyTitle], source: str
) -> None:
    """Following deletes only what it has copied, and only if the table still has that state."""
    others = [each for each in titles if each.id not in SHARED_IDS][-3:]
    ap.load_titles(catalog, others)
    report = adopt_titles(catalog, [f"table:{source}"], follow=True)
    assert report.comparison is not None
    assert set(report.comparison.extra) == {each.key for each in others}
    assert report.comparison.holds_all
    assert report.deleted == 0
    assert by_key(others).items() <= titles_in(dump(catalog)).items()


def test_a_title_is_not_deleted_because_its_item_became_invalid(
    catalog: Catalog, some: Records, source: str
) -> None:
    """Or because the table has changed it since; then it is named."""
    first, second = movies_in(some)[:2]

    def change() -> None:
        item = {**with_a_title(first), "popularity": {"S": "much"}}
        catalog.client.put_item(TableName=source, Item=item)

    def change_later() -> None:
        change()
        ap.update_popularity(catalog, "movie", second["id"], 0.25)
        key = {name: with_a_title(second)[name] for name in ("id", "title")}
        catalog.client.delete_item(TableName=source, Key=key)

    scans = iter([None, change_later])

    def at_scan(**_: Any) -> None:
        act = next(scans, None)
        if act:
            act()

    with hooked(catalog, "before-call.dynamodb.Scan", at_scan):
        report = adopt_titles(catalog, [f"table:{source}"], follow=True)
    assert report.deleted == 0
    (rejected,) = report.rejected
    assert rejected.key == f"id {first['id']}"
    assert report.comparison is not None
    keys = {TitleKey("movie", first["id"]), TitleKey("movie", second["id"])}
    assert set(report.comparison.extra) == keys


# --- permissions


def test_a_writer_that_may_scan_the_sources_may_follow_them(
    catalog: Catalog, some: Records, source: str
) -> None:
    """Nothing else is asked of either, unless the table has titles that the sources do not have."""
    record = with_a_title(movies_in(some)[0])
    policy = iam.policy(iam.patterns_of("writer"), table_arn=ARN)

    def delete() -> None:
        key = {name: record[name] for name in ("id", "title")}
        catalog.client.delete_item(TableName=source, Key=key)

    with catalog.trace() as trace, hooked(catalog, "after-call.dynamodb.Scan", once(delete)):
        report = adopt_titles(catalog, [f"table:{source}"], follow=True)
    assert report.deleted == 1
    assert report.is_settled
    scans = [request for request in trace if request.asked.get("TableName") == source]
    assert {request.operation for request in scans} == {"Scan"}
    assert len(scans) == report.requests
    needed = [need for request in trace if request not in scans for need in needs(request)]
    assert [need for need in needed if not allows(policy, need)] == []


# --- refused


@pytest.mark.parametrize(
    ("sources", "more", "reason"),
    [
        ([], {}, "at least one source"),
        ("films.json", {}, "sources must be"),
        ([7], {}, "a source must be"),
        ([StringIO("{}")], {}, "a source must be"),
        ([""], {}, "a source must be"),
        (["no-such-file.json"], {}, "no-such-file.json: cannot be read"),
        (["table:x"], {}, "table must be the name of a DynamoDB table"),
        (["table:films", "table:films"], {}, "is given twice"),
        (["table:films"], {"follow": True, "dry_run": True}, "dry_run must be False"),
        (["table:films"], {"max_passes": 0}, "max_passes must be"),
        (["table:films"], {"read_units_per_second": 0}, "units_per_second must be"),
        (["table:films"], {"originals": ["Heat"]}, "originals must be titles, not 'Heat'"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_sent(
    stocked: Catalog, sources: Any, more: dict[str, Any], reason: str
) -> None:
    """With the value and what it must be."""
    with stocked.trace() as trace, pytest.raises(InvalidArgumentError, match=reason):
        adopt_titles(stocked, sources, **more)
    assert not list(trace)


def test_the_table_is_not_its_own_source(stocked: Catalog) -> None:
    """Nor an open file something to follow."""
    with pytest.raises(InvalidArgumentError, match="other tables"):
        adopt_titles(stocked, [f"table:{stocked.table}"])
    with Path(__file__).open("rb") as file, pytest.raises(InvalidArgumentError, match="read again"):
        adopt_titles(stocked, [file], follow=True)


def test_a_missing_table_is_named(stocked: Catalog, engine: Engine, source: str) -> None:
    """The source, or the table itself."""
    with pytest.raises(InvalidArgumentError, match="there is no table 'no-such-table'"):
        adopt_titles(stocked, ["table:no-such-table"])
    with pytest.raises(TableNotFoundError):
        adopt_titles(engine.catalog(), [f"table:{source}"])
