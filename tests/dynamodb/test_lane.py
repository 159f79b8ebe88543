"""The fast lane: the same requests, answers and errors as by botocore, and what is left to it."""

import functools
import gc
import json
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.stub import Stubber
from lanes import hide_extra, with_lane, without_moto
from lying_server import response
from packages import run
from recording_server import KEY, Recorder, checked_answer, echo, recording

from catalog_model import Catalog, errors
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.actions import Absent, Check, Delete, Plan, Put, Update
from catalog_model.dynamodb.faults.garbled_answers import Garbled
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.dynamodb.lane.choice import lane_for
from catalog_model.dynamodb.lane.listeners import _EVENTS, OPERATIONS
from catalog_model.dynamodb.lane.received import NotUnderstoodError, Received
from catalog_model.dynamodb.typed_json import ItemKey
from catalog_model.errors import CatalogError, ConfigurationError, InvalidArgumentError
from catalog_model.testing import Fault, inject_faults, without_pauses

pytest.importorskip("pycurl", reason="pycurl, of the extra fast, is not installed")

ROOT = Path(__file__).parents[2]
HER = ItemKey("TITLE#movie#1", "TITLE#movie#1")
ITEM = {**KEY, "note": {"S": "ok"}}
PLAN: Plan = (
    Put({**KEY, "n": {"N": "1"}}, Absent()),
    Update(ItemKey("a", "b"), (("x", 1),), (("y", 2),), condition=None),
    Delete(ItemKey("c", "d"), None),
    Check(ItemKey("e", "é\u2028\U0001f600"), Absent()),
)
CALLS: dict[str, Callable[[Gateway], Any]] = {
    "GetItem": lambda g: g.get(HER, consistent=True),
    "Query": lambda g: g.query("TITLE#movie#1", EVERYTHING, limit=3, descending=True),
    "BatchGetItem": lambda g: g.batch_get([HER, ItemKey("x", "y")]),
    "TransactWriteItems": lambda g: g.transact(PLAN),
}


def client_of(address: str, **settings: Any) -> Any:
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = CLIENT_DEFAULTS.merge(Config(**{"retries": retries, **settings}))
    client = boto3.client("dynamodb", endpoint_url=address, config=config)
    without_moto(client)
    return client


def handle(address: str, *, fast: bool = True, **settings: Any) -> Catalog:
    return Catalog("films", client=client_of(address, **settings), fast=fast)


