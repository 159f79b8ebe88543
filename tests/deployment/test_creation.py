"""A table is created with its settings, whatever interrupts it, and is not changed afterwards."""

import time
from functools import partial

import pytest
from engines import Engine
from hypothesis import given
from hypothesis import settings as examples
from kills import kill, requests_of
from scaled import scaled
from small_tables import SMALL, small_control
from table_settings import table_settings

from catalog_model import Catalog
from catalog_model.deployment import creation
from catalog_model.deployment.control import Control, UnsupportedError
from catalog_model.deployment.deployed import Deployed, read_deployed, resources_of
from catalog_model.deployment.matching import departures
from catalog_model.deployment.raising import await_active
from catalog_model.deployment.resources import initial_units
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.operations import create_table, delete_table, table_status
from catalog_model.operations.control import control_of

CHANGES = ("Create", "Update", "Register", "Put", "Tag")

FULL = TableSettings(
    scaling=Scaling(2, 9, 60),
    recovery_days=7,
    protection=False,
    stream="new-and-old",
    encryption="managed",
    tags={"team": "films"},
    warm_throughput=UnitsPerSecond(13_000, 5_000),
    ttl="expires",
)


def created(control: Control, settings: TableSettings) -> Deployed:
    """Create a small table, and wait."""
    deadline = time.monotonic() + 60
    creation.start(control, SMALL, settings)
    await_active(control, deadline)
    creation.complete(control, settings, deadline)
    return read_deployed(control)


def changes(control: Control) -> set[str]:
    """Return the operations so far that change something."""
    return {name for name in control.requests if name.startswith(CHANGES)}


@examples(max_examples=scaled(40))
@given(declared=table_settings(on_moto=True))
def test_a_table_is_created_with_declared_settings(moto: Engine, declared: TableSettings) -> None:
    """What is declared, created and read is equal; what is not declared is the service's choice."""
    control = small_control(moto)
    found = created(control, declared)
    own = found.settings.declared
    wanted = declared.declared
    if declared.scaling is not None:
        del wanted["scaling"]  # the capacity is where it began
        units = initial_units(declared)
        assert own.pop("capacity") == units
        wanted.pop("capacity", None)
        assert {(each.min, each.max, each.target) for each in found.scaling or ()} == {
            (declared.scaling.min, declared.scaling.max, declared.scaling.target)
        }
    assert {name: own.get(name) for name in wanted} == wanted
    assert departures(declared, found, control.name) == ()


def test_scaling_is_for_reads_and_writes_of_the_table_and_each_index(moto: Engine) -> None:
    """Each has a target with a policy for its own metric."""
    control = small_control(moto)
    found = created(control, FULL)
    resources = resources_of(found.description, control.name).values()
    targets = {(each.resource, each.part): each for each in found.scaling or ()}
    assert targets.keys() == {(name, part) for name in resources for part in ("read", "write")}
    for (resource, part), target in targets.items():
        assert target.policy == f"DynamoDB{part.title()}CapacityUtilization:{resource}"
        (policy,) = target.policies
        metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
        assert metric == {"PredefinedMetricType": f"DynamoDB{part.title()}CapacityUtilization"}


@pytest.mark.slow
def test_a_creation_that_is_interrupted_anywhere_is_finished_by_the_next(moto: Engine) -> None:
    """Wherever that makes a difference, the same table results."""
    sent = requests_of(lambda: created(small_control(moto), FULL))
    kills = list(sent.different_kills())
    assert len(kills) > 10, len(kills)
    for number, moment in kills:
        control = small_control(moto)
        kill(partial(created, control, FULL), number, moment)
        found = created(control, FULL)
        assert departures(FULL, found, control.name) == ()
        assert len(found.scaling or ()) == 4


def test_a_second_creation_sends_no_change(moto: Engine) -> None:
    """What matches is left alone."""
    first = small_control(moto)
    created(first, FULL)
    again = Control(first.gateway)
    created(again, FULL)
    assert changes(again) == set()


def test_what_differs_is_left_alone_and_returned(moto: Engine) -> None:
    """Of each setting, with both values."""
    catalog = moto.catalog()
    create_table(catalog, settings=TableSettings(scaling=Scaling(1, 10), recovery_days=7))
    before = read_deployed(control_of(catalog))
    other = TableSettings(
        scaling=Scaling(1, 20),
        recovery_days=8,
        protection=True,
        stream="keys",
        encryption="managed",
        tags={"team": "films"},
    )
    status = create_table(catalog, settings=other)
    everywhere = "of the table and 4 indexes is"
    assert status.departures == (
        f"scaling {everywhere} 1 to 10 read units at 70 %, not 1 to 20 units at 70 %",
        f"scaling {everywhere} 1 to 10 write units at 70 %, not 1 to 20 units at 70 %",
        "recovery_days is 7, not 8",
        "protection is off, not on",
        "stream is off, not keys",
        "encryption is owned, not managed",
        "tags is empty, not team=films",
    )
    assert read_deployed(control_of(catalog)).settings == before.settings
    (of_capacity,) = create_table(catalog, read_capacity=3, write_capacity=2).departures
    assert of_capacity.startswith(f"capacity {everywhere} 1 read unit and 1 write unit a second")
    delete_table(catalog)


def test_units_outside_the_bounds_are_not_scaled(moto: Engine) -> None:
    """A target would change them at once; the departure says so."""
    control = small_control(moto)
    created(control, TableSettings(capacity=UnitsPerSecond(50, 5)))
    declared = TableSettings(scaling=Scaling(1, 10))
    found = created(control, declared)
    assert {each.part for each in found.scaling or ()} == {"write"}
    departed = departures(declared, found, control.name)
    assert [each.where for each in departed] == ["table", "by_name"]


def test_the_strict_engine_shows_limits_and_classes(catalog: Catalog, engine: Engine) -> None:
    """moto shows neither, and the creation says so."""
    declared = TableSettings(
        max_units=UnitsPerSecond(40, 20), table_class="infrequent-access", tags={"team": "films"}
    )
    capped = engine.catalog()
    status = create_table(capped, settings=declared)
    if engine.name == "moto":
        assert [each.split()[0] for each in status.departures] == ["max_units", "table_class"]
    else:
        assert status.max_units["table"] == UnitsPerSecond(40, 20)
        (of_indexes,) = status.departures  # it does not show their limits
        assert of_indexes.startswith("max_units of 4 indexes is any read units")
    assert set(create_table(catalog, settings=declared).max_units.values()) == {
        UnitsPerSecond(-1, -1)
    }
    delete_table(capped)


@pytest.mark.parametrize(
    "declared", [TableSettings(recovery_days=7), TableSettings(scaling=Scaling(1, 10))]
)
def test_what_an_endpoint_lacks_is_refused_before_the_table_is_created(
    engine: Engine, declared: TableSettings
) -> None:
    """The operation is named."""
    catalog = engine.catalog()
    if engine.name == "moto":
        assert create_table(catalog, settings=declared).departures == ()
        return
    with pytest.raises(UnsupportedError, match="is not offered by the endpoint"):
        create_table(catalog, settings=declared)
    assert not control_of(catalog).exists()


def test_a_protected_table_is_not_deleted(engine: Engine) -> None:
    """The message says how to remove the protection."""
    catalog = engine.catalog()
    create_table(catalog, settings=TableSettings(protection=True))
    with pytest.raises(Exception, match="apply --no-protect"):
        delete_table(catalog)
    catalog.client.update_table(TableName=catalog.table, DeletionProtectionEnabled=False)
    assert table_status(catalog).settings.protection is False
    delete_table(catalog)
