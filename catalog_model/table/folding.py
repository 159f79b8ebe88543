"""Folding of names for comparison, in Unicode's terms.

Each character is folded independently of its neighbours. Therefore a prefix of a name, once folded,
is a prefix of the folded name. In this order:

1. *White space* becomes a space. A run of it, including characters dropped in between, is written
   as one ``-``; at the beginning of a name it is dropped.
2. These are dropped: *punctuation* and *symbols* (general categories P and S, including ``-`` and
   U+2122 TRADE MARK SIGN, before their compatibility mapping turns them into letters); *controls,
   formats, private and unassigned* code points (C); *default ignorable* ones (variation selectors
   and joiners, fillers of Hangul); and *modifier letters that stand for an apostrophe or a pen
   stroke* (U+02B9 to U+02FF without a mapping, and the tatweel).
3. *Marks* are dropped: enclosing ones (Me), and those whose canonical combining class attaches them
   to a letter (accents, points, harakat, tones, nukta, the voicing of kana). Marks that are vowels
   or suppress one are kept: class 0, viramas (9), and the vowel signs of Telugu, Thai, Lao and
   Tibetan. So is the iota subscript, which is an iota.
4. *Full case folding* and *compatibility decomposition* (NFKD) are repeated until nothing changes:
   ligatures, full-width letters, superscript and circled digits, roman numerals, ``ß``, final
   sigma. There are no rules for specific languages: ``I``, the dotted ``İ`` and dotless i (U+0131)
   all become ``i``.
5. *Latin letters with a stroke*, a bar, a hook or the like, which Unicode does not decompose,
   become the letter in their Unicode name (``LATIN SMALL LETTER L WITH STROKE``). The few letters
   without a base letter become their usual transcription: ``æ œ ð þ ŋ`` are ``ae oe d th n``.

The Unicode version is 14.0, independent of Python's (`catalog_model.table.assigned`).
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from catalog_model.table.assigned import is_assigned

_VOWEL_CLASSES: Final = frozenset({0, 9, 84, 91, 103, 118, 129, 130, 132})
"""Canonical combining classes of marks that distinguish words."""

_IOTA_SUBSCRIPT: Final = "\u0345"
"""The only mark that case folding turns into a letter."""

_DROPPED: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Me"})
_DEFAULT_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_MODIFIER: Final = re.compile("[\u02b9-\u02ff\u0640]")
_WITH: Final = re.compile(r"(LATIN SMALL LETTER .+?) WITH ")
_WRITTEN_AS: Final[Mapping[str, str]] = {
    "æ": "ae",
    "œ": "oe",
    "ɵ": "o",
    "ʉ": "u",
    "ð": "d",
    "þ": "th",
    "ŋ": "n",
    "ĸ": "q",
    "\u0131": "i",
    "ȷ": "j",
}
_SPACES: Final = re.compile(" +")
_CACHED: Final = 2**14
"""The number of characters whose folding is cached, more than the names of a catalogue contain."""


def fold_name(name: str) -> str:
    """Drop case, accents and punctuation from *name*, and write runs of white space as ``-``.

    A folded prefix of a name is a prefix of the folded name, so a search by prefix finds it.

    >>> fold_name("Amélie's  Wall·E")
    'amelies-walle'
    >>> [fold_name(name) for name in ("Monster High™ 2", "Łódź", "½ ﬁn", "❤️ 愛 ❤️ 1️⃣")]
    ['monster-high-2', 'lodz', '12-fin', '愛-1']
    """
    return _SPACES.sub("-", "".join(map(fold_character, name)).lstrip(" "))


@lru_cache(_CACHED)
def fold_character(character: str) -> str:
    """Fold one character: to nothing, a space, itself or other characters."""
    if character.isspace():
        return " "
    if _is_dropped(character):
        return ""
    other = unicodedata.normalize("NFKD", character.casefold())
    if other == character:
        other = _plain_letter(character)
    return character if other == character else "".join(map(fold_character, other))


def _is_dropped(character: str) -> bool:
    category = unicodedata.category(character)
    if not is_assigned(character) or category in _DROPPED or category[0] in "PS":
        return True
    if category[0] == "M" and unicodedata.combining(character) not in _VOWEL_CLASSES:
        return character != _IOTA_SUBSCRIPT
    if _MODIFIER.match(character):
        return not unicodedata.decomposition(character)
    return bool(_DEFAULT_IGNORABLE.match(character))


def _plain_letter(letter: str) -> str:
    """Return the base letter of a small Latin letter, or its usual transcription."""
    named = _WITH.match(unicodedata.name(letter, ""))
    if named is None:
        return _WRITTEN_AS.get(letter, letter)
    try:
        bare = unicodedata.lookup(named[1])
    except KeyError:
        return letter
    return bare if is_assigned(bare) else letter
