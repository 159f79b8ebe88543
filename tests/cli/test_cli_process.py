"""The command line as a separate process: terminals, pipes, signals and imports."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from engines import has_dynoxide
from packages import environment
from processes import first_children

from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines.local import find_dynoxide
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import start_engine

PROGRAM = [sys.executable, "-m", "catalog_model"]
ESCAPE = "\x1b"
PATIENCE = 30


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    with start_engine("moto") as engine:
        yield CommandLine(engine).filled(read_folder(sample_folder()))


def started(
    variables: dict[str, str], *words: str, stdout: Any = subprocess.PIPE, **more: Any
) -> subprocess.Popen[str]:
    """Start a command with its output in pipes, unless *stdout* says otherwise."""
    return subprocess.Popen(
        [*PROGRAM, *words],
        env=environment(**variables),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def run(
    variables: dict[str, str], *words: str, stdout: Any = subprocess.PIPE, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; kill it if it does not come."""
    with started({**variables, **more}, *words, stdout=stdout) as process:
        try:
            shown, told = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, shown, told)


def run_on_terminal(cli: CommandLine, *words: str, **more: str) -> tuple[int, str]:
    """Run a command on a terminal of 100 columns; return its code and the terminal's contents."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *words],
        env=environment(**cli.environment, COLUMNS="100", **more),
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = b""
    with process, os.fdopen(ours, "rb", buffering=0) as terminal:
        while chunk := read_terminal(terminal.fileno()):
            shown += chunk
    return process.returncode, shown.decode()


def read_terminal(descriptor: int) -> bytes:
    """Read all output; Linux reports the end of a terminal as an error."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""


def test_a_terminal_gets_colour_and_a_pipe_none(cli: CommandLine) -> None:
    """NO_COLOR disables it; FORCE_COLOR does not enable it on a pipe."""
    words = ["get-title", "movie", "34"]
    code, shown = run_on_terminal(cli, *words)
    assert (code, ESCAPE in shown) == (0, True)
    code, shown = run_on_terminal(cli, *words, NO_COLOR="1")
    assert (code, ESCAPE in shown) == (0, False)
    assert ESCAPE not in run(cli.environment, *words, FORCE_COLOR="1").stdout


