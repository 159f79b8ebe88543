"""The checker of histories accepts the possible ones and rejects the impossible ones."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, combinations, permutations
from typing import Any, get_args

import pytest
from concurrent_worker import sample_problems, settled_of, torn_pair, walk_problems
from history import Action, Call, Histories, Outcome, carry_out, check, is_linearizable, text_of
from hypothesis import given
from hypothesis import strategies as st
from table_dump import movie

from catalog_model import GenreMembership, Page, TitleKey, TitleWithGenres
from catalog_model.entities import AnyTitle

Record = dict[str, Any]

KEY = TitleKey("movie", 1)
OLD: Record = {"a": 1, "b": 1}
NEW: Record = {"a": 2, "b": 2}


def call(
    began: int,
    ended: int,
    action: Action,
    answer: Record | None = None,
    fields: Record | None = None,
    outcome: Outcome | None = None,
) -> Call:
    """Make a call; one without an answer was rejected, unless it has another outcome."""
    text = None if answer is None else text_of(answer)
    outcome = outcome or ("ok" if text else "refused")
    return Call(KEY, action, began, ended, outcome, text, fields or {})


def put(began: int, ended: int, record: Record) -> Call:
    """Make a put, which is answered with its record."""
    return call(began, ended, "put", record, record)


def unknown(began: int, ended: int, action: Action, record: Record | None = None) -> Call:
    """Make a write whose error leaves its effect open."""
    return call(began, ended, action, fields=record, outcome="unknown")


def get(began: int, ended: int, answer: Record | None) -> Call:
    return call(began, ended, "get", answer)


FIRST = put(0, 1, OLD)

GOOD: dict[str, list[Call]] = {
    "nothing happened": [],
    "one after the other": [
        call(0, 1, "create", OLD, OLD),
        call(2, 3, "create", fields=NEW),
        call(4, 5, "change", {"a": 3, "b": 1}, {"a": 3}),
        call(6, 7, "delete", {"a": 3, "b": 1}),
        get(8, 9, None),
        call(10, 11, "change", fields={"a": 4}),
        call(12, 13, "delete"),
    ],
    "a read next to a write sees either": [FIRST, put(2, 9, NEW), get(3, 4, OLD), get(5, 6, NEW)],
    "a later beginning, an earlier effect": [put(0, 9, NEW), put(1, 9, OLD), get(10, 11, NEW)],
    "two creators, one refused": [
        call(0, 5, "create", fields=OLD),
        call(1, 6, "create", NEW, NEW),
        get(7, 8, NEW),
    ],
    "two changes meet, none is lost": [
        FIRST,
        call(2, 9, "change", {"a": 5, "b": 6}, {"a": 5}),
        call(2, 9, "change", {"a": 1, "b": 6}, {"b": 6}),
        get(10, 11, {"a": 5, "b": 6}),
    ],
    "moments that touch may be in any order": [put(0, 5, OLD), get(5, 6, None)],
    "an unknown put that shows later": [unknown(0, 1, "put", NEW), get(2, 3, None), get(4, 5, NEW)],
    "an unknown put that never shows": [unknown(0, 1, "put", NEW), get(2, 3, None)],
    "an unknown deletion": [FIRST, unknown(2, 3, "delete"), get(4, 5, OLD), get(6, 7, None)],
    "a conflict changed nothing": [
        FIRST,
        call(2, 3, "change", None, {"a": 7}, "conflict"),
        get(4, 5, OLD),
    ],
}

BAD: dict[str, list[Call]] = {
    "a lost update": [
        FIRST,
        call(2, 9, "change", {"a": 5, "b": 1}, {"a": 5}),
        call(2, 9, "change", {"a": 1, "b": 6}, {"b": 6}),
    ],
    "a lost update that only a read shows": [
        FIRST,
        call(2, 3, "change", {"a": 5, "b": 1}, {"a": 5}),
        get(4, 5, OLD),
    ],
    "a stale read": [FIRST, put(2, 3, NEW), get(4, 5, OLD)],
    "a double creation": [call(0, 5, "create", OLD, OLD), call(1, 6, "create", NEW, NEW)],
    "a deleted title that comes back": [FIRST, call(2, 3, "delete", OLD), get(4, 5, OLD)],
    "a title deleted twice": [FIRST, call(2, 9, "delete", OLD), call(3, 8, "delete", OLD)],
    "a deletion that answers with an earlier title": [
        FIRST,
        put(2, 3, NEW),
        call(4, 5, "delete", OLD),
    ],
    "time that runs backwards for readers": [FIRST, put(2, 9, NEW), get(3, 4, NEW), get(5, 6, OLD)],
    "a refusal although the title is there": [FIRST, call(2, 3, "change", fields={"a": 1})],
    "a read of a value that was never written": [FIRST, get(2, 3, NEW)],
    "an effect before its beginning": [get(0, 1, NEW), unknown(2, 3, "put", NEW)],
    "an unknown put that shows twice": [
        unknown(0, 1, "put", NEW),
        get(2, 3, NEW),
        put(4, 5, OLD),
        get(6, 7, NEW),
    ],
    "a conflict that took effect": [
        FIRST,
        call(2, 3, "change", None, {"a": 7}, "conflict"),
        get(4, 5, {"a": 7, "b": 1}),
    ],
}


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_a_history_is_accepted_if_it_can_be(name: str) -> None:
    """If some order of its calls gives all of the answers."""
    calls = GOOD[name] if name in GOOD else BAD[name]
    assert is_linearizable(calls) == is_linearizable(reversed(calls)) == (name in GOOD)


@st.composite
def small_histories(draw: st.DrawFn) -> tuple[list[Call], bool]:
    """Execute calls, blur their times, possibly forge an answer; return whether none is forged."""
    values = st.integers(0, 1)
    state, calls = None, []
    for moment in range(0, 40, 10):
        action: Action = draw(st.sampled_from(get_args(Action)))
        fields = {}
        before = None
        if action == "swap":
            before = text_of({"a": draw(values), "b": draw(values)})
        if action in ("put", "create", "swap"):
            fields = {"a": draw(values), "b": draw(values)}
        elif action == "change":
            fields = {draw(st.sampled_from("ab")): draw(values)}
        began, ended = moment - draw(st.integers(0, 25)), moment + draw(st.integers(0, 25))
        made = Call(KEY, action, began, ended, fields=fields, before=before)
        outcome = draw(st.sampled_from(("known", "known", "unknown", "no effect")))
        after, answer = (state, None) if outcome == "no effect" else carry_out(made, state)
        if outcome == "known":
            calls.append(replace(made, outcome="ok" if answer else "refused", answer=answer))
        else:
            calls.append(replace(made, outcome="unknown"))
        state = after
    forged = draw(st.sampled_from((None, *range(len(calls)))))
    if forged is not None and calls[forged].outcome != "unknown":
        answers = (None, *(text_of({"a": a, "b": b}) for a in range(2) for b in range(2)))
        calls[forged] = replace(calls[forged], answer=draw(st.sampled_from(answers)))
    return draw(st.permutations(calls)), forged is None


@given(small_histories())
def test_the_search_agrees_with_trying_every_order(drawn: tuple[list[Call], bool]) -> None:
    """For few calls, all orders can be tried, with each choice of the unknown ones."""
    calls, is_true = drawn
    assert is_linearizable(calls) == _some_order_explains(calls)
    assert is_linearizable(calls) or not is_true


def _some_order_explains(calls: list[Call]) -> bool:
    known = [each for each in calls if each.outcome != "unknown"]
    unknown = [each for each in calls if each.outcome == "unknown"]
    choices = chain.from_iterable(combinations(unknown, n) for n in range(len(unknown) + 1))
    return any(_explains(order) for choice in choices for order in permutations([*known, *choice]))


def _explains(order: Iterable[Call]) -> bool:
    state, latest = None, float("-inf")
    for each in order:
        latest = max(latest, each.began)
        state, answer = carry_out(each, state)
        is_known = each.outcome != "unknown"
        if is_known and (answer != each.answer or each.ended < latest):
            return False
    return True


def test_many_unknown_calls_do_not_make_the_search_long() -> None:
    """Only those that an answer may show are tried, and no more than it needs."""
    tried: Iterable[Call] = (
        each
        for n in range(0, 100, 5)
        for each in (
            unknown(n, n + 1, "put", {"a": n, "b": n, "mark": n}),
            unknown(n, n + 1, "change", {"a": 100 + n}),
            unknown(n, n + 1, "change", {"b": 100 + n}),
            unknown(n, n + 1, "delete"),
            put(n + 2, n + 3, {"a": 0, "b": 0, "mark": -n}),
        )
    )
    calls = [
        *tried,
        get(200, 201, {"a": 10, "b": 110, "mark": 10}),
        get(210, 211, None),
        get(220, 221, {"a": 115, "b": 120, "mark": 25}),
    ]
    found = check(Histories(calls=calls))
    assert not found.violations
    assert found.steps < 5_000
    assert not is_linearizable([*calls, get(230, 231, {"a": 115, "b": 110, "mark": 30})])


def test_readers_find_what_breaks_their_laws() -> None:
    """Each law separately, on the answers of a broken product."""
    one, two, gone = movie(1, 28), movie(2, 28), movie(3, 28)
    assert not list(walk_problems([Page((one,), "x"), Page((two,))], 1, [one, two]))
    wrong: list[tuple[list[Page[AnyTitle]], str]] = [
        ([Page((one, one))], "twice"),
        ([Page((one,), "x"), Page((two,))], "not the last"),
        ([Page((one, two)), Page((two,))], "shows <Movie 2 'Movie 2'> 2 times"),
        ([Page((one,))], "shows <Movie 2 'Movie 2'> 0 times"),
        ([Page((one, two.replace(popularity=2)))], "shows <Movie 2 'Movie 2'> 0 times"),
    ]
    for walk, problem in wrong:
        assert any(problem in found for found in walk_problems(walk, 2, [two]))
    membership = GenreMembership(one.key, 28, 0)
    assert not list(torn_pair(TitleWithGenres(one, (membership,))))
    assert list(torn_pair(TitleWithGenres(one, ())))
    assert list(torn_pair(TitleWithGenres(one.replace(genre_ids=[]), (membership,))))
    settled = settled_of("movie")
    assert not list(sample_problems("movie", settled, 20))
    assert list(sample_problems("movie", settled, 5))
    assert list(sample_problems("movie", [*settled, settled[0]], 20))
    assert list(sample_problems("movie", [gone], 20))
