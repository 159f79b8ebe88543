r"""gunicorn's configuration for the application, used by `make run` and by the image.

::

    gunicorn --config gunicorn_conf.py 'app:create_app()'
    gunicorn --config examples/netflix_movie_catalog/gunicorn_conf.py \
        'examples.netflix_movie_catalog.app:create_app()'

Options on the command line and in the variable GUNICORN_CMD_ARGS take precedence over this file:
``--bind 0.0.0.0:8080`` in a container. Three variables matter:

==============================  ===================================================================
``WEB_CONCURRENCY``             the number of worker processes; 2
``CATALOG_DRAIN_SECONDS``       seconds from SIGTERM until connections are refused; 5
``PROMETHEUS_MULTIPROC_DIR``    a folder for the metrics of all workers, one for each gunicorn. It
                                is emptied at the start and kept at the end; by default, a folder
                                in memory that is removed at the end
==============================  ===================================================================

At SIGTERM the readiness of all workers fails, each answer closes its connection, and requests are
served as before until load balancers have stopped routing here. Then new connections are refused
and running requests are completed. A second SIGTERM ends the wait. So allow the process
``CATALOG_DRAIN_SECONDS`` plus 20 seconds before it is killed (``terminationGracePeriodSeconds``,
``docker stop --time``).

The threads get complete requests only: slow clients and large bodies occupy none of them. The
module `catalog_model.gunicorn` documents which connections are closed, and when.

The application is loaded once, before the workers are forked: they start quickly and share its
memory. It has no client by then; each worker makes its own before it accepts a connection. A new
version of the code needs a new gunicorn: SIGHUP replaces the workers, not the code.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

MEMORY: Final = "/dev/shm"  # noqa: S108  # on Linux: writable where the rest is read-only
OUR_FOLDER: Final = "catalog-metrics-"
LONGEST_DRAIN: Final = 3600.0
SETTLE_SECONDS: Final = 0.2
SO_ATTACH_FILTER: Final = 26  # Linux's; the module socket does not define it
NO_NEWCOMERS: Final = (
    (0x30, 0, 0, 13),  # load the flags of a TCP packet
    (0x54, 0, 0, 0x12),  # of these, SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone: a new connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # pass all others
)
"""A filter for a listening socket, as code of the Berkeley packet filter."""


def seconds_to_drain() -> float:
    """Read CATALOG_DRAIN_SECONDS at the start; otherwise an error would appear only at SIGTERM.

    Raises:
        ValueError: If it is not a number within bounds; the message names it.
    """
    said = os.environ.get("CATALOG_DRAIN_SECONDS") or "5"
    with suppress(ValueError):
        if 0 <= float(said) <= LONGEST_DRAIN:
            return float(said)
    wanted = f"a number of seconds from 0 to {LONGEST_DRAIN:g}"
    raise ValueError(f"CATALOG_DRAIN_SECONDS must be {wanted}, not {said!r}")


bind = "127.0.0.1:8080"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "catalog_model.gunicorn.BufferedWorker"
threads = 8
os.environ.setdefault("CATALOG_WAITING_REQUESTS", str(threads - 2))  # two are for health checks
preload_app = True
keepalive = 75  # longer than load balancers keep theirs, so that they close first: AWS's 60 s
drain_seconds = seconds_to_drain()
graceful_timeout = 20
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None
control_socket_disable = True


def metrics_folder() -> Path:
    """Create and return the folder of the workers' metrics, and set the variable for all processes.

    It must be set before the application is loaded: prometheus_client looks only once.
    """
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not named:
        named = tempfile.mkdtemp(prefix=OUR_FOLDER, dir=worker_tmp_dir)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = named
        atexit.register(remove, named, os.getpid())
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove(folder: str, owner: int) -> None:
    """Remove the folder at the end of the process that made it, not of one of its workers."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


folder = metrics_folder()
draining = folder / f"draining-{os.getpid()}"
"""A file that exists once gunicorn was told to end; all workers, old and new, see it."""


def on_starting(server: Any) -> None:
    """Remove the metrics and the draining file of an earlier gunicorn."""
    draining.unlink(missing_ok=True)
    if server.master_pid:  # it takes over from another one, after SIGUSR2, which keeps counting
        return
    for file in folder.glob("*.db"):
        if not file.stem.endswith(f"_{server.pid}"):  # this process's, by a preloaded application
            file.unlink()


def pre_exec(server: Any) -> None:
    """Make the gunicorn that takes over use its own folder: this one is removed at the end."""
    if folder.name.startswith(OUR_FOLDER):
        server.cfg.env_orig.pop("PROMETHEUS_MULTIPROC_DIR", None)


def when_ready(server: Any) -> None:
    """Make SIGTERM start with a period in which readiness fails and requests are served."""

    def drain(*_: object) -> None:
        signal.signal(signal.SIGTERM, close)
        signal.signal(signal.SIGALRM, close)
        with suppress(OSError):  # the folder was removed: drain without failing readiness
            draining.touch()
        signal.setitimer(signal.ITIMER_REAL, drain_seconds or 0.001)

    def close(*_: object) -> None:
        signal.signal(signal.SIGTERM, server.signal)
        signal.signal(signal.SIGALRM, lambda *_: server.signal(signal.SIGTERM, None))
        if not (server.systemd or server.master_pid or server.reexec_pid):  # no other listener
            for listener in server.LISTENERS:
                refuse_newcomers(listener.sock)
        signal.setitimer(signal.ITIMER_REAL, SETTLE_SECONDS)

    signal.signal(signal.SIGTERM, drain)


def refuse_newcomers(listener: socket.socket) -> None:
    """Refuse new connections, but still accept those that are established or half-open.

    Closing the socket at once would break the connections that wait to be accepted, with their
    requests. With the filter, Linux drops only the packets that request a new connection. Their
    sender repeats them a second later, and is refused, because the socket is closed by then.
    """
    code = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *step) for step in NO_NEWCOMERS)
    )
    program = struct.pack("HP", len(NO_NEWCOMERS), ctypes.addressof(code))
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # a kernel without filters: plain gunicorn behaviour
            listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def post_worker_init(worker: Any) -> None:
    """Make the worker's client before its first request; a wrong configuration ends the worker."""
    worker.wsgi.extensions["catalog_model"].warm()


def pre_request(worker: Any, request: Any) -> None:
    """While gunicorn drains, fail readiness, and close the connection after the answer."""
    if draining.exists():
        worker.wsgi.extensions["catalog_model"].drain()
        request.force_close()


def child_exit(_: Any, worker: Any) -> None:
    """Drop the gauges of a worker that has ended; its counters stay."""
    from prometheus_client import multiprocess  # noqa: PLC0415  # not before the folder is set

    multiprocess.mark_process_dead(worker.pid, str(folder))  # type: ignore[no-untyped-call]
