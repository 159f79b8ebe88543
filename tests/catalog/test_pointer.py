"""Applications read their table's name from a pointer, which a cut-over moves."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from engines import Engine, create_of_another_model, running_engine
from flask import Flask
from restored import REGION, remove

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.catalog import DEFAULT_TABLE
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    InvalidArgumentError,
    TableNotFoundError,
)
from catalog_model.flask import FlaskCatalog, serving
from catalog_model.operations import create_table, cut_over, cut_over_back, pointed_at

pytestmark = pytest.mark.usefixtures("moto_afresh")

SECOND = "films--restored-20261128T114500Z"


@pytest.fixture
def moto() -> Iterator[Engine]:
    """A moto with two tables of one lineage, and SSM."""
    with running_engine("moto") as engine:
        for name in ("films", SECOND):
            create_table(engine.catalog(name))
        yield engine
        remove(engine.catalog("films"))


@pytest.fixture(params=["file", "ssm"])
def pointer(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of pointer, which does not exist yet."""
    return f"file:{tmp_path}/table.json" if request.param == "file" else "ssm:/films/table"


def test_a_pointer_is_made_moved_and_moved_back(moto: Engine, pointer: str) -> None:
    """It has the table, the one before it, and their lineage; back twice is forth."""
    films = moto.catalog("films")
    assert pointed_at(films, pointer=pointer) is None
    for is_back, table, previous in (
        (False, SECOND, "films"),
        (False, SECOND, "films"),
        (True, "films", SECOND),
        (True, SECOND, "films"),
    ):
        if is_back:
            moved = cut_over_back(films, pointer=pointer)
        else:
            moved = cut_over(films, table, pointer=pointer)
        assert moved == pointed_at(films, pointer=pointer)
        assert (moved.table, moved.previous, moved.lineage) == (table, previous, "films")


