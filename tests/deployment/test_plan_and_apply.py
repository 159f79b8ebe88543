"""`plan` finds each kind of drift and nothing else; `apply` removes it, and the plan is empty."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from engines import Engine, create_of_another_model
from kills import kill
from planted_drift import KINDS, ON_DEMAND, SCALED, both, deleted, replaced, units, update

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis import iam, iam_scaling
from catalog_model.deployment import performing
from catalog_model.deployment.control import Control
from catalog_model.deployment.deployed import read_deployed
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.errors import (
    InvalidArgumentError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
)
from catalog_model.operations import (
    ApplyProgress,
    TablePlan,
    apply_plan,
    create_table,
    delete_table,
    plan_table,
    table_status,
    verify,
)
from catalog_model.operations.control import control_of
from catalog_model.testing import without_pauses

pytestmark = pytest.mark.one_engine


def places(plan: TablePlan) -> list[tuple[str, str]]:
    """Return the subject and the place of each difference; several of one place once."""
    return list(dict.fromkeys((each.subject, each.where) for each in plan.differences))


def shape(catalog: Catalog) -> Any:
    """Return everything that was read of a table, without times and ids of the service."""
    found = read_deployed(control_of(catalog))
    kept = ("KeySchema", "Projection", "ProvisionedThroughput", "IndexStatus")
    indexes = {
        index["IndexName"]: {name: index.get(name) for name in kept}
        for index in found.description["GlobalSecondaryIndexes"]
    }
    targets = {
        (each.resource.replace(catalog.table, "T"), each.part): (
            each.min,
            each.max,
            each.target,
            len(each.policies),
        )
        for each in found.scaling or ()
    }
    return found.settings, indexes, targets


def test_a_table_as_declared_has_an_empty_plan(catalog: Catalog) -> None:
    """And applying it sends no change."""
    assert plan_table(catalog) == TablePlan(catalog.table, (), ())
    report = apply_plan(catalog)
    assert (report.done, report.rejected, report.is_complete) == ((), (), True)


@pytest.mark.parametrize("kind", KINDS)
def test_drift_is_found_and_applied_and_the_plan_is_empty_again(engine: Engine, kind: str) -> None:
    """Each kind, on the engines that know it: exactly the planted differences, and no others."""
    drift = KINDS[kind]
    allowed: Any = dict.fromkeys(drift.allowed, True)
    found = {(each.split()[0], each.split()[1]) for each in drift.found.split(", ")}
    if engine.name not in drift.engines:
        pytest.skip(f"{engine.name} does not show this setting, or does not change it")
    catalog = engine.catalog()
    create_table(catalog, settings=drift.declared)
    try:
        assert plan_table(catalog, drift.declared).is_empty
        drift.plant(control_of(catalog))
        plan = plan_table(catalog, drift.declared, **allowed)
        assert found <= set(places(plan)), plan.differences
        assert {subject for subject, _ in places(plan)} <= {
            *(subject for subject, _ in found),
            *(["scaling"] if kind == "an index without units and scaling" else []),
        }
        with without_pauses():
            report = apply_plan(catalog, drift.declared, **allowed)
        assert report.is_complete, report
        assert report.done == plan.steps
        assert not report.rejected
        assert plan_table(catalog, drift.declared, **allowed).is_empty
    finally:
        control_of(catalog).on_table("UpdateTable", DeletionProtectionEnabled=False)
        delete_table(catalog)


def test_without_an_index_it_is_no_table_of_the_model_until_applied(catalog: Catalog) -> None:
    """`create_table` names the next step; a read that needs the index does on the command line."""
    deleted("by_name")(control_of(catalog))
    with pytest.raises(SchemaMismatchError) as found:
        create_table(catalog)
    assert str(found.value) == (
        f"table '{catalog.table}' is not of this model: index by_name is missing; `catalog-model "
        "plan` shows the steps to change it, `catalog-model apply` runs them"
    )
    with without_pauses():
        apply_plan(catalog)
    status = create_table(catalog)
    assert (status.is_ready, status.remedy) == (True, "")


def test_what_is_not_declared_is_left_alone(engine: Engine) -> None:
    """Every setting of a table that has them all, applied without settings."""
    catalog = engine.catalog()
    create_table(catalog, read_capacity=3, write_capacity=2, tags={"team": "films"})
    control = control_of(catalog)
    both(
        update(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}),
        replaced("by_chance", ProvisionedThroughput=throughput(1)),
        units("by_name"),
    )(control)
    before = shape(catalog)
    plan = plan_table(catalog)
    assert plan.is_empty
    assert plan.surplus == ("index by_chance is not declared",)
    assert apply_plan(catalog).is_complete
    assert shape(catalog) == before
    delete_table(catalog)


def throughput(units: int) -> dict[str, int]:
    """Return provisioned units, as many for reads as for writes."""
    return {"ReadCapacityUnits": units, "WriteCapacityUnits": units}


def test_a_wider_index_serves_and_is_left_alone(catalog: Catalog) -> None:
    """It is listed, as it costs more."""
    replaced("by_name", Projection={"ProjectionType": "ALL"})(control_of(catalog))
    plan = plan_table(catalog, rebuild=True)
    assert plan.is_empty
    (surplus,) = plan.surplus
    assert surplus == (
        "index by_name projects more than declared: "
        "_list (S HASH), _name (S RANGE) with all attributes"
    )


def test_an_index_of_another_shape_is_left_without_permission(catalog: Catalog) -> None:
    """The plan says what the ways are; with `rebuild`, what it costs."""
    replaced("by_name", Projection={"ProjectionType": "KEYS_ONLY"})(control_of(catalog))
    plan = plan_table(catalog)
    assert plan.steps == ()
    assert "an index cannot be changed in place" in str(plan.differences[0])
    report = apply_plan(catalog)
    assert not report.is_complete
    steps = plan_table(catalog, rebuild=True).steps
    assert [step.text for step in steps] == [
        "delete index by_name",
        "create index by_name and wait for its backfill",
    ]
    assert steps[0].note == "reads of this index fail until it is created again and backfilled"


def test_other_keys_of_the_table_need_a_new_table(engine: Engine) -> None:
    """The plan says so and has no steps; applying changes nothing."""
    catalog = engine.catalog()
    create_of_another_model(catalog)
    plan = plan_table(catalog, TableSettings(protection=True))
    assert str(plan.differences[0]) == (
        "the keys are id (S HASH), not PK (S HASH), SK (S RANGE) "
        "(the keys of a table cannot be changed: this needs a new table)"
    )
    assert plan.steps == ()
    with pytest.raises(SchemaMismatchError, match="this needs a new table"):
        apply_plan(catalog, TableSettings(protection=True))
    assert table_status(catalog).settings.protection is False
    delete_table(catalog)


def test_a_missing_table_is_an_error(engine: Engine) -> None:
    """As for `status`."""
    for function in (plan_table, apply_plan):
        with pytest.raises(TableNotFoundError):
            function(engine.catalog())


@pytest.mark.parametrize(
    "wrong", [{"settings": {}}, {"drop_surplus": 1}, {"rebuild": "yes"}, {"timeout": "soon"}]
)
def test_wrong_arguments_are_refused(catalog: Catalog, wrong: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidArgumentError):
        apply_plan(catalog, **wrong)


def test_indexes_are_created_on_demand_where_possible(catalog: Catalog) -> None:
    """Before a table is provisioned, so that no units limit the backfill; scaling comes after."""
    deleted("by_name")(control_of(catalog))
    steps = plan_table(catalog, SCALED).steps
    assert [step.setting for step in steps[:2]] == ["index", "billing"] or len(steps) == 1
    created = steps[0].requests[0].parameters["GlobalSecondaryIndexUpdates"][0]["Create"]
    assert "ProvisionedThroughput" not in created


def test_scaling_ends_before_a_table_becomes_on_demand(engine: Engine) -> None:
    """Then a missing index is created, without units."""
    if engine.name != "moto":
        pytest.skip("only moto has scaling")
    catalog = engine.catalog()
    create_table(catalog, settings=SCALED)
    deleted("by_name")(control_of(catalog))
    steps = plan_table(catalog, ON_DEMAND).steps
    assert [step.setting for step in steps] == ["scaling"] * 4 + ["billing", "index"]
    assert apply_plan(catalog, ON_DEMAND).is_complete
    delete_table(catalog)


def test_a_new_index_has_the_units_of_the_table(engine: Engine) -> None:
    """Lower units would throttle the writers of the table."""
    catalog = engine.catalog()
    create_table(catalog, read_capacity=30, write_capacity=20)
    deleted("by_name")(control_of(catalog))
    (step,) = plan_table(catalog).steps
    assert step.note == "its units limit the backfill: 20 writes a second"
    assert apply_plan(catalog).is_complete
    if engine.name == "moto":  # dynoxide shows no units of indexes
        assert table_status(catalog).capacity["by_name"] == UnitsPerSecond(30, 20)
    delete_table(catalog)


def test_what_an_endpoint_lacks_is_left_with_the_reason(engine: Engine) -> None:
    """The others are applied; a table does not become provisioned where it cannot be scaled."""
    catalog = engine.catalog()
    create_table(catalog)
    declared = TableSettings(
        scaling=Scaling(1, 10), recovery_days=7, encryption="managed", tags={"team": "films"}
    )
    with without_pauses():
        report = apply_plan(catalog, declared)
    left = {each.subject: each.left for each in report.remaining.differences}
    if engine.name == "moto":
        assert left == {"encryption": ""}  # accepted and not shown
    else:
        assert left == {
            "billing": "DescribeScalableTargets is not offered by this endpoint",
            "recovery_days": "DescribeContinuousBackups is not offered by this endpoint",
            "encryption": "",
            "scaling": "DescribeScalableTargets is not offered by this endpoint",
        }
        (rejected,) = report.rejected
        assert rejected.step.setting == "encryption"
        assert rejected.reason.startswith("ValidationException")
    assert table_status(catalog, in_full=True).settings.tags == {"team": "films"}
    delete_table(catalog)


def answering(operation: str, errors: list[ServiceError]) -> Any:
    """Return a patch: the first requests of an operation fail, with these errors."""
    original = Control._sent

    def send(self: Control, service: str, name: str, parameters: dict[str, Any]) -> Any:
        if name == operation and errors:
            raise errors.pop(0)
        return original(self, service, name, parameters)

    return patch.object(Control, "_sent", send)


def failure(code: str, message: str = "") -> ServiceError:
    """Return an error of the service."""
    return ServiceError(f"{code}: {message}", code=code)


@pytest.mark.usefixtures("in_no_time")
def test_changes_of_others_are_waited_for(catalog: Catalog) -> None:
    """A table in use, and too many changes at once; each wait is reported."""
    deleted("by_name")(control_of(catalog))
    busy = [
        failure("ResourceInUseException", "Table is being updated"),
        failure("LimitExceededException", "Only 1 online index can be created simultaneously"),
        failure("ResourceInUseException"),
    ]
    seen: list[ApplyProgress] = []
    with answering("UpdateTable", busy):
        report = apply_plan(catalog, on_progress=seen.append)
    assert report.is_complete
    assert [each.state for each in seen] == ["started", *["waiting"] * 3, "done"]
    assert seen[1].detail == "another change is in progress (ResourceInUseException)"


def test_a_limit_by_the_day_does_not_stop_the_other_steps(catalog: Catalog) -> None:
    """It is reported, and what depends on it is not tried."""
    limit = failure(
        "LimitExceededException", "Update to PayPerRequest mode are limited to once in 1 day(s)"
    )
    declared = TableSettings(capacity=UnitsPerSecond(2, 2), tags={"team": "films"})
    with answering("UpdateTable", [limit]):
        report = apply_plan(catalog, declared)
    assert [each.step.setting for each in report.rejected] == ["billing"]
    assert [each.setting for each in report.done] == ["tags"]
    assert places(report.remaining) == [("billing", "table")]


def test_the_second_change_of_ttl_in_an_hour_is_left_for_later(catalog: Catalog) -> None:
    """The first is done; the next run does the second."""
    late = failure(
        "ValidationException",
        "Time to live has been modified multiple times within a fixed interval",
    )
    original = control_of(catalog)
    original.on_table(
        "UpdateTimeToLive", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"}
    )
    declared = TableSettings(ttl="expires")
    second = Control._sent
    changes = Counter[str]()

    def send(self: Control, service: str, name: str, parameters: dict[str, Any]) -> Any:
        changes[name] += 1
        if name == "UpdateTimeToLive" and changes[name] > 1:
            raise late
        return second(self, service, name, parameters)

    with patch.object(Control, "_sent", send), without_pauses():
        report = apply_plan(catalog, declared)
    assert [each.text for each in report.done] == ["switch the TTL by ends off"]
    assert "multiple times" in report.rejected[0].reason
    assert apply_plan(catalog, declared).is_complete


def test_a_step_that_needs_a_rejected_one_is_not_tried(catalog: Catalog) -> None:
    """An index that could not be deleted is not created."""
    replaced("by_name", Projection={"ProjectionType": "KEYS_ONLY"})(control_of(catalog))
    with answering("UpdateTable", [failure("ValidationException", "no")]):
        report = apply_plan(catalog, rebuild=True)
    assert [each.reason for each in report.rejected] == [
        "ValidationException: no",
        "needs: delete index by_name",
    ]


@pytest.mark.usefixtures("in_no_time")
def test_a_table_kept_in_use_is_reported(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although nothing of it is changing; the other steps are done."""
    monkeypatch.setattr(performing, "USE_AFTER_REST", 0.0)
    declared = TableSettings(protection=False, stream="new", tags={"team": "films"})
    with answering("UpdateTable", [failure("ResourceInUseException")] * 99):
        report = apply_plan(catalog, declared)
    assert [each.step.setting for each in report.rejected] == ["stream"]
    assert [each.setting for each in report.done] == ["tags"]


