"""Exports for design tools: a model of NoSQL Workbench, and AWS's data model with its commands."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from engines import Engine
from hypothesis import given
from hypothesis import strategies as st

from catalog_model import Movie, TVShow
from catalog_model.access_patterns import PATTERNS
from catalog_model.analysis.data_model import data_model
from catalog_model.analysis.workbench import KEY_FORMS, workbench
from catalog_model.cli.examples import example_calls
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.entities import AnyTitle
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.table.indexes import INDEX_KEYS

SAMPLE = [title for title in read_folder(sample_folder()) if isinstance(title, Movie | TVShow)]
SCALED = TableSettings(scaling=Scaling(1, 10))

some_titles = st.lists(st.sampled_from(SAMPLE), max_size=4, unique=True)


def table_of(titles: list[AnyTitle]) -> dict[str, Any]:
    """Return the table in a model of Workbench."""
    (table,) = workbench(titles, table="films", settings=SCALED)["DataModel"]
    return dict(table)


def rows_of(table: dict[str, Any]) -> Iterator[dict[str, dict[str, Any]]]:
    for facet in table["TableFacets"]:
        yield from facet["TableData"]


@given(some_titles)
def test_every_attribute_of_a_row_is_declared_with_its_type(titles: list[AnyTitle]) -> None:
    """And the keys of the table are not declared a second time."""
    table = table_of(titles)
    declared = {a["AttributeName"]: a["AttributeType"] for a in table["NonKeyAttributes"]}
    assert not declared.keys() & {"PK", "SK"}
    assert declared.keys() >= {name for names in INDEX_KEYS.values() for name in names}
    for row in rows_of(table):
        for name, value in row.items():
            assert {**declared, "PK": "S", "SK": "S"}[name] in value
    for facet in table["TableFacets"]:
        assert set(facet["NonKeyAttributes"]) <= declared.keys()


@given(some_titles)
def test_every_row_has_the_keys_of_its_facet(titles: list[AnyTitle]) -> None:
    """The constant parts of a form are those of the key."""
    for facet in table_of(titles)["TableFacets"]:
        for row in facet["TableData"]:
            for form, name in zip(KEY_FORMS[facet["FacetName"]], ("PK", "SK"), strict=True):
                formed, actual = form.split("#"), row[name]["S"].split("#")
                assert len(formed) == len(actual)
                assert actual[0] == formed[0]


def test_scaling_is_that_of_workbench() -> None:
    """From 1 to 10 units, to 70 per cent."""
    scaled = table_of(SAMPLE[:1])["ProvisionedCapacitySettings"]["AutoScalingRead"]
    assert scaled["ScalableTargetRequest"]["MaxCapacity"] == 10
    assert scaled["ScalingPolicyConfiguration"] == {"TargetValue": 70}


def test_the_data_model_has_every_access_pattern() -> None:
    """With the same requests as a call makes, and its rate."""
    calls = example_calls(SAMPLE, rates={"get_title": 50})
    model = data_model(calls, SAMPLE, table="films")
    entries: list[dict[str, Any]] = list(model["access_patterns"])
    assert {each.pattern.name for each in calls} == PATTERNS.keys()
    assert {each["pattern"].partition(" (")[0] for each in entries} == {c.text for c in calls}
    rates = {each["pattern"]: each["calls_per_second"] for each in entries}
    assert rates["get-title movie 34"] == 50


def test_every_command_of_the_data_model_succeeds(engine: Engine) -> None:
    """One after the other, on a table made of the model, on an engine that checks requests."""
    table = engine.catalog().table
    model = json.loads(json.dumps(data_model(example_calls(SAMPLE), SAMPLE, table=table)))
    client = engine.client
    for declared in model["tables"]:
        client.create_table(**declared)
    for item in model["items"][table]:
        client.put_item(TableName=table, Item=item["PutRequest"]["Item"])
    for entry in model["access_patterns"]:
        answer = _run(client, shlex.split(entry["implementation"]))
        assert not answer.get("UnprocessedKeys")
        if entry["dynamodb_operation"] == "GetItem":
            assert answer["Item"]
    client.delete_table(TableName=table)


def _run(client: Any, words: list[str]) -> dict[str, Any]:
    """Make the request of a command, as the AWS CLI does: botocore checks its parameters."""
    aws, service, operation, *options = words
    assert (aws, service) == ("aws", "dynamodb")
    names = {_dashed(name): name for name in _members(client, operation)}
    parameters: dict[str, Any] = {}
    while options:
        option = options.pop(0).removeprefix("--")
        if option in names and (not options or options[0].startswith("--")):
            parameters[names[option]] = True
        elif option.removeprefix("no-") in names and option.startswith("no-"):
            parameters[names[option.removeprefix("no-")]] = False
        else:
            parameters[names[option]] = _value(options.pop(0))
    answer: dict[str, Any] = getattr(client, operation.replace("-", "_"))(**parameters)
    return answer


def _value(text: str) -> Any:
    return json.loads(text) if text[0] in '{["' or text.isdecimal() else text


def _members(client: Any, operation: str) -> list[str]:
    name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    return list(client.meta.service_model.operation_model(name).input_shape.members)


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
