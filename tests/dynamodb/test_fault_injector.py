"""Injected faults: each kind occurs as with DynamoDB and real networks, and can be detected."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from engines import TRIES, Engine, kinds_of
from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from table_dump import hooked, movie

from catalog_model import Catalog, TitleKey, errors
from catalog_model import access_patterns as ap
from catalog_model.testing import (
    FAULT_KINDS,
    GARBLED_FORMS,
    Fault,
    FaultKind,
    Injection,
    inject_faults,
)

pytestmark = pytest.mark.one_engine

ROOT = Path(__file__).parents[2]
COUNTER = {"PK": {"S": "COUNTER"}, "SK": {"S": "COUNTER"}}
OTHER = {"PK": {"S": "OTHER"}, "SK": {"S": "OTHER"}}


@pytest.fixture
def client(table: Catalog) -> Any:
    return table.client


def add_one(catalog: Catalog, key: Any = COUNTER) -> dict[str, Any]:
    """Return the request that adds 1 to a counter."""
    return {
        "TableName": catalog.table,
        "Key": key,
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }


def counted(engine: Engine, catalog: Catalog) -> int:
    request: Any = {"TableName": catalog.table, "Key": COUNTER, "ConsistentRead": True}
    item = engine.client.get_item(**request).get("Item", {"n": {"N": "0"}})
    return int(item["n"]["N"])


def error_of(catalog: Catalog, fault: Fault, call: Callable[[], object], seed: int = 0) -> Any:
    """Return the error of botocore that a call with a fault raises."""
    theirs = (ClientError, ConnectionClosedError, ReadTimeoutError)
    with inject_faults(catalog, [fault], seed=seed), pytest.raises(theirs) as caught:
        call()
    return caught.value


RETRIED: list[tuple[FaultKind, type[errors.CatalogError]]] = [
    ("throttling", errors.ThrottledError),
    ("internal_error", errors.UnavailableError),
    ("connection_reset", errors.UnreachableError),
    ("lost_answer", errors.UnreachableError),
]


@pytest.mark.parametrize(("kind", "error"), RETRIED)
def test_a_fault_hits_each_try_and_botocore_tries_again(
    table: Catalog, kind: FaultKind, error: type[errors.CatalogError]
) -> None:
    """Three attempts fail and the fourth succeeds; if it fails, too, the error is translated."""
    her = ap.put_title(table, movie(1))
    with table.trace() as trace, inject_faults(table, [Fault(kind, at=[1, 2, 3])]) as injector:
        assert ap.get_title(table, "movie", 1) == her
    assert injector.injected == [Injection(kind, "GetItem", number) for number in (1, 2, 3)]
    assert [request.retries for request in trace] == [TRIES - 1]
    with inject_faults(table, [Fault(kind)]) as injector, pytest.raises(error) as caught:
        ap.get_title(table, "movie", 1)
    assert type(caught.value) is error
    assert kinds_of(injector) == [kind] * TRIES


def test_an_injected_error_looks_like_the_services(table: Catalog, client: Any) -> None:
    """Code, status, message and request id."""
    get = partial(client.get_item, TableName=table.table, Key=COUNTER)
    answer = error_of(table, Fault("internal_error"), get).response
    assert answer["Error"]["Code"] == "InternalServerError"
    assert answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert answer["ResponseMetadata"]["RequestId"].startswith("FAULT-")
    with (
        inject_faults(table, [Fault("internal_error")]),
        pytest.raises(errors.ServiceError) as ours,
    ):
        ap.get_title(table, "movie", 1)
    assert (ours.value.code, ours.value.request_id[:6]) == ("InternalServerError", "FAULT-")


def test_throttling_comes_in_every_form(engine: Engine, table: Catalog, client: Any) -> None:
    """Two errors; for a transaction a third, with its reason at one action. Nothing is applied."""
    plain, codes = set(), set()
    update = partial(client.update_item, **add_one(table))
    transact = partial(client.transact_write_items, TransactItems=[{"Update": add_one(table)}])
    for seed in range(20):
        plain.add(error_of(table, Fault("throttling"), update, seed).response["Error"]["Code"])
        answer = error_of(table, Fault("throttling"), transact, seed).response
        codes.add(answer["Error"]["Code"])
        reasons = [each["Code"] for each in answer.get("CancellationReasons", ())]
        is_cancelled = answer["Error"]["Code"] == "TransactionCanceledException"
        assert reasons == ["ThrottlingError"] * is_cancelled
    simple = {"ProvisionedThroughputExceededException", "ThrottlingException"}
    assert plain == simple
    assert codes == simple | {"TransactionCanceledException"}
    assert counted(engine, table) == 0


class PynamoConnection(Connection):
    """PynamoDB's connection with an existing client."""

    def __init__(self, client: Any) -> None:
        super().__init__(region=client.meta.region_name)
        self._given = client

    @property
    def client(self) -> Any:
        """The client."""
        return self._given


