"""Bugs planted in the model: each violates a law under faults, and the expected one.

This shows that the laws of `fault_laws` can fail. A transaction that is retried without its token
damages no title and no count: the condition on the version, or on the absence of the item, rejects
it completely. But the caller sees a lost race, reads again, and takes its own write for that of
another caller: a title that it created "exists", one that it deleted "does not exist", and a load
counts created titles as unchanged. Retries of writes that only set values are harmless.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from engines import Engine
from fault_histories import READ, Violation
from fault_laws import ACKNOWLEDGED, CAUSED, IN_STEP, REFUSED, REPORTED, run_history
from table_dump import assert_in_step, is_tally, movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Check, Operation, Plan, Put, Update
from catalog_model.dynamodb.exchange import Exchange, Exchanges
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.parameters import projection_parameters
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.errors import TitleExistsError, TitleNotFoundError
from catalog_model.maintenance.verify import verify
from catalog_model.table import keys, plan
from catalog_model.table.plan import Stored
from catalog_model.testing import Fault, inject_faults

pytestmark = pytest.mark.one_engine

Bug = Callable[[pytest.MonkeyPatch], None]

LENGTH = 30
SEEDS = 24


def unconditional(operation: Operation) -> Operation:
    """Remove the conditions of an operation."""
    return operation if isinstance(operation, Check) else replace(operation, condition=None)


def writes_without_the_version(patch: pytest.MonkeyPatch) -> None:
    """A change without the condition on the version undoes a rival's write."""
    made = plan.plan_change

    def careless(before: Stored, after: Any) -> Plan:
        return tuple(map(unconditional, made(before, after)))

    patch.setattr("catalog_model.writes.storing.plan_change", careless)


def forgets_a_membership(patch: pytest.MonkeyPatch) -> None:
    """One of a title's new genres is left out."""
    made = plan.plan_change

    def forgetful(before: Stored, after: Any) -> Plan:
        title = after.title
        new = [genre for genre in title.genre_ids if genre not in before.title.genre_ids]
        forgotten = [keys.membership_key(title.key, genre).SK for genre in new[:1]]
        return tuple(
            each
            for each in made(before, after)
            if not isinstance(each, Put) or each.item["SK"]["S"] not in forgotten
        )

    patch.setattr("catalog_model.writes.storing.plan_change", forgetful)


def counts_in_a_second_request(patch: pytest.MonkeyPatch) -> None:
    """First the title and its copies, then the counts."""
    transact = Gateway.transact

    def in_two(gateway: Gateway, operations: Plan) -> None:
        counts = tuple(each for each in operations if _is_tally(each))
        transact(gateway, tuple(each for each in operations if not _is_tally(each)))
        if counts:
            transact(gateway, tuple(map(unconditional, counts)))

    patch.setattr(Gateway, "transact", in_two)


def _is_tally(operation: Operation) -> bool:
    return isinstance(operation, Update) and is_tally(operation.key)


def takes_a_part_for_the_whole(patch: pytest.MonkeyPatch) -> None:
    """Unprocessed keys of a batch are not requested again, and are missing in a read."""

    def once(exchanges: Exchanges, keys: Any, only: Any, *, consistent: bool) -> Exchange[Any]:
        wanted = list(map(key_attributes, keys))
        asked = {"Keys": wanted, "ConsistentRead": consistent, **projection_parameters(only)}
        request = {"RequestItems": {exchanges._table_name: asked}}
        answer = yield from exchanges.send("BatchGetItem", request)
        return answer["Responses"].get(exchanges._table_name, [])

    patch.setattr(Exchanges, "batch_get", once)


def repeats_without_a_token(patch: pytest.MonkeyPatch) -> None:
    """A retry is a new request for the service."""
    made = Gateway.__init__

    def strip(params: dict[str, Any], **_: Any) -> None:
        body = json.loads(params["body"])
        body.pop("ClientRequestToken", None)
        params["body"] = json.dumps(body).encode()

    def make(gateway: Gateway, name: str, client: Any, *args: Any) -> None:
        made(gateway, name, client, *args)
        client.meta.events.register(
            "before-call.dynamodb.TransactWriteItems", strip, unique_id="without a token"
        )

    patch.setattr(Gateway, "__init__", make)


