"""Exports for CloudFormation and Terraform: valid, and complete."""

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from terraform_schema import mistakes_in as terraform_mistakes
from terraform_schema import provider

from catalog_model import Catalog
from catalog_model.deployment.cloudformation import KINDS, Kind, cloudformation
from catalog_model.deployment.describe_table import describe_table
from catalog_model.deployment.resources import scaled_units
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.deployment.template_check import mistakes_in
from catalog_model.deployment.terraform import PROVIDER, terraform
from catalog_model.dynamodb.schema import description_of
from catalog_model.errors import InvalidArgumentError
from catalog_model.operations import TablePlan, plan_table
from catalog_model.table.indexes import INDEXES, SCHEMA

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1b2c"
EXTRAS: dict[str, Any] = {
    "recovery_days": 7,
    "protection": True,
    "stream": "new-and-old",
    "encryption": "managed",
    "table_class": "infrequent-access",
    "tags": {"team": "films", "aws-cost:centre": "4 + 2"},
    "ttl": "expires ${at}",
}
SETTINGS = {
    "nothing declared": TableSettings(),
    "on demand, all": TableSettings(
        max_units=UnitsPerSecond(100, 50), warm_throughput=UnitsPerSecond(12000, 4000), **EXTRAS
    ),
    "scaled, all": TableSettings(scaling=Scaling(1, 10), **EXTRAS),
    "fixed": TableSettings(capacity=UnitsPerSecond(5, 6), recovery_days=0, stream="off"),
    "one limit, own key": TableSettings(max_units=UnitsPerSecond(read=9), encryption=KEY),
}


def templates() -> dict[str, dict[str, Any]]:
    """Return the templates of all settings, as tables and as global tables."""
    return {
        f"{name}, {kind}": cloudformation(SCHEMA, "films", settings, kind=kind)
        for name, settings in SETTINGS.items()
        for kind in KINDS
        if not (kind == "global" and settings.capacity)
    }


@pytest.mark.slow
def test_templates_are_clean_to_cfn_lint(tmp_path: Path) -> None:
    """Without a warning, for every setting and both kinds of table."""
    paths = []
    for name, template in templates().items():
        paths.append(tmp_path / f"{name.replace(' ', '-')}.json")
        paths[-1].write_text(json.dumps(template), "utf-8")
    linter = Path(sys.executable).with_name("cfn-lint")
    words = [str(linter), "--regions", "eu-west-1", "--", *map(str, paths)]
    linted = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


@pytest.mark.parametrize("name", templates())
def test_templates_have_no_mistake_that_the_linter_misses(name: str) -> None:
    """Those that `template_check` knows."""
    assert mistakes_in(templates()[name]) == []


