"""Ctrl-C ends every long command within a second, whatever it waits for, without data loss."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from engines import has_dynoxide
from ill_tables import RefusingProxy, refusing_proxy
from older_tables import grow_old
from table_dump import movie

from catalog_model.dynamodb.engines.local import environment_without_aws
from catalog_model.dynamodb.parallel import GRACE, in_parallel
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.local import start_engine
from catalog_model.maintenance.verify import verify

ROOT = Path(__file__).resolve().parents[2]
SOON = 3.0
"""Maximum seconds for a command to end on a busy machine; normally a fraction of one."""

INTERRUPTED = 130


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    """A table with a few titles of an older version, so each command has something to do."""
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        command = CommandLine(engine).filled([movie(n, 28, 12) for n in range(1, 41)])
        grow_old(command.catalog, "old")
        yield command


@pytest.fixture
def proxy(cli: CommandLine) -> Iterator[RefusingProxy]:
    """A proxy that throttles operations in front of the table."""
    with refusing_proxy(cli.catalog.client.meta.endpoint_url) as proxy:
        yield proxy


def start(cli: CommandLine, *words: str, endpoint_url: str = "") -> subprocess.Popen[str]:
    """Start a command in a separate process."""
    environment = {**environment_without_aws(), **cli.environment, "PYTHONPATH": str(ROOT)}
    if endpoint_url:
        words = (*words, "--endpoint-url", endpoint_url)
    return subprocess.Popen(
        [sys.executable, "-m", "catalog_model", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_idle(process: subprocess.Popen[str]) -> None:
    """Wait until a process is working and waiting: it uses no more CPU time."""
    used, since = 0.0, time.monotonic()
    while time.monotonic() - since < 0.4:
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
        now = _cpu_seconds(process.pid)
        if now - used > 0.02 or now < 0.3:
            used, since = now, time.monotonic()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interrupt(process: subprocess.Popen[str]) -> tuple[float, str]:
    """Send Ctrl-C; return the time until it ended, and its output."""
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert (process.returncode, stdout) == (INTERRUPTED, ""), stderr
    assert "Traceback" not in stderr
    return seconds, stderr


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="how busy a process is: Linux")
@pytest.mark.parametrize(
    "words",
    [
        ("verify", "--read-units-per-second", "0.3"),
        ("repair", "--read-units-per-second", "0.3"),
        ("migrate", "--units-per-second", "0.3"),
    ],
    ids=" ".join,
)
def test_a_command_with_a_pace_ends_at_once(cli: CommandLine, words: tuple[str, ...]) -> None:
    """Its threads would wait for minutes, and are abandoned."""
    process = start(cli, *words)
    await_idle(process)
    assert interrupt(process)[0] < SOON


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="how busy a process is: Linux")
@pytest.mark.parametrize(
    ("words", "refused"),
    [(("verify",), "Scan"), (("migrate",), "TransactWriteItems")],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_a_throttled_command_ends_immediately(
    cli: CommandLine, proxy: RefusingProxy, words: tuple[str, ...], refused: str
) -> None:
    """Including botocore's pauses, which cannot be interrupted."""
    proxy.operations.add(refused)
    process = start(cli, *words, endpoint_url=proxy.endpoint_url)
    deadline = time.monotonic() + 60
    while proxy.refused[refused] < 12:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert interrupt(process)[0] < SOON


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="how busy a process is: Linux")
def test_a_load_says_how_far_it_came_and_how_to_go_on(cli: CommandLine, tmp_path: Path) -> None:
    """The same command continues from there."""
    records = json.loads((sample_folder() / FILE_NAMES["tv"]).read_bytes())
    path = tmp_path / FILE_NAMES["tv"]
    path.write_text(json.dumps(dict(list(records.items())[:6])))
    words = ("load", "--tv", str(path), "--write-units", "0.5")
    process = start(cli, *words)
    await_idle(process)
    seconds, said = interrupt(process)
    assert seconds < SOON
    assert "1 of 6 titles done; run the same command again to continue." in said
    report = {"created": 5, "changed": 0, "unchanged": 1, "rejected": []}
    assert cli.json(*words[:-2]) == report


def test_a_verification_that_is_interrupted_asks_for_nothing_more(cli: CommandLine) -> None:
    """If the program continues afterwards, none of its threads reads any more."""
    main = threading.get_ident()

    def press(_: int) -> None:
        signal.pthread_kill(main, signal.SIGINT)

    with cli.catalog.trace() as whole:
        verify(cli.catalog, read_units_per_second=1000)
    with pytest.raises(KeyboardInterrupt), cli.catalog.trace() as trace:
        verify(cli.catalog, read_units_per_second=3, on_progress=press)
    asked = len(trace)
    assert asked < len(whole)
    time.sleep(0.3)
    assert len(trace) == asked
    assert threading.active_count() == len(threading.enumerate())


def test_threads_end_together_and_give_what_they_found() -> None:
    """In the order of the parts; the first error is raised after all have ended."""
    assert in_parallel(lambda part: part * part, 5, lambda: None) == [0, 1, 4, 9, 16]
    stopped, ended = threading.Event(), []

    def work(part: int) -> None:
        if part == 2:
            raise LookupError(part)
        assert stopped.wait(10)
        ended.append(part)

    with pytest.raises(LookupError, match="2"):
        in_parallel(work, 4, stopped.set)
    assert sorted(ended) == [0, 1, 3]


def test_a_thread_that_cannot_be_stopped_is_left_behind() -> None:
    """An interruption waits for it no longer than the grace period."""
    main, free = threading.get_ident(), threading.Event()

    def deaf(part: int) -> None:
        if part == 0:
            signal.pthread_kill(main, signal.SIGINT)
        free.wait(30)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_parallel(deaf, 3, lambda: None)
    assert time.monotonic() - began < GRACE + SOON
    free.set()
