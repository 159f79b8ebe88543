"""Histories of titles under concurrent callers, and a check that they are linearizable.

A history is linearizable if each of its calls can be assigned a moment between its beginning and
its end, such that the same calls, executed one after the other at these moments, give the same
answers. `carry_out` defines the effect of each call on one title, on the record's JSON text and
independently of the table.

The search is that of Wing and Gong, breadth first. It processes the beginnings and ends of calls in
order of time, and keeps every configuration that explains all completed calls: the title's state,
and the open calls that have already taken effect. Each configuration is explored once, even if it
is reached in several ways. If none is left at the end of a call, no order explains that call's
answer.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from catalog_model import TitleKey

Action = Literal["put", "create", "swap", "change", "delete", "get"]
Outcome = Literal["ok", "refused", "conflict", "unknown"]

Record = Mapping[str, Any]

State = str | None
"""A title: its record as JSON text, as `to_json_text` writes it; None if it does not exist."""

Configuration = tuple[State, frozenset[int], frozenset[int]]
"""The state, the open calls that have taken effect, and the unknown calls that were used."""

_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One call about one title, as its caller saw it, in nanoseconds of a shared clock.

    The ``fields`` of a "put", a "create" (`put_title` with ``if_absent``) and a "swap" (with
    ``if_unchanged``, the title ``before``) are the whole record; those of a "change" are the fields
    that it sets. The ``answer`` is the returned title; a rejected call has none. A "conflict"
    changed nothing. An "unknown" call may have taken effect, or may do so at any later time.
    """

    key: TitleKey
    action: Action
    began: int
    ended: int
    outcome: Outcome = "ok"
    answer: State = None
    fields: Record = field(default_factory=dict)
    before: State = None

    def __str__(self) -> str:
        what = f"{self.action} {dict(self.fields)}" if self.fields else self.action
        span = f"{self.began}..{self.ended}"
        return f"[{span}] {what} of {self.key.kind} {self.key.id}: {self.outcome} {self.answer}"


@dataclass(slots=True)
class Histories:
    """What the callers of one run saw.

    ``start`` are the titles before the first call. ``violations`` are those detected by readers.
    ``races`` are transactions that lost against others and were planned again, ``failures`` are
    reads that the service answered with an error.
    """

    start: dict[TitleKey, State] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    reads: int = 0
    races: int = 0
    failures: int = 0

    def add(self, other: Histories) -> None:
        """Add the observations of another caller of the same run."""
        self.calls += other.calls
        self.violations += other.violations
        self.reads += other.reads
        self.races += other.races
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class Verdict:
    """The findings of `check`, the steps of the longest search, and the most concurrent calls."""

    violations: tuple[str, ...]
    outcomes: Mapping[Outcome, int]
    steps: int
    open_calls: int


def check(histories: Histories) -> Verdict:
    """Check a run: the history of each title, and the violations that readers detected."""
    by_title: dict[TitleKey, list[Call]] = defaultdict(list)
    for call in histories.calls:
        by_title[call.key].append(call)
    searches = [Search(by_title[key], histories.start.get(key)) for key in sorted(by_title)]
    unexplained = [search.problem for search in searches if search.problem]
    return Verdict(
        violations=(*unexplained, *histories.violations),
        outcomes=Counter(call.outcome for call in histories.calls),
        steps=max((search.steps for search in searches), default=0),
        open_calls=max((search.open_calls for search in searches), default=0),
    )


def is_linearizable(calls: Iterable[Call]) -> bool:
    """Whether some order of the calls about one title explains all of their answers."""
    return not Search(list(calls), None).problem


def carry_out(call: Call, state: State) -> tuple[State, State]:
    """Return the title after a call, and the call's answer; None if it is rejected."""
    match call.action:
        case "put":
            return text_of(call.fields), text_of(call.fields)
        case "create":
            return (text_of(call.fields),) * 2 if state is None else (state, None)
        case "swap":
            is_same = state is not None and state == call.before
            return (text_of(call.fields),) * 2 if is_same else (state, None)
        case "change":
            after = None if state is None else text_of({**json.loads(state), **call.fields})
            return after, after
        case "delete":
            return None, state
        case "get":
            return state, state


