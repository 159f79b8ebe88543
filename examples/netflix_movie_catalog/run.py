"""The program behind `make run`: an engine, the table with its titles, and the application.

Everything stays on this machine. If the engine keeps its tables, a second run finds the data of the
first one, including changed popularities.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # a Ctrl-C while the other modules load shows no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import hashlib
import http.client
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from catalog_model import Catalog, Movie, Rejection, TVShow
from catalog_model import access_patterns as ap
from catalog_model.checks import counted
from catalog_model.dynamodb.engines.local import (
    ENGINE_CHOICES,
    PYTHON,
    environment_without_aws,
    free_port,
    kept,
)
from catalog_model.errors import CatalogError, ConfigurationError
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table

Titles = Sequence[Movie | TVShow | Rejection]

ROOT: Final = Path(__file__).resolve().parents[2]
GUNICORN_CONF: Final = Path(__file__).with_name("gunicorn_conf.py")
APPLICATION: Final = "examples.netflix_movie_catalog.app:create_app()"
HOST: Final = "127.0.0.1"
MAX_PORT: Final = 65535
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
PARENT: Final = os.getppid()


def main() -> int:
    """Run everything until Ctrl-C, or until the process is told to end."""
    for told in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if told != signal.SIGHUP or signal.getsignal(told) != signal.SIG_IGN:  # by nohup
            signal.signal(told, _end)
    try:
        run(_options())
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
    except (CatalogError, OSError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def _end(*_: object) -> None:
    for told in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # once is enough
        signal.signal(told, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the application with an engine of its own.")
    parser.add_argument("--port", type=port_number, default=8080, help="port on 127.0.0.1 (8080)")
    parser.add_argument("--engine", choices=ENGINE_CHOICES, default="auto", help="engine (auto)")
    parser.add_argument("--data", type=Path, help="folder with data_movies.json and data_tv.json")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".data", help="where the engine keeps tables (.data)"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end when the process that started this one ends"
    )
    return parser.parse_args()


def port_number(text: str) -> int:
    """Read a port; argparse turns a ValueError into a usage error."""
    if not 0 < int(text) <= MAX_PORT:
        raise ValueError(text)
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Start the engine, fill its table, start the application, and watch over both."""
    try:
        free_port(options.port)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; make run PORT=8081 takes another") from error
    data = sample_folder() if options.data is None else options.data
    titles = read_folder(data)
    folder = options.folder / _name_of(options.data)
    with start_engine(options.engine, folder=folder) as engine:
        kept = f"kept in {folder}" if engine.is_persistent else "not persistent: all in memory"
        say(f"Engine: {engine.name}, {kept}")
        catalog = engine.catalog()
        create_table(catalog)
        fill(catalog, titles, Stamp(folder, data) if engine.is_persistent else None)
        with application(engine, catalog, options.port) as process:
            _show(engine, options.port, titles)
            while engine.is_running and process.poll() is None:
                if options.with_parent and os.getppid() != PARENT:
                    return
                time.sleep(0.2)
            ended = "the application" if engine.is_running else engine.name
            raise ConfigurationError(f"{ended} has ended")


def fill(catalog: Catalog, titles: Titles, stamp: Stamp | None) -> None:
    """Load the titles, unless the table has had them since an earlier run."""
    if stamp is not None and stamp.is_there():
        count = ap.count_titles(catalog, "movie") + ap.count_titles(catalog, "tv")
        if count:
            say(f"Data: {counted(count, 'title')} unchanged")
            return
    started = time.monotonic()
    report = ap.load_titles(catalog, titles, on_progress=_progress(len(titles)))
    seconds = time.monotonic() - started
    say(
        f"Data: {counted(report.created, 'title')} created, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged, {len(report.rejected):,} rejected ({seconds:.1f} s)"
    )
    for each in report.rejected:
        say(f"  rejected: {each.source} {each.key!a}: {each.reason}")
    if stamp is not None:
        stamp.put()


class Stamp:
    """A file next to the engine's that records which data is completely loaded."""

    def __init__(self, folder: Path, data: Path | Traversable) -> None:
        self._path = folder / "loaded"
        self._digest = hashlib.sha256()
        for name in FILE_NAMES.values():
            self._digest.update((data / name).read_bytes())

    def is_there(self) -> bool:
        """Whether that data is loaded; if not, forget any other data that was loaded."""
        if self._path.is_file() and self._path.read_text() == self._digest.hexdigest():
            return True
        self._path.unlink(missing_ok=True)
        return False

    def put(self) -> None:
        """Note that the data is loaded."""
        self._path.write_text(self._digest.hexdigest())


def _name_of(data: Path | None) -> str:
    """Return a folder name for the data, so that different data sets are kept apart."""
    if data is None:
        return "sample"
    path = data.resolve()
    return f"{path.name}-{hashlib.sha256(bytes(path)).hexdigest()[:8]}"


def _progress(total: int) -> Callable[[int], None] | None:
    """Show the progress on one line of a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int) -> None:
        sys.stderr.write(f"\rLoading {done:,} of {total:,} titles")
        sys.stderr.write("\r\033[K" if done == total else "")
        sys.stderr.flush()

    return show


@contextmanager
def application(engine: Engine, catalog: Catalog, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the application under gunicorn, out of reach of a Ctrl-C in this terminal.

    It ends with this process, even if this process is killed.
    """
    if find_spec("gunicorn") is None:
        raise ConfigurationError("gunicorn is not installed: pip install -e '.[cli,local,flask]'")
    command = [*PYTHON, "-m", "gunicorn", "--chdir", str(ROOT), "--bind", f"{HOST}:{port}"]
    command += ["--config", str(GUNICORN_CONF), "--log-level", "warning"]
    environment = environment_without_aws() | engine.environment()
    environment |= {"CATALOG_TABLE": catalog.table, "CATALOG_DRAIN_SECONDS": "0"}
    with subprocess.Popen(  # noqa: S603  # our own words
        kept([*command, APPLICATION]),
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _await_answer(process, port)
            yield process
        finally:
            _stop(process)


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ConfigurationError("the application did not start")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _show(engine: Engine, port: int, titles: Titles) -> None:
    url = f"http://{HOST}:{port}"
    movies = [title for title in titles if isinstance(title, Movie)]
    movie_id = movies[0].id if movies else 1
    body = f'{{"movieId": "{movie_id}", "popularity": 999.5}}'
    command = shlex.quote(str(Path(sys.executable).parent / "catalog-model"))
    settings = engine.environment().items()
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings)
    say(
        f"""
The application answers at {url}; try

    curl '{url}/discover?genre=28'
    curl '{url}/discover?type=tv&genre=18'
    curl -H 'Content-Type: application/json' -d '{body}' {url}/updatePopularity
    curl {url}/readyz

and, on the same table,

    export {exports}
    {command} get-title movie {movie_id}

Ctrl-C stops it.
"""
    )


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
