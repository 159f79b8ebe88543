"""Processes of this machine and their children; Linux only."""

import time
from contextlib import suppress
from pathlib import Path

import pytest


def children(pid: int) -> list[int]:
    """Return the child processes of all threads of a process; none if it has ended."""
    if not list(Path("/proc/self/task").glob("*/children")):
        pytest.skip("this system does not list children")
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found += [int(each) for each in path.read_text().split()]
    return found


def first_children(pid: int, seconds: float) -> list[int]:
    """Wait until a process has child processes."""
    deadline = time.monotonic() + seconds
    while not (found := children(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def descendants(pid: int) -> list[int]:
    """Return the descendants of a process, parents first."""
    found = children(pid)
    for each in found:
        found += children(each)
    return found


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