@pytest.fixture(autouse=True, params=["with the extra", "without it"])
def extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run each test by libcurl and orjson, and by urllib3 and `json`."""
    if request.param == "without it":
        hide_extra(monkeypatch)
    with without_pauses():
        yield request.param


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as server:
        yield server


def took_the_lane(server: Recorder) -> bool:
    """Return whether the last request came by the lane."""
    return server.requests[-1].is_of_lane


# --- The same requests


@pytest.mark.parametrize("operation", CALLS)
def test_a_request_is_that_of_botocore(server: Recorder, operation: str, extra: str) -> None:
    """The same content to the same place; only headers that DynamoDB does not need are missing."""
    for fast in (True, False):
        CALLS[operation](handle(server.address, fast=fast).gateway)
    ours, theirs = server.requests
    assert (ours.is_of_lane, theirs.is_of_lane) == (True, False)
    assert ours.line == theirs.line
    first, second = ours.content, theirs.content
    if operation == "TransactWriteItems":
        assert len(first.pop("ClientRequestToken")) == len(second.pop("ClientRequestToken")) == 36
    assert first == second
    missing = {"amz-sdk-invocation-id", "amz-sdk-request"}
    missing |= {"accept-encoding"} if extra == "with the extra" else set()  # urllib3 adds it
    assert theirs.headers.keys() - ours.headers.keys() == missing
    assert not ours.headers.keys() - theirs.headers.keys()
    for name in ("content-type", "host", "user-agent", "x-amz-target"):
        assert ours.headers[name] == theirs.headers[name]


def test_the_lane_sends_what_can_be_repeated() -> None:
    """Reads, and writes with a token; every operation of it is tested here."""
    assert set(CALLS) == OPERATIONS


def test_other_operations_are_botocores(server: Recorder) -> None:
    """A single update has no token, and a scan takes no time that matters."""
    gateway = handle(server.address).gateway
    gateway.update(PLAN[1])  # type: ignore[arg-type]
    with pytest.raises(CatalogError):
        gateway.describe_table()
    assert not any(each.is_of_lane for each in server.requests)


# --- The same answers


@pytest.mark.parametrize("operation", CALLS)
def test_an_answer_is_that_of_botocore(server: Recorder, operation: str) -> None:
    found = [CALLS[operation](handle(server.address, fast=f).gateway) for f in (True, False)]
    assert found[0] == found[1]


def test_a_trace_shows_what_it_shows_of_botocore(server: Recorder) -> None:
    """The figures in answers, and the parameters as sent."""
    consumed = {"TableName": "films", "CapacityUnits": 0.5}
    server.answer = lambda _: checked_answer({"Item": ITEM, "ConsumedCapacity": consumed})
    shown = []
    for fast in (True, False):
        catalog = handle(server.address, fast=fast)
        with catalog.trace() as trace:
            catalog.gateway.get(HER)
        request = trace.requests[0]
        assert request.bytes_received > 100
        shown.append((request.asked, request.units, request.retries, request.bytes_received))
    assert took_the_lane(server) is False
    assert shown[0] == shown[1]


# --- Responses and failures that become botocore's first attempt

RESPONSES = {
    "an error of the service": response(
        Garbled(b'{"__type": "x#ValidationException", "message": "no"}', 400)
    ),
    "a failed transaction": response(
        Garbled(
            b'{"__type": "x#TransactionCanceledException", "message": "no",'
            b' "CancellationReasons": [{"Code": "ConditionalCheckFailed"}]}',
            400,
        )
    ),
    "throttling": response(
        Garbled(b'{"__type": "x#ProvisionedThroughputExceededException", "message": "slow"}', 400)
    ),
    "an internal error": response(Garbled(b'{"__type": "x#InternalServerError"}', 500)),
    "an expired token": response(
        Garbled(b'{"__type": "x#ExpiredTokenException", "message": "expired"}', 400)
    ),
    "a page": response(Garbled(b"<html>sign in</html>")),
    "nothing": response(Garbled(b"")),
    "a list": response(Garbled(b"[]")),
    "a wrong checksum": checked_answer({"Item": ITEM}, **{"x-amz-crc32": "1"}),
    "another item": checked_answer({"Item": {**KEY, "SK": {"S": "other"}}}),
    "values of other types": checked_answer({"Item": {**KEY, "n": {"N": "one"}}}),
    "a redirect": response(Garbled(b"", 302, headers={"Location": "http://127.0.0.1:1/"})),
    "a body that is cut": checked_answer({"Item": ITEM})[:-5],
    "a connection that is cut": b"",
}


@pytest.mark.parametrize("name", RESPONSES)
def test_what_is_no_answer_is_the_first_attempt_of_botocore(name: str) -> None:
    """As many requests as without the lane, and the same error: a refusal is not asked twice."""
    seen = []
    for fast in (True, False):
        with recording(lambda _: _last(RESPONSES[name])) as server:
            catalog = handle(server.address, fast=fast, read_timeout=2)
            with catalog.trace() as trace, pytest.raises(CatalogError) as caught:
                catalog.gateway.get(HER)
            told = str(caught.value).replace(server.address, "")
            requests = [(r.retries, r.error_type, r.bytes_received) for r in trace]
            seen.append((type(caught.value), told, len(server.requests), requests))
            assert server.requests[0].is_of_lane is fast
            assert not any(each.is_of_lane for each in server.requests[1:])
    assert seen[0] == seen[1]


def _last(answer: bytes) -> bytes:
    """Close the connection after an answer, which may be shorter than it says."""
    return answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if answer else b""


def test_the_next_attempt_may_succeed(server: Recorder) -> None:
    """The retry is botocore's, and is counted."""
    server.answer = lambda request: (
        RESPONSES["throttling"] if len(server.requests) == 1 else echo(request)
    )
    catalog = handle(server.address)
    with catalog.trace() as trace:
        assert catalog.gateway.get(HER) == ITEM
    assert [request.retries for request in trace] == [1]
    assert [each.is_of_lane for each in server.requests] == [True, False]


