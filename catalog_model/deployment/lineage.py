"""The lineage of tables: a table and those that were restored from it, under one name.

A restored table is named after its source and the moment that was restored, such as
``films--restored-20261128T114500Z``. Without that suffix, both have the same name: their lineage.
"""

import re
from datetime import UTC, datetime
from typing import Final

_SUFFIX: Final = re.compile(r"--restored-\d{8}T\d{6}Z\Z", re.ASCII)


def lineage_of(table: str) -> str:
    """Return the name of a table, or its ARN, without the suffix of a restored table.

    >>> lineage_of("films--restored-20261128T114500Z"), lineage_of("films")
    ('films', 'films')
    """
    return _SUFFIX.sub("", table) or table


def restored_name(table: str, moment: datetime) -> str:
    """Return the name of a table that is restored to a moment.

    >>> restored_name("films", datetime(2026, 11, 28, 11, 45, tzinfo=UTC))
    'films--restored-20261128T114500Z'
    """
    return f"{lineage_of(table)}--restored-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