def _table(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["Table"]["Properties"]
    return properties


def _no_throughput(template: dict[str, Any]) -> None:
    del _table(template)["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]


def _nothing_included(template: dict[str, Any]) -> None:
    del _table(template)["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"]


def _bounds_swapped(template: dict[str, Any]) -> None:
    template["Resources"]["TableReadTarget"]["Properties"]["MinCapacity"] = 99


def _days_without_recovery(template: dict[str, Any]) -> None:
    _table(template)["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False


def _limit_on_provisioned(template: dict[str, Any]) -> None:
    _table(template)["OnDemandThroughput"] = {"MaxReadRequestUnits": 10}


def _limit_on_provisioned_index(template: dict[str, Any]) -> None:
    index = _table(template)["GlobalSecondaryIndexes"][1]
    index["OnDemandThroughput"] = {"MaxReadRequestUnits": 10}


def _write_metric_for_reads(template: dict[str, Any]) -> None:
    policy = template["Resources"]["ByNameReadPolicy"]["Properties"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] = (
        "DynamoDBWriteCapacityUtilization"
    )


def _unknown_index(template: dict[str, Any]) -> None:
    target = template["Resources"]["ByNameReadTarget"]["Properties"]
    target["ResourceId"] = {"Fn::Sub": "table/${Table}/index/by_nam"}


def _expiry_of_nothing(template: dict[str, Any]) -> None:
    del _table(template)["TimeToLiveSpecification"]["AttributeName"]


def _too_many_indexes(template: dict[str, Any]) -> None:
    indexes = _table(template)["GlobalSecondaryIndexes"]
    indexes += [{**indexes[0], "IndexName": f"more_{n}"} for n in range(18)]


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_no_throughput, "Table: index by_popularity of a provisioned table has no"),
        (_nothing_included, "Table: index by_popularity includes attributes, but"),
        (_bounds_swapped, "TableReadTarget: MinCapacity 99 is above MaxCapacity 10"),
        (_days_without_recovery, "Table: RecoveryPeriodInDays is given, but"),
        (_limit_on_provisioned, "Table: OnDemandThroughput limits a provisioned table"),
        (_limit_on_provisioned_index, "Table: OnDemandThroughput limits index by_rating"),
        (_write_metric_for_reads, "ByNameReadPolicy: metric DynamoDBWriteCapacityUtilization"),
        (_unknown_index, "ByNameReadTarget: ResourceId names index by_nam"),
        (_expiry_of_nothing, "Table: TimeToLiveSpecification has no AttributeName"),
        (_too_many_indexes, "Table: 22 global secondary indexes are more than 20"),
    ],
)
def test_each_planted_mistake_is_found(plant: Any, found: str) -> None:
    """One finding each, which names the resource."""
    template = json.loads(json.dumps(templates()["scaled, all, table"]))
    plant(template)
    (mistake,) = mistakes_in(template)
    assert mistake.startswith(found)


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..ApplicationAutoScaling")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_stack_creates_the_table_of_the_model(name: str) -> None:
    """With moto: `plan` finds nothing to do but what moto leaves out, which the template has."""
    settings, table = SETTINGS[name], f"films-{secrets.token_hex(4)}"
    template = cloudformation(SCHEMA, table, settings)
    with mock_aws():  # a block of the session may be open, with its tables
        stacks = boto3.client("cloudformation", region_name="eu-west-1")
        stacks.create_stack(StackName=table, TemplateBody=json.dumps(template))
        plan = plan_table(Catalog(table, region="eu-west-1"), settings)
        client = boto3.client("dynamodb", region_name="eu-west-1")
        made = client.describe_table(TableName=table)["Table"]
    assert description_of(made) == description_of(SCHEMA.declaration())
    assert (made["BillingModeSummary"]["BillingMode"] == "PROVISIONED") is (
        settings.billing == "provisioned"
    )
    assert _found(plan) == set(_left_out_by_moto(template))


PLACES = ("table", *INDEXES)
LEFT_OUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "OnDemandThroughput": ("max_units", PLACES),
    "PointInTimeRecoverySpecification": ("recovery_days", ("table",)),
    "SSESpecification": ("encryption", ("table",)),
    "TableClass": ("table_class", ("table",)),
    "TimeToLiveSpecification": ("ttl", ("table",)),
}
"""Properties of a table that moto ignores: the setting, and the places where the plan differs."""


def _found(plan: TablePlan) -> set[tuple[str, str]]:
    assert not plan.surplus
    return {(each.subject, each.where) for each in plan.differences}


