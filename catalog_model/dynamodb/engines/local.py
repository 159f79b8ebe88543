"""An engine on this machine with DynamoDB's interface, for trying out, learning and testing.

There are two. dynoxide is a small separate program, strict and fast, and stores its tables in a
file if it is given a folder. moto is part of the extra ``local`` and loses its tables at its end.
Each runs as a separate process, which ends with the one that started it, even if that is killed.
Neither authenticates clients, so requests of web pages are rejected.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final, Literal, cast

import botocore.session
from botocore.config import Config

from catalog_model.checks import check_choice, check_flag, refuse, shown
from catalog_model.checks.plain import plain
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.clients import CLIENT_DEFAULTS
from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.lane.choice import note_own
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.errors import ConfigurationError

EngineName = Literal["dynoxide", "moto"]
EngineChoice = Literal["auto", "dynoxide", "moto"]
ENGINE_CHOICES: Final[tuple[EngineChoice, ...]] = ("auto", "dynoxide", "moto")

HOST: Final = "127.0.0.1"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  # only on request
REGION: Final = "us-east-1"
DUMMY: Final = "local"
"""Key and secret for an engine that does not check them."""

PYTHON: Final = (sys.executable, "-P")
"""A Python that imports no modules from the working directory."""

_NO_FILE: Final = os.devnull


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its name, its address, and whether its tables are persistent."""

    name: EngineName
    endpoint_url: str
    is_persistent: bool
    _is_running: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)

    @property
    def is_running(self) -> bool:
        """Whether it is still running."""
        return self._is_running()

    def environment(self) -> dict[str, str]:
        """Return variables that direct an AWS client in another process to this engine.

        With a proxy, they include ``NO_PROXY`` if it lacks this machine.
        """
        variables = {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": DUMMY,
            "AWS_SECRET_ACCESS_KEY": DUMMY,
            "AWS_DEFAULT_REGION": REGION,
        }
        proxies = urllib.request.getproxies()
        if "http" in proxies and not urllib.request.proxy_bypass(HOST):
            variables["NO_PROXY"] = ",".join(filter(None, (proxies.get("no"), HOST)))
        return variables

    def client(self) -> DynamoDBClient:
        """Make a client. The AWS configuration of this machine is not read."""
        unset = (None, None, None, None)
        nothing = (None, None, _NO_FILE, None)
        session = botocore.session.Session(
            {"profile": unset, "config_file": nothing, "credentials_file": nothing}
        )
        session.set_credentials(DUMMY, DUMMY)
        made = session.create_client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=self.endpoint_url,
            config=CLIENT_DEFAULTS.merge(Config(proxies={})),
        )
        client = cast("DynamoDBClient", made)
        read_with_orjson(client)
        note_own(client)
        return client


@contextmanager
def start_engine(
    name: EngineChoice = "auto",
    *,
    folder: Path | str | None = None,
    port: int = 0,
    exposed: bool = False,
) -> Iterator[Engine]:
    """Run an engine for the duration of the ``with`` block.

    `catalog_model.local.start_engine` describes the arguments and the errors.
    """
    check_choice(name, "engine", ENGINE_CHOICES)
    place = _check_folder(folder)
    port = _check_port(port)
    exposed = check_flag(exposed, "exposed")
    binary = None if name == "moto" else find_dynoxide()
    if name == "auto" and binary and not _runs(binary):
        binary = None
    if name == "dynoxide" and binary is None:
        raise ConfigurationError(
            "dynoxide is not on the PATH, DYNOXIDE does not name it, and there is none in the "
            "project's own folder .engine"
        )
    port = free_port(port)
    host = EVERYWHERE if exposed else HOST

    def run() -> AbstractContextManager[Engine]:
        if binary is None:
            return _running("moto", _moto_command(host, port), port, keeps=False)
        inner_host, inner_port = _hidden_address()
        command = _dynoxide_command(binary, inner_port, place, inner_host)
        guard = ["--guard", f"{host}:{port}", f"{inner_host}:{inner_port}"]
        return _running("dynoxide", kept(command, guard), port, keeps=place is not None)

    with ExitStack() as stack:
        try:
            engine = stack.enter_context(run())
        except ConfigurationError as error:
            if "already in use" not in str(error):
                raise
            engine = stack.enter_context(run())  # another program took the hidden port meanwhile
        yield engine


def _check_folder(folder: object) -> Path | None:
    if folder is not None and not isinstance(folder, (str, Path)):
        refuse("folder", folder, "the path of a folder, or None")
    return None if folder is None else Path(folder)


