"""The manifest of a dump: its content, its making, and the sums that its file must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.checks.nesting import parse_json
from catalog_model.dynamodb.strict.request import Schema

FORMAT: Final = "catalog-model dump 1"
"""The form of manifest and file; another form has another number."""

SUFFIX: Final = ".manifest"
"""Follows the name of a dump. Not ``.json``: engines that import a folder read all JSON in it."""

CONSISTENCY: Final = (
    "Not one moment: each item is as a strongly consistent Scan read it, between startTime and "
    "endTime. Of an item that was written meanwhile, either version is here; of a transaction, "
    "possibly a part. Without writes in that time, it is the table as it was."
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a dump, stored next to it as JSON.

    ``sha256`` and ``size`` are of the compressed file, ``items_digest`` is the sum of the digests
    of all lines, the same for the same items in any order. ``table`` describes keys and indexes as
    in an answer of DescribeTable. ``schema_version`` is the newest of the model that made the dump,
    ``versions`` counts its items by version (0: without one), ``types`` by type, and ``foreign``
    those of no type.
    """

    file: str
    size: int
    sha256: str
    items: int
    items_digest: str
    types: Mapping[str, int]
    versions: Mapping[int, int]
    foreign: int
    schema_version: int
    table: Mapping[str, Any]
    start_time: str
    end_time: str
    segments: int
    made_by: str
    consistency: str = CONSISTENCY

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as JSON; ``Table`` is in the form of DescribeTable's answer."""
        content = asdict(self)
        table = content.pop("table")
        named = {_JSON_NAMES[name]: value for name, value in content.items()}
        versions = {str(version): count for version, count in sorted(self.versions.items())}
        types = dict(sorted(self.types.items()))
        return {
            "format": FORMAT,
            **named,
            "types": types,
            "versions": versions,
            "outputFormat": "DYNAMODB_JSON",
            "compression": "GZIP",
            "Table": table,
        }

    def text(self) -> str:
        """Return the content of the manifest's file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read the content of a manifest's file.

        Raises:
            ValueError: If it is not the manifest of a dump; the message has the reason.
        """
        try:
            content = parse_json(data.decode())
        except ValueError as error:
            raise ValueError(f"it is not JSON: {error}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = shown(content.get("format") if isinstance(content, dict) else content)
            raise ValueError(f"its format must be {FORMAT!r}, not {found}")
        given: dict[str, Any] = {name: content.get(_JSON_NAMES[name]) for name in _JSON_NAMES}
        _check(given, content)
        versions = {int(version): count for version, count in given.pop("versions").items()}
        return cls(**given, versions=versions, table=content["Table"])


_JSON_NAMES: Final[Mapping[str, str]] = {
    each.name: "".join(
        part if not at else part.title() for at, part in enumerate(each.name.split("_"))
    )
    for each in fields(Manifest)
    if each.name != "table"
}
"""The fields of a manifest and their names in JSON, except ``Table``."""

_COUNTS: Final = ("size", "items", "foreign", "schema_version", "segments")
_TALLIES: Final = ("types", "versions")


def _is_negative(count: Any) -> bool:
    return bool(count < 0)


def _check(given: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    for name, value in given.items():
        is_count, is_tally = name in _COUNTS, name in _TALLIES
        wanted: type = int if is_count else dict if is_tally else str
        if type(value) is not wanted or (is_count and _is_negative(value)):
            raise ValueError(f"{_JSON_NAMES[name]} must not be {shown(value)}")
    for name in _TALLIES:
        if not all(type(count) is int for count in given[name].values()):
            raise ValueError(f"{_JSON_NAMES[name]} must be counts, not {shown(given[name])}")
    if not all(version.isdecimal() for version in given["versions"]):
        raise ValueError(f"versions must be numbers, not {shown(given['versions'])}")
    try:
        Schema.of(content["Table"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"Table must be the description of a table: {error!r}") from error
