"""The errors of throttled requests, which name the resource that lacks units."""

from typing import Final

from botocore.awsrequest import AWSResponse

from catalog_model.dynamodb.faults.buckets import Limit, Resource
from catalog_model.dynamodb.faults.kinds import Attempt, cancel, make_error
from catalog_model.dynamodb.strict.request import TRANSACTIONS

_TABLE: Final = (
    "The level of configured provisioned throughput for the table was exceeded. Consider "
    "increasing your provisioning level with the UpdateTable API."
)
_INDEX: Final = (
    "The level of configured provisioned throughput for one or more global secondary indexes of "
    "the table was exceeded. Consider increasing your provisioning level for the under-provisioned "
    "global secondary indexes with the UpdateTable API."
)
_ON_DEMAND: Final = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically "
    "scaling your table or index so please try again shortly. If exceptions persist, check if you "
    "have a hot key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
    "bp-partition-key-design.html."
)
_ON_DEMAND_INDEX: Final = (
    "Throughput exceeds the current capacity for one or more global secondary indexes. DynamoDB "
    "is automatically scaling your index so please try again shortly."
)


def refused(
    attempt: Attempt,
    lacking: Resource,
    limit: Limit,
    table_arn: str,
    *,
    is_on_demand: bool,
    place: int | None,
) -> AWSResponse:
    """Throttle a request; a transaction in one of two ways: as a whole, or at one action.

    Args:
        table_arn: The ARN of the table.
        is_on_demand: Whether the table is on demand.
        place: The number of the action that lacks the units, from 0; None if it is unknown.
    """
    text = _text(lacking, is_on_demand=is_on_demand)
    if attempt.operation in TRANSACTIONS and attempt.rng.random() < 0.5:  # noqa: PLR2004  # a coin
        code = "ThrottlingError" if is_on_demand else "ProvisionedThroughputExceeded"
        return cancel(attempt, code, text, place)
    reasons = [{"reason": reason_of(lacking, limit), "resource": _arn(lacking, table_arn)}]
    if is_on_demand:
        return make_error("ThrottlingException", text, throttlingReasons=reasons)
    return make_error("ProvisionedThroughputExceededException", text, ThrottlingReasons=reasons)


def reason_of(lacking: Resource, limit: Limit) -> str:
    """Return the service's reason, such as ``TableReadProvisionedThroughputExceeded``."""
    return f"{'Index' if lacking.is_index else 'Table'}{lacking.direction.title()}{limit}"


def _text(lacking: Resource, *, is_on_demand: bool) -> str:
    if is_on_demand:
        return _ON_DEMAND_INDEX if lacking.is_index else _ON_DEMAND
    return _INDEX if lacking.is_index else _TABLE


def _arn(lacking: Resource, table_arn: str) -> str:
    return f"{table_arn}/index/{lacking.index}" if lacking.is_index else table_arn
