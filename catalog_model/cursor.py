"""Cursors: opaque, signed, and of use only to the function and arguments they were made for.

A cursor holds the place of the last title that was shown. The partition that is read comes from
the arguments alone, so even a forged cursor could not lead elsewhere; the signature makes sure
that a wrong one is refused and never quietly shows a wrong page.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from catalog_model.arguments import shown
from catalog_model.catalog import Catalog
from catalog_model.errors import InvalidCursorError
from catalog_model.keys import SortKey


class Cursors:
    """Makes and reads the cursors of one question: one function, its arguments, one table."""

    def __init__(self, catalog: Catalog, function: str, *arguments: Any) -> None:
        question = json.dumps([catalog.table, function, *arguments])
        self._function = function
        self._serializer = URLSafeSerializer(
            catalog.cursor_secret,
            salt=f"catalog-model cursor 1 {question}",
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def read(self, after: object) -> SortKey | None:
        """Give the place that *after* names; None for None.

        Raises:
            InvalidCursorError: If it was not made here, for this question.
        """
        if after is None:
            return None
        place = self._loaded(after) if isinstance(after, str) else None
        # Base64 has several texts for the same bytes: only the one that was made will do.
        if place is None or self.make(place) != after:
            raise InvalidCursorError(
                f"after must be the next of a page of {self._function} with the same arguments, "
                f"not {shown(after)}"
            )
        return place

    def _loaded(self, after: str) -> SortKey | None:
        try:
            return SortKey(self._serializer.loads(after))
        except (BadData, ValueError):
            return None

    def make(self, place: SortKey) -> str:
        """Give the cursor that goes on after *place*."""
        made = self._serializer.dumps(place)
        return made if isinstance(made, str) else made.decode()
