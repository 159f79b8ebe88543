"""Interleaved rounds: all contenders take turns, in a new random order in each round.

A machine's speed changes from second to second, so times of different moments do not compare. In a
round each contender runs its calls once, and its time is divided by that of the baseline in the
same round; the median of these ratios is reported, with its quartiles.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

LEAST_ROUNDS = 5


class Times(NamedTuple):
    """Seconds of CPU of this process, all threads included, and seconds of the clock."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Contender:
    """A client with one task: to be timed, and to be checked before.

    Attributes:
        timed: Run the task a number of times.
        answer: Run it once and return its result in plain values, to be compared.
    """

    name: str
    timed: Callable[[int], Times]
    answer: Callable[[], Any]


@dataclass(frozen=True)
class Ratio:
    """A ratio to the baseline: the median over the rounds, and its quartiles."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Figures:
    """What was measured of one contender; milliseconds are medians of one call."""

    cpu: Ratio
    wall: Ratio
    cpu_ms: float
    wall_ms: float
    rounds: int


def in_thread(
    name: str, call: Callable[[], Any], plain: Callable[[Any], Any] = lambda it: it
) -> Contender:
    """Return a contender that calls a function."""

    def timed(calls: int) -> Times:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            call()
        return Times(time.process_time() - cpu, time.perf_counter() - wall)

    return Contender(name, timed, lambda: plain(call()))


def in_loop(
    name: str,
    loop: asyncio.AbstractEventLoop,
    call: Callable[[], Awaitable[Any]],
    plain: Callable[[Any], Any] = lambda it: it,
) -> Contender:
    """Return a contender that awaits a coroutine, one call after the other."""

    async def run(calls: int) -> Times:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            await call()
        return Times(time.process_time() - cpu, time.perf_counter() - wall)

    async def once() -> Any:
        return plain(await call())

    return Contender(
        name,
        lambda calls: loop.run_until_complete(run(calls)),
        lambda: loop.run_until_complete(once()),
    )


def check(contenders: Sequence[Contender]) -> None:
    """Check that all contenders return the same, before their times mean anything."""
    expected = contenders[0].answer()
    for contender in contenders[1:]:
        answer = contender.answer()
        if answer != expected:
            raise SystemExit(f"{contender.name} returns {answer!r:.300}, not {expected!r:.300}")


def measure(
    contenders: Sequence[Contender],
    calls: int,
    *,
    seconds: float,
    rounds: int | None = None,
    most: int | None = None,
) -> dict[str, Figures]:
    """Run rounds for some seconds, or a number of them; the first contender is the baseline."""
    times: dict[str, list[Times]] = {each.name: [] for each in contenders}
    for _ in islice(_rounds(seconds, rounds), most):
        for each in random.sample(contenders, len(contenders)):
            times[each.name].append(each.timed(calls))
    return figures(times, calls)


def _rounds(seconds: float, rounds: int | None) -> Iterator[None]:
    end, done = time.monotonic() + seconds, 0
    while done < (rounds or LEAST_ROUNDS) or (rounds is None and time.monotonic() < end):
        yield
        done += 1


def figures(times: Mapping[str, Sequence[Times]], calls: int) -> dict[str, Figures]:
    """Compare the times of each contender with those of the first one, round by round."""
    baseline = next(iter(times.values()))
    return {
        name: Figures(
            ratio_of([own.cpu / base.cpu for own, base in zip(each, baseline, strict=True)]),
            ratio_of([own.wall / base.wall for own, base in zip(each, baseline, strict=True)]),
            statistics.median(own.cpu for own in each) / calls * 1000,
            statistics.median(own.wall for own in each) / calls * 1000,
            len(each),
        )
        for name, each in times.items()
    }


def ratio_of(ratios: list[float]) -> Ratio:
    """Return the median and the quartiles of some ratios."""
    if len(ratios) == 1:
        ratios = ratios * 2
    return Ratio(*statistics.quantiles(ratios, method="inclusive"))
