"""Awkward values for the property tests: numbers, names, ids and titles."""

import re
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from catalog_model import Movie, TitleKey, TVShow
from catalog_model.analysis.prediction import index_entry
from catalog_model.dynamodb import sizes
from catalog_model.entities import AnyTitle
from catalog_model.table import codec

ids = st.one_of(st.integers(1, 300), st.integers(1, 10**7), st.integers(1, 10**38 - 1))
"""Ids: some that collide, some of the usual size, some with the maximum number of digits."""

small_ids = st.integers(1, 12)

kinds = st.sampled_from(("movie", "tv"))

title_keys = st.builds(TitleKey, kinds, ids)


@st.composite
def decimals(draw: st.DrawFn) -> Decimal:
    """Any number in DynamoDB's range: 38 digits, exponents from -130 to 125, both signs, zero."""
    digits = draw(st.integers(1, 10**38 - 1))
    exponent = draw(st.integers(-130, 125))
    number = Decimal(f"{digits}E{exponent - len(str(digits)) + 1}")  # exact, in any context
    return draw(st.sampled_from((number, number.copy_negate(), Decimal(0))))


floats = st.one_of(
    st.sampled_from((0.0, 7.0, -7.0, 0.1, 1e22, 1e-5, -3.25, 1070.023, 1e125, 1e-130)),
    st.floats(-1e125, 1e125, allow_nan=False, allow_subnormal=False).filter(
        lambda value: value == 0 or abs(value) >= 1e-130
    ),
    st.decimals(-10, 6000, places=3).map(float),
)

names = st.one_of(
    st.text(max_size=40),
    st.text("aAäÄ#!-' ~é\u0301zß1", max_size=12),
    st.sampled_from(("", "#", "!!!", "ALL#movie", "a#b", "Amélie", "AMELIE", "Wall·E")),
)

dates = st.one_of(st.just(""), st.dates().map(str))

genre_lists = st.lists(st.sampled_from((12, 16, 18, 28, 35, 80, 10749, 99999)), max_size=5)


@st.composite
def titles(draw: st.DrawFn, some_ids: st.SearchStrategy[int] = ids) -> Movie | TVShow:
    """Any title; its names, numbers and genres are awkward, the rest is short."""
    fields: dict[str, Any] = {
        "id": draw(some_ids),
        "genre_ids": draw(genre_lists),
        "popularity": draw(floats),
        "vote_average": draw(floats),
        "vote_count": draw(st.one_of(st.integers(0, 300), st.integers(0, 10**9))),
        "overview": draw(st.sampled_from(("", None, "A film."))),
    }
    if draw(kinds) == "movie":
        return Movie(**fields, title=draw(names), release_date=draw(dates))
    return TVShow(**fields, name=draw(names), first_air_date=draw(dates))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | floats | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
"""Any value that both JSON and DynamoDB support."""

json_values = json_values.filter(lambda value: not re.search("[\ud800-\udfff]", repr(value)))


@st.composite
def full_titles(draw: st.DrawFn) -> Movie | TVShow:
    """Any title with every field of the model, including nulls, in any order, and extra fields."""
    title = draw(titles())
    texts = st.none() | st.sampled_from(("", "en", "A text."))
    record = title.to_json()
    others = {bool: st.none() | st.booleans(), list: st.none() | st.lists(st.just("US"))}
    for name, field in title.fields.items():
        if name not in record:
            record[name] = draw(others.get(field.rule.kind, texts))
    extras = draw(st.dictionaries(st.sampled_from(("tagline", "x", "_y", "PK")), json_values))
    names = draw(st.permutations([*record, *extras]))
    return type(title).from_json({name: {**record, **extras}[name] for name in names})


# --- Titles whose sizes are at the steps of what is charged

few_ids = st.integers(1, 24)


def _measures(title: AnyTitle) -> tuple[int, ...]:
    """Return the sizes of the title item, of a membership or listing, and of an index entry."""
    listing, *memberships = codec.encode_copies(title, 0)
    entry = index_entry(listing, "by_popularity") or {}
    item = codec.encode_title(title, version=2**47 + 1, slot=0)
    return tuple(sizes.item_size(each) for each in (item, (memberships or [listing])[-1], entry))


@st.composite
def edgy_titles(draw: st.DrawFn, some_ids: st.SearchStrategy[int] = few_ids) -> AnyTitle:
    """Titles whose item, copy or index entry is close to the size of a unit."""
    title = draw(titles(some_ids)).replace(overview="")
    size = draw(st.sampled_from(_measures(title)))
    length = draw(st.sampled_from((0, 1024, 2048, 3072, 4096))) + draw(st.integers(-2, 2))
    return title.replace(overview="x" * max(0, length - size))


def engine_number_size(content: str) -> int:
    """Return the size of a number in dynoxide: pairs of digits on both sides of the point.

    `sizes` counts pairs as they are stored, aligned to the point: 120 is `1` and `20`. It is larger
    by one byte if zeros end in the middle of a pair; the guide says "approximately".
    """
    number = Decimal(content)
    whole, _, part = f"{number.copy_abs():f}".partition(".")  # abs() rounds
    whole, part = whole.lstrip("0"), part.rstrip("0")
    whole, part = (whole, part) if part else (whole.rstrip("0"), part)
    part = part if whole else part.lstrip("0")
    pairs = -(-len(whole) // 2) + -(-len(part) // 2)
    return pairs + 1 + (number < 0) if number else 1
