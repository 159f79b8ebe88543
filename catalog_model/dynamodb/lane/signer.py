"""AWS Signature Version 4 for requests to DynamoDB, with the key of the day kept.

Deriving the key takes four of the five HMACs of a signature, and it changes once a day.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

CONTENT_TYPE: Final = "application/x-amz-json-1.0"

_BLOCK: Final = 64
"""Bytes that SHA-256 hashes at once."""

_SIGNED: Final = "content-type;host;x-amz-date;x-amz-target"
_SIGNED_WITH_TOKEN: Final = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"  # noqa: S105  # no secret


class Credentials(Protocol):
    """Credentials of one moment, as botocore freezes them."""

    @property
    def access_key(self) -> str:
        """The id of the key."""
        ...

    @property
    def secret_key(self) -> str:
        """The key itself."""
        ...

    @property
    def token(self) -> str | None:
        """The session token of temporary credentials."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What signatures are valid for: a host and its path, in a region and a service.

    ``path`` is in its canonical form.
    """

    host: str
    path: str
    region: str
    service: str


class Signer:
    """Signs requests. Thread-safe.

    >>> from botocore.credentials import ReadOnlyCredentials
    >>> credentials = ReadOnlyCredentials("KEY", "secret", None)
    >>> signer = Signer(clock=lambda: 0)
    >>> scope = Scope("dynamodb.eu-west-1.amazonaws.com", "/", "eu-west-1", "dynamodb")
    >>> signer.headers(scope, "DynamoDB_20120810.Query", b"{}", credentials)[0]
    'X-Amz-Date: 19700101T000000Z'
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._moment = (-1, "")
        self._derived: tuple[tuple[str, ...], _Hmac] = ((), _Hmac(b""))

    def headers(
        self, scope: Scope, target: str, body: bytes, credentials: Credentials
    ) -> list[str]:
        """Return the headers that sign a request, *target* is the value of ``X-Amz-Target``."""
        moment, token = self._timestamp(), credentials.token
        session, signed = "", _SIGNED
        if token:
            session, signed = f"x-amz-security-token:{_canonical(token)}\n", _SIGNED_WITH_TOKEN
        canonical = (
            f"POST\n{scope.path}\n\ncontent-type:{CONTENT_TYPE}\nhost:{scope.host}\n"
            f"x-amz-date:{moment}\n{session}x-amz-target:{target}\n\n{signed}\n"
            f"{sha256(body).hexdigest()}"
        )
        within = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
        digest = sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{within}\n{digest}"
        key = self._key(credentials.secret_key, moment[:8], scope.region, scope.service)
        signature = key.hexdigest(text.encode())
        authorization = (
            f"Authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{within}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        headers = [f"X-Amz-Date: {moment}", authorization]
        if token:
            headers.append(f"X-Amz-Security-Token: {token}")
        return headers

    def _timestamp(self) -> str:
        second = int(self._clock())
        moment = self._moment
        if moment[0] != second:
            moment = second, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._moment = moment
        return moment[1]

    def _key(self, *parts: str) -> _Hmac:
        derived = self._derived
        if derived[0] != parts:
            secret, *rest = parts
            key = f"AWS4{secret}".encode()
            for part in (*rest, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            derived = self._derived = parts, _Hmac(key)
        return derived[1]


class _Hmac:
    """HMAC-SHA256 (RFC 2104) with one key, whose two blocks are hashed once."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def hexdigest(self, message: bytes) -> str:
        """Return the code of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


def _canonical(value: str) -> str:
    """Return a header's value as it is signed: white space becomes single spaces."""
    return " ".join(value.split())