def test_a_conflict_names_one_action_in_the_order_of_the_actions(
    engine: Engine, table: Catalog, client: Any
) -> None:
    """TransactionConflict there, None at all others, through boto3 and PynamoDB; not applied."""
    actions = [{"Update": add_one(table, key)} for key in (COUNTER, OTHER)]
    transact = partial(client.transact_write_items, TransactItems=actions)
    places = set()
    for seed in range(8):
        answer = error_of(table, Fault("conflict"), transact, seed).response
        with inject_faults(table, [Fault("conflict")]), pytest.raises(TransactWriteError) as theirs:
            PynamoConnection(client).transact_write_items((), (), (), [add_one(table)])
        codes = [reason["Code"] for reason in answer["CancellationReasons"]]
        assert sorted(codes) == ["None", "TransactionConflict"]
        assert f"[{', '.join(codes)}]" in answer["Error"]["Message"]
        places.add(codes.index("TransactionConflict"))
        reasons = theirs.value.cancellation_reasons
        assert [reason.code for reason in reasons if reason] == ["TransactionConflict"]
    assert places == {0, 1}
    alone = error_of(table, Fault("conflict"), partial(client.update_item, **add_one(table)))
    assert alone.response["Error"]["Code"] == "TransactionConflictException"
    assert counted(engine, table) == 0


def test_a_request_cut_off_before_it_was_sent_is_not_applied(
    engine: Engine, table: Catalog, client: Any
) -> None:
    """A lost answer means that it was: a plain update that is retried then counts twice."""
    with inject_faults(table, [Fault("connection_reset", at=[1, 2])]):
        client.update_item(**add_one(table))
    assert counted(engine, table) == 1
    with inject_faults(table, [Fault("lost_answer", at=[1])]):
        client.update_item(**add_one(table))
    assert counted(engine, table) == 3


def test_an_answer_is_lost_in_two_ways(table: Catalog, client: Any) -> None:
    """The connection breaks, or the client's time-out expires."""
    get = partial(client.get_item, TableName=table.table, Key=COUNTER)
    seen = {type(error_of(table, Fault("lost_answer"), get, seed)) for seed in range(8)}
    assert seen == {ConnectionClosedError, ReadTimeoutError}


@pytest.mark.parametrize("lost", [1, 3])
def test_a_transaction_whose_answer_is_lost_is_applied_once(
    engine: Engine, table: Catalog, client: Any, lost: int
) -> None:
    """The token makes botocore's retry harmless, however often it is needed."""
    sent: list[str] = []

    def see(request: Any, **_: Any) -> None:
        sent.append(json.loads(request.body)["ClientRequestToken"])

    with (
        hooked(table, "before-send.dynamodb.TransactWriteItems", see),
        inject_faults(table, [Fault("lost_answer", at=range(1, lost + 1))]) as injector,
    ):
        client.transact_write_items(TransactItems=[{"Update": add_one(table)}])
    assert kinds_of(injector) == ["lost_answer"] * lost
    assert len(sent) >= lost
    assert len(set(sent)) == 1
    assert counted(engine, table) == 1


def test_a_token_is_valid_without_an_answer(engine: Engine, table: Catalog, client: Any) -> None:
    """The caller may send it again: it is not applied twice; a different request is rejected."""
    request: Any = {"TransactItems": [{"Update": add_one(table)}], "ClientRequestToken": "mine"}
    with inject_faults(table, [Fault("lost_answer", at=range(1, TRIES + 1))]):
        with pytest.raises((ConnectionClosedError, ReadTimeoutError)):
            client.transact_write_items(**request)
        assert counted(engine, table) == 1
        client.transact_write_items(**request)
        assert counted(engine, table) == 1
        request["TransactItems"].append({"Update": add_one(table, OTHER)})
        with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
            client.transact_write_items(**request)
    assert counted(engine, table) == 1


def test_a_transaction_carried_out_is_not_cancelled_after_that(table: Catalog) -> None:
    """If its answer was lost, its retry is answered, or rejected before it is processed."""
    faults = [Fault("lost_answer", at=[1]), Fault("conflict"), Fault("throttling", at=[2])]
    for seed in range(10):
        with inject_faults(table, faults, seed=seed) as injector:
            ap.put_title(table, movie(seed + 1))
        writes = [each for each in injector.injected if each.operation == "TransactWriteItems"]
        assert [each.kind for each in writes] == ["lost_answer", "throttling"]


