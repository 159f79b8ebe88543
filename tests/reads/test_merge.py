"""Pages of several partitions, without a table: what is asked of them, and in how many rounds."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from table_dump import movie

from catalog_model import Catalog, Movie
from catalog_model.dynamodb.conversation import Conversation, Query
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.merge import read_page
from catalog_model.reads.orders import order_by
from catalog_model.reads.partitions import Reading, Source
from catalog_model.table import codec, keys

CURSORS = Cursors(Catalog("films"), "list_top_rated")
ORDER = order_by("rating")
FEW_VOTES = 8


class Read(NamedTuple):
    """A page, and what it took."""

    titles: Sequence[Any]
    rounds: list[int]
    items: int


def hold_by_hand(conversation: Conversation[Any], lists: Mapping[str, Sequence[Movie]]) -> Read:
    """Answer the Queries of a conversation from sorted lists."""
    rounds: list[int] = []
    items = 0
    try:
        requests = next(conversation)
        while True:
            answers = [_answer(each, lists) for each in requests]
            rounds.append(len(requests))
            items += sum(map(len, answers))
            requests = conversation.send(answers)
    except StopIteration as end:
        return Read(end.value.items, rounds, items)


def _answer(query: Any, lists: Mapping[str, Sequence[Movie]]) -> list[Any]:
    assert isinstance(query, Query)
    upper = query.within.upper
    found = [each for each in lists[query.partition] if upper is None or ORDER.place(each) <= upper]
    return [{codec.DOC: {"S": each.to_json_text()}} for each in found[: query.limit]]


def sorted_list(titles: Sequence[Movie]) -> list[Movie]:
    """Sort titles as a list by rating, best first."""
    return sorted(titles, key=ORDER.place, reverse=True)


@st.composite
def partitions(draw: st.DrawFn) -> list[list[Movie]]:
    """1 to 20 partitions; in some examples a title is in several of them."""
    sizes = draw(st.lists(st.integers(0, 80), min_size=1, max_size=20))
    random, is_shared = draw(st.randoms(use_true_random=False)), draw(st.booleans())
    best = [random.choice((1, 5, 10)) for _ in sizes]  # so that some hold all of the best titles
    ids = [random.sample(range(1, 200 if is_shared else 20_000), size) for size in sizes]
    ratings: dict[int, float] = {}
    for several, most in zip(ids, best, strict=True):
        for each in several:
            ratings.setdefault(each, random.randint(1, 10 * most) / 10)
    return [
        sorted_list([movie(each, vote_average=ratings[each], vote_count=each % 16) for each in one])
        for one in ids
    ]


def read(lists: list[list[Movie]], limit: int, *, is_filtered: bool = False) -> Read:
    """Read the first page of the lists; the first of them holds titles of no interest, too."""
    names = [keys.rating_list_key("movie", number + 1, 0) for number in range(len(lists))]
    wanted = (lambda title: title.vote_count > FEW_VOTES) if is_filtered else None
    sources = [Source(name, wanted if name == names[0] else None) for name in names]
    conversation = read_page(Reading("movie", sources, ORDER), CURSORS, limit, None)
    return hold_by_hand(conversation, dict(zip(names, lists, strict=True)))


def expected(lists: list[list[Movie]], *, is_filtered: bool = False) -> list[Movie]:
    """Return the titles of the lists in order, each once."""
    first = [each for each in lists[0] if not is_filtered or each.vote_count > FEW_VOTES]
    return sorted_list(
        list({each.id: each for one in (first, *lists[1:]) for each in one}.values())
    )


limits = st.sampled_from([1, 2, 5, 19, 20, 50, 100, 300, 1000])


@given(partitions(), limits, st.booleans())
def test_a_page_is_the_beginning_of_all_lists_sorted(
    lists: list[list[Movie]], limit: int, is_filtered: bool
) -> None:
    """Whatever is where, each title once; a page that is not the last is full."""
    found = read(lists, limit, is_filtered=is_filtered)
    assert list(found.titles) == expected(lists, is_filtered=is_filtered)[:limit]


def distinct(lists: list[list[Movie]]) -> bool:
    """Whether no title is in two lists."""
    ids = [each.id for one in lists for each in one]
    return len(set(ids)) == len(ids)


@given(partitions(), limits, st.booleans())
def test_few_items_are_read_for_those_that_are_returned(
    lists: list[list[Movie]], limit: int, is_filtered: bool
) -> None:
    """Items read <= 2 x titles returned + 20 x requests; a full page may be in many lists."""
    found = read(lists, limit, is_filtered=is_filtered)
    if distinct(lists) or len(found.titles) == limit:
        assert found.items <= 2 * len(found.titles) + 20 * sum(found.rounds)


@given(partitions(), limits)
def test_a_page_takes_two_rounds(lists: list[list[Movie]], limit: int) -> None:
    """Up to 50 titles in any case; each further 50 may take another one."""
    assert len(read(lists, limit).rounds) <= 2 + limit // 50
