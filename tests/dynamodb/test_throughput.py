"""A simulated throughput admits its units and no more, names what lacks them, loses nothing."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from engines import Engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scaled import scaled
from table_dump import dump, hooked

from catalog_model import Catalog
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.faults.buckets import (
    MOST_BUCKETS,
    PARTITION_UNITS,
    Buckets,
    Demand,
    Direction,
    Rate,
    Resource,
)
from catalog_model.dynamodb.faults.demand import reported_units
from catalog_model.dynamodb.faults.throughput import ON_DEMAND_UNITS
from catalog_model.dynamodb.limits import BURST_SECONDS
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.typed_json import primary_key
from catalog_model.errors import InvalidArgumentError
from catalog_model.operations import create_table, delete_table
from catalog_model.table import codec
from catalog_model.table.indexes import SCHEMA
from catalog_model.testing import (
    Fault,
    SimulatedClock,
    Throughput,
    inject_faults,
    simulated_time,
    without_pauses,
)

INDEX = "by_popularity"
real_sleep = waits.sleep
RESOURCES = [
    Resource(TABLE, "write"),
    Resource(INDEX, "write"),
    Resource(TABLE, "write", "a"),
    Resource(TABLE, "write", "b"),
    Resource(INDEX, "write", "a"),
]

demands = st.dictionaries(st.sampled_from(RESOURCES), st.integers(1, 2000), min_size=1)
traffic = st.lists(st.tuples(demands, st.floats(0, 600)), max_size=30)


def filled(clock: SimulatedClock, rate: float, burst: float) -> Buckets:
    buckets = Buckets(clock, burst, partition_burst_seconds=1.0)
    provisioned = Rate(rate, BURST_SECONDS, "ProvisionedThroughputExceeded")
    buckets.set_rates({each: provisioned for each in RESOURCES if each.partition is None})
    return buckets


def rate_of(resource: Resource, rate: float) -> tuple[float, float]:
    """Return the units per second of a resource, and those that it may save."""
    if resource.partition is None:
        return rate, rate * BURST_SECONDS
    return PARTITION_UNITS["write"], PARTITION_UNITS["write"]


@given(st.floats(0.1, 5000), st.floats(0, 1), traffic)
@settings(max_examples=scaled(300))
def test_no_more_units_pass_than_rate_times_time_and_burst(
    rate: float, burst: float, requests: list[tuple[Demand, float]]
) -> None:
    """Of any resource, up to any request: only one that exceeds a full bucket passes in debt."""
    clock = SimulatedClock()
    buckets = filled(clock, rate, burst)
    passed: defaultdict[Resource, float] = defaultdict(float)
    for demand, pause in requests:
        clock.advance(pause)
        lacking = buckets.lacking(demand)
        if lacking is None:
            buckets.charge(demand)
        for resource, units in demand.items():
            per_second, saved = rate_of(resource, rate)
            begun = saved * burst if resource.partition is None else saved
            available = begun + per_second * clock() - passed[resource]
            if lacking is None:
                assert min(units, saved) <= available * (1 + 1e-9) + 1e-6
                passed[resource] += units


@given(st.floats(0.1, 5000), traffic)
@settings(max_examples=scaled(200))
def test_what_is_refused_lacks_units_and_is_admitted_once_it_has_waited_for_them(
    rate: float, requests: list[tuple[Demand, float]]
) -> None:
    """The named resource is one of the request's, and no request waits forever."""
    clock = SimulatedClock()
    buckets = filled(clock, rate, 0)
    for demand, pause in requests:
        clock.advance(pause)
        waited = 0.0
        while (lacking := buckets.lacking(demand)) is not None:
            assert lacking in demand
            alone = {lacking: demand[lacking]}
            assert buckets.lacking(alone) == lacking
            clock.advance(1 + waited)
            waited += 1 + waited
        buckets.charge(demand)


@given(traffic)
@settings(max_examples=scaled(100))
def test_a_reserved_request_that_was_not_carried_out_took_nothing(
    requests: list[tuple[Demand, float]],
) -> None:
    """Other requests are admitted as without it."""
    clock = SimulatedClock()
    touched, untouched = filled(clock, 10, 1), filled(clock, 10, 1)
    for demand, _ in requests:
        if touched.lacking(demand) is None:
            touched.reserve(demand)
            touched.release(demand)
        assert touched.lacking(demand) == untouched.lacking(demand)
    assert not touched.charged