def _check_port(port: object) -> int:
    number = plain(port)
    if type(number) is not int:
        refuse("port", port, "a whole number from 0 to 65535", int)
    return number


def find_dynoxide() -> Path | None:
    """Return the path of dynoxide: from DYNOXIDE, the PATH, or the folder of ``make engine``.

    The latter is ``.engine`` in the project's folder, if this package is used from its source tree.
    The working directory is not trusted: relative directories on the PATH are skipped.
    """
    named = os.environ.get("DYNOXIDE")
    if named:
        if shutil.which(named) is None:
            raise ConfigurationError(f"DYNOXIDE must name a program, not {named!r}")
        return Path(named)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    on_path = shutil.which("dynoxide", path=os.pathsep.join(filter(os.path.isabs, folders)))
    if on_path:
        return Path(on_path)
    for folder in _project_folder():
        for found in sorted(folder.glob(".engine/node_modules/@dynoxide/*/dynoxide")):
            if os.access(found, os.X_OK):
                return found
    return None


def _project_folder() -> list[Path]:
    folder = Path(__file__).resolve().parents[3]
    return [folder] if (folder / "pyproject.toml").is_file() else []


def _runs(binary: Path) -> bool:
    command = [str(binary), "--version"]
    try:
        subprocess.run(command, capture_output=True, timeout=keeper.START_SECONDS, check=True)  # noqa: S603  # the user's own engine
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def free_port(port: int) -> int:
    """Return a free port of this machine, or check that the wanted one is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError as error:
            raise ConfigurationError(f"there is no port {shown(port)}") from error
        except OSError as error:
            raise ConfigurationError(f"port {port} cannot be used: {error.strerror}") from error
        free: int = probe.getsockname()[1]
    return free


@contextmanager
def _running(name: EngineName, command: list[str], port: int, *, keeps: bool) -> Iterator[Engine]:
    with tempfile.TemporaryFile() as complaints, _started(command, complaints) as process:
        _await_answer(name, process, port, complaints)
        yield Engine(name, f"http://{HOST}:{port}", keeps, lambda: process.poll() is None)


def _dynoxide_command(binary: Path, port: int, folder: Path | None, host: str = HOST) -> list[str]:
    command = [str(binary), "--host", host, "--port", str(port)]
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from error
        except ValueError as error:
            raise ConfigurationError(f"{shown(str(folder))} is no path: {error}") from error
        command += ["--db-path", str(folder / "catalog.db")]
    return command


def _moto_command(host: str, port: int) -> list[str]:
    missing = [name for name in ("moto", "py_partiql_parser") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"moto is not installed ({missing[0]} is missing): pip install 'catalog-model[local]'"
        )
    return [*PYTHON, "-m", "catalog_model.dynamodb.engines.moto_server", host, str(port)]


def kept(command: list[str], options: Sequence[str] = ()) -> list[str]:
    """Return the command that runs *command* until its standard input ends.

    Only this process has the other end of that pipe: any end of it, even a kill, ends the command.
    """
    return [sys.executable, "-IS", keeper.__file__, *options, *command]


def _hidden_address() -> tuple[str, int]:
    """Return the address between an engine and its guard: one of Linux's 2**24, or a free port."""
    host = ".".join(["127", *map(str, secrets.token_bytes(3))])
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return HOST, free_port(0)
        return host, probe.getsockname()[1]


@contextmanager
def _started(command: list[str], complaints: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that is not affected by Ctrl-C: it is stopped after its users."""
    modules = os.pathsep.join(filter(os.path.isabs, sys.path))  # not from the working directory
    try:
        process = subprocess.Popen(  # noqa: S603  # an engine of the user's own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=environment_without_aws() | {"PYTHONPATH": modules},
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(f"{command[0]} cannot be run: {error.strerror}") from error
    with process:
        try:
            yield process
        finally:
            keeper.stop(process)


def environment_without_aws() -> dict[str, str]:
    """Return this process's environment without AWS endpoints and credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nothing


def _await_answer(
    name: str, process: subprocess.Popen[bytes], port: int, complaints: IO[bytes]
) -> None:
    deadline = time.monotonic() + keeper.START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").split("\n")
            said = [line.strip() for line in lines if line.strip()] or ["it gave no reason"]
            raise ConfigurationError(f"{name} did not start: {said[-1]}")
        waits.sleep(0.01)


def _answers(port: int) -> bool:
    """Return whether a server listens; both engines are ready then."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