def text_of(record: Record) -> str:
    """Return a record as compact text, for comparing states."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


class Search:
    """The search for an order of one title's calls; ``problem`` names the call that has none."""

    def __init__(self, calls: Sequence[Call], start: State) -> None:
        self.steps = self.open_calls = 0
        self.problem = ""
        self._calls = [  # not those without an effect and an answer
            call
            for call in calls
            if call.outcome != "conflict" and (call.outcome, call.action) != ("unknown", "get")
        ]
        self._changed = {name for call in calls if call.action == "change" for name in call.fields}
        self._open: set[int] = set()
        self._front = _Front()
        self._front.add(start, _NOTHING, _NOTHING)
        for is_end, number in self._events():
            if is_end:
                self._end(number)
            else:
                self._open.add(number)
                self.open_calls = max(self.open_calls, len(self._open))
            if self.problem:
                break

    def _events(self) -> Iterator[tuple[bool, int]]:
        """Return beginnings and ends in order; at the same moment, beginnings come first."""
        events = []
        for number, call in enumerate(self._calls):
            events.append((call.began, False, number))
            if call.outcome != "unknown":
                events.append((call.ended, True, number))
        return ((is_end, number) for _, is_end, number in sorted(events))

    def _end(self, number: int) -> None:
        """Keep the configurations that explain the end of this call, with its answer."""
        before = self._front
        self._front = _Front()
        useful = self._useful()
        reached = _Front()
        waiting = [each for each in before if reached.add(*each)]
        while waiting:
            state, done, used = waiting.pop(0)
            if number in done:
                self._front.add(state, done - {number}, used)
            else:
                following = self._next(state, done, used, useful)
                waiting += [each for each in following if reached.add(*each)]
        self._open.discard(number)
        if not self._front:
            states = " or ".join(sorted({str(state) for state, _, _ in before}))
            self.problem = f"no order explains {self._calls[number]}; before it was {states}"

    def _next(
        self, state: State, done: frozenset[int], used: frozenset[int], useful: Sequence[int]
    ) -> Iterator[Configuration]:
        """Let one more of the open calls take effect."""
        unused = [number for number in useful if number not in used]
        deletions = [number for number in unused if self._calls[number].action == "delete"]
        for number in [*sorted(self._known() - done), *unused]:
            if number in deletions[1:]:  # equivalent to the first
                continue
            self.steps += 1
            call = self._calls[number]
            after, answer = carry_out(call, state)
            if call.outcome == "unknown":
                yield after, done, used | {number}
            elif answer == call.answer:
                yield after, done | {number}, used

    def _known(self) -> set[int]:
        return {number for number in self._open if self._calls[number].outcome != "unknown"}

    def _useful(self) -> list[int]:
        """Return the open unknown calls whose effect the answer of another open call may show.

        The others can take effect later as well. This requires that changes set either the same
        fields or disjoint ones, as those of a catalogue do: a change that is not visible in an
        answer was then overwritten completely, or came later.
        """
        known = [self._calls[number] for number in self._known()]
        unknown = {number: self._calls[number] for number in sorted(self._open - self._known())}
        shown = [json.loads(call.answer) for call in known if call.answer is not None]
        was_there = any(call.action == "create" and call.answer is None for call in known)
        useful = {
            number
            for number, call in unknown.items()
            if self._is_shown(call, shown) or (was_there and call.action in ("put", "create"))
        }
        creates = any(unknown[number].action == "create" for number in useful)
        if creates or any((call.action == "create") == (call.answer is not None) for call in known):
            useful |= {number for number, call in unknown.items() if call.action == "delete"}
        swaps = [call for call in known if call.action == "swap"]
        if swaps or any(unknown[number].action == "swap" for number in useful):
            return sorted(unknown)  # any of them may produce the title that a swap expects
        return sorted(useful)

    def _is_shown(self, call: Call, records: Iterable[Record]) -> bool:
        """Whether one of the records contains what the call writes, apart from later changes."""
        if call.action == "delete":
            return False
        lasting = set(call.fields) - (set() if call.action == "change" else self._changed)
        return any(
            all(record.get(name) == call.fields[name] for name in lasting) for record in records
        )


class _Front:
    """Configurations, without those that used more unknown calls than another, equal one."""

    def __init__(self) -> None:
        self._kept: dict[tuple[State, frozenset[int]], list[frozenset[int]]] = {}

    def __iter__(self) -> Iterator[Configuration]:
        return ((*each, used) for each, ways in self._kept.items() for used in ways)

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, state: State, done: frozenset[int], used: frozenset[int]) -> bool:
        """Add a configuration; return whether it is new."""
        ways = self._kept.setdefault((state, done), [])
        if any(way <= used for way in ways):
            return False
        ways[:] = [way for way in ways if not used <= way]
        ways.append(used)
        return True
