"""Answers with valid shape and checksum but without content, or that lead to endless loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from lying_server import handle_on, real_answer, sending, serving
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.errors import UnreachableError
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, table_status
from catalog_model.testing import without_pauses

HER: Final = movie(7, 18, 878)
ITEM: Final = {"PK": {"S": "TITLE#movie#7"}, "SK": {"S": "TITLE#movie#7"}}
PAGE: Final = {"Items": [], "Count": 0, "ScannedCount": 0}
NO_TALLIES: Final = real_answer({"Responses": {"titles": []}, "UnprocessedKeys": {}})

Call = Callable[[Catalog], object]
CALLS: Final[dict[str, Call]] = {
    "get": lambda catalog: ap.get_title(catalog, *HER.key),
    "get many": lambda catalog: ap.get_titles(catalog, [HER.key]),
    "list": lambda catalog: ap.list_titles(catalog, "movie"),
    "put": lambda catalog: ap.put_title(catalog, HER),
    "update": lambda catalog: ap.update_popularity(catalog, *HER.key, 9.5),
    "load": lambda catalog: ap.load_titles(catalog, [HER]),
    "create": create_table,
    "status": table_status,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_an_error_with_status_200_is_an_error(name: str, code: str) -> None:
    """A gateway that loses the status passes on an error, which does not mean a missing title."""
    error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "Try later."}
    with (
        serving(sending(real_answer(error))) as address,
        without_pauses(),
        pytest.raises(UnreachableError, match="an error with status 200"),
    ):
        CALLS[name](handle_on(address))


@pytest.mark.parametrize("last", [{}, ITEM])
def test_endless_pages_are_invalid_answers(last: dict[str, Any]) -> None:
    """The next page starts from a key, and from a different one than the last page."""
    page = real_answer({**PAGE, "LastEvaluatedKey": last})
    calls: dict[Call, tuple[bytes, ...]] = {verify: (NO_TALLIES, page), CALLS["list"]: (page,)}
    for call, answers in calls.items():
        with (
            serving(sending(*answers)) as address,
            without_pauses(),
            pytest.raises(UnreachableError, match="answers another request"),
        ):
            call(handle_on(address))


def test_keys_that_are_left_over_are_named() -> None:
    """A batch that leaves keys unprocessed without listing them does not mean missing titles."""
    batch = real_answer({"Responses": {}, "UnprocessedKeys": {"titles": {}}})
    with (
        serving(sending(batch)) as address,
        without_pauses(),
        pytest.raises(UnreachableError, match="has no 'Keys'"),
    ):
        ap.get_titles(handle_on(address), [HER.key])


def test_a_transaction_is_cancelled_for_reasons_that_have_names() -> None:
    """DynamoDB returns a code for each action; a missing one makes the list invalid."""
    reasons: list[dict[str, str]] = [{}, {"Code": "ThrottlingError"}]
    content = {"__type": "a#TransactionCanceledException", "CancellationReasons": reasons}
    cancelled = real_answer(content).replace(b"200 OK", b"400 Bad Request")
    with (
        serving(sending(NO_TALLIES, cancelled)) as address,
        without_pauses(),
        pytest.raises(UnreachableError, match="has no 'Code'"),
    ):
        ap.put_title(handle_on(address), HER)
