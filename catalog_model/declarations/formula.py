"""Formulas: the documented text of a cost is also the expression that is evaluated.

A formula is a line of arithmetic over named quantities. ``rcu(bytes)`` and ``wcu(bytes)`` are the
units that DynamoDB charges for reading (strongly consistent) or writing this many bytes at once.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final

from catalog_model.dynamodb.capacity import rcu, wcu

FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = {
    "ceil": ceil,
    "max": max,
    "min": min,
    "rcu": rcu,
    "wcu": wcu,
}

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


class Formula:
    """A line of arithmetic over named quantities; any other text raises `ValueError`.

    >>> pages = Formula("ceil(keys / 100)")
    >>> pages(keys=101), pages.names
    (2, frozenset({'keys'}))
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._tree = ast.parse(text, mode="eval").body
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        self.names = frozenset(
            node.id
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Name) and id(node) not in called
        )
        self(**dict.fromkeys(self.names, 1))

    def __call__(self, /, **quantities: float) -> float:
        """Return the value for these quantities; unused quantities are ignored."""
        return _value(self._tree, quantities)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"


def _value(node: ast.expr, quantities: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return quantities[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, quantities), _value(right, quantities))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            values: list[Any] = [_value(each, quantities) for each in args]
            return FUNCTIONS[name](*values)
    raise ValueError(f"a formula has no place for {ast.unparse(node)!r}")
