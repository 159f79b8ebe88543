"""The settings of the Flask extension, each with valid and invalid values."""

import math
import re
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from example_app import NOT_EVEN_A_PORT, await_reason
from flask import Flask

from catalog_model import Catalog
from catalog_model.checks import shown
from catalog_model.errors import CatalogError, InvalidArgumentError
from catalog_model.flask import FlaskCatalog, Serving
from catalog_model.flask.settings import NUMBERS, SECRETS, SWITCHES, TEXTS, read_settings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (*TEXTS, *SWITCHES, *NUMBERS)

NOT_A_TEXT: tuple[Any, ...] = (
    *(5, 0, 1.5, True, False, b"bytes", b"", ["a"], [], ("a",), {"a": 1}, {}, {"a"}),
    *(object(), Path("a"), Decimal(1), "lone \ud800", type, len),
)
NOT_A_NUMBER: tuple[Any, ...] = (
    *("soon", "5 s", "1,5", "0x5", "--5", "nan", "inf", "-inf", "-1", " ", "1e999", "five"),
    *(True, False, b"5", [5], (5,), {"s": 5}, object(), 5j, len),
    *(math.nan, math.inf, -math.inf, -1, -0.5, 10**400),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Fraction(-1)),
)
NOT_A_SWITCH: tuple[Any, ...] = (
    *("yes", "true", "True", "on", "2", "-1", " ", "10", 2, -1, 1.0, 0.0, math.nan, Decimal(1)),
    *(b"1", [True], (), {}, object(), 1j, len),
)


class Seconds(IntEnum):
    THREE = 3


def wrong_values(key: str) -> list[Any]:
    """Return values that are invalid for a setting."""
    if key in TEXTS:
        return list(NOT_A_TEXT)
    if key in SWITCHES:
        return list(NOT_A_SWITCH)
    number = NUMBERS[key]
    beyond = (number.least - 1, number.most + 1, str(number.most * 2))
    return [*NOT_A_NUMBER, *beyond, *((1.5, "2.5") if number.is_whole else ())]


@pytest.fixture
def app() -> Flask:
    """An application without settings."""
    return Flask("test")


def serving_of(app: Flask) -> Serving:
    FlaskCatalog(app)
    found: Serving = app.extensions["catalog_model"]
    return found


@pytest.mark.parametrize("key", SETTINGS)
def test_a_wrong_setting_is_refused_where_it_is_read(app: Flask, key: str) -> None:
    """By name, with the value unless it is secret; nothing is set up."""
    for value in wrong_values(key):
        app.config[key] = value
        with pytest.raises(InvalidArgumentError) as refused:
            FlaskCatalog(app)
        wanted = f"{key} must be .*, not "
        if key not in SECRETS and "surrogates" not in str(refused.value):
            wanted += re.escape(shown(value))
        assert re.match(wanted, str(refused.value)), value
        assert "catalog_model" not in app.extensions


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_of_a_wrong_type_is_not_shown(app: Flask, key: str) -> None:
    """Only its type is shown."""
    for value, message in ((b"hunter2", "a text of Unicode, not bytes"), ("hunter2 \ud800", "")):
        app.config[key] = value
        with pytest.raises(InvalidArgumentError, match=f"must be {message}") as refused:
            FlaskCatalog(app)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [3, 3.0, "3", "3.0", " 3 ", "3e0", Decimal(3), Fraction(3),
                                   Seconds.THREE], ids=repr)  # fmt: skip
