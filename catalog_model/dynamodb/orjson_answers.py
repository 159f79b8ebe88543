"""How answers to reads are handed out: without botocore's walk, and by orjson where it is there.

botocore parses an answer with `json` and then walks through all of it by the service's model. The
answers to reads need no such walk: a number travels as text, and what else is in them means the
same in JSON and in Python, binary attributes apart. The extra ``fast`` brings orjson, which parses
them faster, too. docs/decisions/0010-fast.md has what it gains and where it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb import DynamoDBClient

READS: Final = ("BatchGetItem", "GetItem", "Query", "Scan")

CONTENT: Final = "catalog_model.content"
"""Where `parse_answer` leaves what it has read, for whoever looks at the answer next."""

_OK: Final = 200
_BINARY: Final = (b'"B"', b'"BS"')
"""What a binary attribute shows: it is base64 in JSON, and `bytes` as botocore hands it out."""


def read_with_orjson(client: DynamoDBClient) -> bool:
    """Let orjson read what *client* is answered; tells whether it is installed.

    What the client gives stays the same, and so do its errors, checksums and retries.
    """
    try:
        import orjson  # noqa: F401, PLC0415  # an extra brings it
    except ImportError:
        return False
    for operation in READS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", parse_answer)
    return True


def parse_answer(
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_event: object,
) -> None:
    """Read an answer before botocore does, and leave it the head; or leave it everything.

    Errors are left to it, and so is all that orjson refuses, such as a lone surrogate.
    """
    import orjson  # noqa: PLC0415  # it was there when this was registered

    body = response_dict["body"]
    if response_dict["status_code"] != _OK or has_binary(body):
        return
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    if isinstance(answer, dict):
        pass_on(answer, operation_model, response_dict, customized_response_dict)


def has_binary(body: bytes) -> bool:
    """Return whether an answer may hold binary attributes, which only botocore decodes."""
    return any(mark in body for mark in _BINARY)


def pass_on(
    answer: dict[str, Any],
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
) -> None:
    """Give out what was read, and leave botocore the status, the headers and an empty body.

    botocore puts what is in *customized_response_dict* into what it has read itself.
    """
    shape = operation_model.output_shape
    if shape is None:
        return
    named = {name: answer.get(name) for name in shape.members}
    customized_response_dict.update((n, part) for n, part in named.items() if part is not None)
    response_dict[CONTENT] = answer, response_dict["body"]
    response_dict["body"] = b""
