"""An application under gunicorn with one worker, and what that worker uses. Linux only."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.machine import CORES, pin
from catalog_model.dynamodb.engines.local import environment_without_aws, free_port

HOST = "127.0.0.1"
START_SECONDS = 60.0
MEGABYTE = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
STATE_AT = 2
"""The place of a process's state in its line of /proc, after its name."""


@dataclass(frozen=True)
class Served:
    """A running application.

    Attributes:
        seconds_to_start: From the start of gunicorn to the first answer of ``/discover``.
    """

    port: int
    worker: int
    seconds_to_start: float

    def cpu_seconds(self) -> float:
        """Return the CPU time that the worker has used, in all its threads."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(") ")[2].split()
        user, system = fields[13 - STATE_AT : 15 - STATE_AT]
        return (int(user) + int(system)) / TICKS

    def megabytes(self) -> float:
        """Return the memory of the worker that is its own: proportional, without shared pages."""
        lines = Path(f"/proc/{self.worker}/smaps_rollup").read_text().splitlines()
        (kilobytes,) = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
        return kilobytes * 1024 / MEGABYTE


@contextmanager
def served(
    application: str,
    options: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
) -> Iterator[Served]:
    """Serve an application, found from *folder*, with one worker on the first core."""
    port = free_port(0)
    command = [sys.executable, "-m", "gunicorn", *options, "--bind", f"{HOST}:{port}"]
    command += ["--workers", "1", "--threads", "8", "--log-level", "error", application]
    root = str(Path(__file__).resolve().parents[1])
    environment = environment_without_aws() | dict(variables) | {"PYTHONPATH": root}
    pin(CORES[:1])
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, cwd=folder) as process:
        pin(CORES[-1:])
        try:
            _await_answer(process, port)
            took = time.monotonic() - began
            (worker,) = _children(process.pid)
            yield Served(port, worker, took)
        finally:
            process.terminate()
            process.wait(30)


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", "/discover?genre=28")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(0.02)
    raise SystemExit("the application does not start")


def _children(pid: int) -> list[int]:
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(each) for listed in found for each in listed]
