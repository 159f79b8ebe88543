"""Settings are checked when they are made, and are the same after JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from table_settings import table_settings

from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.errors import InvalidArgumentError

REFUSED: tuple[tuple[str, Any], ...] = (
    ("billing", "free"),
    ("billing", "provisioned"),  # without units
    ("capacity", {"read": 1}),
    ("capacity", {"read": 0, "write": 1}),
    ("capacity", {"read": 1, "write": 1, "scan": 1}),
    ("capacity", 5),
    ("scaling", {"min": 1}),
    ("scaling", {"min": 0, "max": 10}),
    ("scaling", {"min": 11, "max": 10}),
    ("scaling", {"min": 1, "max": 10, "target": 19}),
    ("scaling", {"min": 1, "max": 10, "target": 91}),
    ("scaling", {"min": 1, "max": 10, "target": 170}),
    ("scaling", {"min": 1.5, "max": 10}),
    ("scaling", {"min": 1, "max": 2**31}),
    ("max_units", {"read": 0}),
    ("max_units", {"write": -2}),
    ("max_units", {}),
    ("recovery_days", 36),
    ("recovery_days", -1),
    ("recovery_days", True),
    ("protection", 1),
    ("protection", "yes"),
    ("stream", "all"),
    ("encryption", "alias/mine"),
    ("encryption", "arn:aws:kms:eu-west-1:12:key/x"),
    ("table_class", "cold"),
    ("tags", {"aws:mine": "1"}),
    ("tags", {"": "1"}),
    ("tags", ["a"]),
    ("tags", {f"t{number}": "" for number in range(51)}),
    ("warm_throughput", {"read": 0}),
    ("ttl", "a" * 256),
    ("colour", "red"),
)

NAMED = {"tags": "tag"}


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_an_invalid_setting_is_refused_by_name(name: str, value: Any) -> None:
    """The message names the setting, and nothing has to be sent to find it."""
    with pytest.raises(InvalidArgumentError, match=NAMED.get(name, name)):
        TableSettings.from_json({name: value})


@given(table_settings())
def test_settings_are_the_same_after_json(declared: TableSettings) -> None:
    """What `to_json` writes, `from_json` reads."""
    assert TableSettings.from_json(json.loads(json.dumps(declared.to_json()))) == declared


@pytest.mark.parametrize(
    "units", [{"capacity": {"read": 1, "write": 1}}, {"scaling": Scaling(1, 2)}]
)
def test_units_mean_a_provisioned_table(units: dict[str, Any]) -> None:
    """Units a second are refused on demand, and limits of on-demand units with them."""
    assert TableSettings(**units).billing == "provisioned"
    with pytest.raises(InvalidArgumentError, match="on demand"):
        TableSettings(**units, billing="on-demand")
    with pytest.raises(InvalidArgumentError, match="max_units"):
        TableSettings(**units, max_units={"read": 5})  # type: ignore[arg-type]
