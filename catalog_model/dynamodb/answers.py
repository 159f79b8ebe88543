"""Validation of responses: only valid answers of DynamoDB are used.

Proxies, captive portals, maintenance pages and programs on the wrong port also respond, often with
status 200. Such a request is retried, as after a broken connection, and finally raises
`UnreachableError`. Only requests of this package are validated, by botocore's events.
"""

from binascii import crc32
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.parsers import create_parser

from catalog_model.checks import counted, shown
from catalog_model.checks.nesting import parse_json
from catalog_model.dynamodb.answer_shapes import (
    CHECKSUM,
    InvalidAnswerError,
    check_answer,
    check_error,
)
from catalog_model.dynamodb.calls import Call, current
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.orjson_answers import CONTENT, READS, has_binary, pass_on
from catalog_model.errors import ServiceError, ThrottledError, UnreachableError

_OK: Final = 200
_ERRORS: Final = range(400, 600)
_TROUBLE: Final = 500
_TOO_MANY: Final = 429
_BAD_GATEWAY: Final = 502
_UNAVAILABLE: Final = 503
_REPEATED: Final = frozenset({500, _BAD_GATEWAY, _UNAVAILABLE, 504})
"""The statuses after which botocore retries, in each of its modes."""

_EXCERPT: Final = 60


def check_answers(client: DynamoDBClient) -> None:
    """Make a client accept only valid answers; a second call does nothing."""
    meta = getattr(client, "meta", None)
    events = getattr(meta, "events", None)
    if events is None:  # an in-memory table
        return
    watch = _Watch(str(getattr(meta, "endpoint_url", "")))
    own = "catalog-model-answers"
    events.register("before-parse.dynamodb", watch.before_parse, own)
    events.register_first("needs-retry.dynamodb", watch.needs_retry, own + "-retry")
    events.register_first("after-call.dynamodb", watch.after_call, own + "-end")


class _Watch:
    def __init__(self, endpoint_url: str) -> None:
        self._endpoint_url = endpoint_url

    def before_parse(
        self,
        operation_model: OperationModel,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_event: object,
    ) -> None:
        """Check a response; replace an invalid one by an error that botocore retries."""
        call = _call_of(operation_model)
        if call is None:
            return
        content, body = response_dict.pop(CONTENT, (None, response_dict["body"]))
        response = {**response_dict, "body": body}
        try:
            read = _believed(response, content, operation_model, call)
        except InvalidAnswerError as reason:
            call.problem = self._problem(call, response, reason)
            customized_response_dict.clear()
            error = {"Code": call.problem.code, "Message": str(call.problem)}
            customized_response_dict["Error"] = error
            response_dict.update(body=b"", status_code=_status_for(response["status_code"]))
            return
        call.problem = None
        if read is not None:
            pass_on(read, operation_model, response_dict, customized_response_dict)

    def needs_retry(
        self, operation: OperationModel, response: tuple[AWSResponse, Any] | None, **_event: object
    ) -> None:
        """Make botocore treat an invalid answer like an error response of a proxy."""
        call = _call_of(operation)
        if call is not None and call.problem is not None and response is not None:
            http, _ = response
            http.status_code = _status_for(http.status_code)
            http.headers.pop(CHECKSUM, None)  # otherwise botocore raises its own checksum error

    def after_call(self, model: OperationModel, parsed: Any, **_event: object) -> None:
        call = _call_of(model)
        if call is not None and call.problem is not None:
            raise call.problem from ClientError(parsed, call.operation)

    def _problem(
        self, call: Call, response: dict[str, Any], reason: InvalidAnswerError
    ) -> ServiceError:
        status = response["status_code"]
        what = f"{call.operation} got no answer from DynamoDB but {_described(response)}: {reason}"
        if status == _TOO_MANY:
            return ThrottledError(what, code="TooManyRequestsException")
        if status >= _TROUBLE:
            where = f"{self._endpoint_url}, or a proxy in front of it, is failing"
            return UnreachableError(f"{what}; {where}")
        return UnreachableError(f"{what}; is a proxy or another program at {self._endpoint_url}?")


def _call_of(operation_model: OperationModel) -> Call | None:
    """Return the request of this package that this is part of; None for requests of other code."""
    call = current()
    return call if call is not None and call.operation == operation_model.name else None


def _status_for(status: int) -> int:
    if status == _TOO_MANY:
        return _UNAVAILABLE
    return status if status in _REPEATED else _BAD_GATEWAY


def _believed(
    response: dict[str, Any], content: Any, operation_model: OperationModel, call: Call
) -> dict[str, Any] | None:
    _check_transfer(response)
    status, body = response["status_code"], response["body"]
    shape = operation_model.output_shape
    if status in _ERRORS:
        check_error(_json_of(body), operation_model)
        return None
    if status != _OK:
        raise InvalidAnswerError("DynamoDB has no such status")
    if shape is None and not body:
        return None
    is_read = content is not None
    content = content if is_read else _json_of(body)
    check_answer(content, operation_model, call.request, response["headers"])
    if is_read or (operation_model.name in READS and not has_binary(body)):
        return None if is_read else content
    _check_parsing(response, shape)
    return None


def _check_transfer(response: dict[str, Any]) -> None:
    headers, body = response["headers"], response["body"]
    length = headers.get("content-length")
    if length not in (None, str(len(body))) and "transfer-encoding" not in headers:
        raise InvalidAnswerError(f"its announced length is {shown(length)}")
    checksum = headers.get(CHECKSUM)
    if checksum is not None and checksum.strip() != str(crc32(body)):
        raise InvalidAnswerError(f"its checksum is not {shown(checksum)}")


def _json_of(body: bytes) -> Any:
    if not body:
        raise InvalidAnswerError("it is empty")
    try:
        return parse_json(body.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidAnswerError("it is not JSON") from error


def _check_parsing(response: dict[str, Any], shape: Any) -> None:
    """Check that botocore can parse the answer, as its parser fails in many ways on other data."""
    if response["body"] == b"{}":
        return
    try:
        create_parser("json").parse(response, shape)
    except Exception as error:
        raise InvalidAnswerError(f"it cannot be read: {error!r}") from error


def _described(response: dict[str, Any]) -> str:
    """Describe a response: its status, type and size and, unless it is data, its beginning."""
    headers, body = response["headers"], response["body"]
    kind = headers.get("content-type", "no content type")
    encoding = headers.get("content-encoding", "")
    parts = [f"status {response['status_code']}", kind, counted(len(body), "byte")]
    where = headers.get("location", "")
    parts += [f"encoded as {encoding}"] * bool(encoding) + [f"sent to {where}"] * bool(where)
    begins = "" if body.startswith(b'{"') or not body else f": {_excerpt(body)}"
    return ", ".join(parts) + begins


def _excerpt(body: bytes) -> str:
    return shown(body[:_EXCERPT].decode(errors="replace")) + "..." * (len(body) > _EXCERPT)
