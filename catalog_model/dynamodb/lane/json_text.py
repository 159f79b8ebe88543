"""The JSON of requests and answers: by orjson if it is installed, otherwise by Python's `json`."""

import json
from collections.abc import Callable
from typing import Any, Final

from catalog_model.checks.nesting import parse_json
from catalog_model.dynamodb.typed_json import JSON

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def plain_dumps(value: object) -> bytes:
    """Return a request as botocore would write it; a type that it converts raises `TypeError`."""
    return _ENCODER.encode(value).encode()


def plain_loads(body: bytes) -> Any:
    """Parse an answer; anything that is not plain JSON raises `ValueError`."""
    return parse_json(body.decode(), JSON)


dumps: Callable[[Any], bytes]
loads: Callable[[bytes], Any]
try:
    import orjson
except ImportError:
    dumps, loads = plain_dumps, plain_loads
else:
    dumps, loads = orjson.dumps, orjson.loads
