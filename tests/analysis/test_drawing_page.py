"""The page of a drawing: complete, harmless whatever titles are called, and without a network."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import product

import pytest
from html_pages import Parsed
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled
from strategies import titles

from catalog_model import Movie, TVShow
from catalog_model.analysis.chosen_titles import choose_titles, example_arguments
from catalog_model.analysis.drawing import Drawing, draw
from catalog_model.analysis.drawing_page import drawing_page
from catalog_model.analysis.drawn_calls import call_article
from catalog_model.analysis.html_text import visible
from catalog_model.cli.examples import example_calls
from catalog_model.entities import AnyTitle, Title
from catalog_model.files.reader import read_folder, sample_folder

FOLDER = files("catalog_model.analysis") / "page"
STYLE, SCRIPT = ((FOLDER / name).read_text("utf-8") for name in ("page.css", "page.js"))
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' autofocus onfocus=alert(1) '",
    "<!--<script>",
    "]]>&lt;b&gt;&#0;&amp",
    "$policy ${script} $$",
    "\u202eflipped\u2066\x00\r\x85",
    "</title></style></bdi>",
)
TAGS = {
    *("html", "head", "meta", "title", "link", "style", "script", "body", "header", "footer"),
    *("a", "div", "aside", "main", "section", "article", "details", "summary", "fieldset"),
    *("h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "dl", "dt", "dd", "legend", "label", "input"),
    *("button", "span", "small", "b", "bdi", "code", "table", "thead", "tbody", "tr", "th", "td"),
}


def drawing_of(some: Sequence[AnyTitle]) -> Drawing:
    calls = example_calls(some, arguments=example_arguments(some))
    return draw(some, calls, table="films")


@cache
def sample_drawing() -> Drawing:
    found = [title for title in read_folder(sample_folder()) if isinstance(title, Title)]
    return drawing_of(choose_titles(found, 8))


@cache
def sample_page() -> str:
    return drawing_page(sample_drawing(), source="the sample data")


@st.composite
def hostile_titles(draw_: st.DrawFn) -> list[Movie | TVShow]:
    """A few titles, some with a name that is dangerous in HTML."""
    some = draw_(st.lists(titles(), min_size=1, max_size=3, unique_by=lambda title: title.key))
    return [_named(title, draw_(st.none() | st.sampled_from(HOSTILE))) for title in some]


def _named(title: Movie | TVShow, name: str | None) -> Movie | TVShow:
    if name is None:
        return title
    return title.replace(title=name) if isinstance(title, Movie) else title.replace(name=name)


@settings(max_examples=scaled(30))  # each makes a call of every access pattern
@given(hostile_titles())
def test_no_title_adds_an_element(some: list[Movie | TVShow]) -> None:
    """A name is text: the page has its own elements, style and script only, and no handlers."""
    page = drawing_page(drawing_of(some), source="a file")
    parsed = Parsed(page)
    assert {element.tag for element in parsed.elements} <= TAGS
    assert [each.text for each in parsed.all("style")] == [STYLE]
    data, script = parsed.all("script")
    assert script.text == SCRIPT
    assert data.attributes == {"type": "application/json", "id": "data"}
    assert json.loads(data.text)
    for element in parsed.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
    names = [element.text for element in parsed.all("bdi")]
    for title in some:
        assert visible(title.display_name) in names


@given(st.text())
def test_no_character_of_a_text_is_hidden(text: str) -> None:
    """Nor does it change the direction of others; what can be seen is unchanged."""
    seen = visible(text)
    assert all(each.isprintable() or each in "\u200c\u200d" for each in seen)
    assert not text.isprintable() or seen == text
    assert seen.encode().decode() == seen


def test_the_page_needs_no_network() -> None:
    """It refers to its own parts only, and its policy refuses everything else."""
    for element in Parsed(sample_page()).elements:
        references = [element.attributes.get(name, "#") for name in ("href", "src", "action")]
        assert all(each.startswith("#") or each == "data:," for each in references)
    assert not re.search(r"url\(|@import|@font-face", STYLE)
    assert not re.search(r"fetch|XMLHttp|import\(|WebSocket|innerHTML|eval|https?:", SCRIPT)


def test_the_policy_allows_this_style_and_this_script_only() -> None:
    """By their hashes."""
    metas = [each.attributes for each in Parsed(sample_page()).all("meta")]
    policy = next(each["content"] for each in metas if "http-equiv" in each)
    hashes = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (STYLE, SCRIPT)
    }
    assert set(re.findall(r"'sha256-([^']*)'", policy)) == hashes
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_every_reference_has_its_element() -> None:
    """Ids are unique; links, labels and the rows of all choices exist."""
    parsed = Parsed(sample_page())
    ids = [each.attributes["id"] for each in parsed.elements if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    links = [each.attributes["href"][1:] for each in parsed.all("a")]
    labels = [
        e.attributes[n] for e in parsed.elements for n in ("aria-labelledby",) if n in e.attributes
    ]
    data = json.loads(next(parsed.all("script")).text)
    rows = [row for each in data.values() for row in each.get("rows", [])]
    rows += [row for each in data.values() for read in each.get("requests", []) for row in read]
    rows += [row for each in data.values() for row in each.get("changes", {})]
    values = [e.attributes["value"] for e in parsed.all("input") if e.attributes["type"] == "radio"]
    assert {*links, *labels, *rows, *values} <= set(ids)
    assert values == list(data)


def test_every_row_and_every_call_is_on_the_page() -> None:
    """Also without the script: rows in their order, and the figures of each call."""
    drawing, parsed = sample_drawing(), Parsed(sample_page())
    seen = [e.text for e in parsed.all("tr", "row") if "hidden" not in e.attributes]
    places = [each.attributes["data-place"] for each in parsed.all("section")]
    views = {view.place: view for view in drawing.views}
    assert sorted(places) == sorted(views)
    rows = [row for place in places for row in views[place].rows]
    assert len(seen) == len(rows)
    for text, row in zip(seen, rows, strict=True):
        assert text.startswith(row.key.sort)
        assert text.endswith(row.value)
    panels = [each.text for each in parsed.all("article")]
    for text, call in zip(panels, drawing.calls, strict=False):
        assert call.text in text
        assert call.pattern.question in text
        for sent in call.sent:
            assert sent.request.key_conditions[0] in text
            assert f"{sent.request.total_units:g} " in text


def test_requests_that_are_sent_at_once_are_under_one_heading() -> None:
    """With their number; several round trips are numbered."""
    found = {
        call.pattern.name: re.findall(r"<h4>([^<]*request[^<]*)</h4>", call_article(call, "call"))
        for call in sample_drawing().calls
    }
    assert found["get_title"] == ["1 request"]
    assert found["list_top_rated"][0].endswith("requests, sent at once")
    assert found["set_genres"] == ["Round trip 1: 1 request", "Round trip 2: 1 request"]


def test_the_marks_are_those_of_the_drawing() -> None:
    """For each call, the rows that its requests read and that it changes."""
    drawing, parsed = sample_drawing(), Parsed(sample_page())
    data = json.loads(next(parsed.all("script")).text)
    for number, call in enumerate(drawing.calls, start=1):
        choice = data[f"call-{number}-{call.pattern.name}"]
        assert [len(rows) for rows in choice["requests"]] == [len(s.rows) for s in call.sent]
        states = sorted(change.state for change in call.changes.values())
        assert sorted(choice["changes"].values()) == states


def colours() -> dict[str, tuple[str, str]]:
    """Return the colours of the style by name: for light pages, and for dark ones."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


STATES = ("read", "created", "changed", "deleted", "own")
PAIRS = [
    *product(("ink", "quiet", "key"), ("ground", "surface")),
    *product(("ink", "key"), ("raised", *STATES)),
    *((f"{state}-ink", state) for state in STATES),
    *(("accent", ground) for ground in ("ground", "surface", "raised")),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_has_the_contrast_of_wcag_aa(ink: str, ground: str, scheme: int) -> None:
    """At least 4.5 to 1, for each text on each ground where it occurs."""
    shades = [luminance(colours()[name][scheme]) + 0.05 for name in (ink, ground)]
    assert max(shades) / min(shades) >= 4.5
