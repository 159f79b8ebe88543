"""The requests that a call actually makes, next to those that its access pattern declares."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog_model.access_patterns import PATTERNS
from catalog_model.analysis.comparison import Comparison, compare, named_values
from catalog_model.analysis.sizing import Sizes
from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, refuse
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.entities import Page, Title, TitleWithGenres
from catalog_model.errors import CatalogError, InvalidArgumentError, TitleNotFoundError
from catalog_model.reads.list_shards import shards_read_by
from catalog_model.reads.titles import get_title


@dataclass(frozen=True, slots=True)
class Explanation:
    """A call of an access pattern: its answer or error, and its comparison."""

    comparison: Comparison
    answer: Any
    error: CatalogError | None


def explain(
    catalog: Catalog, pattern: str | Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Explanation:
    """Call an access pattern, and compare its requests with its declaration.

    The call is real: changes are written. If it changes an existing title, that title is read
    first, outside the comparison, because its size is part of the budget. An error of the call is
    not raised but returned as ``error``.

    Args:
        catalog: The handle; concurrent requests of other threads are excluded by their pattern.
        pattern: An access pattern, or its name.
        args: The other positional arguments of the function.
        kwargs: The keyword arguments of the function.

    Raises:
        InvalidArgumentError: If there is no such pattern, or it does not accept the arguments.

    >>> explained = explain(catalog, access_patterns.get_title, "movie", 949)
    >>> [(request.operation, request.total_units) for request in explained.comparison.requests]
    [('GetItem', 0.5)]
    >>> explained.comparison.departures
    ()
    """
    check_instance(catalog, "catalog", Catalog)
    declared = pattern_named(pattern)
    try:
        arguments = _materialised(declared.bind(*args, **kwargs))
    except TypeError as problem:
        refuse("arguments", (*args, kwargs), f"those of {declared.name} ({problem})")
    before = _title_before(catalog, declared, arguments)
    answer: Any = None
    error: CatalogError | None = None
    with catalog.trace() as trace:
        try:
            answer = declared.function(catalog, **arguments)
        except CatalogError as problem:
            error = problem
    requests = [request for request in trace if request.pattern == declared.name]
    titles = [*before, *_titles_in(arguments.values()), *_titles_in([answer])]
    returned = len(answer) if isinstance(answer, (list, Page)) else 1
    sizes = Sizes.of(titles)
    comparison = compare(
        declared,
        arguments,
        requests,
        sizes=sizes.of_spread_lists() if catalog.sharded_lists else sizes,
        returned=returned,
        lists=shards_read_by(catalog),
    )
    return Explanation(comparison, answer, error)


def pattern_named(pattern: str | Callable[..., Any]) -> AccessPattern:
    """Return an access pattern by its function or its name, with dashes or underscores.

    Raises:
        InvalidArgumentError: If there is no such pattern.

    >>> pattern_named("get-title").question
    'One title'
    """
    name = pattern.replace("-", "_") if isinstance(pattern, str) else pattern.__name__
    if name not in PATTERNS:
        refuse("pattern", pattern, f"one of {', '.join(PATTERNS)}")
    return PATTERNS[name]


def _materialised(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Turn iterators into lists, so that they can be counted."""
    return {
        name: list(value)
        if isinstance(value, Iterable) and not isinstance(value, (str, Mapping))
        else value
        for name, value in arguments.items()
    }


def _title_before(
    catalog: Catalog, pattern: AccessPattern, arguments: Mapping[str, Any]
) -> list[Title]:
    named = named_values(arguments)
    if pattern.role == "read" or not named.keys() >= {"kind", "title_id"}:
        return []
    try:
        return [get_title(catalog, named["kind"], named["title_id"])]
    except (TitleNotFoundError, InvalidArgumentError):  # the call itself will report it
        return []


def _titles_in(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        match value:
            case Title():
                yield value
            case TitleWithGenres(title=title):
                yield title
            case Page() | list() | tuple():
                yield from (each for each in value if isinstance(each, Title))
