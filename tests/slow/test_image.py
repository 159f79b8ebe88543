"""The image, built and run: read-only, unprivileged, and stopped without losing a request."""

import gzip
import http.client
import io
import json
import os
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from containers import (
    HARDENED,
    ON_ENGINE,
    PATIENCE,
    VERSION,
    ask,
    build,
    container,
    eventually,
    expect,
    inside,
    inspected,
    network,
    port_of,
    run,
    runner,
)

IMAGE = "catalog-model-test"
SECRET = f"secret-{uuid.uuid4()}"
DRAIN_SECONDS = 3


@pytest.fixture(scope="module", autouse=True)
def images(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build all images, with a secret that must not be found in them."""
    runner()
    given = os.environ.get("PIP_CONF")
    settings = Path(given).read_text() if given else "[global]\n"
    conf = tmp_path_factory.mktemp("pip") / "pip.conf"
    conf.write_text(f"{settings}# {SECRET}\n")
    build("app tools engine", IMAGE, VERSION=VERSION, PIP_CONF=str(conf))


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """Run the engine with a full table; yield its network."""
    name = f"{IMAGE}-{uuid.uuid4().hex[:8]}"
    with (
        network(name),
        container(f"{name}-engine", "--network", name, "--network-alias=engine", *HARDENED,
                  f"{IMAGE}-engine"),
    ):  # fmt: skip
        healthy = inspected(f"{IMAGE}-engine")["Config"]["Healthcheck"]["Test"][1:]
        eventually(lambda: run(runner(), "exec", f"{name}-engine", *healthy))
        for words in (
            ["create"],
            ["load", "--movies", "/data/data_movies.json", "--tv", "/data/data_tv.json"],
        ):
            tool = [runner(), "run", "--rm", "--network", name, *ON_ENGINE, *HARDENED]
            told = run(*tool, f"{IMAGE}-tools", *words)
        assert told == "100 created, 0 changed, 0 unchanged, 0 rejected\n"
        yield name


@pytest.fixture
def app(engine: str) -> Iterator[str]:
    """Run the application with four workers; yield the container's name once it is ready."""
    name = f"{engine}-app-{uuid.uuid4().hex[:8]}"
    words = ["--network", engine, "--publish=127.0.0.1::8080", *HARDENED, *ON_ENGINE]
    words += ["--env=WEB_CONCURRENCY=4", f"--env=CATALOG_DRAIN_SECONDS={DRAIN_SECONDS}"]
    with container(name, *words, IMAGE):
        eventually(lambda: expect(port_of(name), "/readyz", 200))
        yield name


def test_the_image_says_how_it_is_run() -> None:
    """As an unprivileged user, without a shell, with a health check and its version."""
    found = inspected(IMAGE)["Config"]
    assert found["User"] == "10001:10001"
    assert found["Entrypoint"][0] == "gunicorn"
    assert found["Healthcheck"]["Test"][0] == "CMD"
    assert found["StopSignal"] in ("SIGTERM", "15")
    assert list(found["ExposedPorts"]) == ["8080/tcp"]
    labels = found["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    code = "import json, catalog_model as c; print(json.dumps(c.__version__))"
    told = run(runner(), "run", "--rm", "--entrypoint=python", IMAGE, "-c", code)
    assert json.loads(told) == VERSION


@pytest.mark.parametrize("image", [IMAGE, f"{IMAGE}-tools", f"{IMAGE}-engine"])
def test_the_index_of_the_build_is_found_nowhere_in_an_image(image: str) -> None:
    """Neither in a layer nor in the history; of the project, only the package is in the image."""
    archive = subprocess.run([runner(), "save", image], capture_output=True, check=True).stdout
    names = set()
    for data in blobs(archive):
        assert SECRET.encode() not in data
        if data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                names |= {member.name for member in layer}
    assert any(name.endswith("site-packages/catalog_model/catalog.py") for name in names)
    assert not {name for name in names if name.startswith(("src/", "wheelhouse/", "dist/"))}
    assert SECRET not in run(runner(), "history", "--no-trunc", image)


def blobs(archive: bytes) -> Iterator[bytes]:
    """Yield the files of a saved image, compressed and uncompressed."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        for member in outer:
            file = outer.extractfile(member) if member.isfile() else None
            data = file.read() if file else b""
            yield gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def test_it_runs_unprivileged_and_writes_only_in_memory(app: str) -> None:
    """No root, no capabilities, no file that it could change; gunicorn is process 1."""
    code = """
import json, os
def written(path):
    try:
        with open(path, "w"):
            return True
    except OSError:
        return False
status = dict(line.split(":\\t") for line in open("/proc/1/status") if ":\\t" in line)
print(json.dumps({
    "ids": [os.getuid(), os.getgid()],
    "command": open("/proc/1/cmdline").read().split("\\0")[1],
    "capabilities": int(status["CapEff"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "written": [f for f in ("/", "/app/", "/opt/venv/", "/tmp/") if written(f + "x")],
}))
"""
    assert inside(app, code) == {
        "ids": [10001, 10001],
        "command": "/opt/venv/bin/gunicorn",
        "capabilities": 0,
        "no_new_privileges": "1",
        "written": ["/tmp/"],
    }


def test_it_answers_from_the_table_and_counts_what_all_workers_did(app: str) -> None:
    """The figures of four processes add up, and the image's health check succeeds."""
    healthy = inspected(IMAGE)["Config"]["Healthcheck"]["Test"][1:]
    run(runner(), "exec", app, *healthy)
    for _ in range(40):
        status, body = ask(port_of(app), "/discover?type=movie&genre=28")
        assert status == 200
        assert all(28 in movie["genre_ids"] for movie in json.loads(body))
    counted = [
        float(line.split()[-1])
        for line in ask(port_of(app), "/metrics")[1].decode().splitlines()
        if line.startswith("flask_http_request_duration_seconds_count{")
        and 'path="/discover"' in line
    ]
    assert sum(counted) == 40


def test_told_to_end_it_finishes_what_it_has_begun(app: str) -> None:
    """Readiness fails immediately, other requests are served to their end; exit code 0."""
    body = b'{"movieId": "32", "popularity": 5.5}'
    port = port_of(app)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as slow:
        slow.putrequest("POST", "/updatePopularity")
        slow.putheader("Content-Type", "application/json")
        slow.putheader("Content-Length", str(len(body)))
        slow.endheaders(body[:10])
        time.sleep(0.5)  # so that a worker waits for the rest
        run(runner(), "kill", "--signal=TERM", app)
        eventually(lambda: expect(port, "/readyz", 503))
        expect(port, "/discover?genre=28", 200)
        eventually(lambda: refused(port))
        slow.send(body[10:])
        answer = slow.getresponse()
        assert (answer.status, json.loads(answer.read())["new_popularity"]) == (200, 5.5)
    assert run(runner(), "wait", app).strip() == "0"


def refused(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as late:
        try:
            late.request("GET", "/status")
            late.getresponse()
        except (OSError, http.client.HTTPException):
            return
    raise AssertionError("it was answered")
