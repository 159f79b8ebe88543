"""`Control`: the requests about one table itself, to DynamoDB and to the services around it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from botocore import xform_name
from botocore.exceptions import DataNotFoundError, UnknownServiceError

from catalog_model.dynamodb.clients import client_beside
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.errors import CatalogError, ServiceError, TableNotFoundError

Service = Literal["dynamodb", "application-autoscaling", "cloudwatch", "lambda", "ssm"]
DYNAMODB: Final = "dynamodb"
AUTOSCALING: Final = "application-autoscaling"

UNKNOWN_CODES: Final = frozenset(
    {
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
        "404",
        "405",
        "501",
    }
)
"""Error codes for operations that an endpoint does not have; numbers are bare HTTP statuses."""

NEXT_TOKEN: Final = "NextToken"  # noqa: S105  # not a secret


class UnsupportedError(ServiceError):
    """The endpoint, or the installed botocore, does not have the operation."""


class Control:
    """Requests about one table: its description, settings, scaling, alarms. Thread-safe.

    DynamoDB is asked through the gateway, with the client, the hooks and the deadline of the
    handle. Clients of other services are made at their first request, with its credentials and
    region.

    Args:
        gateway: The gateway to the table.
        client_for: Makes the client of another service; by default with the settings of the
            gateway's client.
    """

    def __init__(self, gateway: Gateway, client_for: Callable[[str], Any] | None = None) -> None:
        self.gateway = gateway
        self.requests: Counter[str] = Counter()
        """The number of requests so far, by operation."""
        self._client_for = client_for or (lambda name: client_beside(gateway.client, name))
        self._clients: dict[str, Any] = {DYNAMODB: gateway.client}
        self._lock = threading.Lock()

    @property
    def table(self) -> str:
        """The name or the ARN of the table, as requests to DynamoDB take it."""
        return self.gateway.table_name

    @property
    def name(self) -> str:
        """The name of the table, as scaling targets and alarms take it."""
        return self.table.rpartition("/")[2]

    def call(self, service: Service, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request and return its answer.

        Raises:
            UnsupportedError: If the endpoint does not have the operation.
            TableNotFoundError: If the table does not exist.
            ServiceError: If the request was rejected, or failed.
        """
        self.requests[operation] += 1
        try:
            return self._sent(service, operation, parameters)
        except TableNotFoundError as error:
            if service == DYNAMODB:
                raise
            raise ServiceError(str(error), code="ResourceNotFoundException") from error.__cause__
        except CatalogError as error:
            if _is_unknown(error):
                where = self.gateway.client.meta.endpoint_url
                raise UnsupportedError(
                    f"{operation} is not offered by the endpoint {where}", code="Unsupported"
                ) from error
            raise

    def on_table(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Send one request about the table to DynamoDB, with its name."""
        return self.call(DYNAMODB, operation, TableName=self.table, **parameters)

    def pages(
        self, service: Service, operation: str, result: str, **parameters: Any
    ) -> Iterator[Any]:
        """Yield the elements *result* of all answers to a request that is answered in pages."""
        while True:
            answer = self.call(service, operation, **parameters)
            yield from answer.get(result, ())
            parameters[NEXT_TOKEN] = answer.get(NEXT_TOKEN)
            if not parameters[NEXT_TOKEN]:
                return

    def describe(self) -> dict[str, Any]:
        """Return the description of the table: one DescribeTable.

        Raises:
            TableNotFoundError: If the table does not exist.
        """
        described: dict[str, Any] = self.on_table("DescribeTable")["Table"]
        return described

    def exists(self) -> bool:
        """Return whether the table exists, in any state: one DescribeTable."""
        try:
            self.describe()
        except TableNotFoundError:
            return False
        return True

    def _sent(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        def send(request: dict[str, Any]) -> Any:
            return getattr(self._client(service), xform_name(operation))(**request)

        answer: dict[str, Any] = self.gateway.call(operation, parameters, send)
        return answer

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._client_for(service)
            return self._clients[service]


def _is_unknown(error: CatalogError) -> bool:
    """Return whether an error means that an operation does not exist where it was sent."""
    cause = error.__cause__
    if isinstance(
        cause, AttributeError | DataNotFoundError | NotImplementedError | UnknownServiceError
    ):
        return True  # older versions of botocore; moto in this process
    return isinstance(error, ServiceError) and error.code in UNKNOWN_CODES
