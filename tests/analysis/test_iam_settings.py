"""The policy of an operator allows what the settings of a table need, and nothing else."""

from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from engines import running_engine
from iam_evaluator import ARN

from catalog_model.analysis import iam, iam_scaling
from catalog_model.deployment.control import Control
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.operations import create_table, delete_table, raised_capacity, table_status

SETTINGS = TableSettings(scaling=Scaling(1, 10), recovery_days=7, ttl="expires", tags={"a": "b"})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The operations, by service, of a table's life: create, status, raise, delete."""
    found: Counter[tuple[str, str]] = Counter()
    call = Control.call

    def noted(self: Control, service: Any, operation: str, **parameters: Any) -> dict[str, Any]:
        found[service, operation] += 1
        return call(self, service, operation, **parameters)

    folder: Path = tmp_path_factory.mktemp("state")
    with running_engine("moto") as engine, patch.object(Control, "call", noted):
        catalog = engine.catalog()
        create_table(catalog, settings=SETTINGS)
        table_status(catalog, in_full=True)
        with raised_capacity(catalog, 500, folder=folder):
            pass
        delete_table(catalog)
    services = {service for service, _ in found}
    return {name: {each for service, each in found if service == name} for name in services}


def test_each_action_on_the_table_is_needed_and_allowed(asked: dict[str, set[str]]) -> None:
    """Tags of a new table are set by CreateTable, deletion is a request of the gateway."""
    allowed = {*iam.TABLE_ACTIONS, *iam.SETTINGS_ACTIONS}
    assert asked["dynamodb"] <= allowed
    assert set(iam.SETTINGS_ACTIONS) <= asked["dynamodb"]
    policy = iam.policy((), table_arn=ARN, operations=allowed)
    (statement,) = policy["Statement"]
    assert set(statement["Action"]) == {f"dynamodb:{each}" for each in allowed}
    assert statement["Resource"] == ARN


def test_scaling_needs_another_service_for_dynamodb_alone(asked: dict[str, set[str]]) -> None:
    """Its changes have a condition on the service that is scaled."""
    statements = iam.policy((), table_arn=ARN, scaling=True)["Statement"]
    allowed = {action for each in statements for action in each["Action"]}
    service = "application-autoscaling"
    assert {f"{service}:{each}" for each in asked[service]} <= allowed
    (changes,) = (each for each in statements if each["Sid"] == "Scaling")
    assert changes["Condition"] == {"StringEquals": {f"{service}:service-namespace": "dynamodb"}}
    assert set(changes["Action"]) == {f"{service}:{each}" for each in iam_scaling.WRITES}
    (alarms,) = (each for each in statements if each["Sid"] == "ScalingAlarms")
    name = ARN.rpartition("/")[2]
    assert alarms["Resource"].endswith(f":alarm:TargetTracking-table/{name}*")
