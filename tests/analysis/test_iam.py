"""Least privilege: policies allow exactly the requests of their access patterns."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import reduce
from http import HTTPStatus
from operator import getitem
from typing import Any

import pytest
from engines import Engine
from flask import Flask
from iam_evaluator import ARN, Need, Policy, allows, context, needs
from older_tables import grow_old
from planted_damage import (
    Vandal,
    membership_is_gone,
    memberships_without_a_title,
    slot_is_gone,
    tally_is_gone,
)
from spread_tables import spread_table

from catalog_model import Catalog, Movie, Page, TVShow, operations
from catalog_model import access_patterns as ap
from catalog_model.analysis import iam
from catalog_model.declarations.pattern import AccessPattern, step
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.flask import FlaskCatalog, health
from docs import calls

pytestmark = pytest.mark.one_engine

READS = iam.patterns_of("reader")


# --- requests that were really made


@pytest.fixture(scope="module")
def traced(engine: Engine, titles: list[Movie | TVShow]) -> dict[str, list[Need]]:
    """The permissions that the requests of every access pattern need, by pattern."""
    some = titles[::48]  # 9 of a kind or more share a shard, so that deletions fill gaps
    catalog = engine.catalog()
    operations.create_table(catalog)
    of_counts = ("count_titles", "list_genres", "sample_titles", "list_titles_in_genres")
    counted = [call for call in calls.reads(some) if call.pattern in of_counts]
    put = [
        calls.Call("put_title", {"title": next(each for each in some if each.kind == kind)})
        for kind in KINDS
    ]
    load = calls.Call("load_titles", {"titles": some})
    requests = _made(catalog, [*counted, load])
    operations.delete_table(catalog)
    operations.create_table(catalog)
    requests += _made(catalog, [*put, load])
    for title in some:
        ap.delete_title(catalog, *title.key)
    fewer_genres = {"titles": [each.replace(genre_ids=[]) for each in some]}
    again = calls.Call("load_titles", fewer_genres)
    requests += _made(catalog, [*calls.writes(some), again])
    ap.load_titles(catalog, some)
    asked = list(calls.reads(some))
    requests += _made(catalog, asked if engine.measures else _thinned(asked))
    operations.delete_table(catalog)
    found: dict[str, dict[tuple[Any, ...], Need]] = {name: {} for name in ap.PATTERNS}
    for request in requests:
        for need in needs(request):
            same = (need.action, need.resource, *sorted(need.context.items()))
            found[str(request.pattern)][same] = need
    return {name: list(each.values()) for name, each in found.items()}


def _thinned(asked: Iterable[calls.Call]) -> Iterator[calls.Call]:
    """Leave out most calls of lists that have hundreds: moto is slow, and requests are alike."""
    numbers: Counter[str] = Counter()
    for call in asked:
        numbers[call.pattern] += 1
        if numbers[call.pattern] % 5 == 1 or not call.pattern.startswith("list_titles"):
            yield call


def _made(catalog: Catalog, made: Iterable[calls.Call]) -> list[Request]:
    """Make calls, of lists two pages; return the requests of access patterns.

    Not those that are left out if they are not allowed: the look at a tally after an empty page.
    """
    with catalog.trace() as trace:
        for call in made:
            function = ap.PATTERNS[call.pattern].function
            answer = function(catalog, **call.arguments)
            if isinstance(answer, Page) and answer.next:
                function(catalog, **call.arguments, after=answer.next)
    return [each for each in trace if each.pattern and not _is_look_at_a_tally(each)]


def _is_look_at_a_tally(request: Request) -> bool:
    return request.operation == "GetItem" and request.asked["Key"]["SK"]["S"].startswith("TALLY#")


def policy_of(*patterns: AccessPattern) -> Policy:
    return iam.policy(patterns, table_arn=ARN)


def needed_by(traced: Mapping[str, list[Need]], patterns: Iterable[AccessPattern]) -> list[Need]:
    return [need for pattern in patterns for need in traced[pattern.name]]


def needed_for(requests: Iterable[Request]) -> list[Need]:
    return [need for request in requests for need in needs(request)]


def footprint(found: Iterable[Need]) -> frozenset[tuple[str, str, str]]:
    return frozenset(shape for need in found for shape in need.shapes)


@pytest.fixture(scope="module")
def of_spread_lists(engine: Engine, titles: list[Movie | TVShow]) -> list[Need]:
    """The permissions that all lists need where they are spread."""
    catalog = spread_table(engine, 2, titles[::48])
    found = [each for each in calls.reads(titles[::48]) if "limit" in each.arguments]
    with catalog.trace() as trace:
        for call in found:
            catalog.known_spread = None
            ap.PATTERNS[call.pattern].function(catalog, **call.arguments)
    operations.delete_table(catalog)
    return needed_for(trace)


def test_a_policy_for_spread_lists_allows_their_requests(of_spread_lists: list[Need]) -> None:
    """With the switch; without it, the shards of the lists of a kind are not allowed."""
    usual = policy_of(*READS)
    spread = iam.policy(READS, table_arn=ARN, sharded_lists=True)
    assert all(allows(spread, need) for need in of_spread_lists)
    denied = [need for need in of_spread_lists if not allows(usual, need)]
    assert {need.action for need in denied} == {"GetItem", "Query"}


def smaller(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Yield the policy without each statement, action, partition key, attribute and operation."""
    for path in lists_in(policy):
        for at in range(len(reduce(getitem, path, policy))):
            less: Any = deepcopy(policy)
            removed = reduce(getitem, path, less).pop(at)
            yield f"{path}: {removed}", less


