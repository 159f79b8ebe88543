"""Package indexes on this machine, and a shell that uses no others."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packages import NAME, ROOT, attempt, output_of

from catalog_model.dynamodb.engines.local import free_port

PAGE = ROOT / "docs" / "install.md"
HOST = "packages.example.com"
USER, PASSWORD = "ci", "secret"
"""The credentials on the page."""

START_SECONDS = 30


def block(name: str) -> str:
    marked = rf"<!-- index test: {re.escape(name)} -->\n```\w*\n(.*?)```"
    (found,) = re.findall(marked, PAGE.read_text("utf-8"), re.DOTALL)
    return str(found)


def named_blocks() -> set[str]:
    """Return the names of the blocks that tests must run."""
    return set(re.findall(r"<!-- index test: (.+?) -->", PAGE.read_text("utf-8")))


@contextmanager
def serving(*folders: Path, password_file: Path | None = None) -> Iterator[str]:
    """Serve folders of packages as an index, protected by a password or public."""
    port = str(free_port(0))
    access = ("update,download,list", password_file) if password_file else (".", ".")
    command = (sys.executable, "-m", "pypiserver", "run", "-i", "127.0.0.1", "-p", port)
    options = ("--disable-fallback", "--server", "wsgiref", "-a", access[0], "-P", access[1])
    process = subprocess.Popen(
        [*command, *map(str, options), *map(str, folders)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(process, f"{url}/health")
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(urllib.error.URLError):
            directly.open(url, timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"the index does not answer at {url}")


def fetch(pinned: Iterable[str], into: Path) -> Path:
    """Download wheels from pip's index; skip if they are not available."""
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(into))
    fetched = attempt(sys.executable, "-m", "pip", "download", *options, *pinned)
    if fetched.returncode:
        pytest.skip(f"pip finds the dependencies nowhere: {fetched.stderr.strip()[-300:]}")
    return into


def write_password_file(path: Path) -> Path:
    """Write the users of an index, in Apache's format."""
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    path.write_text(f"{USER}:{{SHA}}{digest}\n", encoding="utf-8")
    return path


def write_attack(folder: Path, version: str) -> Path:
    """Write the source of a foreign package with this package's name."""
    (folder / NAME).mkdir(parents=True)
    (folder / NAME / "__init__.py").write_text("raise SystemExit('attacked')\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "catalog-model"\nversion = "{version}"\n',
        encoding="utf-8",
    )
    return folder


@dataclass
class Shell:
    """The shell of a user, without settings from outside; *url* replaces the index on the page."""

    home: Path
    url: str
    python: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = self.home / "tools"
        tools.mkdir(parents=True)
        for name in ("twine", "uv"):
            found = shutil.which(name, path=str(Path(sys.executable).parent))
            assert found, name
            (tools / name).symlink_to(found)
        path = (self.python.parent, tools, "/usr/local/bin", "/usr/bin", "/bin")
        self.variables |= {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join(map(str, path)),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON": str(self.python),
            "UV_PYTHON_DOWNLOADS": "never",
        }
        (self.home / ".netrc").write_text(self.with_index(block("netrc")), encoding="utf-8")
        (self.home / ".netrc").chmod(0o600)

    def with_index(self, text: str) -> str:
        """Replace the index on the page by this one."""
        return text.replace(f"https://{HOST}", self.url).replace(HOST, "127.0.0.1")

    def run(self, script: str, cwd: Path | None = None, **more: str) -> str:
        """Run commands as a user would type them, up to the first failure."""
        return output_of(self.attempt(script, cwd, **more))

    def attempt(
        self, script: str, cwd: Path | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        shell = ("/bin/sh", "-e", "-c", self.with_index(script))
        return attempt(*shell, cwd=cwd or self.home, env={**self.variables, **more})
