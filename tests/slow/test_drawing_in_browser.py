"""The page of the table in a real browser: keyboard, widths, colours, print, and no network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser_path, running_browser
from click.testing import CliRunner

from catalog_model import access_patterns as ap
from catalog_model.analysis.drawn_rows import PLACES
from catalog_model.cli.program import program

pytestmark = pytest.mark.skipif(browser_path() is None, reason="there is no Chromium or Chrome")

WIDTHS = (375, 1280)
LIT = "[...document.querySelectorAll('tr.lit:not([hidden])')].map(row => row.id)"
CHOSEN = "document.querySelector('input[name=choice]:checked')?.value"
FOCUSED = (
    "document.activeElement.name || document.activeElement.id || document.activeElement.tagName"
)
STATUS = "document.getElementById('status').textContent"

LINKED = "[...document.querySelectorAll('#jumps a')].map(each => each.hash.slice(6))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program_path = browser_path()
    assert program_path
    with running_browser(program_path, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample data."""
    path = tmp_path_factory.mktemp("page") / "table.html"
    result = CliRunner().invoke(program, ["show", "--sample", "--html", str(path)])
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(autouse=True)
def quiet(browser: Browser) -> Iterator[None]:
    """Every test: no error in the console, and no request except for the page."""
    browser.problems.clear()
    browser.requests.clear()
    yield
    assert browser.problems == []
    assert all(url.startswith(("file:", "about:", "data:,")) for url in browser.requests)


def data_of(browser: Browser) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(browser.value("document.getElementById('data').textContent"))
    return data


def rows_of(choice: dict[str, Any]) -> set[str]:
    """Return the rows that a choice marks."""
    read = [row for rows in choice.get("requests", []) for row in rows]
    return {*choice.get("rows", []), *read, *choice.get("changes", {})}


def choose(browser: Browser, name: str) -> None:
    browser.value(f"document.querySelector('input[value={json.dumps(name)}]').click()")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_choice_makes_the_page_wider_than_the_window(
    browser: Browser, page: Path, width: int, *, dark: bool
) -> None:
    """And each marks the rows that it says it reads and changes, with all of its panel in view."""
    browser.open(page, width=width, dark=dark)
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.value(fits)
    for name, choice in data_of(browser).items():
        choose(browser, name)
        assert browser.value(fits), name
        assert browser.value("document.getElementById('panel').scrollWidth") <= width
        assert set(browser.value(LIT)) == rows_of(choice)
        assert browser.value(STATUS) == choice["summary"]
        linked = browser.value(LINKED)
        assert linked == sorted(linked, key=PLACES.index)
        assert browser.value("document.querySelectorAll('.call.chosen').length") == 1


def test_the_page_works_with_the_keyboard(browser: Browser, page: Path) -> None:
    """Tab reaches the choices, arrow keys move through them, and Esc clears the choice."""
    browser.open(page, width=1280)
    names = list(data_of(browser))
    reached = []
    while "choice" not in reached:
        browser.press("Tab")
        reached.append(browser.value(FOCUSED))
        assert len(reached) < 10
    assert reached[0] == "A"
    assert "theme" in reached
    browser.press(" ")
    assert browser.value(CHOSEN) == names[0]
    for name in names[1:]:
        browser.press("ArrowDown")
        assert browser.value(CHOSEN) == name
        assert set(browser.value(LIT)) == rows_of(data_of(browser)[name])
    browser.press("ArrowUp")
    assert browser.value(CHOSEN) == names[-2]
    browser.press("Escape")
    assert browser.value(CHOSEN) is None
    assert browser.value(LIT) == []
    assert browser.value(STATUS) == ""


