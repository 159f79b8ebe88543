"""The pointer: where applications read the name of their table, so that it can be moved.

It is an SSM parameter (``ssm:/films/table``) or a file (``file:/etc/films/table.json``), with the
table, the one before it, and their lineage as JSON. A plain name of a table is read, too.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from catalog_model.checks import check_text, refuse, shown
from catalog_model.deployment.control import Control
from catalog_model.deployment.journal import read_file, replace_file
from catalog_model.dynamodb.clients import check_table
from catalog_model.errors import ConfigurationError, InvalidArgumentError, ServiceError

SSM: Final = "ssm"
FILE: Final = "file"
WANTED: Final = "ssm:NAME of a parameter, or file:PATH"


@dataclass(frozen=True, slots=True)
class Pointed:
    """The content of a pointer: the table, the one before it, and what they have in common.

    ``previous`` and ``lineage`` are None if the pointer does not have them.
    """

    table: str
    previous: str | None = None
    lineage: str | None = None

    def to_text(self) -> str:
        """Return it as JSON."""
        members = {"table": self.table, "previous": self.previous, "lineage": self.lineage}
        return json.dumps({name: value for name, value in members.items() if value is not None})


def check_pointer(pointer: object) -> str:
    """Check the text of a pointer.

    Raises:
        InvalidArgumentError: If it is neither the name of a parameter nor the path of a file.

    >>> check_pointer("ssm:/films/table")
    'ssm:/films/table'
    """
    text = check_text(pointer, "pointer")
    kind, _, where = text.partition(":")
    if kind not in (SSM, FILE) or not where.strip():
        refuse("pointer", pointer, WANTED)
    return text


def read_pointer(pointer: str, control: Callable[[], Control]) -> Pointed | None:
    """Read a pointer: one GetParameter, or a file; None if it does not exist.

    Args:
        pointer: Its text, as `check_pointer` accepts it.
        control: Returns the requests with which to read a parameter; not called for a file.

    Raises:
        ConfigurationError: If it cannot be read, or does not name a table.
        ServiceError: If the request failed.
    """
    kind, _, where = pointer.partition(":")
    if kind == FILE:
        text = read_file(Path(where))
    else:
        found = _parameter(control(), where)
        text = None if found is None else str(found["Value"])
    return None if text is None else _pointed(pointer, text)


def move_pointer(pointer: str, control: Callable[[], Control], pointed: Pointed) -> None:
    """Replace the content of a pointer: a GetParameter and a PutParameter, or a file.

    Raises:
        ConfigurationError: If a file cannot be written.
        ServiceError: If a request failed.
    """
    kind, _, where = pointer.partition(":")
    if kind == FILE:
        replace_file(Path(where), pointed.to_text() + "\n")
        return
    ssm = control()
    found = _parameter(ssm, where)
    ssm.call(
        SSM,
        "PutParameter",
        Name=where,
        Value=pointed.to_text(),
        Type="String" if found is None else found["Type"],
        Overwrite=True,
    )


def _parameter(control: Control, name: str) -> dict[str, Any] | None:
    try:
        answer = control.call(SSM, "GetParameter", Name=name, WithDecryption=True)
    except ServiceError as error:
        if error.code == "ParameterNotFound":
            return None
        raise
    found: dict[str, Any] = answer["Parameter"]
    return found


def _pointed(pointer: str, text: str) -> Pointed:
    content = _content(pointer, text.strip())
    members = {name: content.get(name) for name in ("table", "previous", "lineage")}
    for name, value in members.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise ConfigurationError(f"pointer {pointer}: its {name} is {shown(value)}, no name")
    try:
        check_table(members["table"])
    except InvalidArgumentError as error:
        raise ConfigurationError(f"pointer {pointer}: {error}") from error
    return Pointed(**members)  # type: ignore[arg-type]  # checked above


def _content(pointer: str, text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {"table": text}
    try:
        content: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"pointer {pointer} is not JSON: {error}") from error
    return content
