"""HTTP for the lane where pycurl is not installed: by the connections of botocore's own client.

They have its TLS, proxies, pool and time limits, and keep the deadline of a request; see
`catalog_model.dynamodb.deadline`. What the lane spares is the rest of botocore's path.
"""

from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.destinations import Destination
from catalog_model.dynamodb.lane.received import Received


class Urllib3Transport:
    """The connections of one client. Thread-safe, also after a fork, as botocore's are."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._session: Any = client._endpoint.http_session  # type: ignore[attr-defined]

    def post(self, to: Destination, headers: list[str], body: bytes, _: float) -> Received:
        """Send a request; its deadline is kept by the connections.

        Raises:
            BotoCoreError: If the network failed.
        """
        fields = (each.partition(": ") for each in headers)
        named: Any = {name: value for name, separator, value in fields if separator}
        request = AWSPreparedRequest("POST", to.url, named, body, stream_output=False)
        response: AWSResponse = self._session.send(request)
        return as_received(response, response.raw.headers)


def as_received(response: AWSResponse, headers: Mapping[str, str]) -> Received:
    """Return a response of botocore's, with some headers, in the form of the lane's."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    header = f"HTTP/1.1 {response.status_code}\r\n{''.join(lines)}\r\n".encode("latin-1")
    return Received(response.status_code, header, response.content)
