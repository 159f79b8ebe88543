"""Formulas are lines of arithmetic, evaluated like Python, and nothing else."""

import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_model import access_patterns as ap
from catalog_model.analysis.sizing import APPLICATION
from catalog_model.declarations.formula import Formula
from catalog_model.declarations.pattern import quantities
from catalog_model.dynamodb.capacity import rcu, wcu

numbers = st.floats(0, 1e6)
names = st.sampled_from(("limit", "title", "read"))

SHAPES = (
    *("({0} + {1})", "({0} - {1})", "{0} * ({1})", "({0}) / 7", "({0}) // 7"),
    *("max({0}, {1})", "min({0}, {1})", "ceil({0})", "rcu({0})", "wcu({0})"),
)
NO_FORMULAS = (
    *("limit if limit else 1", "limit ** 2", "limit.real", "limit < 2", "-limit", "True and 1"),
    *("'a'", "[1]", "ceil(x=1)", "open('x')", "(lambda: 1)()", "__import__('os')"),
)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> str:
    """Any formula over three quantities."""
    if not depth or draw(st.booleans()):
        return draw(st.one_of(names, st.integers(0, 9999).map(str)))
    left, right = draw(formulas(depth - 1)), draw(formulas(depth - 1))
    shape = draw(st.sampled_from(SHAPES))
    return shape.format(left, right)


@given(formulas(), numbers, numbers, numbers)
def test_a_formula_is_what_python_says(text: str, limit: float, title: float, read: float) -> None:
    """The documented text is evaluated, by Python's own rules."""
    known = {"limit": limit, "title": title, "read": read}
    functions = {"ceil": math.ceil, "max": max, "min": min, "rcu": rcu, "wcu": wcu}
    assert Formula(text)(**known) == eval(text, {"__builtins__": {}}, {**known, **functions})
    assert Formula(text).names == {name for name in known if name in text}


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_what_is_no_arithmetic_is_no_formula(text: str) -> None:
    """It is rejected at its declaration, when the module is imported."""
    with pytest.raises(ValueError, match="a formula has no place for"):
        Formula(text)


@given(st.integers(0, 10**7))
def test_units_are_steps_of_4_and_1_kilobytes(size: int) -> None:
    """At least one; one byte more than a step is the next step."""
    assert rcu(size) == max(1, math.ceil(size / 4096))
    assert wcu(size) == max(1, math.ceil(size / 1024))
    assert rcu(4096 * size + 1) == size + 1


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_every_quantity_in_a_declaration_is_known(name: str) -> None:
    """An argument, a size, or a fact of the call; the result is a number above 0."""
    pattern = ap.PATTERNS[name]
    taken = inspect.signature(pattern.function).parameters
    some = {"limit": 20, "count": 20, "consistent": True, "genre_ids": [1, 2]}
    arguments = {**some, "keys": [1, 2, 3], "titles": [1, 2]}
    of_call = quantities({each: value for each, value in arguments.items() if each in taken})
    facts = {"read": 40, "returned": 20, "requests": 2, "round_trips": 2}
    known = {**APPLICATION.quantities(), **facts, **of_call}
    for step in pattern.steps:
        for formula in filter(None, (step.requests, step.units, step.items)):
            assert formula(**known) > 0