def test_other_failures_end_the_run_and_the_next_continues(catalog: Catalog) -> None:
    """As an outage does."""
    declared = TableSettings(protection=False, stream="new", tags={"team": "films"})
    with (
        answering("TagResource", [failure("InternalServerError")]),
        pytest.raises(ServiceError, match="InternalServerError"),
    ):
        apply_plan(catalog, declared)
    report = apply_plan(catalog, declared)
    assert [each.setting for each in report.done] == ["tags"]
    assert report.is_complete


@pytest.mark.usefixtures("in_no_time")
def test_a_backfill_is_waited_for_and_its_progress_reported(catalog: Catalog) -> None:
    """The index is CREATING for some answers, and not shown in the first."""
    deleted("by_name")(control_of(catalog))
    original, later = Control.describe, ["absent", "CREATING", "backfilling", "CREATING"]

    def describe(self: Control) -> dict[str, Any]:
        description = original(self)
        names = [each["IndexName"] for each in description["GlobalSecondaryIndexes"]]
        if "by_name" not in names or not later:
            return description
        state, index = later.pop(0), description["GlobalSecondaryIndexes"][names.index("by_name")]
        if state == "absent":
            description["GlobalSecondaryIndexes"].remove(index)
        else:
            index |= {"IndexStatus": "CREATING", "Backfilling": state == "backfilling"}
        return description

    seen: list[ApplyProgress] = []
    with patch.object(Control, "describe", describe):
        report = apply_plan(catalog, on_progress=seen.append)
    assert report.is_complete
    assert [each.detail for each in seen if each.state == "waiting"] == [
        "the change is not shown yet",
        "index by_name is CREATING",
        "index by_name is CREATING, backfilling",
        "index by_name is CREATING",
    ]


