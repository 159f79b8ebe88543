"""Which access patterns use the page cache of their handle, and how."""

import inspect
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from typing import Any, Final, TypeVar

from catalog_model.cache import PageCache
from catalog_model.entities import Page

_T = TypeVar("_T")

KEPT: Final = frozenset(
    {
        "find_titles_by_name",
        "get_title",
        "get_title_with_genres",
        "list_released_between",
        "list_titles",
        "list_titles_in_genre",
        "list_titles_in_genres",
        "list_top_rated",
    }
)
"""The access patterns whose answers may be kept: eventually consistent, and the same for the same
arguments. `get_titles` is left out: its keys seldom repeat."""

_PLAIN: Final = (bool, date, float, int, str, type(None))


class Cached:
    """The calls of one access pattern on handles with a page cache."""

    def __init__(self, function: Callable[..., Any], *, is_write: bool) -> None:
        self._function = function
        self._name = function.__name__
        self._is_write = is_write
        self._signature: inspect.Signature | None = None

    def call(
        self, handle: Any, ask: Callable[[], _T], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> _T:
        """Return the result of a call, which is a kept answer or that of *ask*."""
        cache: PageCache = handle.cache
        if self._is_write:
            try:
                return ask()
            finally:  # also after an error: the write may have been applied
                self.forget(handle, args, kwargs)
        if self._name not in KEPT:
            return ask()
        arguments = self._bound(args, kwargs)
        if arguments is None or arguments.get("consistent"):
            return ask()
        try:
            key = tuple(_exact(value) for value in arguments.values())
        except TypeError:  # an iterator, or a type of the caller's own
            return ask()
        scope = _scope_of(handle)
        tag = (scope, arguments["kind"], *_ids(arguments))
        return cache.answer((scope, self._name, key), [tag], ask, _titles_in)

    def forget(self, handle: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Forget what a write may have changed: a kind's lists and a title, or everything."""
        cache: PageCache = handle.cache
        arguments = self._bound(args, kwargs) or {}
        title = arguments.get("title")
        kind = getattr(title, "kind", arguments.get("kind"))
        title_id = getattr(title, "id", arguments.get("title_id"))
        if isinstance(kind, str) and isinstance(title_id, int):
            scope = _scope_of(handle)
            cache.forget([(scope, kind), (scope, kind, title_id)])
        else:
            cache.clear()

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the arguments by name, without the handle; None if the function refuses them."""
        if self._signature is None:
            self._signature = inspect.signature(self._function)
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return None
        bound.apply_defaults()
        names = list(bound.arguments)[1:]
        return {name: bound.arguments[name] for name in names}


def _scope_of(handle: Any) -> Hashable:
    """Return what the answers of a handle and of its copies have in common."""
    return handle.cache_scope, handle.table, handle.lineage


def _ids(arguments: Mapping[str, Any]) -> tuple[Any, ...]:
    return (arguments["title_id"],) if "title_id" in arguments else ()


def _exact(value: Any) -> Hashable:
    """Return a value with its type, because ``True`` and ``1.0`` are not valid where 1 is.

    Raises:
        TypeError: If it may change, or can be read only once.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if kind in (list, tuple):
        return kind, tuple(_exact(each) for each in value)
    if kind in (frozenset, set):
        return kind, frozenset(_exact(each) for each in value)
    raise TypeError(kind)


def _titles_in(answer: object) -> int:
    return len(answer.items) if isinstance(answer, Page) else 1
