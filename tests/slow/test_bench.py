"""`make bench`: one round of everything, with the clients that are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from catalog_model.dynamodb.engines.local import find_dynoxide

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# Performance

<!-- bench: generated -->
old
<!-- bench: end -->

<!-- application: generated -->
old
<!-- application: end -->

<!-- parts: generated -->
old
<!-- parts: end -->
"""
LITTLE = {
    "bench": ["--rounds", "1"],
    "bench.application": ["--rounds", "1"],
    "bench.parts": ["--calls", "50"],
}
"""The modules that write parts of the page, each with as little as it can measure."""


@pytest.mark.skipif(find_dynoxide() is None, reason="the benchmarks need dynoxide")
@pytest.mark.parametrize("module", LITTLE)
def test_a_round_of_the_benchmarks_writes_its_part_of_the_page(module: str, tmp_path: Path) -> None:
    """All clients return the same, all tables are whole afterwards, and the page has the figures.

    The page names no host and no path of this machine.
    """
    page = tmp_path / "performance.md"
    page.write_text(PAGE)
    command = [sys.executable, "-m", module, *LITTLE[module], "--page", str(page)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    part = module.rpartition(".")[2]
    written = page.read_text().split(f"<!-- {part}: generated -->")[1].split(f"<!-- {part}: end")[0]
    assert ("| in Python |" if part == "parts" else "| catalog-model |") in written
    assert "old" not in written
    assert "127.0.0.1" not in written
    assert str(ROOT) not in written