@pytest.mark.usefixtures("in_no_time")
def test_a_change_in_progress_is_waited_for_before_anything_else(catalog: Catalog) -> None:
    """An index that another process creates is not created again; then the rest is planned."""
    declared, original, looks = TableSettings(tags={"team": "films"}), Control.describe, [5]

    def describe(self: Control) -> dict[str, Any]:
        description = original(self)
        looks[0] -= 1
        if looks[0] > 0:
            description["GlobalSecondaryIndexes"][0]["IndexStatus"] = "CREATING"
        return description

    with patch.object(Control, "describe", describe):
        plan = plan_table(catalog, declared)
        report = apply_plan(catalog, declared)
    assert str(plan.differences[0]) == "index by_popularity is CREATING"
    assert [each.setting for each in report.done] == ["state", "tags"]
    assert report.is_complete


@pytest.mark.usefixtures("in_no_time")
def test_a_step_that_takes_too_long_is_an_error(catalog: Catalog) -> None:
    """The table is described in it."""
    deleted("by_name")(control_of(catalog))
    busy = [failure("ResourceInUseException")] * 9
    with (
        answering("UpdateTable", busy),
        pytest.raises(ServiceError, match=r"another change is in progress .* after the time-out"),
    ):
        apply_plan(catalog, timeout=0)


