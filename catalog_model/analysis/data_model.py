"""The data model for AWS's own design tools: tables, items, and every request as a command.

`data_model` returns the content of ``dynamodb_data_model.json``, which the validation tool of AWS's
DynamoDB MCP server loads: it creates the tables, puts the items, and runs the commands of the AWS
CLI one after the other. The commands are those of the package: each access pattern is run on a
table in memory, and its requests are printed as commands. Pure; no requests are sent.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from catalog_model.analysis.estimate import Asked, call, reproducible
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.entities import AnyTitle
from catalog_model.table.indexes import SCHEMA
from catalog_model.writes.load import load_titles

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LEFT_OUT: Final = frozenset({"ReturnConsumedCapacity", "ClientRequestToken"})
"""Parameters that do not belong to the model: the figures of a trace, and the token of a retry."""


def data_model(asked: Sequence[Asked], titles: Sequence[AnyTitle], *, table: str) -> dict[str, Any]:
    """Return the data model in the form of AWS's design tools, with its access patterns.

    Each request of a call is an entry: the call, the question that it answers, the table or index,
    the operation, and a command of the AWS CLI that makes the same request. The calls are made one
    after the other on the same table, so the commands also succeed in that order, writes included.

    Args:
        asked: The calls, each with its rate.
        titles: Titles of the table, and of the items in the model.
        table: Name of the table.

    Raises:
        CatalogError: If a call raises one.

    >>> from catalog_model.analysis.estimate import Asked
    >>> get_title = access_patterns.PATTERNS["get_title"]
    >>> title = Movie.from_json(record)
    >>> call = Asked("get-title", 50, get_title, get_title.bind(title.kind, title.id))
    >>> model = data_model([call], [title], table="films")
    >>> entry = model["access_patterns"][0]
    >>> entry["calls_per_second"], entry["implementation"][:40]
    (50, 'aws dynamodb get-item --table-name films')
    """
    catalog = OfflineCatalog(table)
    with reproducible():
        load_titles(catalog, titles)
        items = catalog.items()
        patterns = [entry for each in asked for entry in _entries(each, catalog)]
    declared = {"TableName": table, **SCHEMA.declaration(), "BillingMode": "PAY_PER_REQUEST"}
    return {
        "tables": [declared],
        "items": {table: [{"PutRequest": {"Item": item}} for item in items]},
        "access_patterns": patterns,
    }


def _entries(asked: Asked, catalog: OfflineCatalog) -> Iterator[dict[str, Any]]:
    with catalog.trace() as trace:
        call(asked, catalog)
    for number, request in enumerate(trace, start=1):
        yield {
            "pattern": asked.text
            if len(trace) == 1
            else f"{asked.text} ({number} of {len(trace)})",
            "description": asked.pattern.question,
            "table": catalog.table,
            "index": None if request.index == TABLE else request.index,
            "dynamodb_operation": request.operation,
            "implementation": command(request),
            "calls_per_second": asked.per_second,
        }


def command(request: Request) -> str:
    """Return the command of the AWS CLI that makes a request, ready for a shell.

    >>> with catalog.trace() as trace:
    ...     count = access_patterns.count_titles(catalog, "movie")
    >>> command(trace.requests[0])[:31]
    'aws dynamodb query --table-name'
    """
    words = ["aws", "dynamodb", _dashed(request.operation), *_options(request.asked)]
    return shlex.join(words)


def _options(asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options of a command; ``TableName`` comes first."""
    for name in sorted(asked.keys() - _LEFT_OUT, key=lambda each: (each != "TableName", each)):
        option, value = _dashed(name), asked[name]
        if isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield f"--{option}"
            yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dashed(name: str) -> str:
    """Return a name of the API as the AWS CLI spells it.

    >>> _dashed("BatchGetItem")
    'batch-get-item'
    """
    return _WORD_ENDS.sub("-", name).lower()
