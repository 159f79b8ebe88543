"""Least privilege: the smallest IAM policy for access patterns, derived from their declarations.

Pure: policies are made from declarations, without requests to AWS. The rules, and where AWS
documents them (DynamoDB Developer Guide, IAM User Guide, Service Authorization Reference):

- A transaction is authorised as the single-item action of each operation in it, and the condition
  key ``dynamodb:EnclosingOperation`` distinguishes it from a single write ("Using IAM with DynamoDB
  transactions").
- A Query of an index is authorised on the ARN of the index, everything else on that of the table.
  "Actions, resources, and condition keys for Amazon DynamoDB" lists the actions with
  ``dynamodb:LeadingKeys``, ``Attributes`` and ``Select`` in their context, and states that
  CreateTable with tags also requires TagResource.
- ``dynamodb:LeadingKeys`` is compared with ``ForAllValues``; ``dynamodb:Attributes`` covers only
  names in the request, so it needs ``dynamodb:Select`` as well, and has to list the keys of the
  table and the index ("Using IAM policy conditions for fine-grained access control").
- ``ForAllValues`` also holds if the key is missing from the request; a ``Null`` condition excludes
  that ("Single-valued vs. multivalued context keys").

`docs/iam.md` has the policies, and their limits.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, get_args

from catalog_model.access_patterns import PATTERNS
from catalog_model.analysis.iam_restore import restore_statements
from catalog_model.analysis.iam_scaling import scaling_statements
from catalog_model.checks import check_choice, check_flag, refuse
from catalog_model.declarations.pattern import WRITING, AccessPattern, Step
from catalog_model.declarations.vocabulary import READ_OF_SPREAD
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.schema import TABLE
from catalog_model.table.indexes import INCLUDED, INDEX_KEYS, INDEXES

Role = Literal["reader", "writer", "operator"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

ITEM_ACTIONS: Final = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
"""The actions on items that access patterns may need, in the order of the statements."""

TABLE_ACTIONS: Final = ("CreateTable", "DeleteTable", "DescribeTable")
"""The actions of `catalog_model.operations`; with tags, also TagResource."""

TAGGING: Final = "TagResource"

SETTINGS_ACTIONS: Final = (
    "DescribeContinuousBackups",
    "DescribeTimeToLive",
    "ListTagsOfResource",
    "UpdateContinuousBackups",
    "UpdateTable",
    "UpdateTimeToLive",
)
"""The actions that show and change the settings of the table: `table_status` in full, recovery and
TTL of `create_table`, `raised_capacity`, `plan_table`, `apply_plan` (its tags need `TAGGING`)."""

HEALTH_ACTIONS: Final = ("DescribeTable",)
"""The actions of a readiness check, as in `catalog_model.flask`."""

INTEGRITY_ACTIONS: Final = (
    "BatchGetItem",
    "ConditionCheckItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
)
"""The actions of `verify`, `repair` and `migrate`, on every item of the table.

Conditions cannot restrict them: a Scan has no partition key, and a migration updates tallies and
slots outside transactions. `verify` alone needs BatchGetItem, Query and Scan.
"""

DUMP_ACTIONS: Final = ("BatchWriteItem", "Scan")
"""The actions of `dump_table`, `dump_titles` and `import_table`, on every item of the table.

