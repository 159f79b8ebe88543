"""Throttled requests are retried, for every form of throttling, and succeed."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import repeat
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from engines import Engine, has_dynoxide
from memory_engine import fill
from older_tables import grow_old
from table_dump import Withholding, comparable, dump, movie
from throughput import Clock, cancellation, simulated_time

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import retries
from catalog_model.dynamodb.faults.kinds import make_error
from catalog_model.dynamodb.retries import (
    MAX_STALLED_RETRIES,
    MAX_STALLED_SECONDS,
    Persistence,
    Retries,
    persistent,
    rest_as_required,
)
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.dynamodb.waits import pause
from catalog_model.errors import ConflictError, ServiceError, ThrottledError
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import keys
from catalog_model.testing import without_pauses

pytestmark = pytest.mark.one_engine

WRITE = "before-send.dynamodb.TransactWriteItems"

Form = Callable[[Any], AWSResponse]


def cancelled(*codes: str) -> Form:
    """A transaction cancelled for these reasons, each at one of its items."""
    return lambda body: cancellation(body, codes, random.Random(3))


def refused(code: str, status: int = 400) -> Form:
    """A request that is rejected as a whole."""
    return lambda _: make_error(code, "why", status=status)


FORMS: dict[str, Form] = {
    "cancelled: ThrottlingError": cancelled("ThrottlingError"),
    "cancelled: ProvisionedThroughputExceeded": cancelled("ProvisionedThroughputExceeded"),
    "cancelled: RequestLimitExceeded": cancelled("RequestLimitExceeded"),
    "cancelled: both": cancelled("ThrottlingError", "ProvisionedThroughputExceeded"),
    "cancelled: with a conflict": cancelled("TransactionConflict", "ThrottlingError"),
    "in progress": refused("TransactionInProgressException"),
    "ProvisionedThroughputExceededException": refused("ProvisionedThroughputExceededException"),
    "ThrottlingException": refused("ThrottlingException"),
    "RequestLimitExceeded": refused("RequestLimitExceeded"),
}


class Refusals:
    """Answers instead of the engine as long as there are forms left, in order."""

    def __init__(self, forms: Iterator[Form]) -> None:
        self.tokens: list[str] = []
        self.refused = 0
        self._forms = forms

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        sent: Any = request.body
        body = json.loads(sent)
        self.tokens.append(body.get("ClientRequestToken", ""))
        form = next(self._forms, None)
        if form is None:
            return None
        self.refused += 1
        request.url = "http://answered.invalid/"  # where moto does not answer, either
        return form(body)


@contextmanager
def refusing(catalog: Catalog, forms: Iterator[Form], event: str = WRITE) -> Iterator[Refusals]:
    """Throttle requests of a handle in this block."""
    refusals = Refusals(forms)
    events: Any = catalog.client.meta.events
    events.register_first(event, refusals)
    yield refusals
    events.unregister(event, refusals)


HERE = [movie(number, 28, 12, 18) for number in range(8, 32, 2)]
NEW = [movie(number, 35, 28) for number in range(9, 31, 2)]

WRITES: dict[str, Callable[[Catalog], Any]] = {
    "put_title": lambda catalog: ap.put_title(catalog, NEW[0]),
    "put_title over another": lambda catalog: ap.put_title(catalog, movie(8, 99, popularity=7)),
    "update_popularity": lambda catalog: ap.update_popularity(catalog, "movie", 10, 9.5),
    "update_votes": lambda catalog: ap.update_votes(
        catalog, "movie", 10, vote_average=9.5, vote_count=3
    ),
    "set_genres": lambda catalog: ap.set_genres(catalog, "movie", 12, [12, 35]),
    "delete_title": lambda catalog: ap.delete_title(catalog, "movie", 8),
    "load_titles": lambda catalog: ap.load_titles(catalog, [*HERE, *NEW]).created,
    "load_titles that differ": lambda catalog: (
        ap.load_titles(catalog, [movie(14, 12, popularity=3), movie(16, 28)]).changed
    ),
    "repair": lambda catalog: len(repair(catalog).actions),
    "migrate": lambda catalog: migrate(catalog, segments=1).upgraded,
}
ORDINARY = [name for name in WRITES if name not in ("repair", "migrate") and "load" not in name]


@contextmanager
def prepared(engine: Engine, name: str, *, pauses: bool = False) -> Iterator[Catalog]:
    """A table for a write; an older or damaged one if the write needs it."""
    catalog = engine.catalog()
    create_table(catalog)
    fill(catalog, HERE)
    if name == "migrate":
        grow_old(catalog, "old")
    if name == "repair":
        for title in HERE[:2]:
            gone = key_attributes(keys.membership_key(title.key, 28))
            catalog.client.delete_item(TableName=catalog.table, Key=gone)
    with nullcontext() if pauses else without_pauses():
        yield catalog
    delete_table(catalog)


@pytest.fixture(scope="module")
def expected(engine: Engine) -> dict[str, tuple[Any, object]]:
    """The results and effects of each write without throttling."""
    found: dict[str, tuple[Any, object]] = {}
    for name, write in WRITES.items():
        with prepared(engine, name) as catalog:
            found[name] = write(catalog), comparable(dump(catalog))
    return found


def assert_ends_well(
    engine: Engine, name: str, forms: Iterator[Form], expected: tuple[Any, object]
) -> Refusals:
    """A write that is throttled for a while has the same result and effect."""
    with prepared(engine, name) as catalog:
        with refusing(catalog, forms) as refusals:
            answer = WRITES[name](catalog)
        assert (answer, comparable(dump(catalog))) == expected
        assert verify(catalog).is_clean
        if name != "load_titles":  # it may send fewer titles, and so a different transaction
            assert len(set(refusals.tokens[: refusals.refused + 1])) == 1
    return refusals


IN_EVERY_FORM = ("put_title", "load_titles", "migrate")
USUAL = ("cancelled: ThrottlingError", "ProvisionedThroughputExceededException")
CASES = [(name, form) for name in WRITES for form in (FORMS if name in IN_EVERY_FORM else USUAL)]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_write_that_is_refused_for_a_while_ends_well(
    name: str, form: str, engine: Engine, expected: dict[str, tuple[Any, object]]
) -> None:
    """In every form, up to the limit: one token for all attempts, and the same effect."""
    if engine.name == "moto" and has_dynoxide() and name not in IN_EVERY_FORM[:2]:
        pytest.skip("refused before an engine is asked, and dynoxide is faster")
    refusals = assert_ends_well(
        engine, name, repeat(FORMS[form], MAX_STALLED_RETRIES), expected[name]
    )
    assert refusals.refused == MAX_STALLED_RETRIES


@pytest.mark.parametrize("name", ["load_titles", "migrate", "repair"])
def test_forms_in_any_order_end_well(
    name: str, engine: Engine, expected: dict[str, tuple[Any, object]]
) -> None:
    """Sequentially; some requests in between succeed."""
    if engine.name == "moto" and has_dynoxide() and name != "repair":
        pytest.skip("refused before an engine is asked, and dynoxide is faster")
    forms = random.Random(name).choices(list(FORMS.values()), k=60)
    assert assert_ends_well(engine, name, iter(forms), expected[name]).refused == 60


IS_PASSING = retries.is_passing
BUGS: dict[str, tuple[Any, str, Any]] = {
    "errors are raised immediately": (retries.Retries, "pause_after", lambda *_: None),
    "a cancelled transaction is final": (
        *(retries, "is_passing"),
        lambda error: IS_PASSING(error) and not retries.is_cancelled(error),
    ),
    "only single writes are retried": (retries, "REPEATED_WRITES", frozenset({"UpdateItem"})),
}
"""Planted bugs."""


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_write_that_is_not_repeated_is_noticed(
    bug: tuple[Any, str, Any],
    engine: Engine,
    expected: dict[str, tuple[Any, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the law above."""
    monkeypatch.setattr(*bug)
    name, once = "update_popularity", repeat(FORMS["cancelled: ThrottlingError"], 1)
    with pytest.raises(ThrottledError):
        assert_ends_well(engine, name, once, expected[name])


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_write_that_is_always_refused_says_how_often_and_what_to_do(
    name: str, engine: Engine
) -> None:
    """After a limited number of attempts; nothing is applied."""
    with prepared(engine, name) as catalog:
        before = dump(catalog)
        with (
            refusing(catalog, repeat(FORMS["cancelled: ThrottlingError"])) as refusals,
            pytest.raises(ThrottledError) as caught,
        ):
            WRITES[name](catalog)
        assert refusals.refused == MAX_STALLED_RETRIES + 1
        assert f"tried {MAX_STALLED_RETRIES + 1} times" in str(caught.value)
        for words in ("capacity", "on-demand", "--write-units", catalog.table):
            assert words in str(caught.value)
        assert caught.value.code == "ThrottlingError"
        assert caught.value.__cause__ is not None
        assert dump(catalog) == before


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (cancelled("ConditionalCheckFailed", "ThrottlingError"), ConflictError),
        (cancelled("ThrottlingError", "ValidationError"), ServiceError),
        (refused("AccessDeniedException"), ServiceError),
    ],
    ids=["condition", "validation", "denied"],
)
def test_what_no_repetition_gets_over_is_not_repeated(
    form: Form, kind: type[Exception], engine: Engine
) -> None:
    """A failed condition is a race: read again, with a new token for each plan."""
    with prepared(engine, "update_popularity") as catalog, refusing(catalog, repeat(form)) as seen:
        with pytest.raises(kind) as caught:
            WRITES["update_popularity"](catalog)
        assert not isinstance(caught.value, ThrottledError)
        assert len(set(seen.tokens)) == len(seen.tokens)


