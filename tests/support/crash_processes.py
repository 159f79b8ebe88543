"""The processes that are killed: an engine with persistent tables, and its workers."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from crash_worker import Orders

from catalog_model import Catalog
from catalog_model.dynamodb.engines import local
from catalog_model.errors import ConfigurationError
from catalog_model.local import Engine

PATIENCE: Final = 60.0
KILLED: Final = -signal.SIGKILL


class PersistentEngine:
    """dynoxide with its tables in a file; it can be killed and restarted."""

    def __init__(self, folder: Path) -> None:
        binary = local.find_dynoxide()
        if binary is None:
            raise ConfigurationError("only dynoxide keeps its tables, and it is not installed")
        self._port = local.free_port(0)
        self.endpoint_url = f"http://{local.HOST}:{self._port}"
        self._engine = Engine("dynoxide", self.endpoint_url, is_persistent=True)
        self._command = local._dynoxide_command(binary, self._port, folder)
        self.start()

    def start(self) -> None:
        """Start it with the same file."""
        with ExitStack() as stack:
            complaints = stack.enter_context(tempfile.TemporaryFile())
            self._process = stack.enter_context(local._started(self._command, complaints))
            local._await_answer("dynoxide", self._process, self._port, complaints)
            self._running = stack.pop_all()
        # Handles have connections to this run of the engine.
        self.catalog: Callable[[str], Catalog] = cache(self._engine.catalog)

    def kill(self) -> None:
        """Kill it like `kill -9`."""
        self._process.kill()
        self._process.wait()
        self.stop()

    def stop(self) -> None:
        self._running.close()


class Worker:
    """The process to kill, waiting for its orders, and its journal."""

    def __init__(self, orders: Orders, complaints: IO[bytes]) -> None:
        self._journal = Path(orders.journal)
        self._complaints = complaints
        program = Path(__file__).with_name("crash_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(asdict(orders))],
            env=local.environment_without_aws() | {"PYTHONPATH": str(program.parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            self._fail()

    def note(self, **entry: Any) -> None:
        """Add an entry to the journal, between those of the process itself."""
        with self._journal.open("ab", buffering=0) as file:
            file.write(json.dumps(entry).encode() + b"\n")

    def kill(self) -> bool:
        """Kill it; return whether it was still working."""
        self._process.kill()
        return self.was_killed()

    def was_killed(self) -> bool:
        """Wait for its end; return whether it was killed, by either process."""
        code = self._process.wait(PATIENCE)
        if code not in (0, KILLED):
            self._fail()
        return code == KILLED

    def await_answers(self, number: int) -> None:
        """Wait until the given number of its writes are answered."""
        deadline = time.monotonic() + PATIENCE
        while sum("done" in entry for entry in self.journal()) < number:
            assert time.monotonic() < deadline, "nothing is written"
            time.sleep(0.01)

    def finish(self) -> None:
        """End it after the current operation."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert not self.was_killed()

    def end(self) -> None:
        """Make sure that the process and its files are gone."""
        self._process.kill()
        with self._process:
            self._process.wait()

    def journal(self) -> list[dict[str, Any]]:
        """Read its entries; an incomplete last line is ignored."""
        *lines, _ = self._journal.read_bytes().split(b"\n")
        return list(map(json.loads, lines))

    def _fail(self) -> None:
        self._process.wait(PATIENCE)
        self._complaints.seek(0)
        raise RuntimeError(self._complaints.read().decode(errors="replace"))
