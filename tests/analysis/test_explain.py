"""Explanations of calls, and of calls that cannot be made."""

from typing import Any

import pytest

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain, pattern_named
from catalog_model.errors import InvalidArgumentError, TitleNotFoundError

UP = Movie(
    id=1, title="Up", genre_ids=[16, 35], popularity=7.0, vote_average=7.9, vote_count=12_000
)


def test_an_explanation_has_the_answer_and_the_requests_of_the_call(catalog: Catalog) -> None:
    """The requests are in order; a pattern goes by its function, its name, or its command."""
    ap.put_title(catalog, UP.replace(id=9))  # the first title of a shard takes one request more
    explained = explain(catalog, ap.put_title, UP)
    assert explained.answer == UP
    asked = [request.operation for request in explained.comparison.requests]
    assert asked == ["BatchGetItem", "TransactWriteItems"]
    for name in (ap.get_title, "get_title", "get-title"):
        assert pattern_named(name) is ap.PATTERNS["get_title"]
        assert explain(catalog, name, "movie", title_id=1).answer == UP


def test_a_change_is_explained_by_its_own_requests_alone(catalog: Catalog) -> None:
    """The read that determines the title's size is not among them."""
    ap.put_title(catalog, UP)
    explained = explain(catalog, ap.update_popularity, "movie", 1, 8.5)
    assert len(explained.comparison.requests) == 2
    assert explained.comparison.most_requests == 2


def test_an_error_of_the_call_is_kept_with_what_was_asked_before(catalog: Catalog) -> None:
    """A missing title costs a request, too."""
    explained = explain(catalog, ap.get_title, "movie", 2)
    assert isinstance(explained.error, TitleNotFoundError)
    assert explained.answer is None
    assert [request.operation for request in explained.comparison.requests] == ["GetItem"]


@pytest.mark.parametrize("kind", ["film", None, 7])
def test_an_argument_that_is_refused_is_the_error_of_the_call(catalog: Catalog, kind: Any) -> None:
    """No requests are made, by reads or by writes."""
    for explained in (
        explain(catalog, ap.get_title, kind, 1),
        explain(catalog, ap.update_popularity, kind, 1, 8.5),
    ):
        assert isinstance(explained.error, InvalidArgumentError)
        assert explained.comparison.requests == ()


def test_a_request_that_only_some_titles_need_is_declared_for_these(catalog: Catalog) -> None:
    """It has the same operation and keys as the first one, but only occurs for large titles."""
    large = UP.replace(id=9, overview="A house. " * 1000)
    ap.load_titles(catalog, [UP, large])
    for keys, requests in ([UP.key], 1), ([UP.key, large.key], 2):
        comparison = explain(catalog, ap.get_titles, keys).comparison
        assert {each.check for each in comparison.departures} <= {"units"}, "moto has no figures"
        assert len(comparison.requests) == comparison.most_requests == requests


def test_what_can_be_read_only_once_is_counted_and_handed_on(catalog: Catalog) -> None:
    """A generator of keys."""
    ap.put_title(catalog, UP)
    explained = explain(catalog, ap.get_titles, (TitleKey("movie", id_) for id_ in range(1, 102)))
    assert explained.answer[0] == UP
    assert explained.comparison.most_requests == 2


@pytest.mark.parametrize("pattern", ["list_everything", "", print])
def test_what_is_no_access_pattern_is_refused(catalog: Catalog, pattern: Any) -> None:
    """With the names of all access patterns."""
    with pytest.raises(InvalidArgumentError, match="get_title, get_titles"):
        explain(catalog, pattern)


def test_arguments_that_do_not_fit_are_refused(catalog: Catalog) -> None:
    """Too many, too few, or with another name."""
    for args, kwargs in (((1, 2, 3, 4), {}), ((), {}), (("tv", 1), {"colour": "red"})):
        with pytest.raises(InvalidArgumentError, match="those of get_title"):
            explain(catalog, ap.get_title, *args, **kwargs)
