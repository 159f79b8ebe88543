"""`make run`: what it rejects immediately, and that everything ends with it, in any way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packages import ROOT

from catalog_model.dynamodb.engines.local import environment_without_aws, free_port

PATIENCE = 60

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


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
    return subprocess.Popen(
        ["make", "run", f"VENV={venv}", f"PORT={port}", *(words or ["ENGINE=moto"])],
        cwd=ROOT,
        env={**environment_without_aws(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


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


def test_a_killed_make_leaves_nothing(venv: Path) -> None:
    """Its processes detect that it has ended."""
    port = free_port(0)
    with start(venv, port) as process:
        read_until_up(process)
        process.kill()
        process.communicate(timeout=PATIENCE)  # until all processes with its output have ended
    assert_soon_free(port)


def read_until_up(process: subprocess.Popen[str]) -> None:
    """Read the output until the application answers."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ctrl-C stops it"):
            return
    pytest.fail(f"it did not start: {process.communicate()}")


def assert_soon_free(port: int) -> None:
    """Check that no server listens any more."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.05)
    pytest.fail(f"port {port} still answers")
