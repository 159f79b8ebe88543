"""Access patterns are conversations: they run without an engine, a client and a gateway."""

from collections.abc import Callable, Sequence
from functools import cache
from inspect import Parameter, signature
from typing import Any

import pytest
from table_dump import movie

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import offline_catalog
from catalog_model.dynamodb.actions import key_of
from catalog_model.dynamodb.conversation import BatchGet, Get, Query, Request, Transact
from catalog_model.dynamodb.typed_json import primary_key
from catalog_model.errors import InvalidArgumentError, ServiceError, TitleNotFoundError
from catalog_model.table import codec, keys

HEAT = movie(949, 28, 80, title="Heat", vote_average=7.9, vote_count=7000)
UP = movie(14160, 16, title="Up", vote_average=7.9, vote_count=19_000)
NOWHERE = Catalog("films", endpoint_url="http://nowhere.invalid", region="eu-west-1")
"""A handle that no request can be sent through."""

Answer = Callable[[Request], Any]


def hold_by_hand(name: str, answer: Answer, *arguments: Any, **named: Any) -> tuple[Any, list[Any]]:
    """Hold the conversation of a pattern with *answer*; return its result, and what it asked."""
    start = ap.PATTERNS[name].conversation
    assert start is not None
    conversation = start(NOWHERE, *arguments, **named)
    rounds: list[Sequence[Request]] = []
    try:
        requests = next(conversation)
        while True:
            rounds.append(requests)
            requests = conversation.send([answer(each) for each in requests])
    except StopIteration as end:
        return end.value, rounds


@cache
def stored(title: Movie) -> dict[str, Any]:
    """Return the item of a title."""
    items = offline_catalog([title]).items()
    return next(item for item in items if primary_key(item) == keys.title_key(title.key))


def test_a_read_asks_for_an_item_and_returns_what_it_is_sent() -> None:
    """One request, and the title in its answer; without an item, its error."""
    found, rounds = hold_by_hand("get_title", lambda _: stored(HEAT), "movie", 949)
    assert found == HEAT
    assert rounds == [(Get(keys.title_key(HEAT.key)),)]
    with pytest.raises(TitleNotFoundError, match="no movie with id 949 in 'films'"):
        hold_by_hand("get_title", lambda _: None, "movie", 949, consistent=True)


def test_a_page_by_rating_asks_for_all_partitions_at_once() -> None:
    """The best of each are merged; the title with the higher id is first of two equal ones."""
    lists = {
        keys.rating_list_key("movie", None, keys.magnitude_of(each.vote_count)): each
        for each in (HEAT, UP)
    }

    def answer(request: Request) -> list[dict[str, Any]]:
        assert isinstance(request, Query)
        found = [lists[request.partition]] if request.partition in lists else []  # type: ignore[index]
        return [{codec.DOC: {"S": each.to_json_text()}} for each in found]

    page, rounds = hold_by_hand(
        "list_top_rated", answer, "movie", min_votes=100, min_rating=5, limit=20
    )
    assert page.items == (UP, HEAT)
    assert page.next is None
    assert [len(each) for each in rounds] == [5]
    assert {request.index for request in rounds[0]} == {"by_rating"}


def test_a_write_reads_and_then_asks_to_apply_its_plan() -> None:
    """Two round trips: what it depends on, and one transaction."""
    tally = codec.own_item(keys.TallyItem("movie", keys.shard_of(HEAT.key)))
    asked, rounds = hold_by_hand(
        "put_title", lambda request: [tally] if isinstance(request, BatchGet) else None, HEAT
    )
    assert asked is not None
    ((read,), (write,)) = rounds
    assert isinstance(read, BatchGet)
    assert isinstance(write, Transact)
    assert keys.title_key(HEAT.key) in map(key_of, write.plan)


USUAL: dict[str, Any] = {
    "kind": "movie",
    "title_id": 949,
    "keys": [HEAT.key],
    "title": HEAT,
    "prefix": "he",
    "genre_id": 28,
    "genre_ids": [28, 80],
    "min_votes": 9,
    "min_rating": 5,
    "since": "1990-01-01",
    "until": "1999-12-31",
    "popularity": 9.5,
    "count": 3,
    "vote_average": 5.0,
    "vote_count": 9,
    "attributes": {"popularity": 9.5},
}
"""An argument of each name that an access pattern requires."""


def needed_by(function: Callable[..., Any]) -> set[str]:
    """Return the names of the arguments without a default value."""
    parameters = signature(function).parameters.values()
    return {each.name for each in parameters if each.default is Parameter.empty} - {"catalog"}


@pytest.mark.parametrize("name", [n for n, each in ap.PATTERNS.items() if each.conversation])
def test_an_error_of_a_request_ends_the_conversation(name: str) -> None:
    """It is raised at the yield, and the pattern asks for nothing more."""
    start = ap.PATTERNS[name].conversation
    assert start is not None
    needed = {each: USUAL[each] for each in needed_by(start)}
    changes = needed.pop("attributes", {})
    conversation = start(NOWHERE, **needed, **changes)
    assert next(conversation)
    error = ServiceError("no", code="InternalServerError", request_id="1")
    with pytest.raises(ServiceError) as caught:
        conversation.throw(error)
    assert caught.value is error


def test_bad_arguments_are_refused_before_anything_is_asked() -> None:
    """At the first step of the conversation."""
    start = ap.PATTERNS["get_title"].conversation
    assert start is not None
    with pytest.raises(InvalidArgumentError):
        next(start(NOWHERE, "film", 949))
