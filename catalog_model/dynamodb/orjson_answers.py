"""Fast parsing of answers to reads: without botocore's traversal, and by orjson if installed.

Except for binary attributes, these answers mean the same in JSON and in Python.
docs/decisions/0010-fast.md describes the gain and the limits.
"""

from typing import Any, Final

from botocore.model import OperationModel

from catalog_model.dynamodb.client_type import DynamoDBClient

READS: Final = ("BatchGetItem", "GetItem", "Query", "Scan")

CONTENT: Final = "catalog_model.content"
"""Where `parse_answer` stores the parsed content for later handlers."""

_OK: Final = 200


def read_with_orjson(client: DynamoDBClient) -> bool:
    """Make *client* parse answers with orjson, with the same results, if it is installed."""
    try:
        import orjson  # noqa: F401, PLC0415  # installed by an extra
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
    """Parse an answer before botocore does, and leave only its headers.

    Errors are left to botocore, and so is everything that orjson rejects, such as a lone surrogate.
    """
    import orjson  # noqa: PLC0415  # it was installed when this was registered

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
    """Return whether an answer may contain binary attributes, which only botocore decodes.

    They are base64 in JSON, and `bytes` in botocore's results.
    """
    return b'"B"' in body or b'"BS"' in body


def pass_on(
    answer: dict[str, Any],
    operation_model: OperationModel,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
) -> None:
    """Pass the parsed content to botocore's result, and leave it an empty body to parse."""
    shape = operation_model.output_shape
    if shape is None:
        return
    named = {name: answer.get(name) for name in shape.members}
    customized_response_dict.update((n, part) for n, part in named.items() if part is not None)
    response_dict[CONTENT] = answer, response_dict["body"]
    response_dict["body"] = b""