def test_the_pauses_of_an_ordinary_write_are_bounded_and_span_five_seconds() -> None:
    """A transaction in progress is retried after at least that time, as DynamoDB requires."""
    for seed in range(50):
        random.seed(seed)
        pauses = [pause(tries) for tries in range(1, MAX_STALLED_RETRIES + 1)]
        assert sum(pauses) < 20
    means = [sum(pause(tries) for _ in range(500)) / 500 for tries in (1, 3, 5, 8)]
    assert means == sorted(means)


def pauses(tries: Retries, error: ThrottledError) -> Iterator[None]:
    """Wait before each retry that there is."""
    while (seconds := tries.pause_after(error)) is not None:
        rest_as_required(seconds)
        yield


def test_the_tries_of_an_ordinary_call_keep_the_deadline_together() -> None:
    """No pause exceeds the deadline; long work has none."""
    clock = Clock()
    throttled = ThrottledError("why", code="ThrottlingError")
    for deadline in (0.3, 2, 7):
        with simulated_time(clock):
            tries, began = Retries("TransactWriteItems", "t", deadline), clock()
            lefts: list[float] = []
            with pytest.raises(ThrottledError, match="tried"):
                lefts.extend(tries.seconds_left() or 0 for _ in pauses(tries, throttled))
            assert all(left > 0 for left in lefts)
            assert clock() - began < deadline
            with persistent(Persistence()):
                for _ in range(20):
                    next(pauses(tries, throttled))
                assert tries.seconds_left() == deadline