def test_a_transaction_keeps_its_token(server: Recorder) -> None:
    """An attempt whose answer was lost may have been applied."""
    server.answer = lambda request: b"" if len(server.requests) == 1 else echo(request)
    handle(server.address).gateway.transact(PLAN)
    first, second = (each.content for each in server.requests)
    assert first == second


def test_answers_refill_botocores_quota_of_retries(server: Recorder) -> None:
    """Otherwise a table that failed for a while would have no retries any more."""
    catalog = handle(server.address)
    catalog.gateway.get(HER)
    found = catalog.client.meta.events._emitter._handlers.prefix_search("after-call.dynamodb.Query")  # type: ignore[attr-defined]
    quota = next(each.__self__._quota for each in found if "Quota" in each.__qualname__)
    quota.acquire(10)
    before = quota.available_capacity
    for _ in range(10):
        catalog.gateway.get(HER)
    assert quota.available_capacity == before + 10


# --- What is left to botocore from the beginning


@pytest.mark.parametrize("event", _EVENTS)
def test_where_other_code_listens_botocore_sends(server: Recorder, event: str) -> None:
    """Tracing libraries see each request; without them the lane is used again."""
    catalog = handle(server.address)
    catalog.gateway.get(HER)
    assert took_the_lane(server)
    heard = []

    def listen(**_: Any) -> None:
        heard.append(event)

    for name in (f"{event}.dynamodb.GetItem", f"{event}.dynamodb", event):
        catalog.client.meta.events.register(name, listen)
        catalog.gateway.get(HER)
        assert not took_the_lane(server)
        catalog.client.meta.events.unregister(name, listen)
        catalog.gateway.get(HER)
        assert took_the_lane(server)
    assert bool(heard) is (event not in {"after-call-error", "before-parse-error"})


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (BaseClient, "_make_api_call"),
        (Endpoint, "make_request"),
        (Endpoint, "prepare_request"),
        (URLLib3Session, "send"),
    ],
)
def test_where_other_code_wraps_botocore_it_sends(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """OpenTelemetry, X-Ray and others replace its functions, before or after the handle is made."""
    original, seen = getattr(owner, name), []

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return original(*args, **kwargs)

    catalog = handle(server.address)
    catalog.gateway.get(HER)
    assert took_the_lane(server)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, wrapper)
        for each in (catalog, handle(server.address)):
            each.gateway.get(HER)
            assert not took_the_lane(server)
        assert seen
    catalog.gateway.get(HER)
    assert took_the_lane(server)


