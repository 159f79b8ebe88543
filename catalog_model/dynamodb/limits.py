"""The limits of DynamoDB. Source: developer guide, "Quotas" and "Constraints"."""

from typing import Final

MAX_DIGITS: Final = 38
"""Significant digits of a number."""

MIN_EXPONENT: Final = -130
MAX_EXPONENT: Final = 125
"""Numbers other than 0 have a magnitude from 1E-130 to 9.99E+125."""

MAX_PARTITION_KEY_BYTES: Final = 2048
MAX_SORT_KEY_BYTES: Final = 1024

MAX_ITEM_BYTES: Final = 400 * 1024

MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
MAX_TRANSACTION_ACTIONS: Final = 100

MAX_PUT_BYTES: Final = MAX_TRANSACTION_BYTES - 16 * 1024
"""Items that one transaction puts: the rest is for the keys and values of up to 99 other actions.
"""

MAX_BATCH_GET: Final = 100
"""Keys of a BatchGetItem."""

MAX_BATCH_WRITE: Final = 25
"""Writes of a BatchWriteItem."""

MAX_PAGE_BYTES: Final = 1024 * 1024
"""Items read by a Query or Scan; the item beyond it begins the next page."""

MAX_BATCH_BYTES: Final = 16 * 1024 * 1024
"""Items read by a BatchGetItem; the keys from there on are left unprocessed."""

MAX_EXPRESSION_BYTES: Final = 4096
MAX_OPERANDS: Final = 100
"""Operands of IN."""

MAX_LEVELS: Final = 32
"""Levels of a nested value."""

READ_UNIT_BYTES: Final = 4096
WRITE_UNIT_BYTES: Final = 1024

BURST_SECONDS: Final = 300.0
"""Seconds for which a provisioned table or index keeps unused units."""

MAX_INDEXES: Final = 20
"""The default quota of global secondary indexes of a table."""