def test_progress_of_a_load_is_shown_on_a_terminal_only(cli: CommandLine, tmp_path: Path) -> None:
    """It is removed before the report."""
    path = tmp_path / FILE_NAMES["tv"]
    path.write_bytes((sample_folder() / FILE_NAMES["tv"]).read_bytes())
    report = "0 created, 0 changed, 40 unchanged, 0 rejected"
    code, shown = run_on_terminal(cli, "load", "--tv", str(path))
    assert (code, "Loading" in shown) == (0, True)
    assert shown.rstrip().endswith(report)
    done = run(cli.environment, "load", "--tv", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{report}\n", "")


@pytest.mark.parametrize(("descriptor", "shown"), [(0, "60\n"), (1, ""), (2, "60\n")])
def test_a_closed_stream_stays_out_of_it(cli: CommandLine, descriptor: int, shown: str) -> None:
    """As in `catalog-model count-titles movie >&-`: no connection takes its number."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {descriptor}>&-', "sh", *PROGRAM, "count-titles", "movie"],
        env=environment(**cli.environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(cli: CommandLine, output: str) -> None:
    """As in `catalog-model list-titles movie | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    words = ["--output", output, "list-titles", "movie", "--limit", "100"]
    with os.fdopen(writing, "wb") as closed:
        done = run(cli.environment, *words, stdout=closed)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "words", ["list-titles movie", "serve --empty --port 0 --engine moto"], ids=["page", "serve"]
)
def test_a_full_disk_is_one_line(cli: CommandLine, words: str) -> None:
    """It is not reported as a success; `serve`, which cannot tell its address, ends."""
    with Path("/dev/full").open("wb") as full:
        done = run(cli.environment, *words.split(), stdout=full)
    assert (done.returncode, done.stderr) == (255, "Error: No space left on device\n")


def test_an_output_that_is_not_utf_8_still_gets_everything(cli: CommandLine) -> None:
    """Other characters are escaped, and JSON stays valid."""

    def shown(encoding: str, *options: str) -> str:
        words = ["get-title", "tv", "44", *options]
        return run(cli.environment, *words, PYTHONIOENCODING=encoding).stdout

    as_json = ("--output", "json")
    assert json.loads(shown("latin-1", *as_json)) == ap.get_title(cli.catalog, "tv", 44).to_json()
    assert "Resurrection: Ertu\\u011frul" in shown("latin-1")
    assert "Resurrection: Ertuğrul" in shown("utf-8", *as_json)


def _heed_ctrl_c() -> None:
    """Enable Ctrl-C, which shells disable for background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_130(cli: CommandLine) -> None:
    """During a request, with a message and without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = ("--endpoint-url", endpoint, "status")
        with started(cli.environment, *words, preexec_fn=_heed_ctrl_c) as process:
            silent.accept()[0].close()
            connection, _ = silent.accept()  # it is retrying, and waits now
            with connection:
                process.send_signal(signal.SIGINT)
                printed, told = process.communicate(timeout=PATIENCE)
    assert (process.returncode, printed, told.strip()) == (130, "", "Interrupted.")


def test_the_version_is_printed() -> None:
    """Without a table."""
    done = run({}, "--version")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["catalog-model,", "version"])


def test_only_what_is_needed_is_imported() -> None:
    """JSON does not need rich, and only an engine needs moto."""
    code = (
        "import sys, catalog_model.cli.program; "
        "print([name for name in ('rich', 'moto', 'flask') if name in sys.modules])"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], env=environment(), text=True)
    assert shown == "[]\n"


@contextmanager
def serving(*words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Start `serve` on a free port; a failing test does not wait for its end."""
    if has_dynoxide():
        more["DYNOXIDE"] = str(find_dynoxide())
    with started(more, "serve", "--port", "0", *words) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def read_until(process: subprocess.Popen[str], last: str) -> list[str]:
    """Read lines until one begins with *last*."""
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while not lines[-1].startswith(last):
        assert lines[-1], process.communicate()
        lines.append(process.stdout.readline())
    return lines


def exported(lines: list[str]) -> dict[str, str]:
    """Return the variables that `serve` tells its user to set."""
    exports = [line.split()[1] for line in lines if line.strip().startswith("export ")]
    return dict(line.split("=", 1) for line in exports)


def ended(process: subprocess.Popen[str], told: signal.Signals) -> tuple[int, str]:
    """Tell `serve` to end; return its exit code and its last words."""
    process.send_signal(told)
    _, error = process.communicate(timeout=PATIENCE)
    return process.returncode, error


STOPPED = (0, "Stopped.\n")


def test_serve_leads_other_programs_to_the_sample_data() -> None:
    """With the printed settings; Ctrl-C ends it."""
    with serving(CATALOG_TABLE="my-table") as process:
        lines = read_until(process, "Ctrl-C stops it")
        commands = [line.split()[1:] for line in lines if line.startswith("    catalog-model ")]
        assert len(commands) == 3
        for words in commands:
            done = run(exported(lines), *words)
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.splitlines()) > 1
        assert ended(process, signal.SIGINT) == STOPPED


def test_serve_ends_with_its_terminal() -> None:
    """Unless the signal is ignored, as under nohup."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        pytest.skip("SIGHUP is ignored here, and serve keeps to that")
    with serving("--empty") as process:
        read_until(process, "Ctrl-C stops it")
        assert ended(process, signal.SIGHUP) == STOPPED


def test_serve_tells_programs_all_of_it_as_json() -> None:
    """Endpoint, table and environment, with moto as well."""
    words = ("--output", "json", "--table", "some-table", "--engine", "moto")
    with serving(*words) as process:
        told = json.loads("".join(read_until(process, "}")))
        assert (told["engine"], told["table"], told["titles"]) == ("moto", "some-table", 100)
        assert told["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == told["endpoint_url"]
        assert told["environment"]["CATALOG_TABLE"] == "some-table"
        assert ended(process, signal.SIGINT) == STOPPED


def test_serve_can_be_empty_and_exposed_as_a_container_of_its_own_wants_it() -> None:
    """Another program creates the table; it does not exist before."""
    with serving("--empty", "--expose", "--engine", "moto") as process:
        lines = read_until(process, "Ctrl-C stops it")
        assert lines[0].endswith(", with no table\n")
        assert lines[-3] == "    catalog-model create\n"
        for word, code in (("status", 254), ("create", 0), ("status", 0)):
            done = run(exported(lines), word)
            assert done.returncode == code, done.stderr
        assert ended(process, signal.SIGTERM) == STOPPED


def test_serve_says_when_its_port_is_taken() -> None:
    """In one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run({}, "serve", "--port", port)
    hint = "(--port 0 takes a free one)"
    expected = f"Error: port {port} cannot be used: Address already in use {hint}\n"
    assert (done.returncode, done.stdout, done.stderr) == (253, "", expected)


def test_serve_ends_when_its_engine_does() -> None:
    """With a message, and without processes that seem alive."""
    with serving("--output", "json") as process:
        told = json.loads("".join(read_until(process, "}")))
        (child,) = first_children(process.pid, PATIENCE)
        os.kill(child, signal.SIGKILL)
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (254, f"Error: {told['engine']} has ended\n")
