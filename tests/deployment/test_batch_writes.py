"""Items are put in batches at the table's pace, each of them exactly once or again."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from any_items import same
from engines import Engine
from table_dump import dump, hooked
from throughput import limited_throughput

from catalog_model import Catalog
from catalog_model.deployment.batch_writes import BatchWrites
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import ThrottledError
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import Fault, inject_faults


def items_of(number: int, size: int = 10) -> list[Item]:
    text = {"S": "x" * size}
    return [{"PK": {"S": f"a#{n % 7}"}, "SK": {"S": f"b#{n}"}, "text": text} for n in range(number)]


def put(catalog: Catalog, items: list[Item], most: float | None = None) -> BatchWrites:
    writes = BatchWrites(catalog.gateway, most)
    with writes.kept():
        assert sum(writes.put_all(items)) == len(items)
    return writes


def content(catalog: Catalog) -> dict[Any, Any]:
    return {key: same(item) for key, item in dump(catalog).items()}


def as_content(items: list[Item]) -> dict[Any, Any]:
    return {(i["PK"]["S"], i["SK"]["S"]): same(i) for i in items}


def batches(catalog: Catalog, items: list[Item]) -> list[int]:
    """Return the sizes of the batches that are sent."""
    sizes: list[int] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        sizes.append(len(params["RequestItems"][catalog.table]))

    with hooked(catalog, "provide-client-params.dynamodb.BatchWriteItem", note):
        put(catalog, items)
    return sizes


def test_a_batch_has_25_items(table: Catalog) -> None:
    """As many as the service takes."""
    assert batches(table, items_of(60)) == [25, 25, 10]
    assert content(table) == as_content(items_of(60))


def test_a_batch_has_4_mb(table: Catalog) -> None:
    """Far below the 16 MB of the service, which counts escapes and base64."""
    assert batches(table, items_of(25, 300_000)) == [13, 12]


def test_one_batch_has_no_key_twice_and_the_last_item_wins(table: Catalog) -> None:
    """As if the items were put one after the other."""
    first, second = items_of(1)[0], {**items_of(1)[0], "text": {"S": "later"}}
    assert batches(table, [first, *items_of(5)[1:], second]) == [5, 1]
    assert content(table)["a#0", "b#0"] == same(second)


def test_what_is_left_unprocessed_is_written_again(table: Catalog) -> None:
    """From one item to all of a batch, again and again."""
    faults = [Fault("unprocessed", probability=0.7), Fault("throttling", probability=0.1)]
    with inject_faults(table, faults, seed=3) as injector:
        writes = put(table, items_of(120))
    kinds = {each.kind for each in injector.injected}
    assert kinds == {"unprocessed", "throttling"}
    assert writes.throttled > 0
    assert content(table) == as_content(items_of(120))


def test_a_lost_answer_does_not_matter(table: Catalog) -> None:
    """The batch was written, and is written again."""
    with inject_faults(table, [Fault("lost_answer", probability=0.5)], seed=1) as injector:
        put(table, items_of(60))
    assert injector.injected
    assert content(table) == as_content(items_of(60))


def test_a_refusing_table_ends_the_work(table: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a quarter of an hour without progress, with advice."""
    monkeypatch.setattr("catalog_model.dynamodb.retries.MAX_STALLED_WORK_RETRIES", 20)
    with (
        inject_faults(table, [Fault("throttling", operations=["BatchWriteItem"])]),
        pytest.raises(ThrottledError, match="raise the capacity"),
    ):
        put(table, items_of(30))
    assert content(table) == {}


@pytest.fixture
def provisioned(engine: Engine) -> Iterator[Catalog]:
    """A table with 10 units, and its own client."""
    if not engine.measures:
        pytest.skip("moto's units are constants: nothing can be charged by them")
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    create_table(catalog, read_capacity=10, write_capacity=10)
    yield catalog
    delete_table(catalog)


def test_a_provisioned_table_is_filled_at_its_own_pace(provisioned: Catalog) -> None:
    """To the end, and not much slower than its units allow."""
    random.seed(1)  # the pauses are random, and the number of refusals with them
    items = items_of(300)
    with limited_throughput(provisioned, 10, 10, burst=0.0) as throughput:
        put(provisioned, items)
    assert throughput.clock
    assert 30 <= throughput.clock() <= 60
    assert 0 < throughput.refused["BatchWriteItem"] < 30
    assert content(provisioned) == as_content(items)


def test_a_limit_is_kept(provisioned: Catalog) -> None:
    """From the first batch on."""
    with limited_throughput(provisioned, 10, 10, burst=1.0) as throughput:
        writes = put(provisioned, items_of(100), most=5)
    assert writes.throttled == 0
    assert throughput.clock
    assert throughput.clock() >= 100 / 5 - 2
