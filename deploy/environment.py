"""What the Makefile runs to make the environment of a clone: .venv, packages, the strict engine.

    python deploy/environment.py create .venv
    python deploy/environment.py install [--extras cli flask ...] [--groups test ...]
    python deploy/environment.py check [--engine auto] [--port 8080]
    python deploy/environment.py engine VERSION [--unless FILE] [--required]

uv installs where it is on the PATH, and pip otherwise, or where uv fails. Both ask the index that
this machine configures for them; none is named here. Each step prints a line before it starts and a
line every three seconds while it lasts.

This is a script of the standard library alone: it runs before anything is installed.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # a Ctrl-C while the other modules load shows no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parents[1]
ENGINE_FOLDER: Final = ROOT / ".engine"
ENGINES: Final = ("auto", "dynoxide", "moto")
MAX_PORT: Final = 65535
BEAT_SECONDS: Final = 3.0
"""The longest silence."""

STOP_SECONDS: Final = 5.0

PASSING: Final = (
    "WARNING",
    "Attempting uninstall",
    "Found existing installation",
    "Uninstalling",
    "Successfully uninstalled",
)
"""Lines of pip about a moment; its next step may take long and prints nothing."""

TAIL: Final = 12
"""Lines of a step's output that are shown when it fails."""

NO_DYNOXIDE: Final = "ENGINE=moto works without it"
EXIT_INTERRUPTED: Final = 130
NO_INDEX: Final = (
    "Is this machine online? pip and uv ask the package index they are configured for; behind a "
    "proxy, or with an index of your own, set HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT as they need."
)


class StepError(Exception):
    """A step has failed; its message holds the end of what the step printed."""


class Progress:
    """Prints lines at once, and knows how long it has been silent."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        self._said = time.monotonic()

    def beat(self, latest: str) -> None:
        """Print the time and what a step does."""
        self.say(f"  {time.monotonic() - self._started:3.0f} s  {latest}"[:100].rstrip())

    @property
    def seconds_left(self) -> float:
        """How long it may still be silent."""
        return max(0.0, self._said + BEAT_SECONDS - time.monotonic())


progress: Final = Progress()
say = progress.say


# --- Steps


def step(
    command: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Run a command and keep its output back; print its latest line when there was none for long.

    Raises:
        StepError: If it cannot be run or fails.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(settings or {})}
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise StepError(f"{command[0]} cannot be run: {error.strerror}") from error
    lines: deque[str] = deque(maxlen=TAIL)
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        reader.join(progress.seconds_left)
        while reader.is_alive():
            progress.beat(_latest(lines))
            reader.join(progress.seconds_left)
    except KeyboardInterrupt:
        _stop(process)
        raise
    if process.wait():
        raise StepError("\n".join(_told(lines)) or f"{command[0]} failed with {process.returncode}")


def _latest(lines: Sequence[str]) -> str:
    """Return the last line that says what a step is doing."""
    return next((line for line in reversed(lines) if not line.startswith(PASSING)), "")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _collect(output: IO[str], lines: deque[str]) -> None:
    with output:
        lines.extend(filter(None, map(str.strip, output)))


def indented(error: StepError) -> str:
    """Return a failure, indented for the line of its step."""
    return "\n".join(f"    {line}" for line in str(error).splitlines())


def _told(lines: Sequence[str]) -> list[str]:
    """Return the lines that tell why a step failed: of its retries the last one's reason alone."""
    retries = [line for line in lines if "Retrying (" in line]
    reasons = [line.rpartition(" broken by ")[2] for line in retries[-1:]]
    return [*reasons, *(line for line in lines if line not in retries)]


def last_line(error: StepError) -> str:
    """Return the one line of a failure that says most."""
    lines = str(error).splitlines()
    reasons = [line for line in lines if "error" in line.lower() and " log " not in line]
    return (reasons or lines)[-1]


# --- The environment and its packages


def create(folder: Path) -> None:
    """Make an environment with the Python that runs this."""
    uv = shutil.which("uv")
    say(f"Making {folder.name} with Python {platform.python_version()} ...")
    if uv:
        words = [uv, "venv", "--clear", "--seed", "--python", sys.executable, str(folder)]
        try:
            return step(words, settings=_uv_settings())
        except StepError as error:
            say(f"  uv cannot ({last_line(error)}); python -m venv takes its place")
    return step([sys.executable, "-m", "venv", "--clear", str(folder)])


def install(extras: Sequence[str], groups: Sequence[str]) -> None:
    """Install the project into the environment of this Python, editable, with what it needs.

    All of it is resolved together, with what builds the project: no second environment is made
    for the build.
    """
    _install(requirements(extras, groups))
    _install(["--no-build-isolation", "--no-deps", "--editable", str(ROOT)])
    progress.beat("installed")


