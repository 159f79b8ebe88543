"""Putting titles one by one, as `put-title` does with JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from catalog_model import access_patterns as ap
from catalog_model.catalog import Catalog
from catalog_model.cli.base import EXIT_CHECK_FAILED, Settings, printable
from catalog_model.cli.output import print_json
from catalog_model.cli.progress import loading
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidTitleError, TitleExistsError


def put_each(
    settings: Settings, titles: Iterable[Sourced[AnyTitle] | Rejection], *, if_absent: bool
) -> None:
    """Put titles as they come, list the rejected ones, and exit with 1 if there are any."""
    catalog = settings.catalog()
    rejected: list[dict[str, Any]] = []
    put = refused = 0
    with loading(None) as shown:
        for each in titles:
            rejection = _put(catalog, each, if_absent=if_absent)
            if rejection is None:
                put += 1
            else:
                refused += 1
                if settings.output == "json":
                    rejected.append(rejection.to_json())
                else:
                    click.echo(printable(str(rejection)))
            shown(put + refused)
    if settings.output == "json":
        print_json({"put": put, "rejected": rejected})
    else:
        click.echo(f"{put} put, {refused} rejected")
    click.get_current_context().exit(EXIT_CHECK_FAILED if refused else 0)


def _put(
    catalog: Catalog, each: Sourced[AnyTitle] | Rejection, *, if_absent: bool
) -> Rejection | None:
    """Put one title; return its rejection if the table cannot take it."""
    if isinstance(each, Rejection):
        return each
    try:
        ap.put_title(catalog, each.title, if_absent=if_absent)
    except (InvalidTitleError, TitleExistsError) as error:
        return each.rejected(str(error))
    return None
