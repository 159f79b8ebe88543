"""The rules of `dynamodb.capacity` with this table's indexes."""

from functools import partial
from typing import Final

from catalog_model.dynamodb import capacity
from catalog_model.table.indexes import SCHEMA

index_entry: Final = SCHEMA.entry
stored_bytes: Final = partial(capacity.stored_bytes, SCHEMA)
