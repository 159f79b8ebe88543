"""The parameters of reads."""

from typing import Any

from catalog_model.dynamodb.conversation import Range
from catalog_model.dynamodb.schema import TableSchema


def query_parameters(
    partition: str,
    within: Range,
    index: str | None,
    only: str | None,
    schema: TableSchema,
    *,
    with_place: bool = False,
) -> dict[str, Any]:
    """Return the key condition and the projection of a Query; see `Gateway.query`."""
    pk, sk = schema.keys_of(index)
    names, values = {"#pk": pk}, {":pk": {"S": partition}}
    condition = "#pk = :pk"
    if within.lower is not None and within.upper is not None:
        condition += " AND #sk BETWEEN :lower AND :upper"
    elif within.lower is not None:
        condition += " AND #sk >= :lower"
    elif within.upper is not None:
        condition += " AND #sk <= :upper"
    for bound, value in ((":lower", within.lower), (":upper", within.upper)):
        if value is not None:
            values[bound] = {"S": value}
            names["#sk"] = sk
    request: dict[str, Any] = {"KeyConditionExpression": condition}
    if index:
        request["IndexName"] = index
    if only:
        request["ProjectionExpression"] = "#only"
        request["Select"] = "SPECIFIC_ATTRIBUTES"  # the default, but a policy may require it
        names["#only"] = only
        if with_place:
            request["ProjectionExpression"] += ",#sk"
            names["#sk"] = sk
    request["ExpressionAttributeNames"] = names
    request["ExpressionAttributeValues"] = values
    return request


def projection_parameters(attributes: tuple[str, ...]) -> dict[str, Any]:
    """Return the projection to some attributes; () projects to none, so all are returned."""
    if not attributes:
        return {}
    names = {f"#{at}": name for at, name in enumerate(attributes)}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
