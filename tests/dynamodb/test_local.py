"""Embedded engines: they start, answer, are isolated, and leave nothing behind."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engines import has_dynoxide
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines import local
from catalog_model.dynamodb.engines.local import EngineName, find_dynoxide
from catalog_model.errors import ConfigurationError, InvalidArgumentError, TableNotFoundError
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table, table_status

MOVIE = movie(5, 28)

needs_dynoxide = pytest.mark.skipif(not has_dynoxide(), reason="dynoxide is not installed")
each_engine = pytest.mark.parametrize(
    "name", ["moto", pytest.param("dynoxide", marks=needs_dynoxide)]
)


def assert_refused(words: str, name: EngineName, **settings: Any) -> None:
    """Check that an engine does not start, and the message."""
    with pytest.raises(ConfigurationError, match=words), start_engine(name, **settings):
        pytest.fail("it has started")


def answers(engine: Engine, address: str = "127.0.0.1") -> bool:
    """Whether connections to the port of an engine are accepted at an address of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((address, int(engine.endpoint_url.rpartition(":")[2]))) == 0


def program(folder: Path, text: str = "#!/bin/sh\n") -> Path:
    path = folder / "dynoxide"
    path.write_text(text)
    path.chmod(0o755)
    return path


@each_engine
def test_an_engine_answers_while_the_block_lasts(name: EngineName) -> None:
    """Another one has other tables; afterwards its process has ended and its port is free."""
    with start_engine(name) as engine, start_engine(name) as other:
        assert (engine.name, engine.is_persistent, engine.is_running) == (name, False, True)
        assert engine.endpoint_url.startswith("http://127.0.0.1:")
        catalog = engine.catalog("some-table")
        create_table(catalog)
        ap.put_title(catalog, MOVIE)
        assert ap.list_titles_in_genre(catalog, "movie", 28).items == (MOVIE,)
        with pytest.raises(TableNotFoundError):
            table_status(other.catalog("some-table"))
        assert answers(engine)
        assert not answers(engine, "127.0.0.2"), "it is reachable from this machine only"
    assert not engine.is_running
    assert not answers(engine)


@each_engine
def test_the_engine_takes_the_wanted_port(name: EngineName) -> None:
    """If the port is in use, the message is one line. If exposed, it answers at all addresses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(f"port {port} cannot be used: Address already", name, port=port)
    with start_engine(name, port=port, exposed=True) as engine:
        assert engine.endpoint_url == f"http://127.0.0.1:{port}"
        assert sys.platform != "linux" or answers(engine, "127.0.0.2"), "it is exposed"


def test_a_port_that_does_not_exist_is_refused() -> None:
    """70,000 is not a port."""
    assert_refused("70000", "moto", port=70_000)
    assert_refused("no port -1", "moto", port=-1)
    assert_refused("no port int too large", "moto", port=10**5000)


def test_an_engine_of_another_name_is_refused() -> None:
    """The message lists the engines."""
    with pytest.raises(InvalidArgumentError, match="'auto' or 'dynoxide' or 'moto', not 'mysql'"):
        start_engine("mysql").__enter__()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("port", value) for value in ("80", 1.5, None, True, b"80", [80])),
        *(("folder", value) for value in (5, True, b"folder", ["folder"])),
        *(("exposed", value) for value in ("x", 0, 1, None)),
    ],
    ids=repr,
)
def test_an_argument_of_another_type_is_refused(argument: str, value: Any) -> None:
    """With its name and value, before an engine is looked for."""
    settings: dict[str, Any] = {argument: value}
    with pytest.raises(InvalidArgumentError) as caught, start_engine("moto", **settings):
        pytest.fail("it has started")
    assert re.match(f"{argument} must be .*, not {re.escape(repr(value))}", str(caught.value))


@needs_dynoxide
@pytest.mark.parametrize("folder", ["a\0b", "a\ud800", "x" * 300, os.devnull])
def test_a_folder_that_cannot_be_made_is_refused(folder: str, tmp_path: Path) -> None:
    """By its path, which may be a text; a file may have its name."""
    for given in (folder, Path(folder)):
        assert_refused("is no path|cannot be made", "dynoxide", folder=given)
    (tmp_path / "file").touch()
    assert_refused("cannot be made: File exists", "dynoxide", folder=tmp_path / "file")


@needs_dynoxide
def test_dynoxide_keeps_its_tables_in_a_folder(tmp_path: Path) -> None:
    """A second engine with the same folder finds them; the folder is created."""
    folder = tmp_path / "a" / "b"
    with start_engine("dynoxide", folder=folder) as engine:
        assert engine.is_persistent
        create_table(engine.catalog())
        ap.put_title(engine.catalog(), MOVIE)
    with start_engine("dynoxide", folder=folder) as engine:
        assert ap.get_title(engine.catalog(), "movie", 5) == MOVIE


@each_engine
def test_the_configuration_of_the_machine_plays_no_part(
    name: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's profile, endpoint, proxy and region are ignored."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-2")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with start_engine(name) as engine:
        catalog = engine.catalog()
        assert create_table(catalog).is_ready
        assert catalog.client.meta.region_name == "us-east-1"


def test_the_environment_leads_others_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client with only these variables finds the engine. moto keeps nothing in any folder."""
    with start_engine("moto", folder=tmp_path / "folder") as engine:
        assert not engine.is_persistent
        for variable, value in engine.environment().items():
            monkeypatch.setenv(variable, value)
        create_table(engine.catalog("here"))
        assert table_status(Catalog("here")).is_ready
    assert not list(tmp_path.iterdir())


