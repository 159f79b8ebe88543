"""The table as seen with the AWS command line."""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import Any

import pytest
from engines import Engine
from generated import Records
from packages import ROOT, run

from catalog_model import Catalog

SHOWN = ("996154", "1094844")


def _documented_arguments() -> list[str]:
    """Extract the command from docs/data-model.md."""
    page = (ROOT / "docs" / "data-model.md").read_text("utf-8")
    command = re.search(r"```sh\naws (dynamodb get-item .*?)\n```", page, re.DOTALL)
    assert command is not None
    return shlex.split(command[1].replace("\\\n", " "))


def _native(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    plain = {"S": content, "BOOL": content, "NULL": None}
    if kind == "L":
        return [_native(element) for element in content]
    return float(content) if kind == "N" else plain[kind]


def test_the_documented_command_shows_a_title_as_typed_attributes(
    full_catalog: Catalog, engine: Engine, records: Records
) -> None:
    """`aws dynamodb get-item --consistent-read` with the key given in the docs."""
    if engine.endpoint_url is None:
        pytest.skip("moto runs inside this process: no other program can ask it")
    movies = records["movie"]
    for title_id in [id_ for id_ in SHOWN if id_ in movies] or list(movies)[:2]:
        arguments = _documented_arguments()
        at = arguments.index("--key") + 1
        arguments[at] = arguments[at].replace("996154", title_id)
        arguments[arguments.index("--table-name") + 1] = full_catalog.table
        command = [sys.executable, "-m", "awscli", *arguments, "--output", "json"]
        printed = run(*command, "--endpoint-url", engine.endpoint_url, AWS_PAGER="")
        item = json.loads(printed)["Item"]
        shown = {name: _native(value) for name, value in item.items()}
        assert shown.items() >= movies[title_id].items()
        types = [*item["adult"], *item["title"], *item["popularity"], *item["genre_ids"]]
        assert types == ["BOOL", "S", "N", "L"]
