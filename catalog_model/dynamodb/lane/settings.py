"""What a client of botocore says about its connections, for transports of the lane."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from botocore.httpsession import get_cert_path

from catalog_model.dynamodb.client_type import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds, perhaps infinite. ``idle`` is a number of connections."""

    connect: float
    read: float
    idle: int


@dataclass(frozen=True, slots=True)
class Security:
    """Certificates. ``authorities`` is False if the server's certificate is not verified."""

    authorities: str | Literal[False]
    certificate: str | None
    key: str | None


def limits_of(client: DynamoDBClient) -> Limits:
    """Return the limits of a client."""
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]
    timeout = session._timeout
    return Limits(
        connect=_seconds(getattr(timeout, "connect_timeout", timeout)),
        read=_seconds(getattr(timeout, "read_timeout", timeout)),
        idle=session._max_pool_connections,
    )


def security_of(client: DynamoDBClient) -> Security:
    """Return the certificates of a client."""
    session: Any = client._endpoint.http_session  # type: ignore[attr-defined]
    return Security(
        authorities=get_cert_path(session._verify) or False,
        certificate=session._cert_file,
        key=session._key_file,
    )


def _seconds(timeout: Any) -> float:
    return float(timeout) if isinstance(timeout, (int, float)) else math.inf
