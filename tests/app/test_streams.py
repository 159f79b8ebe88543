"""Changes from the table's stream: each change of a record exactly once, and nothing else."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines import Engine
from example_app import movie, show
from hypothesis import example, given, settings
from hypothesis import strategies as st
from older_tables import grow_old, put
from scaled import scaled
from strategies import floats, genre_lists, titles
from stream_records import Record, TableStream, event_of, passes

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.entities import AnyTitle
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    InvalidArgumentError,
    TitleNotFoundError,
    UnknownEntityError,
)
from catalog_model.operations import create_table, delete_table, migrate, repair
from catalog_model.streams import FILTER, TitleChange, changes
from catalog_model.table import keys
from catalog_model.table.codec import encode_copies, encode_title

Streaming = tuple[Catalog, TableStream]
Model = dict[TitleKey, AnyTitle]

SHARING_IDS = st.sampled_from((1, 2, 8, 9, 16, 24))
"""Ids of which some share a shard, so that a deletion moves another title's slot."""

HEAT = movie(949, "Heat", [28, 80], 61.5).replace(poster_path="/heat.jpg")
OZ = show(949, "Oz", [18], 40.1).replace(poster_path=None)


@pytest.fixture
def streaming(engine: Engine) -> Iterator[Streaming]:
    with_stream = engine.catalog(f"{engine.catalog().table}-with-a-stream")
    create_table(with_stream)
    yield with_stream, TableStream(with_stream, engine.endpoint_url)
    delete_table(with_stream)


