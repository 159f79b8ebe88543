"""Answers of moto without lookups that DynamoDB's answers never need.

moto looks up each of the ten members of each attribute value under up to five names, and lists the
methods of its handler for each request. That is more than half the time of a GetItem.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from moto.core import responses
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class

_get_value_slowly: Final = ResponseSerializer.get_value


def accelerate_answers() -> None:
    """Accelerate moto's answers in this process."""
    setattr(ResponseSerializer, "get_value", _get_value)  # noqa: B010  # installed as a method
    vars(responses)["method_names_from_class"] = cache(method_names_from_class)


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """Return a member of a structure: by its name for typed JSON, otherwise like moto."""
    if type(value) is dict and shape.parent.name == "AttributeValue":
        return value.get(key)
    return _get_value_slowly(serializer, value, key, shape)