def believes_any_answer(patch: pytest.MonkeyPatch) -> None:
    """Any response with status 200 is an answer, and missing items do not exist."""
    patch.setattr("catalog_model.dynamodb.gateway.check_answers", lambda _: None)


BUGS: list[tuple[Bug, set[str], range]] = [
    (writes_without_the_version, {ACKNOWLEDGED, READ}, range(12, SEEDS, 3)),
    (forgets_a_membership, {READ, IN_STEP}, range(SEEDS)),
    (counts_in_a_second_request, {READ, IN_STEP}, range(3, SEEDS, 6)),
    (takes_a_part_for_the_whole, {READ, IN_STEP}, range(2, SEEDS, 6)),
    (repeats_without_a_token, {ACKNOWLEDGED, REFUSED, REPORTED}, range(3, SEEDS, 6)),
    (believes_any_answer, {ACKNOWLEDGED, CAUSED, READ, IN_STEP}, range(SEEDS)),
]
"""Each bug, the laws that it violates, and seeds with the faults that it needs."""


@pytest.mark.parametrize(("bug", "laws", "seeds"), BUGS, ids=[each[0].__name__ for each in BUGS])
def test_a_planted_bug_breaks_the_law_that_it_should(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, bug: Bug, laws: set[str], seeds: range
) -> None:
    """Within a few histories, which do not violate any law without the bug."""
    own = Engine(engine.name, engine.endpoint_url)  # with a separate client
    with monkeypatch.context() as patch:
        bug(patch)
        seed, broken = first_broken(own, seeds)
    assert broken in laws
    run_history(engine, seed, LENGTH)


def first_broken(engine: Engine, seeds: range) -> tuple[int, str]:
    """Return the first seed that violates a law, and the law."""
    for seed in seeds:
        try:
            run_history(engine, seed, LENGTH)
        except Violation as violation:
            return seed, violation.law
    raise AssertionError("no law was broken")


LOST = Fault("lost_answer", at=[1], operations=["TransactWriteItems"])
HER = movie(1, 18, popularity=1)


def test_without_a_token_own_writes_are_taken_for_a_rivals(
    table: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writes are applied, completely and counted once; only their outcome is wrong.

    The laws of rejections and reports detect it; blind writes are not even misreported.
    """
    repeats_without_a_token(monkeypatch)
    fragile = Catalog(table.table, client=table.client)
    with inject_faults(fragile, [LOST]), pytest.raises(TitleExistsError):
        ap.put_title(fragile, HER, if_absent=True)
    assert assert_in_step(table) == {HER.key: HER}
    changed = HER.replace(genre_ids=[28, 35], popularity=2.0)
    with inject_faults(fragile, [LOST]):
        assert ap.put_title(fragile, changed) == changed
    with inject_faults(fragile, [LOST]):
        assert ap.set_genres(fragile, *HER.key, [18]) == changed.replace(genre_ids=[18])
    with inject_faults(fragile, [LOST]):
        report = ap.load_titles(fragile, [movie(9, 18), movie(17, 18)])
    assert (report.created, report.unchanged) == (0, 2)
    assert len(assert_in_step(table)) == 3
    with inject_faults(fragile, [LOST]), pytest.raises(TitleNotFoundError):
        ap.delete_title(fragile, *HER.key)
    assert len(assert_in_step(table)) == 2


def test_without_a_token_counts_of_their_own_are_added_twice(
    table: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second addition is not rejected; verify, which compares counts, detects it."""
    repeats_without_a_token(monkeypatch)
    counts_in_a_second_request(monkeypatch)
    fragile = Catalog(table.table, client=table.client)
    with inject_faults(fragile, [replace(LOST, at=[2])]):
        ap.put_title(fragile, HER)
    assert ap.count_titles(table, "movie") == 2
    assert {finding.problem for finding in verify(table).findings} == {"count wrong"}