def record_of(name: str, before: AnyTitle | None, after: AnyTitle | None) -> Record:
    """Return the stream record of a change of a title item."""
    images = {
        image: dict(encode_title(each, version=1, slot=0))
        for image, each in (("OldImage", before), ("NewImage", after))
        if each is not None
    }
    (pk, *_) = [image["PK"] for image in images.values()]
    body = {
        "Keys": {"PK": pk, "SK": pk},
        "SequenceNumber": "1100000000017454423009",
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        **images,
    }
    return {"eventID": "1", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": body}


# --- the law


Write = tuple[str, Any]

WRITES: dict[str, st.SearchStrategy[Any]] = {
    "put_title": titles(SHARING_IDS),
    "load_titles": st.lists(titles(SHARING_IDS), max_size=6),
    "update_popularity": st.fixed_dictionaries({"popularity": floats}),
    "update_votes": st.fixed_dictionaries(
        {"vote_average": floats, "vote_count": st.integers(0, 100_000)}
    ),
    "update_title": st.fixed_dictionaries({"popularity": floats}),
    "set_genres": st.fixed_dictionaries({"genre_ids": genre_lists}),
    "delete_title": st.just({}),
}
"""Titles, or arguments in addition to an existing title's key, for each pattern that writes."""

writes = st.lists(
    st.sampled_from([name for name in WRITES if name in ap.PATTERNS]).flatmap(
        lambda name: st.tuples(st.just(name), WRITES[name], st.integers(0, 99))
    ),
    min_size=2,
    max_size=12,
)


def carry_out(catalog: Catalog, model: Model, name: str, value: Any, pick: int) -> None:
    """Write once to the table, and apply the promised change to the model."""
    write = getattr(ap, name)
    if name in ("put_title", "load_titles"):
        write(catalog, value)
        model |= {title.key: title for title in (value if isinstance(value, list) else [value])}
    elif model:
        key = sorted(model)[pick % len(model)]
        after = write(catalog, *key, **value)
        if name == "delete_title":
            del model[key]
        else:
            model[key] = after


def replay(found: list[TitleChange], model: Model) -> Model:
    """Apply changes in order; each begins where the previous one ended."""
    after = dict(model)
    for change in found:
        assert change.before == after.pop(change.key, None)
        assert change.before != change.after
        if change.after is not None:
            assert change.after.key == change.key
            after[change.key] = change.after
    return after


def test_every_pattern_that_writes_is_replayed() -> None:
    """New ones must be added to the law."""
    writing = {name for name, each in ap.PATTERNS.items() if each.role == "write"}
    assert writing <= set(WRITES)


@settings(max_examples=scaled(15))
@given(some=writes)
@example([("put_title", HEAT, 0), ("load_titles", [HEAT.replace(title="Cold"), HEAT], 0)])
def test_changes_replay_to_the_titles(engine: Engine, some: list[tuple[str, Any, int]]) -> None:
    """After each write: one change for each changed title, from its old to its new value."""
    catalog = engine.catalog(f"{engine.catalog().table}-to-be-replayed")
    create_table(catalog)
    stream = TableStream(catalog, engine.endpoint_url)
    model: Model = {}
    try:
        for name, value, pick in some:
            before = dict(model)
            carry_out(catalog, model, name, value, pick)
            event = stream.event()
            found = changes(event)
            assert replay(found, before) == model
            differ = [key for key in {*before, *model} if before.get(key) != model.get(key)]
            times = Counter(change.key for change in found)
            # A load that names a title twice may change it, and change it back.
            assert {key for key in times if key in differ or times[key] == 1} == set(differ)
            assert name == "load_titles" or len(found) == len(differ) <= 1
            kept = [each for each in event["Records"] if passes(json.loads(FILTER), each)]
            assert changes({"Records": kept}) == found
    finally:
        delete_table(catalog)


# --- one change, however many items


def test_a_movie_of_two_genres_is_one_change_of_many_records(streaming: Streaming) -> None:
    """Created, changed and deleted; the other items are copies and tallies."""
    catalog, stream = streaming
    ap.put_title(catalog, HEAT)
    event = stream.event()
    assert len(event["Records"]) >= 5
    (created,) = changes(event)
    assert created == TitleChange("movie", 949, None, HEAT)
    assert created.event_id
    assert created.sequence_number in {
        each["dynamodb"]["SequenceNumber"] for each in event["Records"]
    }
    after = ap.update_popularity(catalog, "movie", 949, 99.5)
    assert changes(stream.event()) == [TitleChange("movie", 949, HEAT, after)]
    ap.delete_title(catalog, "movie", 949)
    assert changes(stream.event()) == [TitleChange("movie", 949, after, None)]


def test_two_changes_of_one_title_stay_two_in_one_event(streaming: Streaming) -> None:
    """In order, without merging them."""
    catalog, stream = streaming
    ap.put_title(catalog, HEAT)
    first = ap.update_popularity(catalog, "movie", 949, 1.0)
    second = ap.set_genres(catalog, "movie", 949, [18])
    found = [(each.before, each.after) for each in changes(stream.event())]
    assert found == [(None, HEAT), (HEAT, first), (first, second)]


def test_what_changes_no_record_is_no_change(streaming: Streaming) -> None:
    """An older version, a migration, a repair, a write of the same record."""
    catalog, stream = streaming
    some = [HEAT.replace(id=each) for each in (8, 16, 24)]
    ap.load_titles(catalog, some)
    stream.read()
    ap.delete_title(catalog, "movie", 8)
    assert [each.key.id for each in changes(stream.event())] == [8]
    ap.put_title(catalog, some[1])
    grow_old(catalog, "old")
    catalog.client.delete_item(
        TableName=catalog.table, Key={"PK": {"S": "TITLE#movie#16"}, "SK": {"S": "GENRE#28"}}
    )
    migrate(catalog)
    repair(catalog)
    event = stream.event()
    assert any(passes(json.loads(FILTER), each) for each in event["Records"])
    assert changes(event) == []


def test_foreign_items_are_ignored(streaming: Streaming) -> None:
    """Including keys that look like titles', and binary values."""
    catalog, stream = streaming
    for pk, sk in (("USER#1", "USER#1"), ("TITLE#game#1", "TITLE#game#1"), ("TITLE#movie#01", "A")):
        put(catalog, {"PK": {"S": pk}, "SK": {"S": sk}, "picture": {"B": b"\x00\xff"}})
    event = stream.event()
    assert len(event["Records"]) == 3
    assert changes(event) == []


# --- shapes of events


def test_the_records_may_come_as_a_list() -> None:
    """As EventBridge Pipes sends them; an empty list means no changes."""
    record = record_of("INSERT", None, HEAT)
    assert changes([record]) == changes({"Records": [record]}) != []
    assert changes({"Records": []}) == changes([]) == []


def test_an_expired_title_is_a_deleted_one() -> None:
    """Its stream record names who deleted it, and is a removal like others."""
    service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    record = {**record_of("REMOVE", HEAT, None), "userIdentity": service}
    assert changes([record]) == [TitleChange("movie", 949, HEAT, None)]


VIEWS = {
    "NEW_IMAGE": ["OldImage"],
    "OLD_IMAGE": ["NewImage"],
    "KEYS_ONLY": ["OldImage", "NewImage"],
}
"""The missing parts of the stream records of each view type."""

EVENTS: dict[str, tuple[AnyTitle | None, AnyTitle | None]] = {
    "INSERT": (None, HEAT),
    "MODIFY": (HEAT, HEAT.replace(popularity=1.0)),
    "REMOVE": (HEAT, None),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", EVENTS)
def test_a_missing_image_does_not_mean_a_missing_title(view: str, name: str) -> None:
    """A change is exact, or the required view type is named."""
    full = record_of(name, *EVENTS[name])
    record = copy.deepcopy(full)
    for image in VIEWS[view]:
        record["dynamodb"].pop(image, None)
    record["dynamodb"]["StreamViewType"] = view
    if full["dynamodb"].keys() == record["dynamodb"].keys():
        assert changes([record]) == changes([full])
        return
    with pytest.raises(ConfigurationError, match=f"must be NEW_AND_OLD_IMAGES, not {view}"):
        changes([record])


@pytest.mark.parametrize("view", VIEWS)
def test_the_view_types_of_the_engines_are_known(engine: Engine, view: str) -> None:
    """Real records of each: exact or rejected."""
    catalog = engine.catalog(f"{engine.catalog().table}-with-other-views")
    create_table(catalog)
    stream = TableStream(catalog, engine.endpoint_url, view)
    ap.put_title(catalog, HEAT)
    inserted = stream.event()
    ap.delete_title(catalog, "movie", 949)
    for event, image, change in (
        (inserted, "NewImage", TitleChange("movie", 949, None, HEAT)),
        (stream.event(), "OldImage", TitleChange("movie", 949, HEAT, None)),
    ):
        if image not in VIEWS[view]:
            assert changes(event) == [change]
        else:
            with pytest.raises(ConfigurationError, match=f"has no {image}"):
                changes(event)
    delete_table(catalog)


NO_EVENTS: tuple[Any, ...] = (
    None,
    "Records",
    {},
    {"key1": "value1", "key2": "value2"},
    {"Records": None},
    {"Records": [None]},
    {"Records": [{}]},
    {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}]},
    {"Records": [{"eventName": "INSERT", "dynamodb": {}}]},
    {"Records": [{"eventName": "UPSERT", "dynamodb": {"Keys": {}}}]},
    {"Records": [{"eventName": ["INSERT"], "dynamodb": {"Keys": {}}}]},
)


