"""What makes a clone's environment: it says what it does, and asks for no more than is needed."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packages import ROOT

from deploy import environment
from deploy.environment import StepError, step

Commands = list[list[str]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let steps be silent for a moment only."""
    monkeypatch.setattr(environment, "BEAT_SECONDS", 0.1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without uv, npm and dynoxide, to which a test adds its own; and an empty .engine."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.delenv("DYNOXIDE", raising=False)
    monkeypatch.setattr(environment, "ENGINE_FOLDER", tmp_path / ".engine")
    found_in = dict.fromkeys(("uv", "npm", "dynoxide"), str(tmp_path))
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: real(name, path=found_in.get(name)))
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_no_step_is_silent_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it runs prints nothing itself; what that printed last is shown."""
    step(python("import time; print('Collecting rich', flush=True); time.sleep(1)"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert lines[-1].endswith("s  Collecting rich")


def test_a_quick_step_prints_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it prints is kept back."""
    monkeypatch.setattr(environment, "BEAT_SECONDS", 20.0)
    environment.say("Printing much ...")
    step(python("print('much\\n' * 1000)"))
    assert capsys.readouterr().out == "Printing much ...\n"


def test_a_failed_step_shows_the_end_of_what_it_printed() -> None:
    """Of retries the last one's reason."""
    retry = "WARNING: Retrying (Retry(total={0})) after connection broken by 'no name {0}': /x/"
    said = [*map(retry.format, (2, 1, 0)), "ERROR: No matching distribution found"]
    with pytest.raises(StepError) as caught:
        step(python(f"print({chr(10).join(said)!r}); raise SystemExit(1)"))
    assert str(caught.value).splitlines() == ["'no name 0': /x/", said[-1]]
    with pytest.raises(StepError, match="failed with 7"):
        step(python("raise SystemExit(7)"))


def test_a_program_that_is_not_there_is_one_line() -> None:
    """And no exception of Python's."""
    with pytest.raises(StepError, match="no-such-program cannot be run: No such file"):
        step(["no-such-program"])


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands of steps, which are not run; those of a uv that is called broken fail."""
    made: Commands = []

    def noted(command: list[str], **_: object) -> None:
        made.append(list(map(str, command)))
        if "broken" in Path(command[0]).parent.name:
            raise StepError("error: no index answers")

    monkeypatch.setattr(environment, "step", noted)
    return made


def installers(commands: Commands) -> list[str]:
    """Return which programs were asked to install."""
    return [Path(command[0]).name if "-m" not in command else command[2] for command in commands]


@pytest.mark.usefixtures("folder")
def test_pip_installs_where_there_is_no_uv(commands: Commands) -> None:
    """Once with everything that is needed, and once the project, with nothing to resolve."""
    environment.install(["cli", "flask"], [])
    assert installers(commands) == ["pip", "pip"]
    needed, project = commands
    assert {"click>=8.2", "flask>=3.1", "boto3>=1.40"} <= set(needed)
    assert not [word for word in needed if "moto" in word]
    assert project[-4:] == ["--no-build-isolation", "--no-deps", "--editable", str(ROOT)]


def test_uv_installs_where_it_is_there(folder: Path, commands: Commands) -> None:
    """Into the same environment."""
    program(folder, "uv", "exit 0")
    environment.install(["local"], [])
    assert installers(commands) == ["uv", "uv"]
    assert all(sys.executable in command for command in commands)


def test_pip_takes_the_place_of_a_uv_that_fails(
    folder: Path,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may be configured for an index that pip is not, or the other way round."""
    (folder / "broken").mkdir()
    program(folder / "broken", "uv", "exit 1")
    monkeypatch.setattr(shutil, "which", lambda name: str(folder / "broken" / name))
    environment.install([], [])
    assert installers(commands) == ["uv", "pip", "uv", "pip"]
    assert "uv cannot (error: no index answers); pip takes its place" in capsys.readouterr().out


def test_what_is_installed_is_what_the_project_declares() -> None:
    """Every extra and group by its name, and what builds the project."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras, groups = settings["project"]["optional-dependencies"], settings["dependency-groups"]
    needed = environment.requirements(list(extras), list(groups))
    for declared in (*extras.values(), *groups.values(), settings["build-system"]["requires"]):
        assert set(declared) <= set(needed)
    assert set(settings["project"]["dependencies"]) <= set(environment.requirements([], []))


@pytest.mark.parametrize(
    ("engine", "port", "message"),
    [
        *(
            ("auto", port, f"PORT must be a number from 1 to 65535, not {port!r}")
            for port in ("0", "65536", "-1", "+80", "eighty", "80 80", "", "\u0664")
        ),
        ("mysql", "8080", "ENGINE must be one of auto, dynoxide, moto, not 'mysql'"),
    ],
)
def test_what_does_not_exist_is_refused(engine: str, port: str, message: str) -> None:
    """A port, or an engine; the value is shown."""
    with pytest.raises(StepError) as caught:
        environment.check(engine, port)
    assert str(caught.value).startswith(message)


def test_a_port_in_use_is_refused() -> None:
    """With a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(StepError, match=f"port {port} cannot be used: Address already in use"):
            environment.check("auto", port)
    environment.check("auto", port)


