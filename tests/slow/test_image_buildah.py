"""The image, built and run with buildah, which needs neither a daemon nor a network.

Its containers are folders, without isolated processes. The checks of capabilities, of the read-only
root and of networks in `test_image` are for docker and podman.
"""

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from containers import BASE, PATIENCE, VERSION, ask, build_with, eventually, expect, run, works
from processes import command_line, descendants

from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines.local import free_port
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine
from catalog_model.operations import create_table

IMAGE = "localhost/catalog-model-test"
DRAIN_SECONDS = 2


@pytest.fixture(scope="module")
def configuration() -> Iterator[dict[str, Any]]:
    """Build the application; return the image's configuration."""
    if not works("buildah", "version"):
        pytest.skip("buildah is not here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUILDAH_ISOLATION", os.environ.get("BUILDAH_ISOLATION", "chroot"))
        inspect = ("buildah", "inspect", "--type", "image")
        if not works(*inspect, BASE) and not works("buildah", "pull", BASE):
            pytest.skip(f"the base image {BASE} is not in buildah's store and cannot be pulled")
        build_with("buildah", "app", IMAGE, VERSION=VERSION)
        yield json.loads(run(*inspect, IMAGE))["Docker"]["config"]


@pytest.fixture
def container(configuration: dict[str, Any]) -> Iterator[str]:
    """Make a container of the image, and remove it afterwards."""
    assert configuration
    name = f"catalog-model-{uuid.uuid4().hex[:8]}"
    run("buildah", "from", "--pull-never", "--name", name, IMAGE)
    try:
        yield name
    finally:
        run("buildah", "rm", name)


@contextmanager
def running(
    container: str, configuration: dict[str, Any], engine: Engine, table: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start the image's command on a free port; yield the process and the port."""
    port = free_port(0)
    settings = {**engine.environment(), "CATALOG_TABLE": table}
    settings["CATALOG_DRAIN_SECONDS"] = str(DRAIN_SECONDS)
    options = [f"--env={name}={value}" for name, value in settings.items()]
    command = [*configuration["Entrypoint"], "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(["buildah", "run", *options, container, "--", *command]) as process:
        try:
            yield process, port
        finally:
            for pid in descendants(process.pid)[::-1]:
                os.kill(pid, signal.SIGKILL)


def test_the_image_says_how_it_is_run(configuration: dict[str, Any], container: str) -> None:
    """As an unprivileged user, with a health check, which buildah keeps, and its version."""
    assert configuration["User"] == "10001:10001"
    assert configuration["Healthcheck"]["Test"][0] == "CMD"
    assert configuration["StopSignal"] == "SIGTERM"
    code = (
        "import json, os, catalog_model as c\n"
        "written = [p for p in ('/', '/app', '/opt/venv') if os.access(p, os.W_OK)]\n"
        "print(json.dumps([c.__version__, os.getuid(), os.getgid(), written]))"
    )
    told = run("buildah", "run", container, "--", "python", "-c", code)
    assert json.loads(told) == [VERSION, 10001, 10001, []]


def test_it_serves_the_table_and_drains_on_sigterm(
    container: str, configuration: dict[str, Any], local_engine: Engine
) -> None:
    """Readiness fails immediately, requests are still served; then it exits with code 0."""
    catalog = local_engine.catalog(f"table-of-{container}")
    create_table(catalog)
    ap.load_titles(catalog, read_folder(sample_folder()))
    with running(container, configuration, local_engine, catalog.table) as (process, port):
        eventually(lambda: expect(port, "/readyz", 200))
        status, body = ask(port, "/discover?type=movie&genre=28")
        assert status == 200
        assert all(28 in movie["genre_ids"] for movie in json.loads(body))
        os.kill(gunicorn_of(process.pid), signal.SIGTERM)
        eventually(lambda: expect(port, "/readyz", 503))
        expect(port, "/discover?genre=28", 200)
        assert process.wait(PATIENCE) == 0


def gunicorn_of(pid: int) -> int:
    """Find the first process that is not buildah's, and check that it is unprivileged."""
    own = [
        each for each in descendants(pid) if b"buildah" not in command_line(each).split(b"\0")[0]
    ]
    status = Path(f"/proc/{own[0]}/status").read_text()
    assert "\nUid:\t10001\t10001\t10001\t10001\n" in status
    return own[0]