def test_a_number_may_be_written_in_any_way_that_says_the_same(
    app: Flask, key: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Including text, the only type in an environment."""
    app.config[key] = value
    assert read_number(app, key) == 3
    if isinstance(value, str):
        del app.config[key]
        monkeypatch.setenv(key, value)
        assert read_number(app, key) == 3


def read_number(app: Flask, key: str) -> float:
    """Return the value that a setting has become."""
    found = read_settings(app.config)
    assert type(found.waiting_requests) is int
    return {
        "CATALOG_READY_SECONDS": found.ready_seconds,
        "CATALOG_DEADLINE": found.deadline,
        "CATALOG_WAITING_REQUESTS": found.waiting_requests,
        "CATALOG_POINTER_SECONDS": found.pointer_seconds,
        "CATALOG_CACHE_SECONDS": found.cache_seconds,
    }[key]


@pytest.mark.parametrize("key", SETTINGS)
@pytest.mark.parametrize("value", [None, ""], ids=repr)
def test_none_and_nothing_are_as_if_nothing_were_said(app: Flask, key: str, value: object) -> None:
    """Like environment variables that are empty."""
    usual = read_settings({})
    app.config[key] = value
    assert read_settings(app.config) == usual


@pytest.mark.parametrize("key", NUMBERS)
def test_the_configuration_goes_before_the_environment(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invalid variable is rejected by name, too."""
    monkeypatch.setenv(key, "4")
    assert read_number(app, key) == 4
    app.config[key] = 3
    assert read_number(app, key) == 3
    app.config[key] = ""
    assert read_number(app, key) == 4
    monkeypatch.setenv(key, "soon")
    with pytest.raises(InvalidArgumentError, match=f"{key} must be .*, not 'soon'"):
        FlaskCatalog(app)


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize(("value", "is_on"), [(True, True), (1, True), ("1", True), (" 1 ", True),
                         (False, False), (0, False), ("0", False)], ids=repr)  # fmt: skip
def test_a_switch_reaches_the_handle(
    app: Flask, key: str, value: object, is_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration takes precedence over the variable, which applies without it."""
    pytest.importorskip("pycurl", reason="fast=True needs the extra fast")

    def found() -> object:
        return getattr(serving_of(app).catalog, SWITCHES[key])

    monkeypatch.setenv(key, str(int(not is_on)))
    assert found() is (not is_on)
    app.config[key] = value
    assert found() is is_on


def test_a_page_cache_may_be_configured(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """For some seconds, by the configuration or the variable; 0 turns it off."""
    assert serving_of(app).catalog.cache is None
    monkeypatch.setenv("CATALOG_CACHE_SECONDS", "7")
    assert (cache := serving_of(app).catalog.cache)
    assert cache.seconds == 7
    app.config["CATALOG_CACHE_SECONDS"] = 2.5
    assert (cache := serving_of(app).catalog.cache)
    assert cache.seconds == 2.5
    app.config["CATALOG_CACHE_SECONDS"] = 0
    assert serving_of(app).catalog.cache is None


@pytest.mark.parametrize("key", SETTINGS)
def test_a_misspelt_key_is_a_warning(
    app: Flask, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the setting that was probably meant; right keys and those of others have none."""
    app.config.update({f"{key}S": 1, "CATALOG_COLOURS": 5, "CATALOG_": 1})
    app.config.update(dict.fromkeys(SETTINGS, ""))
    FlaskCatalog(app)
    (warned,) = [each.getMessage() for each in caplog.records]
    assert warned == f"{key}S in the configuration is not a setting: did you mean {key}?"


def test_readiness_works_with_a_number_given_as_text(app: Flask) -> None:
    """Not only for its first answer."""
    app.config.update(
        CATALOG_READY_SECONDS="0", CATALOG_ENDPOINT_URL=NOT_EVEN_A_PORT, CATALOG_DEADLINE="0.5"
    )
    found = serving_of(app)
    reason = "the table cannot be checked (UnreachableError)"
    await_reason(found, reason)
    assert [found.problem() for _ in range(3)] == [reason] * 3


def test_the_deadline_is_that_of_the_handle(app: Flask) -> None:
    """A handle that is created elsewhere has its own."""
    assert serving_of(app).catalog.deadline == 2
    app.config["CATALOG_DEADLINE"] = "0.5"
    assert serving_of(app).catalog.deadline == 0.5
    own = Catalog("t", deadline=7)
    FlaskCatalog(app, catalog=own)
    assert own.deadline == 7


@pytest.mark.parametrize("name", ["no table's name", "x" * 2000])
def test_what_no_handle_can_be_made_of_is_refused_too(app: Flask, name: str) -> None:
    """As `Catalog` rejects it."""
    app.config["CATALOG_TABLE"] = name
    with pytest.raises(CatalogError, match="table must be"):
        FlaskCatalog(app)


def test_the_page_and_the_docstring_list_every_setting() -> None:
    """With its default."""
    page = (ROOT / "docs" / "flask.md").read_text().split("## Configuration")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(CATALOG_\w+)` \|.*\| (.*) \|$", page, re.MULTILINE)
    assert [key for key, _ in rows] == list(SETTINGS)
    for key, number in NUMBERS.items():
        assert dict(rows)[key].endswith(f" {number.default:g}")
    documented = re.findall(r"^ *``(CATALOG_\w+)``", FlaskCatalog.__doc__ or "", re.MULTILINE)
    assert documented == list(SETTINGS)
