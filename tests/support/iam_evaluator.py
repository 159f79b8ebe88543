"""Evaluates requests like IAM, by AWS's documentation, in the context that it documents."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from catalog_model.dynamodb.trace import Request
from catalog_model.table.indexes import INDEX_KEYS

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
Policy = dict[str, Any]


@dataclass(frozen=True)
class Need:
    """The subject of one authorization: an action on a resource, and the request's context."""

    action: str
    resource: str = ARN
    context: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    @property
    def shapes(self) -> frozenset[tuple[str, str, str]]:
        """The action, the resource and each partition key, without ids and numbers."""
        keys = self.context.get("dynamodb:LeadingKeys", ())
        return frozenset((self.action, self.resource, re.sub(r"#\d+", "#*", key)) for key in keys)


# --- the evaluator


def allows(policy: Policy, need: Need) -> bool:
    """Return whether a statement matches the action and the resource, and its conditions hold."""
    return any(_allows(statement, need) for statement in policy["Statement"])


def _allows(statement: Policy, need: Need) -> bool:
    assert statement["Effect"] == "Allow"
    return (
        f"dynamodb:{need.action}" in _listed(statement["Action"])
        and any(_like(pattern, need.resource) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(operator, _listed(wanted), need.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _holds(operator: str, wanted: Sequence[str], found: frozenset[str] | None) -> bool:
    if operator == "Null":
        return (found is None) == (wanted == ["true"])
    quantifier, _, comparison = operator.rpartition(":")
    matches = _COMPARISONS[comparison]
    met = [any(matches(each, value) for each in wanted) for value in found or ()]
    if quantifier == "ForAllValues":
        return all(met)  # also if the key is missing
    assert quantifier == "ForAnyValue" or len(met) < 2  # without a quantifier, a key has one value
    return any(met)


def _listed(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values


@cache
def _like(pattern: str, value: str) -> bool:
    marks = {"*": ".*", "?": "."}
    expression = "".join(marks.get(each, re.escape(each)) for each in pattern)
    return bool(re.fullmatch(expression, value, re.DOTALL))


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringLike": _like,
    "StringEquals": str.__eq__,
}


# --- what requests need


def needs(request: Request) -> Iterator[Need]:
    """Return the authorizations that a request needs."""
    asked = request.asked
    match request.operation:
        case "GetItem":
            yield _read("GetItem", [asked["Key"]], asked)
        case "BatchGetItem":
            for each in asked["RequestItems"].values():
                yield _read("BatchGetItem", each["Keys"], each)
        case "Query":
            yield _query(asked)
        case "TransactWriteItems":
            yield from _writes(asked["TransactItems"])
        case operation:
            yield Need(operation)
            if asked.get("Tags"):
                yield Need("TagResource")


def _read(action: str, keys: Iterable[Any], asked: Mapping[str, Any]) -> Need:
    select = "SPECIFIC_ATTRIBUTES" if "ProjectionExpression" in asked else "ALL_ATTRIBUTES"
    names = {"PK", "SK", *asked.get("ExpressionAttributeNames", {}).values()}
    return Need(action, ARN, context({each["PK"]["S"] for each in keys}, names, Select=select))


def _query(asked: Mapping[str, Any]) -> Need:
    """Read a Query; its attributes include the keys of the table and of the index.

    In AWS's examples, `dynamodb:Select` is a key that may be missing; it is present if the request
    specifies it.
    """
    partition = asked["ExpressionAttributeValues"][":pk"]["S"]
    names = {"PK", "SK", *asked["ExpressionAttributeNames"].values()}
    names |= set(asked.get("ExclusiveStartKey") or ())
    said = {"Select": asked["Select"]} if "Select" in asked else {}
    resource = ARN
    if "IndexName" in asked:
        names |= set(INDEX_KEYS[asked["IndexName"]])
        resource = f"{ARN}/index/{asked['IndexName']}"
    return Need("Query", resource, context({partition}, names, **said))


def _writes(actions: Iterable[Mapping[str, Any]]) -> Iterator[Need]:
    """Authorize each action of a transaction, and all actions of a verb; AWS leaves it open."""
    keys: dict[str, set[str]] = defaultdict(set)
    for verb, asked in (each for action in actions for each in action.items()):
        keys[f"{verb}Item"].add((asked.get("Key") or asked["Item"])["PK"]["S"])
    for action_name, found in keys.items():
        for some in (found, *({each} for each in found)):
            within = context(some, {"PK", "SK"}, EnclosingOperation="TransactWriteItems")
            yield Need(action_name, ARN, within)


def context(keys: set[str], names: set[str], **single: str) -> dict[str, frozenset[str]]:
    """Return the context of a request: keys, attribute names, and keys with a single value."""
    several = {"LeadingKeys": keys, "Attributes": names}
    values = several | {name: {value} for name, value in single.items()}
    return {f"dynamodb:{name}": frozenset(found) for name, found in values.items()}