def test_handles_follow_a_pointer(
    moto: Engine, pointer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When they are made, and on demand; not by themselves. The client stays."""
    films = moto.catalog("films")
    cut_over(films, "films", pointer=pointer)
    monkeypatch.setenv("CATALOG_TABLE_POINTER", pointer)
    handle = Catalog.from_env(region=REGION)
    client = handle.client
    cut_over(films, SECOND, pointer=pointer)
    assert (handle.table, handle.follow()) == ("films", True)
    assert (handle.table, handle.follow()) == (SECOND, False)
    assert handle.client is client
    with handle.trace() as trace:
        ap.count_titles(handle, "movie")
    assert SECOND in str([request.asked for request in trace])
    assert Catalog.from_env(region=REGION).table == SECOND


def test_a_lineage_goes_along_with_a_pointer(moto: Engine, pointer: str) -> None:
    """Also to a table whose name does not show it, and on from there."""
    other, third = moto.catalog("films-of-monday"), moto.catalog("films-of-tuesday")
    for each in (other, third):
        create_table(each)
    for table in ("films", other.table, third.table):
        cut_over(moto.catalog("films"), table, pointer=pointer)
    handle = Catalog.from_env(pointer=pointer, client=moto.client)
    assert (handle.table, handle.lineage) == (third.table, "films")
    assert handle.cursor_secret == "catalog-model/films"


def test_a_first_pointer_has_the_table_before_it_if_any(moto: Engine, tmp_path: Path) -> None:
    """A handle on a table that does not exist says nothing about a lineage."""
    made = cut_over(moto.catalog(DEFAULT_TABLE), "films", pointer=f"file:{tmp_path}/a")
    assert (made.previous, made.lineage) == (None, "films")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "no name", '{"table": 7}', '{"table": "films", "previous": ""}', "{}", "\x00"],
)
def test_a_pointer_that_names_no_table_is_refused(moto: Engine, tmp_path: Path, text: str) -> None:
    """The message has the pointer; a cut-over does not replace it."""
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=str(path)):
        Catalog.from_env(pointer=f"file:{path}")
    with pytest.raises(ConfigurationError, match=str(path)):
        cut_over(moto.catalog("films"), SECOND, pointer=f"file:{path}")
    assert path.read_text() == text


def test_a_plain_name_is_a_pointer(tmp_path: Path, moto: Engine) -> None:
    """As it is written by hand: with an end of line, without a lineage."""
    (tmp_path / "table").write_text("films\n")
    assert Catalog.from_env(pointer=f"file:{tmp_path}/table").table == "films"
    boto3.client("ssm", region_name=REGION).put_parameter(Name="t", Value=SECOND, Type="String")
    handle = Catalog.from_env(pointer="ssm:t", client=moto.client)
    assert (handle.table, handle.lineage) == (SECOND, "films")


def test_a_secret_parameter_stays_one(moto: Engine) -> None:
    """Its type is kept."""
    ssm = boto3.client("ssm", region_name=REGION)
    ssm.put_parameter(Name="/s", Value="films", Type="SecureString")
    cut_over(moto.catalog("films"), SECOND, pointer="ssm:/s")
    found = ssm.get_parameter(Name="/s", WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    assert json.loads(found["Value"])["table"] == SECOND


@pytest.mark.parametrize("text", ["", "films", "s3:films", "ssm:", "file: ", "SSM:/films"])
def test_an_impossible_pointer_is_refused(moto: Engine, text: str) -> None:
    """The message says what there is."""
    with pytest.raises(InvalidArgumentError, match="ssm:NAME"):
        cut_over(moto.catalog("films"), SECOND, pointer=text)
    with pytest.raises(InvalidArgumentError, match="ssm:NAME"):
        Catalog.from_env(pointer=text)


def test_a_pointer_that_does_not_exist_is_named(moto: Engine, pointer: str) -> None:
    """With the command that makes it."""
    with pytest.raises(ConfigurationError, match=r"does not exist.*cut-over"):
        Catalog.from_env(pointer=pointer, client=moto.client)
    with pytest.raises(ConfigurationError, match="does not exist"):
        cut_over_back(moto.catalog("films"), pointer=pointer)


def test_a_table_excludes_a_pointer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of the two would have no effect. A table that is an argument wins over variables."""
    (tmp_path / "a").write_text("films")
    monkeypatch.setenv("CATALOG_TABLE_POINTER", f"file:{tmp_path}/a")
    assert Catalog.from_env().table == "films"
    assert Catalog.from_env(table="series").table == "series"
    monkeypatch.setenv("CATALOG_TABLE", "series")
    with pytest.raises(ConfigurationError, match="'series' and CATALOG_TABLE_POINTER"):
        Catalog.from_env()
    with pytest.raises(InvalidArgumentError, match="pointer"):
        Catalog.from_env(pointer="file:a", table="films")
    assert Catalog.from_env(pointer=f"file:{tmp_path}/a").table == "films"


def test_a_pointer_is_not_moved_to_what_cannot_be_used(moto: Engine, pointer: str) -> None:
    """A missing table, and one of another model."""
    films = moto.catalog("films")
    with pytest.raises(TableNotFoundError, match="missing"):
        cut_over(films, "missing", pointer=pointer)
    create_of_another_model(films.for_table("other"))
    with pytest.raises(InvalidArgumentError, match="of this model"):
        cut_over(films, "other", pointer=pointer)
    assert pointed_at(films, pointer=pointer) is None


def test_a_pointer_of_a_file_is_replaced_as_a_whole(
    moto: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure leaves the old one, and nothing next to it."""
    path = tmp_path / "table.json"
    films = moto.catalog("films")
    cut_over(films, "films", pointer=f"file:{path}")
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConfigurationError, match="No space left"):
        cut_over(films, SECOND, pointer=f"file:{path}")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- applications


def test_an_application_follows_its_pointer(
    moto: Engine, pointer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After its number of seconds, with the next request; a page continues. A failure is logged."""
    films = moto.catalog("films")
    cut_over(films, "films", pointer=pointer)
    app = Flask("shop")
    FlaskCatalog(app, catalog=Catalog.from_env(pointer=pointer, client=moto.client))
    app.add_url_rule("/", view_func=lambda: serving().catalog.table)
    client = app.test_client()
    clock, running = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: running() + clock[0])
    client.get("/")
    cut_over(films, SECOND, pointer=pointer)
    clock[0] += 29
    assert client.get("/").text == "films"
    clock[0] += 2
    assert client.get("/").text == SECOND
    assert f"the table is {SECOND} now, no longer films" in caplog.text

    def fail(_: Catalog) -> bool:
        raise CatalogError("unplugged")

    monkeypatch.setattr(Catalog, "follow", fail)
    clock[0] += 31
    assert client.get("/").text == SECOND
    assert f"the table stays {SECOND}: unplugged" in caplog.text


def test_an_application_reads_its_pointer_from_its_configuration(tmp_path: Path) -> None:
    """Seconds and lineage, too."""
    (tmp_path / "a").write_text("films")
    app = Flask("shop")
    app.config.update(
        CATALOG_TABLE_POINTER=f"file:{tmp_path}/a",
        CATALOG_LINEAGE="series",
        CATALOG_REGION=REGION,
        CATALOG_POINTER_SECONDS="5",
    )
    FlaskCatalog(app)
    with app.app_context():
        found = serving().catalog
    assert (found.table, found.lineage, found.pointer) == ("films", "series", f"file:{tmp_path}/a")