def test_many_partitions_take_little_memory() -> None:
    """Full buckets are forgotten, because they begin full again."""
    clock = SimulatedClock()
    buckets = filled(clock, 1e9, 1)
    for number in range(3 * MOST_BUCKETS):
        clock.advance(1)
        buckets.charge({Resource(TABLE, "write", str(number)): 900})
    assert len(buckets._parts) <= MOST_BUCKETS + 1


@pytest.fixture
def table(engine: Engine) -> Iterator[Catalog]:
    """A table on demand with its own client; the engine reports its units."""
    if not engine.measures:
        pytest.skip("moto's units are constants: nothing can be charged by them")
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    create_table(catalog)
    yield catalog
    delete_table(catalog)


def item(number: int, size: int = 100, partition: str = "") -> dict[str, Any]:
    """Return an item; with *partition*, it is in an index."""
    plain = {"PK": {"S": f"a#{number}"}, "SK": {"S": "b"}, codec.DOC: {"S": "x" * size}}
    listed = {codec.LIST_PK: {"S": partition}, codec.POPULARITY_SK: {"S": str(number)}}
    return {**plain, **listed} if partition else plain


def key_of(each: dict[str, Any]) -> dict[str, Any]:
    return {name: each[name] for name in ("PK", "SK")}


def put(catalog: Catalog, each: dict[str, Any]) -> None:
    catalog.client.put_item(TableName=catalog.table, Item=each)


def error_of(call: Any) -> Any:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


def reason_in(found: Any) -> tuple[str, str]:
    """Return the reason of an error, and the last part of the resource's ARN."""
    reasons = found.get("ThrottlingReasons") or found["throttlingReasons"]
    return reasons[0]["reason"], reasons[0]["resource"].rpartition("/")[2]


@contextmanager
def throttled(catalog: Catalog, **settings: Any) -> Iterator[Throughput]:
    """Limit the throughput in simulated time, in which botocore's retries do not wait."""
    with simulated_time(0) as clock, without_pauses():
        throughput = Throughput(clock=clock, **settings)
        with inject_faults(catalog, [throughput]):
            yield throughput


def test_a_provisioned_table_throttles_by_its_own_units(table: Catalog) -> None:
    """Five seconds give five units; the error names the table, the direction and the limit."""
    with throttled(table, read_units=5, write_units=1, burst=0) as throughput:
        advance(throughput, 5)
        for number in range(5):
            put(table, item(number))
        found = error_of(partial(put, table, item(6)))
    assert found["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert reason_in(found) == ("TableWriteProvisionedThroughputExceeded", table.table)
    assert {each.resource for each in throughput.refusals} == {Resource(TABLE, "write")}
    assert throughput.units[TABLE, "write"] == 5


def advance(throughput: Throughput, seconds: float) -> None:
    assert throughput.clock
    throughput.clock.advance(seconds)


def test_an_index_throttles_the_writes_to_its_table(table: Catalog) -> None:
    """A large entry of an index, and a table that would take the item."""
    delete_table(table)
    declared = SCHEMA.declaration()
    for index in declared["GlobalSecondaryIndexes"]:
        index["ProvisionedThroughput"] = {"ReadCapacityUnits": 9, "WriteCapacityUnits": 1}
    table.client.create_table(
        TableName=table.table,
        ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 100},
        **declared,
    )
    with throttled(table, burst=0) as throughput:
        advance(throughput, 1)
        put(table, item(1, partition="g"))
        found = error_of(partial(put, table, item(2, partition="g")))
        put(table, item(3))
    assert reason_in(found) == ("IndexWriteProvisionedThroughputExceeded", INDEX)
    assert "global secondary indexes" in found["Error"]["Message"]
    assert throughput.units == {(TABLE, "write"): 2, (INDEX, "write"): 1}


def test_a_change_of_the_tables_capacity_is_followed(table: Catalog) -> None:
    """UpdateTable counts from the next request on."""

    def provision(units: int) -> None:
        each: Any = {"ReadCapacityUnits": units, "WriteCapacityUnits": units}
        table.client.update_table(
            TableName=table.table, BillingMode="PROVISIONED", ProvisionedThroughput=each
        )

    provision(1)
    with throttled(table, burst=0) as throughput:
        advance(throughput, 1)
        put(table, item(1))
        error_of(partial(put, table, item(2)))
        provision(50)
        advance(throughput, 1)
        for number in range(50):
            put(table, item(number))
        error_of(partial(put, table, item(2)))


