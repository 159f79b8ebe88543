"""HTTP for the lane of an event loop, by aiohttp: connections kept open, TLS, proxies, limits.

As in botocore, the time to read limits the silence between two parts of an answer, and the deadline
of a request limits all of it. A connection whose answer was not read to its end is closed.
"""

import math
import socket
import ssl
import time
from typing import Any, Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.httpsession import create_urllib3_context
from yarl import URL

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.destinations import Destination
from catalog_model.dynamodb.lane.received import NotUnderstoodError, Received
from catalog_model.dynamodb.lane.settings import Security, limits_of, security_of

KEPT_SECONDS: Final = 60.0
"""Seconds that an idle connection is kept."""

_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""The headers that aiohttp would add: they are sent as prepared, or not at all."""


class AsyncTransport:
    """Connections of one client in one event loop: at most as many as botocore would keep."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._limits = limits_of(client)
        config: Any = client.meta.config
        is_secure = client.meta.endpoint_url.startswith("https:")
        connector = aiohttp.TCPConnector(
            limit=self._limits.idle,
            ssl=is_secure and _context(security_of(client)),
            keepalive_timeout=KEPT_SECONDS,
            socket_factory=_lively_socket if config.tcp_keepalive else None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            auto_decompress=False,
        )

    async def post(self, to: Destination, headers: list[str], body: bytes, ends: float) -> Received:
        """Send a request; *ends* is the time of `time.monotonic` at which to give up.

        Raises:
            NotUnderstoodError: If aiohttp failed for a reason of its own.
            BotoCoreError: If the network failed; botocore's exception for it.
        """
        fields = [header.partition(": ") for header in headers]
        try:
            async with self._session.post(
                URL(to.url, encoded=True),
                data=body,
                headers={name: value for name, separator, value in fields if separator},
                proxy=to.proxy or None,
                allow_redirects=False,
                timeout=self._timeout(ends),
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _meant(error, to.url) from error
        lines = [b"%s: %s\r\n" % field for field in response.raw_headers]
        return Received(response.status, b"HTTP/1.1\r\n%s\r\n" % b"".join(lines), content)

    def _timeout(self, ends: float) -> aiohttp.ClientTimeout:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out at the deadline of the request")
        return aiohttp.ClientTimeout(
            total=_finite(left),
            sock_connect=_finite(self._limits.connect),
            sock_read=_finite(self._limits.read),
            ceil_threshold=math.inf,  # aiohttp would round the seconds up
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def drop(self) -> None:
        """Let go of the connections of an event loop that has ended."""
        connector = self._session.connector
        self._session.detach()
        if connector is not None:
            connector.close()


def _context(security: Security) -> ssl.SSLContext | bool:
    """Return the TLS settings that botocore uses."""
    if security.authorities is False and security.certificate is None:
        return False
    context: ssl.SSLContext = create_urllib3_context()
    if security.authorities is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        context.load_verify_locations(security.authorities)
    if security.certificate is not None:
        context.load_cert_chain(security.certificate, security.key)
    return context


def _lively_socket(address: Any) -> socket.socket:
    """Return a socket that notices a broken connection while it is idle."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def _meant(error: Exception, url: str) -> BotoCoreError | NotUnderstoodError:
    """Return botocore's exception for a failure of the network."""
    match error:
        case aiohttp.ClientSSLError() | aiohttp.ClientProxyConnectionError():
            return NotUnderstoodError(repr(error))
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeoutError(endpoint_url=url, error=error)
        case TimeoutError():
            return ReadTimeoutError(endpoint_url=url, error=error)
        case aiohttp.ClientConnectorError():
            return EndpointConnectionError(endpoint_url=url, error=error)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | ConnectionError():
            return ConnectionClosedError(endpoint_url=url, error=error)
        case _:
            return NotUnderstoodError(repr(error))


def _finite(seconds: float) -> float | None:
    return None if seconds == math.inf else seconds