def requirements(extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Read what the project needs, to be built as well as to be run."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = settings["project"]
    # hatchling asks for editables when it makes an editable wheel.
    needed = [*settings["build-system"]["requires"], "editables", *project["dependencies"]]
    for extra in extras:
        needed += project["optional-dependencies"][extra]
    for group in groups:
        needed += settings["dependency-groups"][group]
    return needed


def _install(words: Sequence[str]) -> None:
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--python", sys.executable, *words]
        try:
            return step(command, settings=_uv_settings())
        except StepError as error:
            say(f"  uv cannot ({last_line(error)}); pip takes its place")
    # As uv does: what is never imported need not be compiled.
    options = ("--disable-pip-version-check", "--no-compile", "--progress-bar=off")
    return step([sys.executable, "-m", "pip", "install", *options, *words])


def _uv_settings() -> dict[str, str]:
    """Let uv trust the certificates that this machine trusts, unless it is told otherwise."""
    return {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"} | {
        name: value for name, value in os.environ.items() if name.startswith("UV_")
    }


# --- What `make run` can check in advance


def check(engine: str, port: str) -> None:
    """See that what was asked for is there, before minutes are spent on it.

    Raises:
        StepError: If it is not.
    """
    if engine not in ENGINES:
        raise StepError(f"ENGINE must be one of {', '.join(ENGINES)}, not {engine!r}")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) <= MAX_PORT):
        raise StepError(f"PORT must be a number from 1 to {MAX_PORT}, not {port!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            raise StepError(
                f"port {port} cannot be used: {error.strerror}; make run PORT=8081 takes another"
            ) from error


# --- The strict engine


def engine(version: str, unless: Path | None, *, required: bool = False) -> bool:
    """Get dynoxide where npm can, *unless* a file is there; return whether it is there and runs.

    Raises:
        StepError: If it is *required* and cannot be had.
    """
    if has_dynoxide():
        return True
    if unless is not None and unless.exists():
        return False
    package = f"@dynoxide/{_platform()}"
    if shutil.which("npm") is None:
        if required:
            raise StepError(f"there is no npm to get dynoxide, a strict engine; {NO_DYNOXIDE}")
        say("There is no npm to get dynoxide, a strict engine: moto takes its place")
        return False
    say("Getting dynoxide, a strict engine, with npm ...")
    try:
        _get(f"{package}@{version}")
    except StepError as error:
        if required:
            raise StepError(
                f"npm cannot get dynoxide: {last_line(error)}; {NO_DYNOXIDE}"
            ) from error
        say(f"  npm cannot ({last_line(error)}): moto takes its place")
        say("  `make engine` tries again")
        return False
    return has_dynoxide()


def _get(package: str) -> None:
    """Install a package of npm into the folder of the engine.

    A package.json keeps npm in there. ``--prefix`` would, too, but then npm looks for the
    settings of the machine, such as a certificate, under that prefix.
    """
    shutil.rmtree(ENGINE_FOLDER, ignore_errors=True)
    ENGINE_FOLDER.mkdir()
    (ENGINE_FOLDER / "package.json").write_text(json.dumps({"private": True}))
    words = ("--no-save", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000")
    step(["npm", "install", *words, package], cwd=ENGINE_FOLDER)


def has_dynoxide() -> bool:
    """Whether a dynoxide for this machine is named, on the PATH, or in the project's own folder."""
    named = shutil.which(os.environ.get("DYNOXIDE") or "dynoxide")
    found = ENGINE_FOLDER.glob("node_modules/@dynoxide/*/dynoxide")
    return any(map(_runs, [*filter(None, [named]), *map(str, found)]))


def _runs(program: str) -> bool:
    try:
        subprocess.run([program, "--version"], capture_output=True, timeout=15, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _platform() -> str:
    machine = platform.machine().lower()
    names = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    return f"{sys.platform}-{names.get(machine, machine)}"


# --- The command line


def main() -> int:
    """Do what the words say."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        options = _options()
        return int(options.run(options) or 0)
    except StepError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return EXIT_INTERRUPTED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the environment of a clone.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("create")
    command.add_argument("folder", type=Path)
    command.set_defaults(run=lambda options: create(options.folder))
    command = commands.add_parser("install")
    command.add_argument("--extras", nargs="*", default=[])
    command.add_argument("--groups", nargs="*", default=[])
    command.set_defaults(run=_install_as_told)
    command = commands.add_parser("check")
    command.add_argument("--engine", default="auto")
    command.add_argument("--port", default="8080")
    command.set_defaults(run=lambda options: check(options.engine, options.port))
    command = commands.add_parser("engine")
    command.add_argument("version")
    command.add_argument("--unless", type=Path)
    command.add_argument("--required", action="store_true")
    command.set_defaults(
        run=lambda options: not engine(options.version, options.unless, required=options.required)
    )
    return parser.parse_args()


def _install_as_told(options: argparse.Namespace) -> None:
    try:
        install(options.extras, options.groups)
    except StepError as error:
        raise StepError(
            f"the packages cannot be installed:\n{indented(error)}\n{NO_INDEX}"
        ) from error


if __name__ == "__main__":
    sys.exit(main())
