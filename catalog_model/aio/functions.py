"""Makes a coroutine function of an access pattern, from the conversation behind it."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from catalog_model.access_patterns import PATTERNS
from catalog_model.aio.catalog import AsyncCatalog
from catalog_model.aio.examples import awaited
from catalog_model.catalog import Catalog
from catalog_model.checks import refuse
from catalog_model.declarations.caching import Cached
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.dynamodb.callers import Caller, caller

_P = ParamSpec("_P")
_T = TypeVar("_T")


def asynchronous(
    function: Callable[Concatenate[Catalog, _P], _T],
) -> Callable[Concatenate[AsyncCatalog, _P], Coroutine[Any, Any, _T]]:
    """Return the coroutine function of an access pattern: the same arguments, and an await.

    It holds the conversation of *function* through the event loop.
    """
    pattern = PATTERNS[function.__name__]
    conversation: Any = pattern.conversation
    writes = pattern.role == "write"
    cached = Cached(conversation, is_write=writes)

    async def call(*args: Any, **kwargs: Any) -> _T:
        handle, args, kwargs = with_sync_handle(pattern, args, kwargs)
        begun = conversation(*args, **kwargs)
        token = caller.set(caller.get() or Caller(pattern.name))
        try:
            return await handle.hold(begun)
        finally:
            caller.reset(token)
            if writes and handle.sync.cache is not None:
                cached.forget(handle.sync, args, kwargs)

    presented: Any = present(call, function)
    return presented  # type: ignore[no-any-return]


def with_sync_handle(
    pattern: AccessPattern, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[AsyncCatalog, tuple[Any, ...], dict[str, Any]]:
    """Return the handle of a call, and its arguments with the synchronous handle instead."""
    first = "catalog"
    given = args[0] if args else kwargs.get(first)
    if not args and first not in kwargs:
        pattern.function(**kwargs)  # raises the usual TypeError
    if not isinstance(given, AsyncCatalog):
        refuse("catalog", given, "an AsyncCatalog")
    if args:
        return given, (given.sync, *args[1:]), kwargs
    return given, args, {**kwargs, first: given.sync}


def present(call: Callable[..., Any], function: Callable[..., Any]) -> Any:
    """Give *call* the name, the signature and the documentation of *function*."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    parameters = [first.replace(annotation=AsyncCatalog), *others]
    made: Any = call
    made.__wrapped__ = function  # `typing.get_type_hints` finds its names there
    made.__name__ = made.__qualname__ = function.__name__
    made.__module__ = "catalog_model.aio.access_patterns"
    made.__doc__ = awaited(function.__doc__ or "", PATTERNS)
    made.__signature__ = signature.replace(parameters=parameters)
    made.__annotations__ = {**inspect.get_annotations(function), first.name: AsyncCatalog}
    return made
