"""What a transport of the lane returns: a response, whole or not, or no response."""

from typing import Final, NamedTuple

from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.exceptions import HTTPClientError


class NotUnderstoodError(Exception):
    """The transport failed in a way that botocore may not, so botocore has to ask itself."""


FAILURES: Final = (NoConnectionError, HTTPClientError, NotUnderstoodError)
"""What transports raise: botocore's exceptions for a failure of the network, and our own."""


class Received(NamedTuple):
    """A response: its status, the lines of its header, and its body."""

    status: int
    header: bytes
    body: bytes

    def headers(self) -> dict[str, str]:
        """Return the header's fields."""
        lines = self.header.decode("latin-1").split("\r\n")[1:]
        parts = [line.partition(":") for line in lines if line]
        return {name.strip(): value.strip() for name, _, value in parts}
