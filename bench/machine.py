"""The machine: one core for the engine and one for the clients, and its description."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from catalog_model.local import Engine, start_engine

DISTRIBUTIONS = (
    *("boto3", "pynamodb", "pydynox", "aiodynamo", "aiohttp", "dynamoxy", "orjson", "pycurl"),
    *("Flask", "gunicorn"),
)


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
"""The cores that this process may use; none where that cannot be known or chosen."""


@contextmanager
def engine_on_its_own_core() -> Iterator[Engine]:
    """Run dynoxide on the last core, and this process on the others."""
    try:
        pin(CORES[-1:])  # the engine's process inherits it
        with start_engine("dynoxide") as engine:
            pin(CORES[:-1])
            os.environ |= engine.environment()
            yield engine
    finally:
        pin(CORES)


def pin(cores: list[int], process: int = 0) -> None:
    """Keep a process, by default this one, on some cores, where there are several."""
    if len(CORES) > 1:
        os.sched_setaffinity(process, cores)


def description() -> str:
    """Return the kind of machine and the versions, without names of hosts or paths."""
    versions = {name: _version(name) for name in DISTRIBUTIONS}
    python = f"Python {platform.python_version()}"
    installed = ", ".join(f"{name} {each}" for name, each in versions.items() if each)
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {python}, {installed}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.machine()
    names = [line for line in information.read_text().splitlines() if line.startswith("model name")]
    return " ".join(names[0].partition(":")[2].split()) if names else platform.machine()
