"""Reads: a page, one title and 100 by key, by this package and by the other clients."""

from collections.abc import Callable
from functools import lru_cache

from bench import ours
from bench.async_peers import async_peers
from bench.ours import BATCH, ONE, PAGE
from bench.rounds import Contender
from bench.setting import Setting, Task
from bench.sync_peers import sync_peers

Clients = list[dict[str, Contender]]


@lru_cache(1)
def _clients(setting: Setting) -> Clients:
    """Return the reads of each client; the baseline comes first."""
    table, ids, stack = setting.catalogue, setting.ids, setting.stack
    clients = [
        *sync_peers(setting),
        *stack.enter_context(async_peers(setting)),
        stack.enter_context(ours.without_extras(table, ids)),
        ours.traced(ours.handle(ours.OURS, table), ids),
        *(ours.contenders(way, ours.handle(way, table), ids) for way in ours.way_names()),
    ]
    asynchronous = stack.enter_context(ours.asynchronous(table, setting.loop))
    if asynchronous is not None:
        clients.append(ours.in_loop_contenders(setting.loop, asynchronous, ids))
    return clients


def _read(name: str) -> Callable[[Setting], list[Contender]]:
    return lambda setting: [client[name] for client in _clients(setting)]


TASKS = [Task(name, calls, _read(name)) for name, calls in ((PAGE, 8), (ONE, 10), (BATCH, 3))]
