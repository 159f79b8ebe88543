"""Images and containers for tests: built by `deploy/build_image.sh`, run by docker or podman."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

import pytest
from packages import ROOT, attempt, output_of

BASE = os.environ.get("BASE") or "docker.io/library/python:3.13-slim"
VERSION = "1.2.3.post4+g0123abc"
"""The version of built images."""

PATIENCE = 120.0
BUILDING = 900.0
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
ON_ENGINE = (
    "--env=AWS_ENDPOINT_URL_DYNAMODB=http://engine:8000",
    "--env=AWS_REGION=us-east-1",
    "--env=AWS_ACCESS_KEY_ID=local",
    "--env=AWS_SECRET_ACCESS_KEY=local",
)


def run(*words: str, timeout: float = PATIENCE, **more: Any) -> str:
    return output_of(attempt(*words, timeout=timeout, **more))


def works(*words: str, timeout: float = PATIENCE) -> bool:
    """Whether a program exists and runs with these arguments."""
    try:
        subprocess.run(words, capture_output=True, timeout=timeout, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


@cache
def runner() -> str:
    """Return the program that builds and runs images; skip without one, or without a base."""
    for each in ("docker", "podman"):
        if works(each, "version") and works(each, "info"):
            break
    else:
        pytest.skip("neither a running docker nor podman is here")
    if not works(each, "image", "inspect", BASE) and not works(each, "pull", BASE):
        pytest.skip(f"the base image {BASE} is not here and cannot be pulled")
    return each


def build(target: str, image: str, **variables: str) -> None:
    """Build a target with the available program."""
    build_with(runner(), target, image, **variables)


def build_with(builder: str, target: str, image: str, **variables: str) -> None:
    """Build a target like `make image`."""
    settings = {"BUILDER": builder, "TARGETS": target, "IMAGE": image, "BASE": BASE, **variables}
    run(f"{ROOT}/deploy/build_image.sh", timeout=BUILDING, env={**os.environ, **settings})


def inspected(name: str) -> Any:
    (found,) = json.loads(run(runner(), "inspect", name))
    return found


@contextmanager
def network(name: str) -> Iterator[None]:
    """Make a network that only the containers of a test share."""
    run(runner(), "network", "create", name)
    try:
        yield
    finally:
        run(runner(), "network", "rm", name)


@contextmanager
def container(name: str, *words: str) -> Iterator[str]:
    """Run a container in the background, and remove it afterwards."""
    run(runner(), "run", "--detach", "--name", name, *words)
    try:
        yield name
    finally:
        run(runner(), "rm", "--force", "--volumes", name)


def inside(name: str, code: str) -> Any:
    """Run Python in a container; return its output as JSON."""
    return json.loads(run(runner(), "exec", name, "python", "-c", code))


def port_of(name: str) -> int:
    """Return the port of this machine that is mapped to the container's."""
    return int(run(runner(), "port", name, "8080").split()[0].rpartition(":")[2])


def ask(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def expect(port: int, path: str, status: int) -> None:
    found, body = ask(port, path)
    assert found == status, body


def eventually(law: Callable[[], object]) -> None:
    """Retry until it holds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            law()
        except (AssertionError, OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