def test_parts_of_a_batch_are_left_out_and_not_sent(table: Catalog, client: Any) -> None:
    """At least one, sometimes all; they are returned in the form of the request."""
    keys: Any = [{"PK": {"S": "P"}, "SK": {"S": str(number)}} for number in range(5)]
    for key in keys:
        client.put_item(TableName=table.table, Item=key)
    sizes = set()
    sent: list[dict[str, Any]] = []

    def see(request: Any, **_: Any) -> None:
        if ".invalid" not in request.url:  # otherwise it is answered before an engine
            sent.append(json.loads(request.body))

    for seed in range(25):
        sent.clear()
        wanted = {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": "SK"}
        faults = inject_faults(table, [Fault("unprocessed")], seed=seed)
        with faults, hooked(table, "before-send.dynamodb", see):
            answer = client.batch_get_item(RequestItems={table.table: wanted})
        left = answer["UnprocessedKeys"][table.table]
        assert {**left, "Keys": keys} == wanted
        found = answer["Responses"][table.table]
        assert sorted([item["SK"]["S"] for item in found + left["Keys"]]) == list("01234")
        asked = [body["RequestItems"][table.table]["Keys"] for body in sent]
        assert [len(each) for each in asked] == [len(found)] * bool(found)
        sizes.add(len(found))
    assert sizes == {0, 1, 2, 3, 4}


def test_writes_of_a_batch_are_left_out(engine: Engine, table: Catalog, client: Any) -> None:
    """The returned writes are not applied; the others are."""
    name, written = table.table, 0
    for seed in range(10):
        keys: Any = [{"PK": {"S": "P"}, "SK": {"S": f"{seed}-{at}"}} for at in range(3)]
        writes: Any = [{"PutRequest": {"Item": key}} for key in keys]
        with inject_faults(table, [Fault("unprocessed")], seed=seed) as injector:
            answer = client.batch_write_item(RequestItems={name: writes})
        assert kinds_of(injector) == ["unprocessed"]
        left = [each["PutRequest"]["Item"] for each in answer["UnprocessedItems"][name]]
        assert left
        there = [bool(engine.client.get_item(TableName=name, Key=key).get("Item")) for key in keys]
        assert there == [key not in left for key in keys]
        written += sum(there)
    assert written


def test_a_slow_answer_takes_its_time(table: Catalog) -> None:
    """By the function that was passed in; the answer is the engine's."""
    slept: list[float] = []
    slow = [Fault("slow_answer", at=[2], seconds=7.5)]
    with inject_faults(table, slow, sleep=slept.append) as injector:
        for _ in range(3):
            with pytest.raises(errors.TitleNotFoundError):
                ap.get_title(table, "movie", 1)
    assert slept == [7.5]
    assert injector.injected == [Injection("slow_answer", "GetItem", 2)]


def test_a_stale_index_is_charged_as_the_table_it_belongs_to(table: Catalog, client: Any) -> None:
    """Its capacity names no copy, a rejected write does not count, the copy ends with the block."""
    ap.put_title(table, movie(1, popularity=1))
    query: Any = {
        "TableName": table.table,
        "IndexName": "by_popularity",
        "KeyConditionExpression": "#list = :list",
        "ExpressionAttributeNames": {"#list": "_list"},
        "ExpressionAttributeValues": {":list": {"S": "ALL#movie"}},
        "ReturnConsumedCapacity": "TOTAL",
    }
    with inject_faults(table, [Fault("stale_index", lag=1)]) as injector:
        client.delete_item(TableName=table.table, Key=COUNTER)
        ap.delete_title(table, "movie", 1)
        with pytest.raises(ClientError):
            client.update_item(**add_one(table), ConditionExpression="attribute_exists(n)")
        answer = client.query(**query)
        assert answer["ConsumedCapacity"]["TableName"] == table.table
        assert answer["Count"] == 1
        client.update_item(**add_one(table))
        assert client.query(**query)["Count"] == 0
    assert kinds_of(injector) == ["stale_index"] * 2
    assert not [name for name in client.list_tables()["TableNames"] if "behind" in name]


def test_what_an_injector_asks_is_neither_hit_nor_counted(table: Catalog, client: Any) -> None:
    """It reads and writes to maintain its copy; faults are for the user's requests only."""
    faults = [Fault("stale_index"), Fault("unprocessed", at=[1]), Fault("throttling", at=[1])]
    with inject_faults(table, faults) as injector:
        for _ in range(4):
            client.put_item(TableName=table.table, Item=COUNTER)
        assert ap.get_titles(table, [TitleKey("movie", 1)]) == [None]
    hit = [("throttling", "PutItem", 1), ("unprocessed", "BatchGetItem", 1)]
    assert [(each.kind, each.operation, each.number) for each in injector.injected] == hit


def handlers(catalog: Catalog) -> list[Any]:
    trie = catalog.client.meta.events._emitter._handlers  # type: ignore[attr-defined]
    events = ("request-created", "before-send")
    return [list(trie.prefix_search(f"{event}.dynamodb.Query")) for event in events]


def test_nothing_is_left_registered_after_the_block(table: Catalog) -> None:
    """However it ends; in the block each event has one more handler."""
    before = handlers(table)
    faults = [Fault("internal_error"), Fault("stale_index")]
    with inject_faults(table, faults):
        within = handlers(table)
        assert [len(each) for each in within] == [len(each) + 1 for each in before]
    assert handlers(table) == before
    with pytest.raises(errors.ServiceError), inject_faults(table, faults):
        ap.list_titles(table, "movie")
    assert handlers(table) == before
    assert ap.list_titles(table, "movie").items == ()


def test_requests_that_are_not_hit_pass_as_they_are(table: Catalog, client: Any) -> None:
    """Only what is named is affected, and only the requested share."""
    only = [Fault("internal_error", operations=["GetItem"]), Fault("throttling", 0.0)]
    with inject_faults(table, only) as injector:
        ap.put_title(table, movie(1))
        assert client.describe_table(TableName=table.table)["Table"]
    assert injector.injected == []
    with inject_faults(table, [Fault("internal_error")]) as injector:
        client.describe_table(TableName=table.table)  # not an operation on items
    assert injector.injected == []
    named = [Fault("internal_error", at=[1], operations=["DescribeTable"])]
    with inject_faults(table, named) as injector:
        assert client.describe_table(TableName=table.table)["Table"]
    assert injector.injected == [Injection("internal_error", "DescribeTable", 1)]
    with inject_faults(table, [Fault("slow_answer", 0.25, seconds=0)]) as injector:
        for _ in range(200):
            ap.get_titles(table, [TitleKey("movie", 1)])
    assert 30 < len(injector.injected) < 70


def test_one_block_in_another_hits_too(table: Catalog) -> None:
    """Each with its own faults; an attempt has one of them."""
    her = ap.put_title(table, movie(1))
    with (
        inject_faults(table, [Fault("throttling", at=[1])]) as outer,
        inject_faults(table, [Fault("lost_answer", at=[1, 2])]) as inner,
    ):
        assert ap.get_title(table, "movie", 1) == her
    assert outer.injected == [Injection("throttling", "GetItem", 1)]
    assert inner.injected == [Injection("lost_answer", "GetItem", 2)]


NONSENSE: list[dict[str, Any]] = [
    {"kind": "hiccup"},
    {"kind": "throttling", "probability": 1.5},
    {"kind": "throttling", "probability": True},
    {"kind": "throttling", "at": [0]},
    {"kind": "throttling", "at": 3},
    {"kind": "throttling", "operations": "Query"},
    {"kind": "conflict", "operations": ["GetItem"]},
    {"kind": "unprocessed", "operations": ["Query"]},
    {"kind": "slow_answer", "seconds": -1},
    {"kind": "slow_answer", "seconds": float("nan")},
    {"kind": "stale_index", "lag": 0},
]


@pytest.mark.parametrize("arguments", NONSENSE, ids=repr)
def test_a_fault_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    """Including faults that could never occur, with which a test would prove nothing."""
    with pytest.raises(errors.InvalidArgumentError):
        Fault(**arguments)


def test_faults_that_make_no_sense_together_are_refused(table: Catalog) -> None:
    """Unknown operations, two lags at once, a missing table."""
    both = [Fault("stale_index", lag=1), Fault("stale_index", lag=2)]
    bad: list[Any] = [[Fault("throttling", operations=["Qurey"])], both, Fault("throttling"), [1]]
    for faults in bad:
        with pytest.raises(errors.InvalidArgumentError), inject_faults(table, faults):
            pytest.fail("the block was entered")
    with (
        pytest.raises(errors.TableNotFoundError),
        inject_faults(Catalog("none", client=table.client), [Fault("stale_index")]),
    ):
        pytest.fail("the block was entered")


def test_the_documentation_lists_every_kind() -> None:
    """With the text in the code."""
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    for kind, text in FAULT_KINDS.items():
        assert f"| `{kind}` | {text} |" in page
    for form, text in GARBLED_FORMS.items():
        assert f"| `{form}` | {text} |" in page