@pytest.mark.parametrize("event", NO_EVENTS, ids=repr)
def test_an_event_of_another_source_is_refused(event: Any) -> None:
    """Including the console's test event and a queue's; the value is in the message."""
    with pytest.raises(InvalidArgumentError, match="must be"):
        changes(event)


TYPED = ({"S": "x"}, {"N": "x"}, {"N": "NaN"}, {"N": "1e400"}, {"L": 5}, {"M": None})
JUNK: tuple[Any, ...] = (None, 7, "x", [], {}, *TYPED)


def mutants(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each of its parts replaced by junk of each type, or removed."""
    yield from JUNK
    if isinstance(value, (dict, list)):
        for name in value if isinstance(value, dict) else range(len(value)):
            for part in mutants(value[name]):
                changed = copy.copy(value)
                changed[name] = part
                yield changed
            changed = copy.copy(value)
            del changed[name]
            yield changed


def test_no_broken_record_raises_a_foreign_exception() -> None:
    """Each part of a record is removed, and replaced by junk of each type."""
    tried = 0
    for name, images in EVENTS.items():
        for record in mutants(record_of(name, *images)):
            tried += 1
            try:
                found = changes([record])
            except CatalogError:
                continue
            assert all(isinstance(each, TitleChange) for each in found)
    assert tried > 1000


# --- unreadable titles


def unreadable() -> Record:
    """Return the stream record of a title that another writer left unreadable."""
    record = record_of("INSERT", None, OZ)
    record["dynamodb"]["NewImage"].pop("name")
    return record


def test_an_unreadable_title_is_named_before_anything_is_returned() -> None:
    """So a retry of the batch does not repeat any work."""
    with pytest.raises(UnknownEntityError, match="record 1100000000017454423009, NewImage: this"):
        changes([record_of("INSERT", None, HEAT), unreadable()])


def test_a_title_whose_id_is_not_its_keys_is_unreadable() -> None:
    """As after "duplicate item" in the console: it is a change of neither title."""
    record = record_of("INSERT", None, HEAT)
    record["dynamodb"]["NewImage"]["id"] = {"N": "950"}
    with pytest.raises(UnknownEntityError, match="950"):
        changes([record])


def test_unreadable_titles_may_be_reported_and_skipped() -> None:
    """The others are returned."""
    told: list[tuple[Any, Exception]] = []
    on_unreadable: Callable[..., None] = lambda *each: told.append(each)  # noqa: E731
    bad = unreadable()
    found = changes([bad, record_of("INSERT", None, HEAT)], on_unreadable=on_unreadable)
    assert found == [TitleChange("movie", 949, None, HEAT)]
    assert [(record, type(error)) for record, error in told] == [(bad, UnknownEntityError)]
    with pytest.raises(InvalidArgumentError, match="on_unreadable must be"):
        changes([], on_unreadable="skip")  # type: ignore[arg-type]


# --- the filter


def test_the_filter_lets_titles_pass_and_nothing_else() -> None:
    """Of a title's items only the title item; foreign items are never mistaken for one."""
    pattern = json.loads(FILTER)
    own = record_of("INSERT", None, HEAT)
    assert passes(pattern, own)
    for item in encode_copies(HEAT, 0):
        key = {name: item[name] for name in ("PK", "SK")}
        assert not passes(pattern, {"dynamodb": {"Keys": key}})
    for name in (keys.TallyItem("movie", 3), keys.SlotItem("movie", 3, 7)):
        pk, sk = keys.item_key(name)
        assert not passes(pattern, {"dynamodb": {"Keys": {"PK": {"S": pk}, "SK": {"S": sk}}}})


def test_the_filter_is_one_that_the_service_takes() -> None:
    """The text of a JSON object whose leaves are lists, with at most 4,096 characters."""
    assert len(FILTER) <= 4096
    parts = [json.loads(FILTER)]
    for part in parts:
        assert part
        parts += part.values() if isinstance(part, dict) else []
        assert isinstance(part, (dict, list))


def test_the_events_are_what_json_can_say() -> None:
    """In these tests: bytes as base64 text, times as seconds."""
    record = {"dynamodb": {"Keys": {"PK": {"B": b"\x00\xff"}}}}
    (told,) = event_of([record])["Records"]
    assert told["dynamodb"]["Keys"]["PK"] == {"B": "AP8="}


def test_a_title_that_is_gone_cannot_be_changed(streaming: Streaming) -> None:
    """A rejected write leaves no stream record."""
    catalog, stream = streaming
    with pytest.raises(TitleNotFoundError):
        ap.update_popularity(catalog, "movie", 949, 1.0)
    assert stream.read() == []
