"""A table with one index, for tests of a table's life: few requests for its scaling."""

from itertools import count

from engines import Engine

from catalog_model.deployment.control import Control
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.schema import TableSchema, Versions

SMALL: TableSchema = TableSchema({"by_name": ("group", "name")}, (), Versions("version", 1))

_numbers = count(1)


def small_control(engine: Engine) -> Control:
    """Return the requests about a new table with the schema `SMALL`; it does not exist yet."""
    return Control(Gateway(f"small-{next(_numbers)}", engine.client, SMALL))
