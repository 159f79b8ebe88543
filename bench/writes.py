"""Writes: a new popularity, and many new titles, compared with clients that send the same requests.

This package's requests are recorded once. The other clients send the recorded ones to tables of
their own, which hold the same, so they have nothing to plan or to encode.
"""

from collections.abc import Callable
from itertools import count, islice
from typing import Any

import boto3

from bench import ours
from bench.replay import Sent, by_boto3, by_pydynox, on_table, recorded, writes_of
from bench.rounds import Contender, in_loop, in_thread
from bench.setting import Setting, Task
from bench.sync_peers import AGAIN, BARE
from bench.titles import Record, new_records
from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.operations import create_table, verify

UPDATE, LOAD = "update_popularity", "load_titles"
UPDATES, UPDATE_ROUNDS, LOAD_ROUNDS = 5, 60, 25
BATCH = 25
"""Titles of one call of `load_titles`."""

Made = Callable[[Any], Callable[[], Any]]


class Tables:
    """The tables of one task, one for each contender, with the same content.

    The versions of titles begin at random, so the first table is filled, and the others by its
    requests.
    """

    def __init__(self, task: str, movies: list[Movie]) -> None:
        self._names = (f"{task}-{number}" for number in count())
        self._client: Any = boto3.client("dynamodb")
        first = Catalog(next(self._names))
        create_table(first)
        made = recorded(first, lambda: ap.load_titles(first, movies))
        self._content = writes_of(on_table(made, first.table, "TABLE"))

    def make(self) -> str:
        """Create and fill the next table; return its name."""
        name = next(self._names)
        create_table(Catalog(name))
        by_boto3(self._client, [on_table(self._content, "TABLE", name)])()
        return name


def updates(setting: Setting) -> list[Contender]:
    """Return clients that set the popularity of one movie: a read and a transaction."""
    movie = Movie.from_json(setting.records[0])
    tables = Tables(UPDATE, [movie])

    def update(catalog: Any, patterns: Any = ap) -> Callable[[], Any]:
        new = count(1)
        return lambda: patterns.update_popularity(catalog, "movie", movie.id, next(new) / 8)

    requests = _recorded(tables, update, 1 + UPDATES * UPDATE_ROUNDS)
    contenders = [_bare(name, tables.make(), requests) for name in (BARE, AGAIN)]
    contenders += _pydynox(setting, tables.make(), requests)
    contenders += [_ours(way, tables.make(), update) for way in ours.way_names()]
    table = tables.make()
    asynchronous = setting.stack.enter_context(ours.asynchronous(table, setting.loop))
    if asynchronous is not None:
        call = update(*asynchronous)
        contenders.append(in_loop(ours.ASYNC, setting.loop, call, lambda _: _content(table)))
    return contenders


def loads(setting: Setting) -> list[Contender]:
    """Return clients that load new titles, `BATCH` of them with a call."""
    tables = Tables(LOAD, [])

    def load(catalog: Any) -> Callable[[], Any]:
        new = map(Movie.from_json, new_records(setting.records))
        return lambda: ap.load_titles(catalog, list(islice(new, BATCH)))

    made = _recorded(tables, load, 1 + LOAD_ROUNDS)
    requests = list(map(writes_of, made))
    return [
        *(_bare(name, tables.make(), requests) for name in (BARE, AGAIN)),
        *(_ours(way, tables.make(), load) for way in ours.way_names()),
    ]


def _recorded(tables: Tables, task: Made, calls: int) -> list[list[Sent]]:
    """Record the requests of each call, to be sent to a table called ``TABLE``."""
    catalog = Catalog(tables.make())
    call = task(catalog)
    return [on_table(recorded(catalog, call), catalog.table, "TABLE") for _ in range(calls)]


def _ours(way: str, table: str, task: Made) -> Contender:
    return in_thread(way, task(ours.handle(way, table)), lambda _: _content(table))


def _bare(name: str, table: str, requests: list[list[Sent]]) -> Contender:
    own = [on_table(call, "TABLE", table) for call in requests]
    return in_thread(name, by_boto3(boto3.client("dynamodb"), own), lambda _: _content(table))


def _pydynox(setting: Setting, table: str, requests: list[list[Sent]]) -> list[Contender]:
    try:
        client = setting.pydynox()
    except ImportError:
        return []
    own = [on_table(call, "TABLE", table) for call in requests]
    return [in_thread("pydynox", by_pydynox(client, own), lambda _: _content(table))]


def _content(table: str) -> list[Record]:
    """Return all titles of a table, which must have no findings."""
    catalog = Catalog(table)
    if findings := list(verify(catalog).findings):
        raise SystemExit(f"{table} is not whole: {findings[:3]}")
    return [title.to_json() for title in ap.list_titles(catalog, "movie", limit=1000)]


TASKS = [
    Task(UPDATE, UPDATES, updates, UPDATE_ROUNDS),
    Task(LOAD, 1, loads, LOAD_ROUNDS),
]
