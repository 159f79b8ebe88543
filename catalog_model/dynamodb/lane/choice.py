"""Whether a client has a fast lane; imports what it needs only then."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session

from catalog_model.checks import refuse
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.errors import ConfigurationError

if TYPE_CHECKING:
    from catalog_model.dynamodb.lane.lane import Lane, Transport

_CHOICES: Final = {"1": True, "0": False}
_log: Final = logging.getLogger(__name__)
_LANE: Final = "_catalog_model_lane"
"""The attribute of a client that holds its lane, so that both are deleted together."""

_own_clients: Final[WeakSet[Any]] = WeakSet()


def note_own(client: DynamoDBClient) -> None:
    """Record that this package made a client, with settings that the lane knows."""
    _own_clients.add(client)


def lane_for(client: DynamoDBClient, fast: bool | None = None) -> Lane | None:  # noqa: FBT001
    """Return the lane of a client, the same for each handle with this client; None without one.

    Args:
        client: The client.
        fast: The setting of the handle. None means: if this package made the client.
    """
    if not is_eligible(client, fast):
        return None
    if _LANE not in vars(client):
        setattr(client, _LANE, _made(client))
    lane: Lane | None = getattr(client, _LANE)
    return lane


def is_eligible(client: DynamoDBClient, fast: bool | None) -> bool:  # noqa: FBT001
    """Return whether a client may have a lane, with the setting *fast* of its handle."""
    is_wanted = client in _own_clients if fast is None else fast
    return is_wanted and _is_of_botocore(client)


def is_fast_installed() -> bool:
    """Return whether the extra ``fast`` is installed, and works."""
    try:
        import orjson  # noqa: F401, PLC0415
        import pycurl  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def check_fast(fast: object) -> bool | None:
    """Check for True, False or None; True requires the extra ``fast``."""
    if fast is not None and not isinstance(fast, bool):
        refuse("fast", fast, "True, False or None")
    if fast and not is_fast_installed():
        raise ConfigurationError("fast=True needs an extra: pip install 'catalog-model[fast]'")
    return fast


def fast_from_env() -> bool | None:
    """Read CATALOG_FAST: ``1`` or ``0``; None if it is not set."""
    return switch_from_env("CATALOG_FAST")


def switch_from_env(name: str) -> bool | None:
    """Read a variable: ``1`` or ``0``; None if it is not set."""
    text = os.environ.get(name, "").strip()
    if text and text not in _CHOICES:
        raise ConfigurationError(f"{name} must be 1 or 0, not {text!r}")
    return _CHOICES.get(text)


def _made(client: DynamoDBClient) -> Lane | None:
    from catalog_model.dynamodb.lane.lane import Lane  # noqa: PLC0415  # where it is used

    try:
        return Lane(client, _transport_of(client))
    except (AttributeError, LookupError):  # the installed botocore is built in another way
        _log.debug("there is no fast lane for %r", client, exc_info=True)
        return None


def _transport_of(client: DynamoDBClient) -> Transport:
    """Return libcurl's connections, or those of botocore where pycurl is not installed."""
    try:
        from catalog_model.dynamodb.lane.transport import (  # noqa: PLC0415  # needs the extra
            Transport as ByLibcurl,
        )
    except ImportError:
        from catalog_model.dynamodb.lane.by_urllib3 import Urllib3Transport  # noqa: PLC0415

        return Urllib3Transport(client)
    return ByLibcurl(client)


def _is_of_botocore(client: Any) -> bool:
    endpoint = getattr(client, "_endpoint", None)
    return (
        isinstance(client, BaseClient)
        and type(endpoint) is Endpoint
        and type(endpoint.http_session) is URLLib3Session
    )
