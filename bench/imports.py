"""The cost of importing the package, as a ratio to that of importing its dependencies.

Fresh processes in random order: Python alone, boto3 with PynamoDB, and the package with its access
patterns. CPU of the process, less that of Python alone; everything is compiled before, as an
installer does it. ``python bench/imports.py``.
"""

import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 15
NOTHING = "python alone"
BELOW = "boto3 and PynamoDB"
WHOLE = "the package"
IMPORTS = {
    NOTHING: "pass",
    BELOW: "import boto3, pynamodb.connection, pynamodb.models",
    WHOLE: "import catalog_model; from catalog_model import access_patterns",
}


def main() -> None:
    """Print the medians, and the ratio."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as compiled:
        for code in IMPORTS.values():
            _cpu_of(code, compiled)
        for _ in range(ROUNDS):
            for name in random.sample(list(IMPORTS), len(IMPORTS)):
                times[name].append(_cpu_of(IMPORTS[name], compiled))
    nothing = statistics.median(times[NOTHING])
    below = statistics.median(times[BELOW]) - nothing
    pairs = zip(times[NOTHING], times[BELOW], times[WHOLE], strict=True)
    ratio = statistics.median((whole - bare) / (base - bare) for bare, base, whole in pairs)
    print(f"{BELOW}: {below * 1000:.0f} ms; {WHOLE}: {ratio:.2f} times that")


def _cpu_of(code: str, compiled: str) -> float:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