def _left_out_by_moto(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what moto does not create of a template: properties that it ignores, and scaling.

    A property that says what is so anyway, such as recovery that is off, makes no difference.
    """
    properties = _table(template)
    for name, (setting, places) in LEFT_OUT.items():
        if not _is_default(properties.get(name, {})):
            yield from ((setting, place) for place in places)
    types = {each["Type"] for each in template["Resources"].values()}
    if "AWS::ApplicationAutoScaling::ScalableTarget" in types:
        yield from (("scaling", place) for place in PLACES)


def _is_default(value: Any) -> bool:
    return value in ({}, "STANDARD", {"PointInTimeRecoveryEnabled": False})


def test_every_part_of_the_table_and_each_index_scales() -> None:
    """A target and a policy for the reads and the writes of each."""
    resources = cloudformation(SCHEMA, "films", SETTINGS["scaled, all"])["Resources"]
    targets = [r["Properties"] for r in resources.values() if r["Type"].endswith("ScalableTarget")]
    found = {(each["ResourceId"]["Fn::Sub"], each["ScalableDimension"]) for each in targets}
    wanted = {(each.resource_id("${Table}"), each.dimension) for each in scaled_units(SCHEMA)}
    assert found == wanted
    assert len(targets) == len(wanted) == 2 * (1 + len(INDEXES))
    policies = [r["Properties"] for r in resources.values() if r["Type"].endswith("Policy")]
    assert {each["ScalingTargetId"]["Ref"] for each in policies} == {
        name for name, r in resources.items() if r["Type"].endswith("ScalableTarget")
    }


def test_a_global_table_with_fixed_capacity_is_refused() -> None:
    """Its writes scale."""
    kind: Kind = "global"
    with pytest.raises(InvalidArgumentError, match="capacity must be replaced by scaling"):
        cloudformation(SCHEMA, "films", SETTINGS["fixed"], kind=kind)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@pytest.mark.parametrize("name", SETTINGS)
def test_a_configuration_is_formatted_as_terraform_does(name: str, tmp_path: Path) -> None:
    """`terraform fmt` changes nothing, and accepts the syntax."""
    path = tmp_path / "main.tf"
    path.write_text(terraform(SCHEMA, "films", SETTINGS[name]), "utf-8")
    words = ["terraform", "fmt", "-check", "-diff", "-no-color", str(path)]
    formatted = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (formatted.returncode, formatted.stdout) == (0, "")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_configuration_has_the_arguments_of_the_provider(name: str) -> None:
    """Known ones, with their types, and all that are required; references lead to resources.

    `terraform validate` needs the provider itself; the recorded schema of the provider replaces it.
    """
    assert terraform_mistakes(terraform(SCHEMA, "films", SETTINGS[name])) == []
    assert provider().startswith(f"hashicorp/aws {PROVIDER.removeprefix('~> ')}.")


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ('hash_key                    = "PK"', 'partition_key = "PK"', "partition_key is unknown"),
        ("read_capacity               = 1", 'read_capacity = "one"', "not of type number"),
        ('type = "S"', "", "attribute: type is missing"),
        ("non_key_attributes = [", "non_key_attributes = 1 # [", "not of type list of string"),
        ('team              = "films"', "team = 4", "not of type map of string"),
        ("  ttl {", "  ttl {\n    enabled = true\n  }\n\n  ttl {", "ttl is given 2 times"),
        ("recovery_period_in_days", "days", "point_in_time_recovery: days is unknown"),
        ("resource_id        = aws_app", "# aws_app", "resource_id is missing"),
        ('"aws_appautoscaling_target" "by_name_read"', '"aws_x" "y"', "aws_x"),
        ("aws_dynamodb_table.catalog.arn", "aws_dynamodb_table.catalog.urn", "has no urn"),
        ('variable "table_name"', 'variable "table"', "var.table_name is not declared"),
    ],
)
def test_each_mistake_of_a_configuration_is_found(right: str, wrong: str, found: str) -> None:
    """One is enough: the comparison with the provider's schema can fail."""
    configuration = terraform(SCHEMA, "films", SETTINGS["scaled, all"])
    assert right in configuration
    mistakes = terraform_mistakes(configuration.replace(right, wrong, 1))
    assert any(found in each for each in mistakes), mistakes


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(NAMES)
def test_no_text_becomes_an_expression_in_a_configuration(name: str) -> None:
    """Each `${` and `%{` in a value is doubled, so that it stands for itself."""
    configuration = terraform(SCHEMA, "films", TableSettings(ttl=name))
    (line,) = [each for each in configuration.splitlines() if "attribute_name" in each]
    value = json.loads(line.partition("=")[2])
    assert value.replace("$${", "${").replace("%%{", "%{") == name
    assert value.count("$${") == name.count("${")
    assert value.count("%%{") == name.count("%{")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_description_is_that_of_the_service(name: str) -> None:
    """Valid by botocore's model, and of this model's keys and indexes."""
    answer = describe_table(SCHEMA, "films", SETTINGS[name], arn=ARN)
    assert description_of(answer["Table"]) == description_of(SCHEMA.declaration())
    with mock_aws():
        model = boto3.client("dynamodb", region_name="eu-west-1").meta.service_model
    _assert_members(answer, model.operation_model("DescribeTable").output_shape)


def _assert_members(value: Any, shape: Any) -> None:
    """Check that a value has only members of a shape, at all levels."""
    if shape.type_name == "structure":
        assert value.keys() <= shape.members.keys()
        for name, each in value.items():
            _assert_members(each, shape.members[name])
    elif shape.type_name == "list":
        for each in value:
            _assert_members(each, shape.member)
    elif getattr(shape, "enum", []):
        assert value in shape.enum
