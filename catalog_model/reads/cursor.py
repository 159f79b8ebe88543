"""Cursors: opaque, signed, and valid only for the function and arguments they were made for.

A cursor contains the place of the last title shown. The partition and its bounds come from the
arguments alone, so even a forged cursor could not read anything else; the signature ensures that a
wrong cursor is rejected instead of silently showing a wrong page.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any, Final

from itsdangerous import BadData, Signer, URLSafeSerializer

from catalog_model.catalog import Catalog
from catalog_model.checks import shown
from catalog_model.errors import InvalidCursorError
from catalog_model.table.keys import SortKey, is_place

MAX_CURSOR: Final = 4096
"""Characters. The longest place takes about 3,700; a longer text is rejected unread."""


_PAYLOADS: Final = URLSafeSerializer("")
"""Encodes and decodes places; the signature is that of the question's own signer."""


class Cursors:
    """Makes and reads the cursors of one question: one function, its arguments, one lineage."""

    def __init__(self, catalog: Catalog, function: str, *arguments: Any) -> None:
        question = json.dumps([catalog.lineage, function, *arguments])
        self._function = function
        self._signer = _signer(catalog.cursor_secret, question)

    def read(self, after: object) -> SortKey | None:
        """Return the place encoded in *after*; None for None.

        Raises:
            InvalidCursorError: If it was not made by this class for this question.
        """
        if after is None:
            return None
        is_short = isinstance(after, str) and len(after) <= MAX_CURSOR
        place = self._loaded(str(after)) if is_short else None
        # Base64 has several texts for the same bytes; accept only the original one.
        if place is None or self.make(place) != after:
            raise InvalidCursorError(
                f"after must be the next of a page of {self._function} with the same arguments, "
                f"not {shown(after)}"
            )
        return place

    def _loaded(self, after: str) -> SortKey | None:
        try:
            place = _PAYLOADS.load_payload(self._signer.unsign(after))
        except (BadData, ValueError):
            return None
        return SortKey(place) if is_place(place) else None

    def make(self, place: SortKey) -> str:
        """Return the cursor for the page after *place*."""
        return _made(self._signer, place)


@lru_cache(256)
def _signer(secret: str, question: str) -> Signer:
    """Return the signer of a question's cursors; its key is derived once, not for each cursor."""
    salt = f"catalog-model cursor 1 {question}"
    key = Signer(secret, salt, digest_method=hashlib.sha256).derive_key()
    return Signer(key, salt, key_derivation="none", digest_method=hashlib.sha256)


@lru_cache(1024)
def _made(signer: Signer, place: SortKey) -> str:
    """Return a cursor. It is a pure function, and the first pages of lists are asked for often."""
    return signer.sign(_PAYLOADS.dump_payload(place)).decode()
