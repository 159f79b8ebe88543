"""Records the requests of a handle as DynamoDB receives and charges them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ill_tables import units_in
from throughput import READS, WRITES

from catalog_model import Catalog


@dataclass
class Request:
    """One request and its answer."""

    operation: str
    params: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def index(self) -> str | None:
        return self.params.get("IndexName")

    @property
    def units(self) -> float:
        """The capacity units charged by the engine, on the table and all indexes."""
        return units_in(self.answer)

    @property
    def items_read(self) -> int:
        """The number of items read, returned or not."""
        return int(self.answer.get("ScannedCount", 0))


@contextmanager
def logged_requests(catalog: Catalog) -> Iterator[list[Request]]:
    """Collect the requests made through the handle's client in this block."""
    log: list[Request] = []
    events = catalog.client.meta.events
    local = threading.local()

    def before(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in READS | WRITES:
            params["ReturnConsumedCapacity"] = "INDEXES"
        local.request = Request(model.name, dict(params))
        log.append(local.request)

    def after(parsed: dict[str, Any], **_: Any) -> None:
        local.request.answer = parsed

    events.register("provide-client-params.dynamodb", before)
    events.register("after-call.dynamodb", after)
    try:
        yield log
    finally:
        events.unregister("provide-client-params.dynamodb", before)
        events.unregister("after-call.dynamodb", after)
