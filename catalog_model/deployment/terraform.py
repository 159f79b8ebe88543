"""Terraform's configuration of a table, with a resource of its own for each target and policy.

Pure; no requests are sent. A setting that is not declared is left to the provider's default.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from catalog_model.deployment.deployed import NAMESPACE
from catalog_model.deployment.resources import (
    SCALED_POLICY,
    STREAM_VIEWS,
    TABLE_CLASSES,
    ScaledUnits,
    encryption,
    initial_units,
    limits,
    scaled_units,
    warm_units,
)
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.dynamodb.schema import TableSchema

PROVIDER: Final = "~> 6.25"
"""The versions of the AWS provider that know all of the arguments."""

_OPENING: Final = re.compile(r"([$%])\{")
"""What begins an expression or a directive in text; doubled, it stands for itself."""

LABEL: Final = "catalog"
"""The label of the table's resource."""


class Reference(str):
    """An expression, as opposed to text."""

    __slots__ = ()


class Template(str):
    """Text with expressions in it."""

    __slots__ = ()


Block = Mapping[str, Any]
"""The content of a block: texts, numbers, lists, maps in `Pairs`, and blocks, one or several."""


class Pairs(dict[str, Any]):
    """A map: a value, as opposed to a block."""


def terraform(schema: TableSchema, table: str, settings: TableSettings) -> str:
    """Return a configuration that creates the table, with its scaling, as ``terraform fmt`` has it.

    ``terraform destroy`` refuses to delete the table. Where the table scales, changes of its
    capacity by Application Auto Scaling are no differences.

    Args:
        schema: Keys and indexes.
        table: Name of the table.
        settings: Settings of the table.

    >>> from catalog_model.deployment.settings import TableSettings
    >>> from catalog_model.table.indexes import SCHEMA
    >>> configuration = terraform(SCHEMA, "films", TableSettings())
    >>> [line for line in configuration.splitlines() if line.startswith("resource")]
    ['resource "aws_dynamodb_table" "catalog" {']
    """
    blocks = [
        _block("terraform", {"required_version": ">= 1.5", "required_providers": _providers()}),
        _block('variable "table_name"', {"type": Reference("string"), "default": table}),
        _block(f'resource "aws_dynamodb_table" "{LABEL}"', _table(schema, settings)),
        *_scaled(schema, settings.scaling),
        *_outputs(settings),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _providers() -> Block:
    return {"aws": Pairs(source="hashicorp/aws", version=PROVIDER)}


def _table(schema: TableSchema, settings: TableSettings) -> Block:
    declared = schema.declaration()
    units = initial_units(settings)
    capacity = {"read_capacity": units.read, "write_capacity": units.write} if units else {}
    own = {
        **capacity,
        "on_demand_throughput": _renamed(
            limits(settings),
            MaxReadRequestUnits="max_read_request_units",
            MaxWriteRequestUnits="max_write_request_units",
        ),
        "warm_throughput": _renamed(
            warm_units(settings),
            ReadUnitsPerSecond="read_units_per_second",
            WriteUnitsPerSecond="write_units_per_second",
        ),
    }
    return {
        "name": Reference("var.table_name"),
        "billing_mode": "PROVISIONED" if units else "PAY_PER_REQUEST",
        **_hash_and_range(declared["KeySchema"]),
        "table_class": settings.table_class and TABLE_CLASSES[settings.table_class],
        "deletion_protection_enabled": settings.protection,
        **_stream(settings),
        **own,
        "tags": Pairs(settings.tags) if settings.tags else None,
        "attribute": [
            {"name": each["AttributeName"], "type": each["AttributeType"]}
            for each in declared["AttributeDefinitions"]
        ],
        "global_secondary_index": [
            {
                "name": each["IndexName"],
                **_hash_and_range(each["KeySchema"]),
                "projection_type": each["Projection"]["ProjectionType"],
                "non_key_attributes": each["Projection"]["NonKeyAttributes"],
                **own,
            }
            for each in declared["GlobalSecondaryIndexes"]
        ],
        "point_in_time_recovery": _recovery(settings),
        "server_side_encryption": _renamed(
            {k: v for k, v in encryption(settings).items() if k != "SSEType"},
            Enabled="enabled",
            KMSMasterKeyId="kms_key_arn",
        ),
        "ttl": {"attribute_name": settings.ttl, "enabled": True} if settings.ttl else {},
        "lifecycle": _lifecycle(settings),
    }


def _hash_and_range(key_schema: list[dict[str, str]]) -> Block:
    names = {each["KeyType"]: each["AttributeName"] for each in key_schema}
    return {"hash_key": names["HASH"], "range_key": names["RANGE"]}


def _stream(settings: TableSettings) -> Block:
    view = STREAM_VIEWS.get(settings.stream or "off")
    return {"stream_enabled": True, "stream_view_type": view} if view else {}


def _recovery(settings: TableSettings) -> Block:
    days = settings.recovery_days
    if days is None:
        return {}
    return {"enabled": True, "recovery_period_in_days": days} if days else {"enabled": False}


def _lifecycle(settings: TableSettings) -> Block:
    """Return the rules that keep the table, and leave capacity to Application Auto Scaling.

    The capacity of an index cannot be named; ignoring all of an index is the only way.
    """
    scaled = ["read_capacity", "write_capacity", "global_secondary_index"]
    ignored = {"ignore_changes": [Reference(name) for name in scaled]} if settings.scaling else {}
    return {"prevent_destroy": True, **ignored}


def _scaled(schema: TableSchema, scaling: Scaling | None) -> Iterator[list[str]]:
    if scaling is None:
        return
    for units in scaled_units(schema):
        label = f"{units.index or 'table'}_{units.part}"
        yield _block(f'resource "aws_appautoscaling_target" "{label}"', _target(units, scaling))
        yield _block(
            f'resource "aws_appautoscaling_policy" "{label}"', _policy(label, units, scaling)
        )


def _target(units: ScaledUnits, scaling: Scaling) -> Block:
    return {
        "service_namespace": NAMESPACE,
        "resource_id": Template(units.resource_id(f"${{aws_dynamodb_table.{LABEL}.name}}")),
        "scalable_dimension": units.dimension,
        "min_capacity": scaling.min,
        "max_capacity": scaling.max,
    }


def _policy(label: str, units: ScaledUnits, scaling: Scaling) -> Block:
    target = f"aws_appautoscaling_target.{label}"
    return {
        "name": Template(f"${{aws_dynamodb_table.{LABEL}.name}}-{label}"),
        "policy_type": SCALED_POLICY,
        **{
            name: Reference(f"{target}.{name}")
            for name in ("service_namespace", "resource_id", "scalable_dimension")
        },
        "target_tracking_scaling_policy_configuration": {
            "target_value": scaling.target,
            "predefined_metric_specification": {"predefined_metric_type": units.metric},
        },
    }


def _outputs(settings: TableSettings) -> Iterator[list[str]]:
    yield _block('output "table_arn"', {"value": Reference(f"aws_dynamodb_table.{LABEL}.arn")})
    if _stream(settings):
        arn = Reference(f"aws_dynamodb_table.{LABEL}.stream_arn")
        yield _block('output "stream_arn"', {"value": arn})


def _renamed(values: Mapping[str, Any], **names: str) -> Block:
    return {names[name]: value for name, value in values.items()}


def _block(head: str, content: Block) -> list[str]:
    """Return the lines of a block: its arguments in one column, and then its blocks."""
    inside = {name: value for name, value in content.items() if value not in (None, {}, [])}
    lines = [f"{head} {{"]
    lines += _arguments({name: each for name, each in inside.items() if not _is_block(each)})
    for name, value in inside.items():
        if _is_block(value):
            for each in [value] if isinstance(value, Mapping) else value:
                lines += ["", *(f"  {line}".rstrip() for line in _block(name, each))]
    if lines[1:2] == [""]:
        del lines[1]
    return [*lines, "}"]


def _is_block(value: Any) -> bool:
    if isinstance(value, list):
        return isinstance(value[0], Mapping)
    return isinstance(value, Mapping) and not isinstance(value, Pairs)


def _arguments(arguments: Block, indent: str = "  ") -> Iterator[str]:
    """Yield lines with arguments; equals signs of neighbouring one-line values are in a column."""
    run: list[str] = []
    for name, value in arguments.items():
        if isinstance(value, Pairs):
            yield from _aligned(arguments, run, indent)
            run = []
            yield f"{indent}{_name(name)} = {{"
            yield from _arguments(value, indent + "  ")
            yield f"{indent}}}"
        else:
            run.append(name)
    yield from _aligned(arguments, run, indent)


def _aligned(arguments: Block, names: list[str], indent: str) -> Iterator[str]:
    width = max((len(_name(name)) for name in names), default=0)
    for name in names:
        yield f"{indent}{_name(name):{width}} = {_value(arguments[name])}"


def _name(name: str) -> str:
    """Return the name of an argument; the key of a map is quoted if it is no identifier."""
    return name if name.replace("-", "_").isidentifier() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if isinstance(value, Template) else _OPENING.sub(r"\1\1{", quoted)
