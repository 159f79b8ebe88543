"""Folding of names: laws for every code point, and real names as users type them."""

# ruff: noqa: RUF001 # similar letters are the subject of folding

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog_model.table.assigned import VERSION, is_assigned
from catalog_model.table.folding import fold_character, fold_name

OF_VERSION_3 = "6ce575e0af73c1360ec61335113e22c27932682bf2baa61da90bc94b53759dec"
"""A hash of the folded form of each code point in tables of schema version 3."""

ALL = [chr(point) for point in range(0x110000)]

any_text = st.text(st.characters(), max_size=12)
"""Any code points, including lone surrogates."""

combining = st.text(
    st.sampled_from("aeIßøıﬁ™❤ -\u00a0\u0301\u0327\u0345\u200d\ufe0f\u20e3かﾊ\u3099ﾞกุ่తై్한क़्ि"),
    max_size=12,
)
"""Letters of many scripts, with marks, joiners, symbols and white space in any order."""


@pytest.fixture(scope="module")
def folded() -> dict[str, str]:
    """The folded form of each code point."""
    return {character: fold_character(character) for character in ALL}


def of_all(folded: dict[str, str], text: str) -> str:
    """Fold a text by the table."""
    return "".join(map(folded.__getitem__, text))


def test_what_is_left_after_folding_folds_to_itself(folded: dict[str, str]) -> None:
    """For each code point, folding twice is the same as folding once."""
    assert len(folded) == 0x110000
    assert [c for c in ALL if folded[c] != c and of_all(folded, folded[c]) != folded[c]] == []


FORMS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "title case": str.title,
    "case folding": str.casefold,
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_unicode_calls_the_same_folds_alike(folded: dict[str, str], form: str) -> None:
    """Caseless and canonical equivalence, for each code point, as far as it is in Unicode 14."""
    others = ((character, FORMS[form](character)) for character in ALL)
    differing = [(c, o) for c, o in others if c != o and of_all(folded, o) != folded[c]]
    assert [(c, o) for c, o in differing if all(map(is_assigned, c + o))] == []


def test_compatible_forms_fold_alike_but_symbols_and_punctuation(folded: dict[str, str]) -> None:
    """A superscript or full-width letter is that letter; a trade mark is nothing, and not "tm".

    Of what the folding's version of Unicode has; this Python's may have more.
    """
    assigned = filter(is_assigned, ALL)
    others = ((character, unicodedata.normalize("NFKC", character)) for character in assigned)
    differing = [c for c, o in others if c != o and of_all(folded, o) != folded[c]]
    assert {unicodedata.category(c)[0] for c in differing} == {"P", "S"}
    assert {folded[c] for c in differing} == {""}


def test_nothing_is_left_of_what_does_not_count(folded: dict[str, str]) -> None:
    """No upper case, punctuation, symbol, control or format, and nothing invalid in a sort key."""
    left = set("".join(folded.values()))
    assert len(left) > 100_000
    known = {c for c in left if unicodedata.category(c) != "Cn"}
    assert {unicodedata.category(c) for c in known - {" "}} == {
        *("Ll", "Lm", "Lo", "Lu", "Mc", "Mn", "Nd", "Nl", "No")
    }
    assert {c for c in left if c.lower() != c and c.casefold() != c} == set()
    assert {c for c in left if c.isspace()} == {" "}
    assert not left & set("#-\ufe0f\ufe0e\u200d\u200b\u00ad\u2060\ufeff\u3164\u115f\U000e0041")
    assert max(left) < "\U0010fffd"
    spaced = {c for c in ALL if " " in folded[c]}
    assert {c for c in ALL if c.isspace()} <= spaced
    assert all(" " in unicodedata.normalize("NFKD", c) for c in spaced if not c.isspace())


def test_letters_that_only_differ_by_a_stroke_become_the_letter(folded: dict[str, str]) -> None:
    """So each Latin letter WITH something is found by the plain letter."""
    for character in ALL:
        name = unicodedata.name(character, "")
        found = re.match("LATIN (?:SMALL|CAPITAL) LETTER ([A-Z]) WITH ", name)
        if found and is_assigned(character):
            assert folded[character][0] == found[1].lower(), name


def test_the_frozen_version_is_that_of_unicode() -> None:
    """Code points unassigned in this Python are unassigned in it; in Python 3.11 they are equal."""
    unassigned = {c for c in ALL if unicodedata.category(c) == "Cn"}
    ideographs = {c for c in unassigned if 0x20000 <= ord(c) < 0x40000}
    frozen = {c for c in ALL if not is_assigned(c)}
    assert unassigned - ideographs <= frozen
    if unicodedata.unidata_version.startswith(VERSION):
        assert frozen == unassigned - {c for c in ideographs if ord(c) & 0xFFFE != 0xFFFE}