def test_a_click_on_a_phone_closes_the_choices(browser: Browser, page: Path) -> None:
    """So that the panel is in view; the arrow keys leave them open."""
    browser.open(page, width=375)
    is_open = "document.getElementById('chooser').open"
    assert not browser.value(is_open)
    browser.click("document.querySelector('#chooser summary')")
    assert browser.value(is_open)
    browser.click("document.querySelectorAll('.choice span')[3]")
    assert not browser.value(is_open)
    assert browser.value(CHOSEN) == list(data_of(browser))[3]
    browser.click("document.querySelector('#chooser summary')")
    browser.value("document.querySelector('input[name=choice]:checked').focus()")
    browser.press("ArrowDown")
    assert browser.value(CHOSEN) == list(data_of(browser))[4]
    assert browser.value(is_open)


def test_one_request_can_be_singled_out(browser: Browser, page: Path) -> None:
    """A second press shows the whole call again."""
    browser.open(page, width=1280)
    name = next(each for each in data_of(browser) if each.endswith("sample_titles"))
    rows = data_of(browser)[name]["requests"]
    choose(browser, name)
    whole = browser.value(LIT)
    browser.value("document.querySelectorAll('.call.chosen .requests button')[1].focus()")
    browser.press("Enter")
    assert set(browser.value(LIT)) == set(rows[1])
    browser.press("Enter")
    assert browser.value(LIT) == whole


def test_only_marked_rows_can_be_shown(browser: Browser, page: Path) -> None:
    """Of a write: what it reads, and what it creates, in its place; nothing else."""
    browser.open(page, width=1280)
    name = next(each for each in data_of(browser) if each.endswith("put_title"))
    choose(browser, name)
    browser.value("document.getElementById('only').click()")
    seen = "[...document.querySelectorAll('tr.row')].filter(r => r.getClientRects().length)"
    assert set(browser.value(f"{seen}.map(r => r.id)")) == rows_of(data_of(browser)[name])
    assert set(browser.value(f"{seen}.map(r => r.className)")) == {
        "row lit created",
        "row lit read",
    }


def test_colours_follow_the_system_until_they_are_chosen(browser: Browser, page: Path) -> None:
    """The button changes them, and they stay chosen."""
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    browser.open(page, width=1280)
    light = browser.value(ground)
    browser.open(page, width=1280, dark=True)
    dark = browser.value(ground)
    assert light != dark
    browser.value("document.getElementById('theme').click()")
    assert browser.value(ground) == light
    browser.value("document.getElementById('theme').click()")
    assert browser.value(ground) == dark
    browser.value("localStorage.clear()")


def test_a_link_opens_a_choice(browser: Browser, page: Path) -> None:
    """The address names the choice, so that it can be passed on."""
    browser.open(page, width=1280)
    name = list(data_of(browser))[7]
    choose(browser, name)
    assert browser.value("location.hash") == f"#{name}"
    browser.value("location.reload()")
    browser.until(f"{CHOSEN} === {json.dumps(name)}")


def test_without_scripts_all_calls_are_shown(browser: Browser, page: Path) -> None:
    """One after the other, next to the rows; controls that would do nothing are not."""
    browser.script(allowed=False)
    try:
        browser.open(page, width=375)
        shown = "[...document.querySelectorAll('{}')].filter(e => e.getClientRects().length).length"
        assert browser.value(shown.format("article")) == len(ap.PATTERNS)
        assert browser.value(shown.format("input, button")) == 0
        assert browser.value("document.documentElement.scrollWidth") <= 375
    finally:
        browser.script(allowed=True)


def test_print_has_the_chosen_call_and_all_rows(browser: Browser, page: Path) -> None:
    """In dark colours on the screen, too: paper is white."""
    browser.open(page, width=794, dark=True)
    choose(browser, next(each for each in data_of(browser) if each.endswith("set_genres")))
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        shown = "[...document.querySelectorAll('{}')].filter(e => e.getClientRects().length).length"
        assert browser.value(shown.format(".chooser, button, input")) == 0
        assert browser.value(shown.format("article")) == 1
        assert browser.value(shown.format(".view")) == 5
        ground = browser.value("getComputedStyle(document.documentElement).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert browser.value("document.documentElement.scrollWidth") <= 794
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")
