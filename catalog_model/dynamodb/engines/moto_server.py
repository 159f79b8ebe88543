"""moto as a server, in a process of its own.

Run as ``python -m catalog_model.dynamodb.engines.moto_server HOST PORT``.

Some things that moto lacks are added on the way. It knows no locks and would lose one of two
writes that come together, so requests are served one at a time. And it copies the whole table
for each action of a transaction, so that a table of thousands of items takes minutes to fill;
here only the items that a transaction names are set aside. And it sorts the whole table for each
Scan, comparing objects; here plain values are compared. And it walks the whole table for each
Query; `moto_queries` ends that. And it answers every web page that a browser has open; here those
of this machine alone.
"""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.engines.moto_queries import hasten_queries

_transact_slowly: Final = DynamoDBBackend.transact_write_items
_one_transaction: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class _SetAside:
    """An item as it was before a transaction; None where there was none."""

    table: Table
    hash_key: DynamoType
    range_key: DynamoType
    item: Item | None

    def put_back(self) -> None:
        items: Any = self.table.items[self.hash_key]
        if self.item is None:
            items.pop(self.range_key, None)
        else:
            items[self.range_key] = self.item


def hasten() -> None:
    """Make moto's transactions and queries quick in this process, where they come one at a time."""
    setattr(DynamoDBBackend, "transact_write_items", _transact)  # noqa: B010  # seen as a method
    setattr(Table, "all_items", _all_items)  # noqa: B010  # likewise
    hasten_queries()


def _all_items(table: Table) -> list[Item]:
    """List the items of a table in order, as moto does for each request, by plain values."""
    items: list[Any] = []
    for found in table.items.values():
        items += found.values() if table.range_key_attr else [found]
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[Any, ...]:
    keys = (item.hash_key, item.range_key)
    return tuple(key.cast_value for key in keys if key is not None)


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Carry out a transaction; one at a time, as what it changes in moto is everybody's."""
    with _one_transaction:
        _transact_alone(backend, transact_items)


def _transact_alone(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    try:
        before = list(_set_aside(backend, transact_items))
    except (AttributeError, KeyError, TypeError):  # a bad request, or a table without sort key
        return _transact_slowly(backend, transact_items)
    Table.__deepcopy__ = lambda table, _memo: table  # type: ignore[attr-defined]
    try:
        _transact_slowly(backend, transact_items)
    except BaseException:
        for item in before:
            item.put_back()
        raise
    finally:
        del Table.__deepcopy__  # type: ignore[attr-defined]


def _set_aside(
    backend: DynamoDBBackend, transact_items: list[dict[str, Any]]
) -> Iterable[_SetAside]:
    for action in transact_items:
        for request in action.values():
            table = backend.tables[request["TableName"]]
            key = request.get("Key") or request["Item"]
            hash_key = DynamoType(key[table.hash_key_attr])
            range_key = DynamoType(key[table.range_key_attr])
            found = table.get_item(hash_key, range_key)
            yield _SetAside(table, hash_key, range_key, copy.deepcopy(found))


class _Quiet(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Keep requests out of the log; errors still go there."""


def _headers(environ: Any) -> dict[str, str]:
    return {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }


def serve(host: str, port: int) -> None:
    """Be moto until stdin ends, as it does when the process that started this one is gone."""
    hasten()
    moto, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
    exposed = host != keeper.LOOPBACK

    def application(environ: Any, start_response: Any) -> Any:
        try:
            keeper.check_request(_headers(environ), exposed=exposed)
        except keeper.RefusedError as error:
            body = keeper.refusal(error)
            start_response(error.status, [("Content-Length", str(len(body)))])
            return [body]
        with lock:
            return moto(environ, start_response)

    server = make_server(host, port, application, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
