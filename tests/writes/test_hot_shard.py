"""Writers of every kind that share a few titles of one shard, as fast as the engine allows.

In `test_linearizable` they share titles, with readers; here they all share the counts and slots of
one shard, which every creation and deletion needs. A planted bug, the old deletion, damages the
table in these runs, and `verify` detects it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from concurrent_runs import run_processes, run_threads
from concurrent_worker import HOT, HOT_MIX
from engines import has_dynoxide
from history import check
from table_dump import assert_in_step

from catalog_model import Catalog
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table, delete_table

pytestmark = pytest.mark.skipif(not has_dynoxide(), reason="dynoxide is not installed")

SECONDS = 3.0
WIDEST = 8
CALLS = 100_000
"""More than can be made in that time."""


@pytest.fixture(scope="module")
def dynoxide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A separate engine with its tables in a file."""
    with start_engine("dynoxide", folder=tmp_path_factory.mktemp("hot")) as engine:
        yield engine


@pytest.fixture
def hot(dynoxide: Engine, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A handle on a new table."""
    catalog = dynoxide.catalog(f"hot-{abs(hash(request.node.name))}")
    create_table(catalog)
    yield catalog
    delete_table(catalog)


@pytest.mark.parametrize("threads", [2, 3, 6, 16, 32])
def test_threads_that_meet_on_one_shard_leave_it_in_step(hot: Catalog, threads: int) -> None:
    """Histories are linearizable, and everything is consistent with the titles at the end.

    With many threads, the search would take too long; the check of the table is sufficient.
    """
    histories = run_threads(
        hot,
        seed=threads,
        threads=threads,
        operations=CALLS,
        mix=HOT_MIX,
        contested=HOT,
        seconds=SECONDS if threads <= WIDEST else 1.0,
    )
    found = check(histories) if threads <= WIDEST else histories
    assert not found.violations
    assert histories.races > 0
    assert_in_step(hot)


def test_processes_that_meet_on_one_shard_leave_it_in_step(dynoxide: Engine, hot: Catalog) -> None:
    """Each with its own client."""
    histories = run_processes(
        dynoxide,
        hot.table,
        seed=1,
        processes=4,
        operations=CALLS,
        mix=HOT_MIX,
        contested=HOT,
        seconds=SECONDS,
    )
    found = check(histories)
    assert not found.violations
    assert histories.races > 0
    assert_in_step(hot)
