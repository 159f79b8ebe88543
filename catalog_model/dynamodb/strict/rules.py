"""The rules of DynamoDB: each is a function that yields the errors of a request.

Sources: AWS's API reference (operations and their limits) and developer guide ("Quotas", "Naming
rules and data types", "Constraints in expressions").
"""

# ruff: noqa: D401  # a docstring states its rule

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.dynamodb.limits import (
    MAX_BATCH_GET,
    MAX_BATCH_WRITE,
    MAX_DIGITS,
    MAX_EXPONENT,
    MAX_EXPRESSION_BYTES,
    MAX_ITEM_BYTES,
    MAX_LEVELS,
    MAX_OPERANDS,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
    MIN_EXPONENT,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.strict import key_rules
from catalog_model.dynamodb.strict.request import INVALID, TRANSACTIONS, Action, Request, comparable

_WHOLE: Final = re.compile(r"-?\d{1,38}", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def batches_hold_1_to_25_writes_or_100_keys(request: Request) -> Iterator[str]:
    """BatchWriteItem takes 1 to 25 writes, over all tables; BatchGetItem takes 1 to 100 keys."""
    counts = {
        "BatchWriteItem": (len(request.actions), MAX_BATCH_WRITE),
        "BatchGetItem": (sum(len(action.keys) for action in request.actions), MAX_BATCH_GET),
    }
    count, most = counts.get(request.operation, (1, 1))
    if not 1 <= count <= most:
        yield f"Too many or no items requested for the {request.operation} call: {count}"


def transactions_hold_1_to_100_actions(request: Request) -> Iterator[str]:
    """TransactWriteItems and TransactGetItems take 1 to 100 actions."""
    count = len(request.actions)
    if request.operation in TRANSACTIONS and not 1 <= count <= MAX_TRANSACTION_ACTIONS:
        yield (
            f"1 validation error detected: {count} values at 'transactItems' failed to "
            "satisfy constraint: Member must have length less than or equal to 100, and at least 1"
        )


def transactions_hold_at_most_4_mb(request: Request) -> Iterator[str]:
    """The items of a transaction have at most 4 MB together."""
    size = sum(a.size() for a in request.actions if request.operation in TRANSACTIONS)
    if size > MAX_TRANSACTION_BYTES:
        yield f"Aggregate size of the items in the transaction exceeds the 4 MB limit: {size} bytes"


def an_item_is_named_once(request: Request) -> Iterator[str]:
    """No two actions of a batch or a transaction are on the same item."""
    if len(request.actions) < 2 and request.operation != "BatchGetItem":  # noqa: PLR2004
        return
    seen: set[Any] = set()
    for item in request.tables_and_items():
        if item in seen:
            if request.operation in TRANSACTIONS:
                what = "Transaction request cannot include multiple operations on one item"
            else:
                what = "Provided list of item keys contains duplicates"
            yield f"{what}: {shown(item)}"
        seen.add(item)


def expressions_are_not_empty(action: Action) -> Iterator[str]:
    """An expression has a text; ExpressionAttributeNames and -Values have members."""
    for kind, expression in action.expressions.items():
        if not expression.tokens:
            yield f"Invalid {kind}: The expression can not be empty;"
    for kind in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if action.body.get(kind) == {}:
            yield f"{kind} must not be empty"


def expressions_have_at_most_4_kb(action: Action) -> Iterator[str]:
    """An expression has at most 4 KB."""
    for kind in action.expressions:
        size = len(action.body[kind].encode())
        if size > MAX_EXPRESSION_BYTES:
            what = "Expression size has exceeded the maximum allowed size"
            yield f"Invalid {kind}: {what}; expression size: {size}"


def names_and_values_are_used(action: Action) -> Iterator[str]:
    """Every name and value passed with an action is used in an expression."""
    for kind, given, used in _placeholders(action):
        unused = sorted(given - used)
        if unused and not action.expressions:
            yield f"{kind} can only be specified when using expressions: {', '.join(unused)}"
        elif unused:
            yield f"Value provided in {kind} unused in expressions: keys: {{{', '.join(unused)}}}"


def names_and_values_are_defined(action: Action) -> Iterator[str]:
    """Every name and value in an expression is passed with the action."""
    for kind, given, used in _placeholders(action):
        for missing in sorted(used - given):
            is_name = kind == "ExpressionAttributeNames"
            what = "name used in the document path" if is_name else "value used in expression"
            of = "name" if is_name else "value"
            yield f"An expression attribute {what} is not defined; attribute {of}: {missing}"


def _placeholders(action: Action) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    expressions = action.expressions.values()
    names = frozenset().union(*(expression.names for expression in expressions))
    values = frozenset().union(*(expression.values for expression in expressions))
    yield "ExpressionAttributeNames", frozenset(action.names), names
    yield "ExpressionAttributeValues", frozenset(action.values), values


def lists_have_at_most_100_operands(action: Action) -> Iterator[str]:
    """IN takes at most 100 operands."""
    for kind, expression in action.expressions.items():
        if expression.longest_list > MAX_OPERANDS:
            yield (
                f"Invalid {kind}: The IN operator is provided with too many operands; "
                f"number of operands: {expression.longest_list}"
            )


def values_have_one_type(action: Action) -> Iterator[str]:
    """A value has exactly one type, and a NULL is true."""
    for kind, content, _ in action.parts:
        if not kind:
            what = "must contain exactly one of the supported datatypes"
            yield f"Supplied AttributeValue {what}: {shown(content)}"
        elif kind == "NULL" and content is not True:
            yield f"{INVALID}Null attribute value types must have the value of true"


def numbers_are_in_range(action: Action) -> Iterator[str]:
    """A number has a magnitude of 1E-130 to 9.99E+125, or is 0, and has at most 38 digits."""
    for kind, content, _ in action.parts:
        if kind in ("N", "NS"):
            for number in (content,) if kind == "N" else content:
                problem = _number_problem(number)
                if problem:
                    yield f"{problem}: {shown(number)}"


def _number_problem(number: str) -> str:
    if _WHOLE.fullmatch(number):
        return ""
    if not _NUMBER.fullmatch(number):
        return "The parameter cannot be converted to a numeric value"
    decimal = Decimal(number)
    digits = "".join(map(str, decimal.as_tuple().digits)).strip("0")
    if digits and not MIN_EXPONENT <= decimal.adjusted() <= MAX_EXPONENT:
        how = ("overflow", "larger") if decimal.adjusted() > 0 else ("underflow", "smaller")
        return (
            f"Number {how[0]}. Attempting to store a number with magnitude {how[1]} than supported"
        )
    if len(digits) > MAX_DIGITS:
        return "Attempting to store more than 38 significant digits in a Number"
    return ""


def sets_hold_different_values(action: Action) -> Iterator[str]:
    """A set has at least one member, and no duplicates."""
    for kind, content, _ in action.parts:
        if kind in ("SS", "NS", "BS"):
            if not content:
                yield f"{INVALID}A set may not be empty"
            members = {comparable({kind[0]: member}) for member in content}
            if len(members) < len(content):
                yield f"{INVALID}Input collection {shown(content)} contains duplicates"


def values_nest_at_most_32_levels(action: Action) -> Iterator[str]:
    """Lists and maps nest at most 32 levels deep, including the innermost value."""
    if any(depth >= MAX_LEVELS for _, _, depth in action.parts):
        yield (
            "Nesting Levels have exceeded supported limits: "
            "Attributes in the item have nested levels beyond supported limit"
        )


def items_have_at_most_400_kb(action: Action) -> Iterator[str]:
    """An item has at most 400 KB (409,600 bytes), including attribute names."""
    size = item_size(action.item) if action.item else 0
    if size > MAX_ITEM_BYTES:
        yield f"Item size has exceeded the maximum allowed size: {size} bytes"


def limits_are_positive(action: Action) -> Iterator[str]:
    """Limit is at least 1."""
    limit = action.body.get("Limit")
    if limit is not None and limit < 1:
        yield (
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its check, and the form of the error."""

    check: Callable[[Any], Iterator[str]]
    is_of_request: bool = False
    """Whether it checks the whole request, instead of a single action."""
    cancels: bool = False
    """Whether a breach in a transaction is reported as a cancellation reason."""

    @property
    def name(self) -> str:
        """The name of the function."""
        return str(getattr(self.check, "__name__", ""))

    @property
    def text(self) -> str:
        """The rule as one sentence."""
        return (self.check.__doc__ or "").split("\n")[0]


RULES: Final = (
    Rule(batches_hold_1_to_25_writes_or_100_keys, is_of_request=True),
    Rule(transactions_hold_1_to_100_actions, is_of_request=True),
    Rule(expressions_are_not_empty),
    Rule(expressions_have_at_most_4_kb),
    Rule(names_and_values_are_used),
    Rule(names_and_values_are_defined),
    Rule(lists_have_at_most_100_operands),
    Rule(values_have_one_type),
    Rule(numbers_are_in_range),
    Rule(sets_hold_different_values),
    Rule(values_nest_at_most_32_levels, cancels=True),
    Rule(limits_are_positive),
    Rule(items_have_at_most_400_kb),
    Rule(transactions_hold_at_most_4_mb, is_of_request=True),
    Rule(key_rules.keys_match_the_schema, cancels=True),
    Rule(key_rules.keys_are_not_empty),
    Rule(key_rules.keys_are_not_too_long, cancels=True),
    Rule(key_rules.keys_are_not_updated, cancels=True),
    Rule(key_rules.index_keys_have_their_type, cancels=True),
    Rule(key_rules.index_keys_are_not_empty),
    Rule(key_rules.index_keys_are_not_too_long, cancels=True),
    Rule(key_rules.key_conditions_have_the_keys_type),
    Rule(key_rules.filters_leave_the_key_alone),
    Rule(key_rules.global_indexes_are_read_eventually_consistently),
    Rule(key_rules.global_indexes_answer_with_what_they_project),
    Rule(key_rules.start_keys_match_the_schema),
    Rule(key_rules.start_keys_are_of_the_partition),
    Rule(an_item_is_named_once, is_of_request=True),
)
"""In the order of the checks; the first breach is the answer."""
