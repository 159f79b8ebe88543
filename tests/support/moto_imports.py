"""A parser for moto's ImportTable: its own does not support escapes in JSON, as in ``_doc``."""

import json
from collections.abc import Iterator
from typing import Any


def parse(original: str) -> Iterator[Any]:
    """Parse JSON Lines."""
    return map(json.loads, original.splitlines())