def test_fewer_keys_are_progress_even_if_none_has_an_item(catalog: Catalog) -> None:
    """A batch of missing titles that is processed key by key does not mean a throttled table."""
    one_each = (at > 0 for size in range(40, 0, -1) for at in range(size))
    client: Any = Withholding(catalog.client, lambda: next(one_each))
    missing = [TitleKey("movie", number) for number in range(1, 41)]
    with without_pauses():
        assert ap.get_titles(Catalog(catalog.table, client=client), missing) == [None] * 40
    assert client.withheld == sum(range(40))


def test_a_batch_of_which_nothing_is_done_is_given_up(catalog: Catalog) -> None:
    """After several attempts in a row; any progress restarts the count."""
    served = iter([False] * MAX_STALLED_RETRIES + [True] + [False] * 1000)
    client: Any = Withholding(catalog.client, lambda: not next(served))
    wanted = [TitleKey("movie", 1), TitleKey("movie", 2)]
    with without_pauses(), pytest.raises(ThrottledError, match="BatchGetItem") as caught:
        ap.get_titles(Catalog(catalog.table, client=client), wanted)
    assert f"tried {MAX_STALLED_RETRIES + 1} times" in str(caught.value)


@pytest.mark.parametrize("name", ["load_titles", "migrate", "repair"])
def test_long_work_waits_a_quarter_of_an_hour_for_any_progress(name: str, engine: Engine) -> None:
    """Then it raises an error; completed work is complete, and a repetition finishes the rest."""
    clock = Clock()
    with prepared(engine, name, pauses=True) as catalog:
        with (
            simulated_time(clock),
            refusing(catalog, repeat(FORMS["cancelled: ThrottlingError"])),
            pytest.raises(ThrottledError, match="capacity"),
        ):
            WRITES[name](catalog)
        assert MAX_STALLED_SECONDS <= clock() <= 1.5 * MAX_STALLED_SECONDS
        with without_pauses():
            WRITES[name](catalog)
        assert verify(catalog).is_clean


@pytest.mark.parametrize("operation", ["Scan", "Query", "GetItem", "BatchGetItem"])
def test_long_work_continues_after_minutes_of_throttling(operation: str, engine: Engine) -> None:
    """Reads as well as writes: a verification, a repair, a migration and a load."""
    if engine.name == "moto" and has_dynoxide() and operation != "GetItem":
        pytest.skip("refused before an engine is asked, and dynoxide is faster")
    event = f"before-send.dynamodb.{operation}"
    for name in ("load_titles", "migrate", "repair"):
        with prepared(engine, name) as catalog:
            forms = repeat(FORMS["ProvisionedThroughputExceededException"], 100)
            with refusing(catalog, forms, event):
                WRITES[name](catalog)
            assert verify(catalog).is_clean