@pytest.mark.parametrize("direction", ["read", "write"])
def test_a_partition_key_has_a_limit_of_its_own(direction: Direction, table: Catalog) -> None:
    """However many units the table has; other partitions go on."""
    large = item(1, size=40_000)
    one, other = key_of(large), key_of(item(2))
    put(table, large)
    update = partial(
        table.client.update_item,
        TableName=table.table,
        Key=one,
        UpdateExpression="SET a = if_not_exists(a, :zero)",
        ExpressionAttributeValues={":zero": {"N": "0"}},
    )
    read = partial(table.client.get_item, TableName=table.table, Key=one, ConsistentRead=True)
    with throttled(table, read_units=10**6, write_units=10**6) as throughput:
        ask, units = (read, 10) if direction == "read" else (update, 40)
        most = int(PARTITION_UNITS[direction] / units)
        for _ in range(most):
            ask()
        found = error_of(ask)
        table.client.get_item(TableName=table.table, Key=other)
        put(table, item(2))
        advance(throughput, 0.5)
        ask()
    reason = f"Table{direction.title()}KeyRangeThroughputExceeded"
    assert reason_in(found) == (reason, table.table)
    assert throughput.refusals[0].resource == Resource(TABLE, direction, "a#1")


def test_a_hot_partition_of_an_index_is_named(table: Catalog) -> None:
    """Items of many partitions of the table, all in one of the index; another takes more."""
    with throttled(table, write_units=10**6) as throughput:
        put_together(table, [item(n, 15_000, partition="genre") for n in range(40)])
        more = [item(n, 15_000, partition="genre") for n in range(40, 80)]
        found = error_of(partial(put_together, table, more))
        put_together(table, [item(n, 15_000, partition="other") for n in range(80, 120)])
    hot = Resource(INDEX, "write", "genre")
    assert {each.resource for each in throughput.refusals} == {hot}
    reasons = [each["Code"] for each in found.get("CancellationReasons", ())]
    assert set(reasons) <= {"None", "ProvisionedThroughputExceeded"}


def put_large(table: Catalog, numbers: Iterable[int]) -> None:
    for number in numbers:
        put(table, item(number, size=390_000))


def test_an_empty_catalogue_on_demand_has_the_limits_of_a_new_table(table: Catalog) -> None:
    """4,000 write units a second, and the errors of a table on demand."""
    with throttled(table) as throughput:
        put_large(table, range(10))
        found = error_of(partial(put_large, table, range(10, 20)))
    assert found["Error"]["Code"] == "ThrottlingException"
    assert reason_in(found)[0] == "TableWriteKeyRangeThroughputExceeded"
    assert throughput.units[TABLE, "write"] <= ON_DEMAND_UNITS["write"]


@given(st.randoms(use_true_random=False))
@settings(max_examples=scaled(8), suppress_health_check=list(HealthCheck))
def test_all_that_is_acknowledged_is_there_and_charged_and_the_rest_is_not(
    table: Catalog, rng: random.Random
) -> None:
    """Random writes in all forms, other faults among them; the units are those of the engine."""
    rate = rng.choice((5, 20, 200))
    expected = dict(dump(table))
    charged: defaultdict[str, float] = defaultdict(float)

    def note(parsed: dict[str, Any], **_: Any) -> None:
        for index, units in reported_units(parsed).items():
            charged[index] += units

    faults = [Fault("connection_reset", 0.1), Fault("unprocessed", 0.2)]
    with simulated_time() as clock, without_pauses():
        throughput = Throughput(read_units=10**6, write_units=rate, burst=0.1, clock=clock)
        with (
            inject_faults(table, [throughput, *faults], seed=rng.getrandbits(32)),
            hooked(table, "after-call.dynamodb", note),
        ):
            for _ in range(40):
                clock.advance(rng.uniform(0, 6))
                for written in write_something(table, rng):
                    expected[primary_key(written)] = written
    assert dump(table) == expected
    for index, units in charged.items():
        assert throughput.units[index, "write"] == pytest.approx(units)
        assert units <= rate * (clock() + 0.1 * BURST_SECONDS) + MOST_AT_ONCE


MOST_AT_ONCE = 200
"""More units than any of the random writes takes."""


