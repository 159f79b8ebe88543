"""The time of a page by rating where each round trip takes `MILLISECONDS` more."""

from typing import Any

import boto3

from bench import ours
from bench.delay import delayed
from bench.rounds import Contender, in_loop, in_thread
from bench.setting import Setting, Task
from bench.sync_peers import AGAIN, BARE, CONDITION
from bench.titles import GENRE
from catalog_model import access_patterns as ap

RATED = "page by rating, 5 ms a round trip"
MILLISECONDS = 5.0


def rated(setting: Setting) -> list[Contender]:
    """Return all ways of this package, after a single Query of a bare client."""
    table, stack = setting.catalogue, setting.stack
    url = stack.enter_context(delayed(setting.engine.endpoint_url, MILLISECONDS))

    def page(catalog: Any, patterns: Any = ap) -> Any:
        return lambda: patterns.list_top_rated(catalog, "movie", min_votes=100, min_rating=6)

    contenders = [_query(name, url, setting.native.table) for name in (BARE, AGAIN)]
    contenders += [
        in_thread(way, page(ours.handle(way, table, url)), _nothing) for way in ours.way_names()
    ]
    asynchronous = stack.enter_context(ours.asynchronous(table, setting.loop, url))
    if asynchronous is not None:
        contenders.append(in_loop(ours.ASYNC, setting.loop, page(*asynchronous), _nothing))
    return contenders


def _query(name: str, url: str, table: str) -> Contender:
    client: Any = boto3.client("dynamodb", endpoint_url=url)
    action = {":genre": {"N": str(GENRE)}}
    return in_thread(
        name,
        lambda: client.query(
            TableName=table,
            IndexName="by_popularity",
            KeyConditionExpression=CONDITION,
            ExpressionAttributeValues=action,
            ScanIndexForward=False,
            Limit=20,
        ),
        _nothing,
    )


def _nothing(result: Any) -> None:
    """Compare no results: the baseline asks for another page, in one round trip."""
    del result


TASKS = [Task(RATED, 2, rated)]
