"""`apply` that is interrupted after any of its requests is completed by the next run."""

from typing import Any

import pytest
from engines import Engine
from kills import Moment, Sent, kill, requests_of
from planted_drift import both, bounds, deleted, policy, replaced, tags, ttl, update

from catalog_model import Catalog
from catalog_model.deployment.deployed import read_deployed
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.operations import apply_plan, create_table, delete_table, plan_table
from catalog_model.operations.control import control_of
from catalog_model.testing import without_pauses

INDEXES = both(
    deleted("by_name"),
    replaced("by_rating", Projection={"ProjectionType": "KEYS_ONLY"}),
    replaced("by_chance"),
)
ALLOWED: dict[str, Any] = {"rebuild": True, "drop_surplus": True}

SCALED = TableSettings(
    scaling=Scaling(1, 10),
    recovery_days=7,
    protection=False,
    stream="new",
    tags={"team": "films"},
    warm_throughput=UnitsPerSecond(13_000, 5_000),
    ttl="expires",
)
ON_DEMAND = TableSettings(
    billing="on-demand",
    recovery_days=0,
    protection=False,
    stream="off",
    tags={"team": "films"},
    ttl="",
)
OTHER_SCALING = both(
    bounds("by_popularity", 2, 99), policy("DynamoDBReadCapacityUtilization", 170, "second")
)
DRIFT: dict[str, Any] = {
    "to provisioned": (TableSettings(ttl="ends"), INDEXES, SCALED),
    "to on demand": (
        SCALED,
        both(deleted("by_name"), tags("team"), update(DeletionProtectionEnabled=True)),
        ON_DEMAND,
    ),
    "scaling": (
        SCALED,
        both(deleted("by_name"), OTHER_SCALING, ttl("expires", is_on=False)),
        SCALED,
    ),
}


def drifted(moto: Engine, before: TableSettings, plant: Any) -> Catalog:
    """Create a table, and plant the drift."""
    catalog = moto.catalog()
    create_table(catalog, settings=before)
    plant(control_of(catalog))
    return catalog


def end_of(catalog: Catalog) -> Any:
    """Return a table as it is at the end, and delete it."""
    found = read_deployed(control_of(catalog))
    indexes = {
        each["IndexName"]: (each["KeySchema"], each["Projection"], each["ProvisionedThroughput"])
        for each in found.description["GlobalSecondaryIndexes"]
    }
    targets = {
        (each.resource.replace(catalog.table, ""), each.part): (
            (each.min, each.max, each.target),
            [own["TargetTrackingScalingPolicyConfiguration"] for own in each.policies],
        )
        for each in found.scaling or ()
    }
    delete_table(catalog)
    return found.settings, indexes, targets


def kills_of(sent: Sent) -> list[tuple[int, Moment]]:
    """Return the kills that make a difference; of requests for scaling, two and the last one."""
    kills, operations = [], sent.operations
    for number, moment in sent.different_kills():
        operation, before, after = operations[number - 1], operations[:number], operations[number:]
        if "Scal" not in operation or before.count(operation) <= 2 or operation not in after:
            kills.append((number, moment))
    return kills


@pytest.mark.parametrize("kind", DRIFT)
def test_an_interruption_after_any_request_leads_to_the_same_end(moto: Engine, kind: str) -> None:
    """Killed after its first change, its second ...: the next run completes it, to the same end."""
    before, plant, declared = DRIFT[kind]
    with without_pauses():
        whole = drifted(moto, before, plant)
        assert not plan_table(whole, declared, **ALLOWED).is_empty
        sent = requests_of(lambda: apply_plan(whole, declared, **ALLOWED))
        end = end_of(whole)
        kills = kills_of(sent)
        assert len(kills) > 5, len(kills)
        for number, moment in kills:
            catalog = drifted(moto, before, plant)
            kill(lambda: apply_plan(catalog, declared, **ALLOWED), number, moment)  # noqa: B023
            assert apply_plan(catalog, declared, **ALLOWED).is_complete, number
            assert end_of(catalog) == end, number
