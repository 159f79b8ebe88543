"""Text for HTML pages: escaped, and without characters that cannot be seen. Pure."""

from html import escape
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Invisible, but parts of words and of emoji."""


def visible(text: str) -> str:
    r"""Return a text with invisible characters as escape sequences.

    They could reverse or hide other text, or be changed by a browser.

    >>> visible("M\u202e\x00")
    'M\\u202e\\x00'
    """
    return "".join(
        each if each.isprintable() or each in _JOINERS else ascii(each)[1:-1] for each in text
    )


def safe(text: object) -> str:
    """Return a value as HTML, for an element or a quoted attribute.

    >>> safe("<b title='1'>")
    '&lt;b title=&#x27;1&#x27;&gt;'
    """
    return escape(visible(str(text)))


def name_of(text: str) -> str:
    """Return a name as HTML whose direction of writing affects no other text."""
    return f"<bdi>{safe(text)}</bdi>"


def code(text: object) -> str:
    """Return a value as code."""
    return f"<code>{safe(text)}</code>"


def figure(value: float) -> str:
    """Return a number as text, without superfluous zeros."""
    return f"{value:,.10g}"
