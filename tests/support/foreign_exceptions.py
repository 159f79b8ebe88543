"""One exception of every class that the libraries below this package, and Python, can raise."""

from __future__ import annotations

import builtins
import http.client
import json
import socket
import ssl
import string
from collections.abc import Iterator
from typing import Any

import boto3.exceptions
import botocore.exceptions
import botocore.httpsession
import botocore.parsers
import botocore.tokens
import pynamodb.exceptions
import urllib3.exceptions

MODULES = (
    *(boto3.exceptions, botocore.exceptions, botocore.httpsession, botocore.parsers),
    *(botocore.tokens, builtins, http.client, json, pynamodb.exceptions, socket, ssl),
    urllib3.exceptions,
)
PASS_THROUGH = (MemoryError, Warning)
"""Exceptions that pass through; a warning is only raised if the user configured it."""


def classes() -> list[type[Exception]]:
    """Yield each class once: those that the modules define, and their subclasses."""
    found = {
        derived
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
        for derived in _with_derived(kind)
        if not issubclass(derived, PASS_THROUGH)
        and not derived.__module__.startswith("catalog_model")
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def _with_derived(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    if kind.__module__ != "builtins":  # the base of most other classes
        for derived in kind.__subclasses__():
            yield from _with_derived(derived)


def made(kind: type[Exception]) -> Exception:
    """Make an exception, with the arguments of its library if they are known."""
    fields = [name for _, name, _, _ in string.Formatter().parse(getattr(kind, "fmt", "")) if name]
    attempts: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), dict.fromkeys(fields, "what was given")),
        (("what went wrong",), {}),
        (({"Error": {"Code": "Odd", "Message": "what went wrong"}}, "GetItem"), {}),
        (("utf-8", b"\xff", 0, 1, "what went wrong"), {}),
        (("what went wrong", "a document", 0), {}),
        (("what went wrong", [ValueError()]), {}),
    ]
    for args, kwargs in attempts[0 if fields else 1 :]:
        try:
            return kind(*args, **kwargs)
        except (TypeError, AttributeError, KeyError):
            continue
    bare = kind.__new__(kind, "what went wrong")
    assert isinstance(bare, kind)
    return bare