def test_a_wrapper_that_equals_what_it_wraps_is_seen(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of wrapt do, which these libraries use."""

    class Proxy:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

        def __get__(self, instance: Any, _: Any) -> Any:
            return functools.partial(self, instance) if instance is not None else self

        def __eq__(self, _: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash(original)

        __class__ = property(lambda _: type(original))

    original = Endpoint.make_request
    catalog = handle(server.address)
    catalog.gateway.get(HER)
    assert took_the_lane(server)
    monkeypatch.setattr(Endpoint, "make_request", Proxy())
    catalog.gateway.get(HER)
    assert not took_the_lane(server)


def test_where_a_method_of_the_client_is_replaced_it_is_called(server: Recorder) -> None:
    """As tests of applications do."""
    catalog = handle(server.address)
    catalog.client.get_item = lambda **_: {"Item": ITEM}  # type: ignore[assignment, method-assign]
    assert catalog.gateway.get(HER) == ITEM
    assert not server.requests
    catalog.gateway.query("a", EVERYTHING)
    assert took_the_lane(server)


@pytest.mark.parametrize("injecting", [False, True])
def test_where_the_lane_alone_fails_botocore_asks(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, injecting: bool
) -> None:
    """As libcurl does where its TLS differs; also while faults are injected."""

    def fail(*_: Any) -> Received:
        raise NotUnderstoodError("libcurl failed")

    catalog = handle(server.address)
    lane: Any = catalog.gateway._lane
    monkeypatch.setattr(type(lane._transport), "post", fail)
    with inject_faults(catalog, [Fault("throttling", 0.0)]) if injecting else nullcontext():
        assert catalog.gateway.get(HER) == ITEM
    assert not took_the_lane(server)
    assert len(server.requests) == 1


def test_a_stubbed_client_is_asked_for_its_answers(server: Recorder) -> None:
    catalog = handle(server.address, parameter_validation=True)
    with Stubber(catalog.client) as stubber:
        stubber.add_response("get_item", {"Item": ITEM})
        assert catalog.gateway.get(HER) == ITEM
    assert not server.requests


@pytest.mark.parametrize(
    "settings",
    [
        {"signature_version": UNSIGNED},
        {"retries": {"mode": "adaptive"}},
        {"proxies_config": {"proxy_use_forwarding_for_https": True}, "proxies": {"http": "{}"}},
    ],
    ids=["without signatures", "adaptive retries", "a proxy with settings"],
)
def test_settings_that_the_lane_does_not_have_are_botocores(
    server: Recorder, settings: dict[str, Any]
) -> None:
    if "proxies" in settings:
        settings = {**settings, "proxies": {"http": server.address}}
    handle(server.address, **settings).gateway.get(HER)
    assert not took_the_lane(server)


@pytest.mark.parametrize("path", ["?a=b", "/?a", "#here"])
def test_an_endpoint_with_more_than_a_path_is_botocores(server: Recorder, path: str) -> None:
    handle(server.address + path).gateway.get(HER)
    assert not took_the_lane(server)


@pytest.mark.parametrize("path", ["", "/", "/to/dynamo%20db", "/~a/b/"])
def test_an_endpoint_with_a_path_is_reached(server: Recorder, path: str) -> None:
    for fast in (True, False):
        handle(server.address + path, fast=fast).gateway.get(HER)
    ours, theirs = server.requests
    assert ours.is_of_lane
    assert ours.line == theirs.line


@pytest.mark.parametrize("text", ["\ud800", 10**30, b"bytes", {1, 2}])
def test_a_request_that_orjson_writes_otherwise_is_botocores(
    server: Recorder, text: Any, extra: str
) -> None:
    """A lone surrogate, a huge number, bytes, and types that JSON lacks.

    Python's `json` writes the first two as botocore does, because botocore uses it.
    """
    lane: Any = handle(server.address).gateway._lane
    request = {"TableName": "films", "Key": KEY, "Other": text}
    prepared = lane.prepare("GetItem", request)
    if extra == "without it" and isinstance(text, (int, str)):
        assert json.loads(prepared.body) == request
    else:
        assert prepared is None
    assert lane.prepare("GetItem", {"TableName": "films", "Key": KEY}) is not None


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"Item": {**KEY, "b": {"B": "AA=="}}}),
        json.dumps({"Item": {**KEY, "b": {"L": [{"B": "AA=="}]}}}),
        json.dumps({"Item": {**KEY, "t": {"S": "\ud800"}}}),
        json.dumps({"Item": ITEM, "New": 1}),
    ],
)
def test_an_answer_that_orjson_reads_otherwise_is_botocores(server: Recorder, answer: str) -> None:
    """Binary attributes, lone surrogates, and members of a newer service."""
    server.answer = lambda _: checked_answer(json.loads(answer))
    found = [handle(server.address, fast=fast).gateway.get(HER) for fast in (True, False)]
    assert found[0] == found[1]
    assert [each.is_of_lane for each in server.requests] == [True, False]


# --- Credentials and endpoints


def with_credentials(server: Recorder, found: Any) -> Catalog:
    catalog = handle(server.address)
    signer: Any = catalog.client
    signer._request_signer._credentials = found
    return catalog


def test_credentials_are_renewed_by_botocore(server: Recorder) -> None:
    """Temporary ones with their token, at the time at which botocore renews them."""
    renewals: list[int] = []

    def renewed() -> dict[str, str]:
        renewals.append(1)
        return {
            "access_key": f"KEY{len(renewals)}",
            "secret_key": "x",
            "token": f"token {len(renewals)}",
            "expiry_time": (datetime.now(UTC) + timedelta(hours=-1 + len(renewals))).isoformat(),
        }

    found = RefreshableCredentials.create_from_metadata(renewed(), renewed, "test")
    catalog = with_credentials(server, found)
    for _ in range(3):
        catalog.gateway.get(HER)
        assert took_the_lane(server)
    tokens = [each.headers["x-amz-security-token"] for each in server.requests]
    assert tokens == ["token 2" if len(renewals) == 2 else "token 3"] * 3
    assert f"KEY{len(renewals)}/" in server.requests[-1].headers["authorization"]


@pytest.mark.parametrize(
    "found", [Credentials("KEY\r\nX-Injected: 1", "x"), Credentials("KEY", "x", "a\r\nX-B: 1")]
)
def test_a_line_break_in_credentials_begins_no_header(server: Recorder, found: Any) -> None:
    with pytest.raises(CatalogError):
        with_credentials(server, found).gateway.get(HER)
    assert not server.requests


def test_without_credentials_nothing_is_sent(server: Recorder) -> None:
    with pytest.raises(ConfigurationError, match="credentials"):
        with_credentials(server, None).gateway.get(HER)
    assert not server.requests


def test_an_error_while_credentials_are_obtained_is_botocores(server: Recorder) -> None:
    class Failing(Credentials):
        def get_frozen_credentials(self) -> Any:
            raise errors.UnreachableError("no metadata")

    with pytest.raises(CatalogError, match="no metadata"):
        with_credentials(server, Failing("KEY", "x")).gateway.get(HER)


@pytest.mark.parametrize("mode", ["preferred", "disabled"])
def test_an_accounts_own_endpoint_is_asked(mode: Any) -> None:
    """As botocore's rules have it, also for a table of another account, named by its ARN."""
    session = boto3.Session("KEY", "x", aws_account_id="123456789012")
    client: Any = session.client("dynamodb", config=Config(account_id_endpoint_mode=mode))
    lane = lane_for(client, fast=True)
    assert lane is not None
    arn = "arn:aws:dynamodb:eu-west-1:210987654321:table/films"
    for table, account in (("films", "123456789012"), (arn, "210987654321")):
        prepared = lane.prepare("GetItem", {"TableName": table, "Key": KEY})
        assert prepared is not None
        host = "dynamodb.eu-west-1.amazonaws.com"
        own = f"{account}.ddb.eu-west-1.amazonaws.com"
        assert prepared.to.url == f"https://{own if mode == 'preferred' else host}/"
        assert prepared.to.scope.region == "eu-west-1"


def test_a_request_to_several_tables_is_botocores(server: Recorder) -> None:
    """They may be of several accounts."""
    lane: Any = handle(server.address).gateway._lane
    keys = {"Keys": [KEY]}
    assert lane.prepare("BatchGetItem", {"RequestItems": {"one": keys}})
    assert lane.prepare("BatchGetItem", {"RequestItems": {"one": keys, "two": keys}}) is None


def test_a_function_on_lambda_is_traced(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the header of X-Ray that botocore sends there."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "films")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-abc;Parent=def;Sampled=1")
    for fast in (True, False):
        handle(server.address, fast=fast).gateway.get(HER)
    assert server.requests[0].is_of_lane
    assert len({each.headers["x-amzn-trace-id"] for each in server.requests}) == 1


# --- The switch


def test_a_client_of_its_own_has_the_lane(server: Recorder) -> None:
    """One that is passed in does not, unless *fast* is True."""
    own = Catalog("films", endpoint_url=server.address)
    without_moto(own.client)
    passed = client_of(server.address)
    for catalog, is_fast in (
        (own, True),
        (own.for_table("other"), True),
        (Catalog("films", endpoint_url=server.address, fast=False), False),
        (Catalog("films", client=own.client), True),
        (Catalog("films", client=passed), False),
        (Catalog("films", client=passed, fast=True), True),
        (Catalog("films", client=passed, fast=False), False),
    ):
        catalog.gateway.get(HER)
        assert took_the_lane(server) is is_fast


@pytest.mark.parametrize(("text", "fast"), [("1", True), ("0", False), ("", None), (" ", None)])
def test_the_environment_has_the_switch(
    monkeypatch: pytest.MonkeyPatch, text: str, fast: bool | None
) -> None:
    monkeypatch.setenv("CATALOG_FAST", text)
    assert Catalog.from_env().fast is fast
    assert Catalog.from_env(fast=True).fast is True


def test_another_value_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_FAST", "yes")
    with pytest.raises(ConfigurationError, match="CATALOG_FAST must be 1 or 0, not 'yes'"):
        Catalog.from_env()
    with pytest.raises(InvalidArgumentError, match="fast must be True, False or None, not 1"):
        Catalog("films", fast=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["orjson", "pycurl"])
def test_without_the_extra_the_lane_does_without_it(server: Recorder, missing: str) -> None:
    """Where a part of it is missing, urllib3 or `json` take its place; ``fast=True`` is refused."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from catalog_model import Catalog\n"
        "from catalog_model.dynamodb.typed_json import ItemKey\n"
        "assert Catalog('films', fast=False).gateway._lane is None\n"
        "gateway = Catalog('films', endpoint_url=sys.argv[1]).gateway\n"
        "print(type(gateway._lane._transport).__name__, gateway.get(ItemKey('a', 'b')))\n"
        "try:\n    Catalog('films', fast=True)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    said = run(
        *(sys.executable, "-c", code, server.address),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="eu-west-1",
    )
    transport, refusal = said.splitlines()
    item = {"PK": {"S": "a"}, "SK": {"S": "b"}, "note": {"S": "ok"}}
    assert transport == f"{'Urllib3' * (missing == 'pycurl')}Transport {item}"
    assert took_the_lane(server)
    assert refusal == (
        "ConfigurationError fast=True needs an extra: pip install 'catalog-model[fast]'"
    )


def test_the_extra_is_not_loaded_before_the_first_client() -> None:
    """An import of the package opens and loads nothing for it."""
    code = "import sys, catalog_model.access_patterns; print('pycurl' in sys.modules)"
    assert run(sys.executable, "-c", code) == "False\n"


def test_a_client_of_another_kind_has_no_lane() -> None:
    """A table in memory, or an object that acts like a client."""

    class Other:
        meta = None

    assert lane_for(Other(), fast=True) is None  # type: ignore[arg-type]


def test_a_botocore_that_is_built_otherwise_has_no_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that the lane takes from it are not public."""
    client: Any = client_of("http://127.0.0.1:9")
    monkeypatch.delattr(client, "_user_agent_creator")
    assert lane_for(client, fast=True) is None


def test_libcurl_is_not_used_without_the_time_limits_of_botocore(
    monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    """They are not public, either; urllib3's connections have them anyway."""
    client: Any = client_of("http://127.0.0.1:9")
    monkeypatch.delattr(client._endpoint.http_session, "_timeout")
    assert (lane_for(client, fast=True) is None) == (extra == "with the extra")


def test_a_client_and_its_lane_are_deleted_together(server: Recorder) -> None:
    """With their connections."""
    catalog = handle(server.address)
    catalog.gateway.get(HER)
    left = weakref.ref(catalog.client), weakref.ref(lane_for(catalog.client, fast=True) or catalog)
    del catalog
    gc.collect()
    assert [each() for each in left] == [None, None]


def test_the_suite_runs_in_the_lane(monkeypatch: pytest.MonkeyPatch, server: Recorder) -> None:
    """Clients of real engines have it in tests, unless the variable is set."""
    monkeypatch.delenv("TESTS_WITHOUT_LANE", raising=False)
    Catalog("films", client=with_lane(client_of(server.address))).gateway.get(HER)
    assert took_the_lane(server)


def test_the_page_lists_what_is_left_to_botocore() -> None:
    """Each with a test that exists."""
    page = (ROOT / "docs" / "decisions" / "0016-lane.md").read_text()
    listed = page.partition("<!-- left to botocore: list -->")[2].partition("<!--")[0]
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_lane*.py"))
    named = re.findall(r"`(test_\w+)`", listed)
    assert len(named) > 12
    assert [name for name in named if f"def {name}(" not in tests] == []