def write_something(table: Catalog, rng: random.Random) -> list[dict[str, Any]]:
    """Try a write of some items; return those that were written, as the answer says."""
    numbers = rng.sample(range(50), rng.randint(1, 8))
    items = [item(n, rng.choice((10, 1500)), rng.choice(("", "g", "h"))) for n in numbers]
    ways = [put_one, put_batch, put_together]
    try:
        return rng.choice(ways)(table, items)
    except (ClientError, EndpointConnectionError, ConnectionClosedError):
        return []


def put_one(table: Catalog, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    put(table, items[0])
    return items[:1]


def put_batch(table: Catalog, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    requests: Any = [{"PutRequest": {"Item": each}} for each in items]
    answer = table.client.batch_write_item(RequestItems={table.table: requests})
    left: Any = answer["UnprocessedItems"].get(table.table, ())
    unwritten = {primary_key(each["PutRequest"]["Item"]) for each in left}
    return [each for each in items if primary_key(each) not in unwritten]


def put_together(table: Catalog, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    actions: Any = [{"Put": {"TableName": table.table, "Item": each}} for each in items]
    table.client.transact_write_items(TransactItems=actions)
    return items


def test_threads_share_the_units(table: Catalog) -> None:
    """Together they write no more than there is, and each write is charged once."""
    with throttled(table, read_units=100, write_units=5, burst=0.1) as throughput:
        advance(throughput, 2)
        with ThreadPoolExecutor(8) as pool:
            puts = [pool.submit(put, table, item(number)) for number in range(200)]
            errors = [each.exception() for each in puts]
    written = errors.count(None)
    assert len(dump(table)) == written == throughput.units[TABLE, "write"] == 5 * 300 * 0.1 + 10
    assert throughput.refused["PutItem"] >= 200 - written


def test_a_batch_is_read_in_part(table: Catalog) -> None:
    """The items for which there are units; the rest is unprocessed, nothing is read twice."""
    items = [item(number, 7000) for number in range(10)]
    for each in items:
        put(table, each)
    keys = [key_of(each) for each in items]
    read: list[Any] = []
    with throttled(table, read_units=5, write_units=9, burst=0) as throughput:
        asked: Any = {table.table: {"Keys": keys, "ProjectionExpression": codec.DOC}}
        rounds = 0
        while asked:
            advance(throughput, 1)
            answer = table.client.batch_get_item(RequestItems=asked)
            read += answer["Responses"][table.table]
            asked, rounds = answer["UnprocessedKeys"], rounds + 1
    assert len(read) == 10
    assert rounds == 2
    assert throughput.units[TABLE, "read"] == 10
    assert not throughput.refusals


def test_a_throughput_outlasts_its_block(table: Catalog) -> None:
    """Its units are spent, also for the next block."""
    with simulated_time() as clock, without_pauses():
        throughput = Throughput(write_units=1, read_units=1, burst=0, clock=clock)
        clock.advance(1)
        with inject_faults(table, [throughput]):
            put(table, item(1))
        with inject_faults(table, [throughput]):
            error_of(partial(put, table, item(2)))
        put(table, item(2))


def test_a_failed_condition_is_charged(table: Catalog) -> None:
    """As the service does, by the size of the existing item."""
    put(table, item(1, 2500))
    again = partial(
        table.client.put_item,
        TableName=table.table,
        Item=item(1),
        ConditionExpression="attribute_not_exists(PK)",
    )
    with throttled(table, read_units=100, write_units=100) as throughput:
        assert error_of(again)["Error"]["Code"] == "ConditionalCheckFailedException"
    assert throughput.units[TABLE, "write"] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"read_units": 0},
        {"write_units": -1},
        {"write_units": "5"},
        {"burst": 1.1},
        {"burst": -0.1},
        {"clock": 7},
        {"partition_burst_seconds": 0},
    ],
)
def test_a_throughput_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    """The error names the argument."""
    (name,) = arguments
    with pytest.raises(InvalidArgumentError, match=name):
        Throughput(**arguments)


def test_two_throughputs_are_refused(table: Catalog) -> None:
    """A table has one."""
    with (
        pytest.raises(InvalidArgumentError, match="at most one"),
        inject_faults(table, [Throughput(), Throughput()]),
    ):
        pytest.fail("the block was entered")


def test_simulated_time_goes_forward_only() -> None:
    """Waits pass at once, and the real time is back after the block."""
    with simulated_time() as clock:
        waits.sleep(3600)
        assert clock() == 3600
        with pytest.raises(InvalidArgumentError, match="seconds"):
            clock.advance(-1)
    assert waits.sleep is real_sleep
