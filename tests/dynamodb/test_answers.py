"""Invalid answers are never accepted: every form, for every access pattern and operation.

If the first response to a request is invalid, the request is retried and succeeds. A request
without any valid answer raises an error that describes the response. It is not treated as a missing
title, nor as a completed write.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import pytest
from engines import Engine
from lying_server import (
    HER,
    LOOKS,
    OPERATIONS,
    READS,
    STOCK,
    WRITES,
    WRITING,
    Call,
    stocked,
    tried_twice,
)
from scaled import some_of
from table_dump import assert_in_step

from catalog_model import Catalog, errors
from catalog_model import access_patterns as ap
from catalog_model.operations import create_table, delete_table, table_status
from catalog_model.testing import GARBLED_FORMS, Fault, FaultInjector, inject_faults, without_pauses

FEW = {"get_title", "get_titles", "list_titles", "verify", "table_status", "update_popularity"}
"""One call for each operation of DynamoDB, for answers parsed by `json`; those parsed by orjson are
tested with all calls."""

ON_MOTO = ("html", "empty", "empty_object", "cut", "wrong_checksum", "redirect", "error_html")
"""moto is slow, so it is tested with these forms only."""


@pytest.fixture(scope="module")
def sound(engine: Engine) -> Iterator[Catalog]:
    """A table with a few titles, through a handle without faults."""
    with stocked(engine) as catalog, without_pauses():
        yield catalog


@pytest.fixture(scope="module")
def handles(engine: Engine, sound: Catalog) -> dict[str, Catalog]:
    """Handles on that table with faults and two attempts, by the parser of their answers."""
    ways = ("json",) if engine.name == "moto" else ("orjson", "json")
    made = {way: tried_twice(engine, sound.table, orjson=way == "orjson") for way in ways}
    for handle in made.values():
        assert table_status(handle).is_ready  # strict clients ask for the schema once
    return made


def calls_of(
    handles: dict[str, Catalog], calls: dict[str, Call], form: str
) -> Sequence[tuple[str, Call, Catalog, bool]]:
    """Pair handles with calls, and with whether the request is carried out nevertheless.

    In a quick run a form gets a third of them, and the next one another third.
    """
    pairs = [
        (name, call, handle, carried_out)
        for way, handle in handles.items()
        for name, call in calls.items()
        if way == "orjson" or name in FEW
        for carried_out in (False, True)
    ]
    return some_of(pairs, list(GARBLED_FORMS).index(form))


@pytest.fixture(params=GARBLED_FORMS)
def form(request: pytest.FixtureRequest, engine: Engine) -> str:
    if engine.name == "moto" and request.param not in ON_MOTO:
        pytest.skip("moto is slow: other forms have to do")
    return str(request.param)


garbled = partial(Fault, "garbled_answer", operations=OPERATIONS)
"""Replaces every answer, or those at some requests of each operation, by an invalid one."""


def fails(handle: Catalog, call: Call, fault: Fault, *, seed: int = 0) -> FaultInjector:
    """Make a call that must fail because of the invalid answer, and report it."""
    said = "got no answer from DynamoDB but status"
    with (
        inject_faults(handle, [fault], seed=seed) as injector,
        pytest.raises(errors.ServiceError, match=said) as caught,
    ):
        call(handle)
    kind = errors.ThrottledError if f"{said} 429" in str(caught.value) else errors.UnreachableError
    assert type(caught.value) is kind
    assert caught.value.__cause__ is not None
    assert (
        str(handle.client.meta.endpoint_url) in str(caught.value) or kind is errors.ThrottledError
    )
    assert injector.injected
    return injector


def test_every_pattern_is_among_the_calls() -> None:
    """The calls include every access pattern, by name."""
    for role, calls in {"read": READS, "write": WRITES}.items():
        assert set(calls) == {each.name for each in ap.PATTERNS.values() if each.role == role}


@pytest.mark.over_aio
def test_a_read_is_right_after_a_retry_or_an_error(
    sound: Catalog, handles: dict[str, Catalog], form: str
) -> None:
    """A read never returns nothing, never raises "not found", and never a foreign exception."""
    right = {name: call(sound) for name, call in (READS | LOOKS).items()}
    calls = calls_of(handles, READS | LOOKS, form)
    for seed, (name, call, handle, carried_out) in enumerate(calls):
        once = garbled(form=form, at=[1], carried_out=carried_out)
        with inject_faults(handle, [once], seed=seed) as injector:
            assert call(handle) == right[name]
        if name == "get_title" and form == "empty_object":  # the valid answer for a missing item
            assert not injector.injected
            continue
        assert injector.injected
        fails(handle, call, garbled(form=form, carried_out=carried_out), seed=seed)


@pytest.mark.over_aio
def test_a_write_is_done_once_after_a_retry_or_an_error(
    sound: Catalog, handles: dict[str, Catalog], form: str
) -> None:
    """A write raises an error if its own answer is invalid; it is applied if it was carried out."""
    if form == "empty_object":
        pytest.skip("a transaction that is done is answered with just that")
    for name, call, handle, carried_out in calls_of(handles, WRITES, form):
        before = ap.put_title(sound, STOCK[0])
        with inject_faults(
            handle, [garbled(form=form, at=[1], carried_out=carried_out)]
        ) as injector:
            written = call(handle)
        assert WRITING in {each.operation for each in injector.injected}
        assert stored(sound) == (None if name == "delete_title" else written)
        ap.put_title(sound, STOCK[0])
        fails(handle, call, garbled(form=form))
        assert stored(sound) == before
        fails(handle, call, garbled(form=form, operations=[WRITING], carried_out=carried_out))
        assert (stored(sound) != before) == carried_out
    ap.put_title(sound, STOCK[0])
    assert_in_step(sound)


def stored(catalog: Catalog) -> object:
    """Return the title that is written; None if it does not exist."""
    return ap.get_titles(catalog, [HER])[0]


def test_a_table_is_made_and_deleted_once_after_a_retry_or_error(engine: Engine, form: str) -> None:
    """Even if the first attempt succeeded, and its answer was invalid."""
    sound = engine.catalog()
    handle = tried_twice(engine, sound.table)
    with without_pauses():
        for carried_out in (False, True):
            once = garbled(form=form, at=[1], carried_out=carried_out)
            always = garbled(form=form, carried_out=carried_out)
            fails(handle, create_table, garbled(form=form))
            with inject_faults(handle, [once]) as injector:
                assert create_table(handle).is_ready
            assert {"CreateTable", "DescribeTable"} <= {e.operation for e in injector.injected}
            fails(handle, delete_table, always)
            assert table_status(sound).is_ready
            with inject_faults(handle, [once]) as injector:
                delete_table(handle)
            assert "DeleteTable" in {each.operation for each in injector.injected}
            with pytest.raises(errors.TableNotFoundError):
                table_status(sound)


def test_a_missing_table_cannot_be_deleted(engine: Engine) -> None:
    """Deleting a missing table is an error, even if another answer came first."""
    handle = tried_twice(engine, "nowhere")
    with (
        inject_faults(handle, [garbled(form="html", at=[1])]),
        pytest.raises(errors.CatalogError, match="nowhere") as caught,
    ):
        delete_table(handle)
    assert type(caught.value) is errors.TableNotFoundError