def test_the_environment_passes_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Existing exceptions are kept."""
    engine = Engine("moto", "http://127.0.0.1:9", is_persistent=False)
    for variable in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    assert "NO_PROXY" not in engine.environment()
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "example.com")
    assert engine.environment()["NO_PROXY"] == "example.com,127.0.0.1"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "NO_PROXY" not in engine.environment()


@each_engine
def test_the_death_of_an_engine_is_seen(name: EngineName, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that watches it can report it."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **kwargs))
        return started[-1]

    if name == "dynoxide":
        monkeypatch.setenv("DYNOXIDE", str(find_dynoxide()))
    monkeypatch.setattr(subprocess, "Popen", remember)
    with start_engine(name) as engine:
        assert engine.is_running
        started[-1].kill()
        started[-1].wait()
        assert not engine.is_running


NOISE = "#!/bin/sh\necho some noise >&2\necho no disk left >&2\nexit 3\n"
FOREIGN = "\x7fELF nonsense"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NOISE, r"^dynoxide did not start: no disk left$"),
        (FOREIGN, "dynoxide cannot be run: Exec format error"),
    ],
    ids=["dies", "for another machine"],
)
def test_a_program_that_does_not_run_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    """In one line, with its last words, if it was requested by name."""
    monkeypatch.setenv("DYNOXIDE", str(program(tmp_path, text)))
    assert_refused(words, "dynoxide")


def test_without_dynoxide_auto_takes_moto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or is missing."""
    monkeypatch.setenv("DYNOXIDE", str(program(tmp_path, FOREIGN)))
    with start_engine() as engine:
        assert engine.name == "moto"


@needs_dynoxide
def test_auto_takes_dynoxide_where_it_runs() -> None:
    """It is the stricter one."""
    with start_engine() as engine:
        assert engine.name == "dynoxide"


def test_dynoxide_may_be_in_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DYNOXIDE, the PATH, the project's .engine, in this order."""
    monkeypatch.delenv("DYNOXIDE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    project = tmp_path / "project"
    monkeypatch.setattr(local, "_project_folder", lambda: [project])
    assert find_dynoxide() is None
    assert_refused("dynoxide is not on the PATH", "dynoxide")
    found = []
    below = Path(".engine/node_modules/@dynoxide/linux-x64")
    for folder in (project / below, tmp_path / "bin", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        found.append(program(folder))
        if folder.name == "elsewhere":
            monkeypatch.setenv("DYNOXIDE", str(found[-1]))
        assert find_dynoxide() == found[-1]


@pytest.mark.parametrize("path", ["", ".", "bin", "./bin", f"/nowhere{os.pathsep}"])
def test_no_program_of_the_current_folder_is_run(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where npm installs it, and in a relative directory of the PATH."""
    monkeypatch.delenv("DYNOXIDE", raising=False)
    monkeypatch.setattr(local, "_project_folder", list)
    for folder in (".engine/node_modules/@dynoxide/linux-x64", ".", "bin"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        program(tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    assert find_dynoxide() is None


def test_no_module_of_this_folder_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto and its imports are modules; it starts even next to modules of the same names."""
    for module in ("copy", "moto", "werkzeug", "threading", "catalog_model"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('the current folder was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    with start_engine("moto") as engine:
        assert engine.is_running


def test_a_dynoxide_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong path in the variable is an error."""
    monkeypatch.setenv("DYNOXIDE", "/no/such/program")
    with pytest.raises(ConfigurationError, match="DYNOXIDE must name a program"):
        find_dynoxide()


def test_without_moto_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setattr(local, "find_spec", lambda _: None)
    assert_refused(r"pip install 'catalog-model\[local\]'", "moto")
