"""Values whose `repr` or comparison fails are rejected like others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from memory_engine import MemoryCatalog
from refused_calls import CALLS
from table_dump import movie

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.errors import InvalidArgumentError
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table


class Unshowable:
    """A value of a class with a defect."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("no repr")

    def __eq__(self, _: object) -> NoReturn:
        raise RuntimeError("no comparison")

    __hash__ = object.__hash__


ARGUMENTS = [(name, argument) for name, call in CALLS.items() for argument in call]
OTHERS: dict[str, Callable[[Any], object]] = {
    "table": Catalog,
    "client": lambda value: Catalog("films", client=value),
    "config": lambda value: Catalog("films", config=value),
    "region": lambda value: Catalog("films", region=value),
    "hook": lambda value: Catalog("films").on_request(value),
    "deadline": lambda value: Catalog("films", deadline=value),
    "create_table": create_table,
    "delete_table": delete_table,
    "migrate": migrate,
    "repair": repair,
    "verify": verify,
    "from_json": Movie.from_json,
    "from_tmdb": TVShow.from_tmdb,
    "replace": lambda value: movie(1, 18).replace(overview=value),
}


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_argument_refuses_what_cannot_be_shown(name: str, argument: str) -> None:
    """By its class: the error is the package's, not the value's."""
    with pytest.raises(InvalidArgumentError, match="Unshowable that cannot be shown"):
        ap.PATTERNS[name].function(MemoryCatalog(), **{**CALLS[name], argument: Unshowable()})


@pytest.mark.parametrize("name", OTHERS)
def test_so_does_what_surrounds_the_table(name: str) -> None:
    """Handles, operations and titles."""
    with pytest.raises(InvalidArgumentError, match="Unshowable that cannot be shown"):
        OTHERS[name](Unshowable())
