"""The number of examples of a law: given for the default profile, and scaled to the others.

`make test` has the profile ``quick``, `make check` the default; HYPOTHESIS_PROFILE names another.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from hypothesis import settings

T = TypeVar("T")

USUAL: Final = 100
"""Hypothesis's own number of examples, used by the default profile."""


def scaled(number: int) -> int:
    """Scale a number of examples, steps or seeds to the profile; at least 1."""
    return max(1, number * settings().max_examples // USUAL)


def is_quick() -> bool:
    """Return whether less is tried than usual."""
    return settings().max_examples < USUAL


def some_of(values: Sequence[T], turn: int = 0) -> Sequence[T]:
    """Return all values, or a third of them in the profile ``quick``, a different one each time."""
    parts = max(1, USUAL // settings().max_examples)
    return values[turn % parts :: parts]


@contextmanager
def fewer_examples() -> Iterator[None]:
    """Make as many examples as the profile ``quick``, where the profile is the default one."""
    usual = settings.get_current_profile_name()
    if usual == "default":
        settings.load_profile("quick")
    try:
        yield
    finally:  # tests fail, and are skipped by an exception
        settings.load_profile(usual)
