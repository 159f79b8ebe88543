"""Runs the targets, one after the other: ``python -m fuzz [--seconds N] [TARGET ...]``.

Each begins with inputs made of the sample data. Where one crashes, the input is kept in a folder
that is named at the end, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from fuzz.targets import TARGETS, seeds

LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=8192", "-print_final_stats=1")


def main() -> int:
    """Run the selected targets, by default all."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    asked = parser.parse_args()
    unknown = set(asked.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"there is no target {min(unknown)}; there are {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        print("atheris is not installed, and not available on every platform: nothing was fuzzed")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="catalog-model-fuzz-"))
    crashed = [each for each in asked.targets or TARGETS if not _run(each, folder, asked.seconds)]
    print(f"crashed: {', '.join(crashed)}; see {folder}" if crashed else "nothing crashed")
    return bool(crashed)


def _run(target: str, folder: Path, seconds: int) -> bool:
    """Fuzz one target in a separate process; return whether it succeeded."""
    corpus = folder / target
    corpus.mkdir()
    for number, data in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(data)
    print(f"{target}: {seconds} s", flush=True)
    command = [sys.executable, "-m", "fuzz.one", target, str(corpus), *LIMITS]
    ended = subprocess.run(
        [*command, f"-max_total_time={seconds}", f"-artifact_prefix={folder}/{target}-"],
        check=False,
    )
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