INSTALLS = """
pwd > "{folder}/where"; echo "$@" > "{folder}/words"; test -f package.json || exit 1
mkdir -p node_modules/@dynoxide/x; echo '#!/bin/sh' > node_modules/@dynoxide/x/dynoxide
chmod +x node_modules/@dynoxide/x/dynoxide
"""


def test_npm_gets_the_engine(folder: Path) -> None:
    """In the engine's own folder: with --prefix npm does not read the machine's npmrc."""
    program(folder, "npm", INSTALLS.format(folder=folder))
    assert not environment.has_dynoxide()
    assert environment.engine("1.2.3", None)
    assert (folder / "where").read_text().strip() == str(folder / ".engine")
    words = shlex.split((folder / "words").read_text())
    assert re.fullmatch("@dynoxide/.*@1.2.3", words[-1])
    assert not [word for word in words if word.startswith("--prefix")]


def test_an_engine_that_is_there_is_not_fetched(folder: Path) -> None:
    """On the PATH, or in the engine's folder."""
    program(folder, "dynoxide", "exit 0")
    assert environment.engine("1.2.3", None)
    assert not (folder / ".engine").exists()


def test_what_does_not_run_is_no_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for another processor, say."""
    program(folder, "dynoxide", "exit 126")
    monkeypatch.setenv("DYNOXIDE", str(folder / "dynoxide"))
    assert not environment.has_dynoxide()


def test_progress_shows_what_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    """Not warnings, nor what was uninstalled a while ago."""
    said = ["Installing collected packages: a, b", "Found existing installation: a 1"]
    said += ["Uninstalling a-1:", "Successfully uninstalled a-1", "WARNING: the cache is disabled"]
    step(python(f"import time; print({chr(10).join(said)!r}, flush=True); time.sleep(0.5)"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("s  Installing collected packages: a, b")
    assert not [line for line in lines if "uninstalled" in line or "WARNING" in line]


def test_a_named_engine_is_required(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No other takes its place; the message says which one works."""
    with pytest.raises(StepError, match=r"there is no npm .* ENGINE=moto works without it"):
        environment.engine("1.2.3", None, required=True)
    program(folder, "npm", "echo 'npm error code CERT'; exit 1")
    with pytest.raises(StepError, match=r"npm cannot get dynoxide: .* CERT; ENGINE=moto works"):
        environment.engine("1.2.3", None, required=True)
    assert "moto takes its place" not in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_no_npm_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And what takes the engine's place."""
    assert not environment.engine("1.2.3", None)
    assert "There is no npm" in capsys.readouterr().out


def test_the_reason_of_npm_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not where its log lies."""
    log = "npm error A complete log of this run can be found in: x"
    program(folder, "npm", f"echo 'npm error code CERT'; echo '{log}'; exit 1")
    assert not environment.engine("1.2.3", None)
    shown = capsys.readouterr().out
    assert "npm cannot (npm error code CERT): moto takes its place" in shown
    assert "`make engine` tries again" in shown


def test_npm_is_not_asked_again_once_moto_is_installed(folder: Path) -> None:
    """Each start would wait for it."""
    program(folder, "npm", INSTALLS.format(folder=folder))
    (folder / "installed").touch()
    assert not environment.engine("1.2.3", folder / "installed")
    assert not (folder / "where").exists()
    assert environment.engine("1.2.3", folder / "missing")


def test_a_failure_is_one_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what can be done about an index that does not answer."""

    def fail(*_: object, **__: object) -> None:
        raise StepError("ERROR: No matching distribution found for boto3")

    monkeypatch.setattr(environment, "step", fail)
    monkeypatch.setattr(sys, "argv", ["environment.py", "install", "--extras", "cli"])
    assert environment.main() == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error: the packages cannot be installed:"
    assert lines[1] == "    ERROR: No matching distribution found for boto3"
    assert "PIP_INDEX_URL" in lines[2]


INTERRUPTED = """
import sys
from deploy import environment
environment.check = lambda *_: environment.step(
    [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
)
environment.BEAT_SECONDS = 0.1
sys.argv = ["environment.py", "check"]
sys.exit(environment.main())
"""


def test_ctrl_c_is_one_line() -> None:
    """With the exit code of an interrupted program; what the step ran has ended."""
    with subprocess.Popen(
        python(INTERRUPTED),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        words = next(line.split() for line in process.stdout if len(line.split()) == 3)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "Stopped.\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(words[-1]), 0)


def test_no_index_is_named() -> None:
    """Which one is asked is the machine's to say."""
    for name in ("Makefile", "deploy/environment.py"):
        assert "://" not in (ROOT / name).read_text("utf-8")
