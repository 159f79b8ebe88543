"""What a table has is saved as JSON, compared, and moved to another name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from engines import running_engine
from restored import create_with_everything, remove

from catalog_model import Catalog
from catalog_model.deployment.control import Control
from catalog_model.deployment.deployed import NOT_PERMITTED
from catalog_model.deployment.saved_table import (
    COMPARED,
    FREEZE_SID,
    differences,
    moved,
    read_saved,
    with_freeze,
    without_freeze,
)
from catalog_model.errors import AccessDeniedError
from catalog_model.operations.control import control_of

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
NEW = "arn:aws:dynamodb:eu-west-1:123456789012:table/films--restored-20261128T114500Z"


@pytest.fixture(scope="module")
def complete() -> Iterator[Catalog]:
    """A table with every setting."""
    with running_engine("moto") as engine:
        catalog = engine.catalog("films")
        create_with_everything(catalog)
        yield catalog
        remove(catalog)


def test_what_is_saved_is_json(complete: Catalog) -> None:
    """It comes back from a journal as it was, and does not differ from itself."""
    saved = read_saved(control_of(complete))
    again = json.loads(json.dumps(saved))
    assert again == saved
    assert not list(differences(saved, again))
    assert all(saved[name] is not None for name in COMPARED)


@pytest.mark.parametrize("name", [name for name in COMPARED if name != "max_units"])
def test_each_part_that_differs_is_found(complete: Catalog, name: str) -> None:
    """Alone, and under its name; limits of on-demand units do not apply to this table."""
    saved = read_saved(control_of(complete))
    other = {"policy": "", "units": {"table": [9, 9]}, "alarms": [], "scaling": []}
    found = {**saved, name: other.get(name, "another value")}
    assert [each for each, _, _ in differences(saved, found)] == [name]


def test_units_that_scale_may_be_anywhere_in_their_bounds(complete: Catalog) -> None:
    """And outside of them are a difference."""
    saved = read_saved(control_of(complete))
    within = {**saved, "units": {name: [9, 1] for name in saved["units"]}}
    beyond = {**saved, "units": {name: [11, 1] for name in saved["units"]}}
    assert not list(differences(saved, within, scaled=True))
    assert [name for name, _, _ in differences(saved, within)] == ["units"]
    assert [name for name, _, _ in differences(saved, beyond, scaled=True)] == ["units"]


def test_only_the_name_of_the_table_is_moved(complete: Catalog) -> None:
    """Not a name that begins with it."""
    saved = read_saved(control_of(complete))
    saved["policy"] = f'["{ARN}", "{ARN}/index/i", "{ARN}2", "{ARN}-old", "{ARN}.x"]'
    found = moved(saved, NEW.rpartition("/")[2], NEW)
    assert found["policy"] == f'["{NEW}", "{NEW}/index/i", "{ARN}2", "{ARN}-old", "{ARN}.x"]'
    assert moved(found, "films", ARN)["policy"] == saved["policy"]


def test_what_is_denied_is_left_out(complete: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """And named, with the reason; it is no difference."""
    send = Control._sent

    def refuse(self: Control, service: str, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in ("DescribeAlarms", "GetResourcePolicy"):
            raise AccessDeniedError("no", code="AccessDeniedException")
        return send(self, service, operation, parameters)

    whole = read_saved(control_of(complete))
    monkeypatch.setattr(Control, "_sent", refuse)
    saved = read_saved(control_of(complete))
    assert saved["unread"] == dict.fromkeys(("DescribeAlarms", "GetResourcePolicy"), NOT_PERMITTED)
    assert (saved["alarms"], saved["policy"]) == (None, None)
    assert not list(differences(saved, whole))


def test_functions_on_the_stream_are_listed_from_all_pages(
    complete: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda pages with a marker."""
    send, asked = Control._sent, list[dict[str, Any]]()

    def answer(self: Control, service: str, operation: str, parameters: dict[str, Any]) -> Any:
        if service != "lambda":
            return send(self, service, operation, parameters)
        asked.append(dict(parameters))
        number = len(asked)
        found = {"EventSourceMappings": [{"UUID": f"u{number}", "FunctionArn": f"f{number}"}]}
        return {**found, **({"NextMarker": "m"} if number == 1 else {})}

    monkeypatch.setattr(Control, "_sent", answer)
    saved = read_saved(control_of(complete))
    assert [each["function"] for each in saved["event_sources"]] == ["f1", "f2"]
    assert [each.get("Marker") for each in asked] == [None, "m"]
    assert "/stream/" in asked[0]["EventSourceArn"]


@pytest.mark.parametrize(
    "policy",
    ["", '{"Version": "2012-10-17", "Statement": [{"Sid": "a"}]}', '{"Statement": {"Sid": "a"}}'],
)
def test_a_freeze_is_taken_off_as_it_was_put_on(policy: str) -> None:
    """Whatever the policy was before; a second freeze after a kill does not stay."""
    frozen = with_freeze(policy, ARN, ("PutItem",))
    assert FREEZE_SID in frozen
    for each in (frozen, with_freeze(frozen, ARN, ("PutItem",))):
        thawed = without_freeze(each)
        statements = json.loads(thawed)["Statement"] if thawed else []
        assert statements == ([{"Sid": "a"}] if policy else [])
