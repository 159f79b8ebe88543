"""`make run`: an engine, the data and the application start in seconds and end completely.

First its program, then make itself: what that rejects at once, and that everything ends with it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import has_dynoxide
from packages import ROOT
from processes import children, command_line

from catalog_model.dynamodb.engines.local import environment_without_aws, find_dynoxide, free_port
from catalog_model.files.reader import FILE_NAMES, sample_folder

RUN = [sys.executable, str(ROOT / "examples" / "netflix_movie_catalog" / "run.py")]
PATIENCE = 60

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
needs_dynoxide = pytest.mark.skipif(not has_dynoxide(), reason="dynoxide is not installed")
each_engine = pytest.mark.parametrize(
    "engine", ["moto", pytest.param("dynoxide", marks=needs_dynoxide)]
)


def environment() -> dict[str, str]:
    found = {"PYTHONPATH": str(ROOT), "AWS_PROFILE": "no-such-profile", "CATALOG_TABLE": "other"}
    if has_dynoxide():
        found["DYNOXIDE"] = str(find_dynoxide())
    return {**environment_without_aws(), **found}


def started(command: list[str], variables: dict[str, str], **more: Any) -> subprocess.Popen[str]:
    """Start a program with its output in pipes."""
    return subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


@contextmanager
def running(
    folder: Path, engine: str, *words: str, told: signal.Signals = signal.SIGINT
) -> Iterator[tuple[str, list[str]]]:
    """Run it until the block ends; yield the application's address and the earlier output."""
    port = free_port(0)
    options = ["--folder", str(folder), "--engine", engine, "--port", str(port), *words]
    with started([*RUN, *options], environment()) as process:
        try:
            yield f"http://127.0.0.1:{port}", read_until_up(process)
        finally:
            process.send_signal(told)
            _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, "Stopped.\n")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def read_until_up(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while not lines[-1].startswith("Ctrl-C stops it"):
        assert lines[-1], process.communicate()
        lines.append(process.stdout.readline())
    return lines


def ask(url: str, body: Any = None) -> Any:
    """Send a request; return the JSON of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)


@each_engine
def test_the_application_answers_from_the_sample_data(tmp_path: Path, engine: str) -> None:
    """Immediately; the printed examples work; SIGTERM ends everything. moto keeps nothing.

    With dynoxide, a second run finds the data and what was updated.
    """
    folder = tmp_path / "engine"
    kept = (
        f"kept in {folder / 'sample'}" if engine == "dynoxide" else "not persistent: all in memory"
    )
    with running(folder, engine, told=signal.SIGTERM) as (url, lines):
        assert lines[0] == f"Engine: {engine}, {kept}\n"
        assert folder.exists() == (engine == "dynoxide")
        printed = "".join(lines)
        assert "Data: 100 titles created, 0 changed, 0 unchanged, 0 rejected" in printed
        assert f"curl '{url}/discover?genre=28'" in printed
        action = ask(f"{url}/discover?genre=28")
        assert action[0]["title"] == "The Dark Knight"
        assert len(ask(f"{url}/discover?type=tv")) == 20
        assert ask(f"{url}/readyz") == {"status": "ready"}
        body = printed.partition(" -d '")[2].partition("'")[0]
        answer = ask(f"{url}/updatePopularity", json.loads(body))
        assert answer["new_popularity"] == 999.5
        ask(f"{url}/updatePopularity", {"movieId": "34", "popularity": 5000})
        beside = printed.partition("on the same table,")[2].partition("Ctrl-C")[0]
        here = {**environment_without_aws(), "PYTHONPATH": str(ROOT)}
        shown = subprocess.run(["sh", "-ec", beside], stdout=subprocess.PIPE, check=True, env=here)
        assert b"999.5" in shown.stdout
    if engine == "dynoxide":
        with running(folder, "auto") as (url, lines):
            assert lines[1] == "Data: 100 titles unchanged\n"
            assert ask(f"{url}/discover?genre=27")[0]["popularity"] == 5000.0


@pytest.mark.slow
@needs_dynoxide
def test_each_folder_of_data_has_a_table_of_its_own(tmp_path: Path) -> None:
    """Only changed data is loaded again."""
    data, folder = tmp_path / "data", tmp_path / "engine"
    data.mkdir()
    for name in FILE_NAMES.values():
        (data / name).write_bytes((sample_folder() / name).read_bytes())
    path = data / FILE_NAMES["movie"]
    movies = json.loads(path.read_bytes())
    alien = movies.pop("34")
    path.write_text(json.dumps({**movies, "5000": {**alien, "id": 5}}))
    with running(folder, "dynoxide", "--data", str(data)) as (url, lines):
        assert lines[1].startswith("Data: 99 titles created, 0 changed, 0 unchanged, 1 rejected")
        assert "rejected: data_movies.json '5000': its key is '5000', its id 5" in lines[2]
        titles = [movie["title"] for movie in ask(f"{url}/discover?genre=27")]
        assert titles
        assert "Alien" not in titles
    path.write_text(json.dumps({**movies, "34": alien}))
    with running(folder, "dynoxide", "--data", str(data)) as (url, lines):
        assert lines[1].startswith("Data: 1 title created, 0 changed, 99 unchanged, 0 rejected")
    with running(folder, "dynoxide") as (_, lines):
        assert lines[1].startswith("Data: 100 titles created")


def refused(*words: str) -> str:
    """Run a case that must not start; return its only line."""
    with started([*RUN, "--engine", "moto", *words], environment()) as process:
        output, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output, error.count("\n")) == (1, "", 1)
    return error


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    """With a remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused("--port", str(port), "--folder", str(tmp_path)) == (
            f"Error: port {port} cannot be used: Address already in use; "
            "make run PORT=8081 takes another\n"
        )


def test_bad_data_is_one_line(tmp_path: Path) -> None:
    """Before anything is started."""
    words = ["--port", str(free_port(0)), "--data", str(tmp_path)]
    assert refused(*words).endswith("data_movies.json: cannot be read: No such file or directory\n")
    (tmp_path / "data_movies.json").write_text("{}")
    (tmp_path / "data_tv.json").write_text("{,}")
    assert "data_tv.json: not JSON, line 1, column 2" in refused(*words)


@pytest.mark.slow
def test_an_application_that_ends_ends_all(tmp_path: Path) -> None:
    """With one line, and the exit code of a failure."""
    words = ["--engine", "moto", "--port", str(free_port(0)), "--folder", str(tmp_path)]
    with started([*RUN, *words], environment()) as process:
        read_until_up(process)
        gunicorn = [pid for pid in children(process.pid) if b"gunicorn" in command_line(pid)]
        os.kill(gunicorn[0], signal.SIGTERM)
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (1, "Error: the application has ended\n")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment in which make finds everything installed: this one."""
    folder = tmp_path / "venv"
    folder.mkdir()
    for path in Path(sys.prefix).iterdir():
        if path.name in ("bin", "lib", "lib64", "pyvenv.cfg"):
            (folder / path.name).symlink_to(path)
    for name in (".made", ".app", ".local"):
        (folder / name).touch()
    return folder


def start(venv: Path, port: int | str, *words: str) -> subprocess.Popen[str]:
    """Start `make run` with moto, in a new session, as in a terminal."""
    command = ["make", "run", f"VENV={venv}", f"PORT={port}", *(words or ["ENGINE=moto"])]
    variables = {**environment_without_aws(), "PYTHONPATH": str(ROOT)}
    return started(command, variables, cwd=ROOT, start_new_session=True)


@needs_make
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["PORT=eighty"], "PORT must be a number from 1 to 65535, not 'eighty'"),
        (["ENGINE=mysql"], "ENGINE must be one of auto, dynoxide, moto, not 'mysql'"),
    ],
)
def test_what_cannot_be_is_refused_at_once(venv: Path, words: list[str], said: str) -> None:
    """Before anything is installed or started."""
    (venv / ".app").unlink()
    with start(venv, free_port(0), *words) as process:
        output, error = process.communicate(timeout=PATIENCE)
    assert output == ""
    assert error.splitlines()[0] == f"Error: {said}"
    assert process.returncode


@needs_make
def test_ctrl_c_ends_all_of_it(venv: Path) -> None:
    """With one line."""
    port = free_port(0)
    with start(venv, port) as process:
        read_until_up(process)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
    assert error.startswith("Stopped.\n")
    assert "Traceback" not in error
    assert_soon_free(port)


@pytest.mark.slow
@needs_make
def test_a_killed_make_leaves_nothing(venv: Path) -> None:
    """Its processes detect that it has ended."""
    port = free_port(0)
    with start(venv, port) as process:
        read_until_up(process)
        process.kill()
        process.communicate(timeout=PATIENCE)  # until all processes with its output have ended
    assert_soon_free(port)


def assert_soon_free(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.05)
    pytest.fail(f"port {port} still answers")
