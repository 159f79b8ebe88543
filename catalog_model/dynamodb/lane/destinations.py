"""Where a request goes and how it is signed, as botocore's endpoint rules have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, prepare_request_dict

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.signer import Scope

_SIGNATURE: Final = "v4"
_MAX_KNOWN: Final = 256


@dataclass(frozen=True, slots=True)
class Destination:
    """The URL of a request, its proxy, if any, the scope of its signature, and its target."""

    url: str
    proxy: str
    scope: Scope
    target: str
    headers: tuple[str, ...]
    """The headers that all such requests have."""


class Destinations:
    """The destinations of a client's requests, by what the rules depend on. Thread-safe."""

    def __init__(self, client: DynamoDBClient, headers: Sequence[str]) -> None:
        self._client: Any = client
        self._headers = headers
        self._prefix = client.meta.service_model.metadata["targetPrefix"]
        self._known: dict[tuple[str, str, str | None], Destination | None] = {}

    def of(self, operation: str, request: Mapping[str, Any], account: str | None) -> Any:
        """Return the destination of a request; None if the lane cannot reach it.

        Accounts may have endpoints of their own, and a table's ARN may name another account.
        """
        table = request.get("TableName") or table_in(operation, request)
        if table is None:
            return None
        key = (operation, table, account)
        if key not in self._known:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = self._found(operation, request)
        return self._known[key]

    def _found(self, operation: str, request: Mapping[str, Any]) -> Destination | None:
        client = self._client
        model = client.meta.service_model.operation_model(operation)
        context: dict[str, Any] = {
            "client_region": client.meta.region_name,
            "client_config": client.meta.config,
            "has_streaming_input": False,
            "auth_type": model.resolved_auth_type,
        }
        base, headers, _ = client._resolve_endpoint_ruleset(model, request, context)
        signer = client._request_signer
        signature = signer._choose_signer(operation, "standard", context)
        if headers or signature != _SIGNATURE:
            return None
        made: dict[str, Any] = {"url_path": "/", "query_string": "", "headers": {}}
        prepare_request_dict(made, endpoint_url=base)
        url = made["url"]
        proxies = client._endpoint.http_session._proxy_config
        proxy = proxies.proxy_url_for(url) or ""
        parts = urlsplit(url)
        if parts.query or parts.fragment or "@" in parts.netloc or not url.isascii():
            return None
        if not _is_plain(proxy, proxies):
            return None
        signing = context.get("signing", {})
        path, host = _path_and_host(url)
        scope = Scope(
            host=host,
            path=path,
            region=signing.get("region") or signer.region_name,
            service=signing.get("signing_name") or signer.signing_name,
        )
        target = f"{self._prefix}.{operation}"
        headers = (*self._headers, f"Host: {host}", f"X-Amz-Target: {target}")
        return Destination(url, proxy, scope, target, headers)


def _is_plain(proxy: str, proxies: Any) -> bool:
    """Whether a proxy, if there is one, needs no TLS, has no settings, and plain credentials."""
    if not proxy:
        return True
    if not proxy.startswith("http://") or not proxy.isascii() or proxies.settings:
        return False
    try:
        return "@" not in proxy or bool(proxies.proxy_headers_for(proxy))
    except UnicodeEncodeError:
        return False


def _path_and_host(url: str) -> tuple[str, str]:
    """Return the path and the host of a URL as they are signed."""
    nobody: Any = None
    request = AWSRequest("POST", url, data=b"")
    lines = SigV4Auth(nobody, "dynamodb", "any").canonical_request(request).split("\n")
    return lines[1], lines[3].removeprefix("host:")


def table_in(operation: str, request: Mapping[str, Any]) -> str | None:
    """Return the table of a batch or a transaction; None if there are several."""
    if operation == "BatchGetItem":
        tables = set(request["RequestItems"])
    else:
        actions = [action for each in request["TransactItems"] for action in each.values()]
        tables = {action["TableName"] for action in actions}
    return str(tables.pop()) if len(tables) == 1 else None