def test_the_folding_of_all_code_points_is_the_same_on_every_python(folded: dict[str, str]) -> None:
    """Tables outlive Python versions: a change here changes stored data and needs a new version."""
    digest = hashlib.sha256()
    for character in ALL:
        digest.update(f"{folded[character]};".encode())
    assert digest.hexdigest() == OF_VERSION_3


@given(any_text | combining)
@example("a\u3000 \u2003b")
def test_folding_a_name_twice_changes_nothing_more(name: str) -> None:
    """With ``-`` treated as the space that it stands for."""
    once = fold_name(name)
    assert fold_name(once.replace("-", " ")) == once


@given(any_text | combining, any_text | combining)
def test_what_begins_a_name_begins_its_folded_form(prefix: str, rest: str) -> None:
    """For every prefix: between a letter and its mark, or within spaces, too."""
    assert fold_name(prefix + rest).startswith(fold_name(prefix))


@given(any_text | combining)
def test_case_does_not_count(name: str) -> None:
    """For all of Unicode's case mappings."""
    for other in (name.upper(), name.lower(), name.casefold(), name.swapcase()):
        if all(map(is_assigned, other)):
            assert fold_name(other) == fold_name(name)


@given(any_text | combining)
def test_composed_and_decomposed_names_fold_alike(name: str) -> None:
    """Except for kept marks that were not in Unicode's order before."""
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert sorted(fold_name(composed)) == sorted(fold_name(decomposed))
    kept = [unicodedata.combining(c) for c in fold_name(decomposed)]
    if not any(one and other and one != other for one, other in itertools.pairwise(kept)):
        assert fold_name(composed) == fold_name(decomposed)


DROPPED = "\ufe0f\u200d\u00ad\u2060\u034f\u180b\U000e0100™®❤'’-·"


@given(any_text, any_text, st.sampled_from(DROPPED))
def test_what_does_not_count_may_stand_anywhere(left: str, right: str, dropped: str) -> None:
    """Variation selectors, joiners, soft hyphens, trade marks, hearts and apostrophes."""
    assert fold_name(left + dropped + right) == fold_name(left + right)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("❤️ Love Actually Not", "love"),
        ("Monster High™: Ghouls Rule", "monster high ghouls"),
        ("LEGO® Marvel", "lego marvel"),
        ("Disney℠ on Ice", "disney on ice"),
        ("  🎬 \u200bA  ❤  B", "a b"),
        ("1️⃣ 2️⃣ 3️⃣", "1 2 3"),
        ("👩\u200d🚀 Astronaut", "astro"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f England", "england"),
        ("Łódź", "lodz"),
        ("Sønderjylland", "sonder"),
        ("Đorđe", "dorde"),
        ("Ħal Għaxaq", "hal ghaxaq"),
        ("Æon Flux", "aeon flux"),
        ("L'Œuvre", "loeuvre"),
        ("Þór og ðe", "thor og de"),
        ("Straße", "STRASSE"),
        ("STRAẞE", "strasse"),
        ("İstanbul", "istanbul"),
        ("IŞIK", "ışık"),
        ("Kış Uykusu", "KIS UYKUSU"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("Ὀδυσσεύς", "οδυσσευσ"),
        ("ᾳδης", "ΑΙΔΗΣ"),
        ("Ёлки", "елки"),
        ("ﬁn", "fin"),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ", "full width"),
        ("Alien³", "alien 3".replace(" ", "")),
        ("Rocky Ⅳ", "rocky iv"),
        ("①②", "12"),
        ("Hawaiʻi Five-0", "hawaii five0"),
        ("Wall·E", "walle"),
        ("Spider-Man", "spiderman"),
        ("Non\u00a0stop", "non stop"),
        ("Zwei\u00adtel", "zweitel"),
        ("ｶﾞﾝﾀﾞﾑ", "ガンダム"),
        ("千と千尋の神隠し", "千と千尋"),
        ("قَلْب", "قلب"),
        ("قـلـب", "قلب"),
        ("שָׁלוֹם", "שלום"),
        ("한국", "하"),
        ("किताब", "कि"),
        ("ดู", "ดู"),
    ],
)
def test_a_name_is_found_by_what_people_type(name: str, typed: str) -> None:
    """By its beginning, and by the whole name."""
    assert fold_name(typed)
    assert fold_name(name).startswith(fold_name(typed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("किताब", "कताब"),
        ("कर्म", "करम"),
        ("ดู", "ดี"),
        ("ดู", "ด"),
        ("தமிழ்", "தமிழ"),
        ("བོད", "བད"),
        ("Spider-Man", "Spider Man"),
        ("e", "é e"),
        ("スーパー", "スパ"),
    ],
)
def test_names_that_differ_in_a_vowel_or_a_space_stay_apart(one: str, other: str) -> None:
    """Marks that distinguish words are kept."""
    assert fold_name(one) != fold_name(other)
