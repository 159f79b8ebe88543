"""The records of titles as JSON, as Flask's ``jsonify`` writes them: sorted, compact and ASCII.

Most records are written by orjson if it is installed. Records that it might write in another way
are left to `json`: those with floats that have an exponent, with whole numbers beyond 64 bits, with
unknown attributes, or with some characters beyond ASCII.
"""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from catalog_model.entities import AnyTitle

try:
    from orjson import OPT_SORT_KEYS, dumps
except ImportError:
    fast_dumps = None
else:
    fast_dumps = partial(dumps, option=OPT_SORT_KEYS)

BACKSLASH: Final = "\\\\"
"""A backslash in JSON. What follows it could be taken for an escape."""

PYTHONS_SHORT, JSONS_SHORT = "\\x", "\\u00"
PYTHONS_LONG: Final = "\\U"

DELETE: Final = "\x7f"
"""The only character of ASCII that `json` escapes and orjson does not."""

LEAST, MOST = 1e-4, 1e16
"""Python writes floats from the first to below the second without an exponent."""


def records_json(titles: Iterable[AnyTitle]) -> str:
    """Return the records of titles as a JSON array, in their order.

    The text is that of ``json.dumps([title.to_json() for title in titles], sort_keys=True,
    separators=(",", ":"))``, and so that of Flask's ``jsonify`` without its line break.

    >>> oz = Movie(id=3, title="Oz", genre_ids=[], popularity=7.0, vote_average=8, vote_count=1)
    >>> records_json([oz])
    '[{"genre_ids":[],"id":3,"popularity":7.0,"title":"Oz","vote_average":8,"vote_count":1}]'
    """
    return f"[{','.join(map(_record_json, titles))}]"


def _record_json(title: AnyTitle) -> str:
    record = title._record
    if fast_dumps is not None and _is_usual(title, record):
        try:
            text = _in_ascii(fast_dumps(record).decode())
        except TypeError:  # a whole number beyond 64 bits
            text = None
        if text is not None:
            return text
    return json.dumps(title.to_json(), sort_keys=True, separators=(",", ":"))


def _in_ascii(text: str) -> str | None:
    """Escape characters as `json` does; None if that takes more than Python's own escapes."""
    if not text.isascii():
        if BACKSLASH in text:
            return None
        escaped = text.encode("ascii", "backslashreplace").decode("ascii")
        text = escaped.replace(PYTHONS_SHORT, JSONS_SHORT)
        if PYTHONS_LONG in text:  # JSON has pairs of escapes instead
            return None
    return None if DELETE in text else text


def _is_usual(title: AnyTitle, record: dict[str, Any]) -> bool:
    """Whether all of the record's floats are written alike by orjson and by `json`."""
    if not record.keys() <= title.fields.keys():
        return False
    return _is_alike(record["popularity"]) and _is_alike(record["vote_average"])


def _is_alike(number: float) -> bool:
    return LEAST <= number < MOST or type(number) is int or repr(number) == "0.0"