def lists_in(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Return the paths of all lists in a value, itself included."""
    if isinstance(value, list):
        yield path
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, each in value.items():
            yield from lists_in(each, *path, key)


def superfluous(policy: Policy, found: Sequence[Need]) -> list[str]:
    """Return the unnecessary parts."""
    return [what for what, less in smaller(policy) if all(allows(less, each) for each in found)]


def assert_exact(policy: Policy, found: Sequence[Need]) -> None:
    """Check that a policy allows these, and that each part of it is needed for them."""
    assert [need for need in found if not allows(policy, need)] == []
    assert superfluous(policy, found) == []


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_the_policy_of_a_role_is_sufficient_and_minimal(
    traced: dict[str, list[Need]], role: iam.Role
) -> None:
    """Every request of its patterns is allowed; without any of its parts some are not."""
    patterns = iam.patterns_of(role)
    assert_exact(policy_of(*patterns), needed_by(traced, patterns))


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_a_policy_allows_what_its_pattern_asks_and_nothing_that_only_others_ask(
    traced: dict[str, list[Need]], name: str
) -> None:
    """The same actions on the same resources with partition keys of the same shape; and minimal."""
    policy, own = policy_of(ap.PATTERNS[name]), footprint(traced[name])
    assert own
    for need in needed_by(traced, ap.PATTERNS.values()):
        assert allows(policy, need) == (need.shapes <= own), need
    assert superfluous(policy, traced[name]) == []


def test_a_writer_may_read_and_a_reader_may_not_write(traced: dict[str, list[Need]]) -> None:
    """Nor any action on the table itself."""
    reader, writer = policy_of(*READS), policy_of(*iam.patterns_of("writer"))
    assert all(allows(writer, need) for need in needed_by(traced, READS))
    written = [
        each for each in needed_by(traced, ap.PATTERNS.values()) if "Item" in each.action[3:]
    ]
    writes = [need for need in written if need.action in ("PutItem", "UpdateItem", "DeleteItem")]
    assert writes
    assert not any(allows(reader, need) for need in writes)
    for action in ("DeleteTable", "CreateTable", "DescribeTable", "UpdateTable", "TagResource"):
        assert not allows(reader, Need(action))
        assert not allows(writer, Need(action))


@pytest.mark.parametrize("tags", [{}, {"team": "films"}], ids=["without tags", "with tags"])
def test_an_operator_may_what_operations_do(engine: Engine, tags: dict[str, str]) -> None:
    """Create, tag if requested, describe and delete; nothing on items."""
    catalog = engine.catalog()
    with catalog.trace() as trace:
        operations.create_table(catalog, tags=tags)
        operations.table_status(catalog)
        operations.delete_table(catalog)
    actions = (*iam.TABLE_ACTIONS, iam.TAGGING) if tags else iam.TABLE_ACTIONS
    policy = iam.policy((), table_arn=ARN, operations=actions)
    assert_exact(policy, needed_for(trace))
    assert [each["Action"] for each in policy["Statement"]] == [
        sorted(f"dynamodb:{each}" for each in actions)
    ]


def test_a_service_may_tell_whether_it_is_ready_where_that_was_said(catalog: Catalog) -> None:
    """The requests of `/readyz`, and nothing else on the table except the service's patterns."""
    app = Flask("ready")
    FlaskCatalog(app, catalog=catalog)
    app.register_blueprint(health)
    with catalog.trace() as trace:
        assert app.test_client().get("/readyz").status_code == HTTPStatus.OK
    policy = iam.policy((), table_arn=ARN, operations=iam.HEALTH_ACTIONS)
    assert_exact(policy, needed_for(trace))
    with_patterns = iam.policy(READS, table_arn=ARN, operations=iam.HEALTH_ACTIONS)
    of_patterns = policy_of(*READS)["Statement"]
    assert with_patterns["Statement"] == [*of_patterns, *policy["Statement"]]


def test_an_operator_may_put_a_table_in_order_where_that_was_said(catalog: Catalog) -> None:
    """Verify, repair and migrate a table that needs all three; each action is needed."""
    ap.load_titles(catalog, read_folder(sample_folder())[:30])
    grow_old(catalog, "mixed")
    for damage in (membership_is_gone, memberships_without_a_title, tally_is_gone, slot_is_gone):
        damage(Vandal(catalog))
    with catalog.trace() as trace:
        assert operations.verify(catalog).findings
        assert operations.repair(catalog).actions
        operations.migrate(catalog)
    assert operations.verify(catalog).is_clean
    found = needed_for(trace)
    policy = iam.policy((), table_arn=ARN, integrity=iam.INTEGRITY_ACTIONS)
    assert [need for need in found if not allows(policy, need)] == []
    assert {need.action for need in found} == set(iam.INTEGRITY_ACTIONS)


# --- requests that are never made


FILMS = context({"TITLE#movie#1"}, {"PK", "SK"}, Select="ALL_ATTRIBUTES")
LIST = context({"ALL#movie"}, {"PK", "SK", "_list", "_doc"}, Select="SPECIFIC_ATTRIBUTES")
BY_RELEASE = f"{ARN}/index/by_release"
WITHIN = {"dynamodb:EnclosingOperation": frozenset({"TransactWriteItems"})}


GET = Need("GetItem", ARN, FILMS)
QUERY = Need("Query", BY_RELEASE, LIST)
PUT = Need("PutItem", ARN, {**FILMS, **WITHIN})
ALL_PROJECTED = {"dynamodb:Select": frozenset({"ALL_PROJECTED_ATTRIBUTES"})}
DENIED = {
    "another table": (GET, replace(GET, resource=ARN.replace("films", "films2"))),
    "a Scan of the table": (GET, replace(GET, action="Scan")),
    "a Scan of an index": (QUERY, replace(QUERY, action="Scan")),
    "another partition next to an allowed one": (
        GET,
        replace(GET, context={**FILMS, **context({"TITLE#movie#1", "USER#1"}, {"PK"})}),
    ),
    "another kind": (GET, replace(GET, context={**FILMS, **context({"TITLE#game#1"}, {"PK"})})),
    "a request that AWS gives no partition key": (
        GET,
        replace(GET, context={"dynamodb:Select": FILMS["dynamodb:Select"]}),
    ),
    "all attributes of an index, by naming none": (
        QUERY,
        replace(QUERY, context={**LIST, **ALL_PROJECTED}),
    ),
    "an attribute that lists do not show": (
        QUERY,
        replace(QUERY, context={**LIST, "dynamodb:Attributes": frozenset({"_doc", "secret"})}),
    ),
    "a request that AWS gives no attributes": (
        QUERY,
        replace(QUERY, context={k: v for k, v in LIST.items() if "Attributes" not in k}),
    ),
    "a write outside of a transaction": (PUT, replace(PUT, context=FILMS)),
    "PartiQL": (PUT, replace(PUT, action="PartiQLInsert")),
}


@pytest.mark.parametrize("what", DENIED)
def test_what_no_access_pattern_asks_is_denied(what: str) -> None:
    """Even to a writer, each next to a request that is allowed."""
    allowed, denied = DENIED[what]
    writer = policy_of(*iam.patterns_of("writer"))
    assert allows(writer, allowed)
    assert not allows(writer, denied)


# --- the document


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_a_document_is_one_that_iam_takes(role: iam.Role) -> None:
    """The version, distinct alphanumeric Sids, wildcards only in keys, and its size."""
    policy = policy_of(*iam.patterns_of(role))
    assert policy["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    for statement in policy["Statement"]:
        assert not re.search(r"[*?]", f"{statement['Action']} {statement['Resource']}")
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144  # the limit for a managed policy


def test_the_order_of_the_arguments_does_not_matter() -> None:
    """Nor do duplicates: the text is the same for the same access."""
    patterns = iam.patterns_of("writer")
    turned = iam.policy(
        [*reversed(patterns), *patterns], table_arn=ARN, operations=iam.TABLE_ACTIONS[::-1]
    )
    straight = iam.policy(patterns, table_arn=ARN, operations=iam.TABLE_ACTIONS)
    assert json.dumps(turned) == json.dumps(straight)


def _write(catalog: Catalog) -> None:
    """Stands for a write."""


def writing(key_condition: str) -> AccessPattern:
    """Declare a write of one kind of item."""
    write = step("TransactWriteItems", key_condition, units="1")
    return AccessPattern("archive", "", (write,), "", "", _write)


def test_the_policy_of_a_new_write_follows_from_its_declaration() -> None:
    """The verb is the action, the key the condition; nothing else has to be told."""
    policy = iam.policy([writing("Update PK = A#<b> AND SK = C IF _v = <v>")], table_arn=ARN)
    (statement,) = policy["Statement"]
    assert statement["Action"] == "dynamodb:UpdateItem"
    keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == ["A#*"]


@pytest.mark.parametrize(
    ("patterns", "arn", "more"),
    [
        ([], ARN, {}),
        (["get_title"], ARN, {}),
        ([writing("PK = A#<b> AND SK = C")], ARN, {}),
        ([writing("Move PK = A#<b> AND SK = C")], ARN, {}),
        (READS, "films", {}),
        (READS, ARN.replace("films", "*"), {}),
        (READS, f"{ARN}/index/by_name", {}),
        (READS, None, {}),
        (READS, ARN, {"operations": ["Scan"]}),
        (READS, ARN, {"integrity": ["DeleteTable"]}),
        (READS, ARN, {"scaling": "yes"}),
    ],
)
def test_what_makes_no_policy_is_refused(patterns: Any, arn: Any, more: dict[str, Any]) -> None:
    """Instead of becoming wider or narrower."""
    with pytest.raises(InvalidArgumentError):
        iam.policy(patterns, table_arn=arn, **more)