def test_an_interruption_continues_with_the_next_run(catalog: Catalog) -> None:
    """After each request of a small plan: the same end. `tests/slow` does so for a large one."""
    declared = TableSettings(protection=False, stream="new", tags={"team": "films"})
    for number in (1, 2, 3, 4, 5, 6):
        kill(lambda: apply_plan(catalog, declared), number)
    assert apply_plan(catalog, declared).is_complete
    assert not apply_plan(catalog, declared).done


def test_an_index_is_added_while_writers_run(engine: Engine, titles: list[Movie | TVShow]) -> None:
    """The worked example of docs/plan-and-apply.md: nothing is lost, and `verify` is clean."""
    number = 24 if engine.name == "moto" else 200
    catalog = engine.catalog()
    create_table(catalog)
    deleted("by_name")(control_of(catalog))
    before, during = titles[:number], titles[number : 2 * number]
    for title in before[: number // 2]:
        ap.put_title(catalog, title)
    with ThreadPoolExecutor(4) as writers:
        puts = [writers.submit(ap.put_title, catalog, each) for each in (*before, *during)]
        while not any(each.done() for each in puts):
            time.sleep(0.001)
        report = apply_plan(catalog)
        writing = sum(not each.done() for each in puts)
        for each in puts:
            each.result()
    assert report.is_complete
    assert writing > 0, "the index was added after the last write"
    assert verify(catalog).is_clean
    movies = {each.key for each in (*before, *during) if each.kind == "movie"}
    found = ap.find_titles_by_name(catalog, "movie", "", limit=len(movies) + 1)
    assert len(movies) == len(found.items)
    assert {each.key for each in found.items} == movies
    delete_table(catalog)


def test_the_policy_of_an_operator_allows_every_request(engine: Engine) -> None:
    """Of all kinds of drift; tags need an action of their own."""
    allowed = {*iam.TABLE_ACTIONS, *iam.SETTINGS_ACTIONS, iam.TAGGING}
    scaled = {*iam_scaling.READS, *iam_scaling.WRITES}
    catalog = engine.catalog()
    create_table(catalog)
    found: set[str] = set()
    for kind in ("on demand, not scaled", "no protection", "a tag is missing", "no recovery"):
        for allow in (ON_DEMAND, KINDS[kind].declared):
            control = control_of(catalog)
            with patch("catalog_model.operations.plan.control_of", return_value=control):
                apply_plan(catalog, allow)
            found |= control.requests.keys()
    apply_plan(catalog, TableSettings(protection=False))
    assert found <= allowed | scaled
    assert {"UpdateTable", "TagResource"} <= found
    delete_table(catalog)