A dump needs Scan alone, an import both: it looks whether the table is empty. Both also need
DescribeTable, and an import that creates the table CreateTable.
"""

_ACTIONS: Final = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
"""The actions for the verbs of declared writes."""

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:dynamodb:([a-z0-9-]+|\*):(\d{12}|\*):table/[\w.-]+", re.ASCII
)
_PARTITION: Final = re.compile(r"(?:(?P<verb>[A-Z]\w+) )?\w+ = (?P<key>(?:<[^>]*>|[^<\s])+)")
_ARGUMENT: Final = re.compile(r"<[^>]*>")


def patterns_of(role: Role) -> tuple[AccessPattern, ...]:
    """Return the access patterns of a role.

    A ``reader`` has those that only read, a ``writer`` has all of them, and an ``operator`` has
    none: it creates and deletes the table, and cannot access items.

    Raises:
        InvalidArgumentError: If there is no such role.

    >>> [pattern.name for pattern in patterns_of("reader")][:2]
    ['get_title', 'get_titles']
    """
    check_choice(role, "role", ROLES)
    if role == "operator":
        return ()
    every = PATTERNS.values()
    return tuple(each for each in every if role == "writer" or each.role == "read")


def policy(
    patterns: Iterable[AccessPattern],
    *,
    table_arn: str,
    operations: Iterable[str] = (),
    integrity: Iterable[str] = (),
    scaling: bool = False,
    restore: bool = False,
    dump: Iterable[str] = (),
    sharded_lists: bool = False,
) -> dict[str, Any]:
    """Return the smallest policy that allows these access patterns.

    It has one statement for each action on the table or an index, with the partition keys that the
    patterns declare, independent of the order of the arguments. The reads of a write are part of
    its declaration, and so of its policy.

    Args:
        patterns: Access patterns, of `catalog_model.access_patterns.PATTERNS`.
        table_arn: ARN of the table; region and account may be ``*``.
        operations: Actions on the table itself: `TABLE_ACTIONS`, with `TAGGING` to create it with
            tags, `SETTINGS_ACTIONS` for its settings; `HEALTH_ACTIONS` for a service.
        integrity: Actions on all items: from `INTEGRITY_ACTIONS`, to verify, repair and migrate.
        scaling: Whether to allow scaling the table and its indexes, with Application Auto Scaling.
        restore: Whether to allow backing up and restoring the table, into tables named after it.
        dump: Actions on all items: from `DUMP_ACTIONS`, to dump and import.
        sharded_lists: Whether handles with ``sharded_lists`` use the policy: it also allows all
            shards of lists, and the read of a tally.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the policy would allow nothing.

    >>> arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/netflix-movie-catalog"
    >>> document = policy([access_patterns.PATTERNS["list_genres"]], table_arn=arn)
    >>> [(each["Sid"], each["Action"]) for each in document["Statement"]]
    [('BatchGetItem', 'dynamodb:BatchGetItem'), ('Query', 'dynamodb:Query')]
    """
    if not isinstance(table_arn, str) or not _ARN.fullmatch(table_arn):
        wanted = "an ARN as arn:aws:dynamodb:eu-west-1:123456789012:table/NAME"
        refuse("table_arn", table_arn, wanted)
    chosen = list(patterns)
    statements = [
        *_on_items(chosen, table_arn, sharded=check_flag(sharded_lists, "sharded_lists")),
        *_on_table("operations", operations, _OPERATIONS, table_arn),
        *_on_table("integrity", integrity, INTEGRITY_ACTIONS, table_arn),
        *(scaling_statements(table_arn) if check_flag(scaling, "scaling") else ()),
        *(restore_statements(table_arn) if check_flag(restore, "restore") else ()),
        *_on_table("dump", dump, DUMP_ACTIONS, table_arn),
    ]
    if not statements:
        refuse("patterns", chosen, "at least one, where there are no operations")
    return {"Version": "2012-10-17", "Statement": statements}


_OPERATIONS: Final = (*TABLE_ACTIONS, *SETTINGS_ACTIONS, TAGGING)


def _on_table(
    name: str, actions: Iterable[str], known: tuple[str, ...], table_arn: str
) -> Iterator[dict[str, Any]]:
    chosen = {check_choice(each, name, known) for each in actions}
    if chosen:
        yield {
            "Sid": "Table" if name == "operations" else name.title(),
            "Effect": "Allow",
            "Action": [f"dynamodb:{each}" for each in sorted(chosen)],
            "Resource": table_arn,
        }


def _on_items(
    patterns: Iterable[AccessPattern], table_arn: str, *, sharded: bool
) -> Iterator[dict[str, Any]]:
    needed: dict[tuple[str, str], set[str]] = {}
    for pattern in patterns:
        if not isinstance(pattern, AccessPattern):
            refuse("patterns", pattern, "access patterns")
        for action, index, key in _needs(pattern, sharded=sharded):
            needed.setdefault((action, index), set()).add(key)
    for action in ITEM_ACTIONS:
        for index in (TABLE, *INDEXES):
            if (action, index) in needed:
                yield _statement(action, index, sorted(needed[action, index]), table_arn)


def _needs(pattern: AccessPattern, *, sharded: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield the actions that a pattern needs, each with its index and a partition key.

    A declared write begins with its verb, every key condition then with the partition key.

    >>> for need in _needs(access_patterns.PATTERNS["list_genres"]):
    ...     print(*need)
    Query table GENRE#movie
    Query table GENRE#tv
    BatchGetItem table GENRE#movie#*
    BatchGetItem table GENRE#tv#*
    """
    for step in _allowed(pattern, sharded=sharded):
        for condition in step.key_conditions:
            found = _PARTITION.match(condition)
            if found is None:
                refuse("key_condition", condition, "one that begins with a partition key")
            if step.is_write and found["verb"] not in _ACTIONS:
                refuse("key_condition", condition, f"one that begins with {', '.join(_ACTIONS)}")
            action = _ACTIONS[found["verb"]] if step.is_write else step.operation
            for kind in KINDS if "<kind>" in found["key"] else ("",):
                yield action, step.index, _ARGUMENT.sub("*", found["key"].replace("<kind>", kind))


def _allowed(pattern: AccessPattern, *, sharded: bool) -> Iterator[Step]:
    """Yield the steps that a policy allows; for spread lists those that take their place."""
    for step in pattern.steps:
        if step is READ_OF_SPREAD:
            yield from (step,) * sharded
        elif step.is_allowed:
            yield (step.sharded if sharded else None) or step


def _statement(action: str, index: str, keys: list[str], table_arn: str) -> dict[str, Any]:
    is_index = index != TABLE
    words = index.title().replace("_", "") if is_index else ""
    return {
        "Sid": f"{action}{words}",
        "Effect": "Allow",
        "Action": f"dynamodb:{action}",
        "Resource": f"{table_arn}/index/{index}" if is_index else table_arn,
        "Condition": _condition(action, index, keys),
    }


def _condition(action: str, index: str, keys: list[str]) -> dict[str, Any]:
    condition: dict[str, Any] = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    if index != TABLE:
        own_keys = next(keys for name, keys in INDEX_KEYS.items() if name == index)
        attributes = sorted({"PK", "SK", *own_keys, *INCLUDED})
        condition["ForAllValues:StringEquals"] = {"dynamodb:Attributes": attributes}
        condition["Null"]["dynamodb:Attributes"] = "false"
        condition["StringEquals"] = {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}
    if action in ("PutItem", "UpdateItem", "DeleteItem"):
        condition["ForAnyValue:StringEquals"] = {"dynamodb:EnclosingOperation": [WRITING]}
    return condition
