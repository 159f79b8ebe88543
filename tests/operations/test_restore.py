"""A table is restored to a moment, with everything that it had, by one command.

Only moto answers these calls. It restores the present state; the window of moments, and what
DynamoDB leaves off, are set here as DynamoDB has them.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from engines import running_engine
from memory_engine import fill
from restored import (
    REGION,
    age,
    bare_restores,
    create_with_everything,
    remove,
    settings_of,
    wanted_of,
)
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.deployment.control import Control
from catalog_model.deployment.saved_table import FREEZE_SID, OF_SCALING, read_saved
from catalog_model.errors import (
    ConfigurationError,
    InvalidArgumentError,
    ServiceError,
    TableNotFoundError,
)
from catalog_model.operations import (
    TableSettings,
    abandon_restore,
    back_up_table,
    create_table,
    cut_over,
    cut_over_back,
    delete_table,
    list_backups,
    restore_table,
    table_status,
    unfinished_restore,
    verify,
)
from catalog_model.operations.control import control_of

pytestmark = pytest.mark.usefixtures("moto_afresh")

TITLES = [movie(number, 28, number) for number in range(1, 13)]
AGO = 6.0
"""Minutes: the latest moment is five minutes ago."""


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep journals in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def empty() -> Iterator[Catalog]:
    """A handle on a table that does not exist yet."""
    with running_engine("moto") as engine, bare_restores():
        yield engine.catalog("films")
        remove(engine.catalog())


@pytest.fixture
def source(empty: Catalog) -> Catalog:
    """A plain table with recovery and a dozen movies."""
    create_table(empty, settings=TableSettings(recovery_days=7))
    age(empty)
    fill(empty, TITLES)
    return empty


@pytest.fixture
def complete(empty: Catalog) -> Catalog:
    """A table with every setting, and a dozen movies."""
    create_with_everything(empty)
    age(empty)
    fill(empty, TITLES)
    return empty


def pointer_in(folder: Path) -> str:
    return f"file:{folder}/table.json"


# --- what a restored table has


def test_a_restored_table_has_everything_that_its_source_has(complete: Catalog) -> None:
    """What DynamoDB leaves off is the same before and after; the source is unchanged.

    Protection and capacity come first: an interruption would leave a table of one unit that can be
    deleted.
    """
    before = read_saved(control_of(complete))
    report = restore_table(complete, minutes_ago=AGO)
    restored = complete.for_table(report.target)
    assert settings_of(restored) == wanted_of(complete, restored)
    assert report.put_back[:2] == ("protection", "units")
    others = {"stream", "tags", "ttl", "recovery_days", "policy", "scaling", "alarms"}
    assert set(report.put_back[2:]) == others
    assert report.is_clean
    assert report.departures == ()
    assert read_saved(control_of(complete)) == before


def test_alarms_of_the_table_alone_are_copied(complete: Catalog) -> None:
    """Under names of the new table; those of other tables, and of scaling, are not."""
    report = restore_table(complete, minutes_ago=AGO)
    answer = boto3.client("cloudwatch", region_name=REGION).describe_alarms()
    named = {alarm["AlarmName"] for alarm in answer["MetricAlarms"]}
    new = {name for name in named if report.target in name and not name.startswith(OF_SCALING)}
    assert new == {f"throttled-{report.target}", f"system errors--{report.target}"}


def test_the_new_table_is_named_after_the_moment(source: Catalog) -> None:
    """In whole seconds, which is what DynamoDB restores to."""
    moment = datetime.now(UTC) - timedelta(minutes=10)
    report = restore_table(source, at=moment)
    assert report.moment == moment.replace(microsecond=0)
    assert report.target == f"films--restored-{moment:%Y%m%dT%H%M%SZ}"
    assert source.table == "films"
    assert verify(source.for_table(report.target)).is_clean


def test_a_restored_table_can_be_restored(source: Catalog) -> None:
    """Its name does not grow, and its lineage stays."""
    first = source.for_table(restore_table(source, minutes_ago=AGO).target)
    age(first)
    second = restore_table(first, minutes_ago=AGO + 1)
    assert second.target.count("--restored-") == 1
    assert first.for_table(second.target).lineage == "films"


# --- what is refused before anything is sent


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "give one of"),
    ({"minutes_ago": 6, "backup": "arn:x:table/films/backup/1"}, "give one of"),
    ({"minutes_ago": -1}, "minutes_ago"),
    ({"minutes_ago": "6"}, "minutes_ago"),
    ({"minutes_ago": 1}, "the latest moment is .* 5.0 minutes ago"),
    ({"minutes_ago": 5_000}, "the earliest moment is .*7 days"),
    ({"at": datetime(2026, 11, 28)}, "time zone"),  # noqa: DTZ001  # what is refused
    ({"at": "2026-11-28"}, "at must be"),
    ({"backup": "before"}, "ARN of a backup"),
    ({"minutes_ago": 6, "to": "no name"}, "no name"),
    ({"minutes_ago": 6, "to": "films"}, "'films' exists already"),
    ({"minutes_ago": 6, "cut_over": True}, "CATALOG_TABLE_POINTER"),
    ({"minutes_ago": 6, "pointer": "s3:films"}, "pointer"),
    ({"minutes_ago": 6, "list_lost": 7}, "list_lost"),
    ({"minutes_ago": 6, "resume": True}, "resume"),
    ({"resume": True}, "no interrupted restore"),
    ({"minutes_ago": 6, "journal": 7}, "journal"),
]


def test_bad_arguments_are_refused(source: Catalog, subtests: pytest.Subtests) -> None:
    """The message names the value or its bound; nothing is restored, and no journal is left."""
    for arguments, message in REFUSED:
        with subtests.test(str(arguments)):
            with pytest.raises(InvalidArgumentError, match=message):
                restore_table(source, **arguments)
            assert unfinished_restore(source) is None
            assert source.client.list_tables()["TableNames"] == ["films"]


def test_a_table_without_recovery_is_refused(source: Catalog) -> None:
    """With what helps from now on."""
    plain = source.for_table("plain")
    create_table(plain)
    with pytest.raises(InvalidArgumentError, match=r"recovery is off.*--recovery-days"):
        restore_table(plain, minutes_ago=AGO)


def test_a_table_that_another_program_made_meanwhile_is_not_taken(source: Catalog) -> None:
    """It is not the result of this restore, whatever its name."""
    other = source.for_table("films-yesterday")

    def create(*_: Any) -> None:
        create_table(other)

    with pytest.raises(ServiceError, match="not the result of this restore"):
        restore_table(
            source,
            minutes_ago=AGO,
            to="films-yesterday",
            on_step=lambda name: create() if name == "start" else None,
        )
    delete_table(other)


# --- verification, repair, comparison


def _damage(catalog: Catalog) -> None:
    """Delete a copy of a title, as if a transaction were restored in part."""
    key = {"PK": {"S": "TITLE#movie#3"}, "SK": {"S": "GENRE#28"}}
    found = catalog.client.get_item(TableName=catalog.table, Key=key)
    assert "Item" in found
    catalog.client.delete_item(TableName=catalog.table, Key=key)


def test_damage_is_found_and_prevents_the_cut_over(source: Catalog, tmp_path: Path) -> None:
    """A restore can hold a part of a transaction."""
    _damage(source)
    pointer = pointer_in(tmp_path)
    report = restore_table(source, minutes_ago=AGO, cut_over=True, pointer=pointer)
    assert report.findings
    assert not report.is_clean
    assert not report.is_cut_over
    assert not (tmp_path / "table.json").exists()


def test_damage_is_repaired(source: Catalog, tmp_path: Path) -> None:
    """The new table is clean then, and applications can use it; the old one is left as it is."""
    _damage(source)
    pointer = pointer_in(tmp_path)
    report = restore_table(source, minutes_ago=AGO, repair=True, cut_over=True, pointer=pointer)
    assert (report.findings, report.is_cut_over) == (0, True)
    assert report.repaired
    assert verify(source.for_table(report.target)).is_clean
    assert not verify(source).is_clean


def test_titles_that_differ_are_listed(source: Catalog, tmp_path: Path) -> None:
    """Added, changed and removed since the moment; the file has the records of both tables."""
    file = tmp_path / "lost.jsonl"

    def change(name: str) -> None:
        if name == "compare":
            ap.put_title(source, movie(99, 28))
            ap.update_popularity(source, "movie", 2, 7.5)
            ap.delete_title(source, "movie", 3)

    report = restore_table(source, minutes_ago=AGO, list_lost=file, on_step=change)
    found = report.comparison
    assert found is not None
    assert [str(each) for each in found.differences] == [
        "movie 99 added",
        "movie 2 changed",
        "movie 3 removed",
    ]
    lines = {line["id"]: line for line in map(json.loads, file.read_text().splitlines())}
    assert lines[99]["now"] == movie(99, 28).to_json()
    assert lines[99]["then"] is None
    assert (lines[2]["now"]["popularity"], lines[2]["then"]["popularity"]) == (7.5, 1)
    assert (lines[3]["now"], lines[3]["then"]) == (None, TITLES[2].to_json())


# --- writers that are stopped


def raw_policy(catalog: Catalog) -> str | None:
    """Return the resource policy as the service has it."""
    arn = catalog.client.describe_table(TableName=catalog.table)["Table"]["TableArn"]
    try:
        return catalog.client.get_resource_policy(ResourceArn=arn)["Policy"]
    except catalog.client.exceptions.PolicyNotFoundException:
        return None


@pytest.mark.parametrize("table", ["source", "complete"])
def test_writers_stop_during_a_restore_alone(table: str, request: pytest.FixtureRequest) -> None:
    """An earlier policy is kept meanwhile, and put back; the new table is never frozen."""
    catalog: Catalog = request.getfixturevalue(table)
    before, during = raw_policy(catalog), []
    report = restore_table(
        catalog,
        minutes_ago=AGO,
        freeze=True,
        on_step=lambda name: during.append((name, raw_policy(catalog))),
    )
    frozen = {name for name, policy in during if policy and FREEZE_SID in policy}
    assert frozen == {"start", "wait", "settings", "verify", "compare"}
    statements = json.loads(dict(during)["wait"] or "")["Statement"]
    stop = statements[-1]
    assert (stop["Effect"], stop["Principal"]) == ("Deny", "*")
    assert {"dynamodb:PutItem", "dynamodb:BatchWriteItem"} <= set(stop["Action"])
    assert len(statements) == (2 if before else 1)
    assert json.loads(raw_policy(catalog) or "0") == json.loads(before or "0")
    assert FREEZE_SID not in (raw_policy(catalog.for_table(report.target)) or "")


def test_writers_go_on_after_an_error(source: Catalog) -> None:
    """The journal stays, and the same call continues."""

    def fail(name: str) -> None:
        if name == "verify":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_table(source, minutes_ago=AGO, freeze=True, on_step=fail)
    assert raw_policy(source) is None
    assert unfinished_restore(source) is not None
    assert restore_table(source, minutes_ago=AGO, freeze=True).is_clean


# --- journals


def _interrupted(source: Catalog, at: str = "verify", **options: Any) -> None:
    def press(name: str) -> None:
        if name == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_table(source, minutes_ago=AGO, on_step=press, **options)


def test_an_interrupted_restore_goes_on_to_its_own_moment(source: Catalog) -> None:
    """The same call, or `resume`, some time later; steps that are done are not repeated."""
    _interrupted(source)
    target = unfinished_restore(source)
    steps: list[str] = []
    report = restore_table(source, resume=True, on_step=steps.append)
    assert (report.target, steps) == (target, ["verify", "compare"])
    assert unfinished_restore(source) is None


def test_another_restore_is_refused_until_the_first_is_finished(source: Catalog) -> None:
    """The message says which one is unfinished, and what ends it."""
    _interrupted(source, repair=True)
    with pytest.raises(
        InvalidArgumentError,
        match="`catalog-model restore --resume` finishes it, --abandon gives it up",
    ):
        restore_table(source, minutes_ago=AGO + 1)
    with pytest.raises(InvalidArgumentError, match="with repair True"):
        restore_table(source, minutes_ago=AGO)
    target = abandon_restore(source)
    assert abandon_restore(source) is None
    assert target is not None
    assert table_status(source.for_table(target)).is_ready
    assert restore_table(source, minutes_ago=AGO + 1).is_clean


def test_a_restore_is_not_resumed_for_another_table_of_the_name(source: Catalog) -> None:
    """The settings in the journal are those of a table that is gone."""
    _interrupted(source, at="start")
    delete_table(source)
    create_table(source)
    with pytest.raises(ServiceError, match="deleted and created again"):
        restore_table(source, resume=True)


def test_a_file_that_is_no_journal_is_refused(source: Catalog, tmp_path: Path) -> None:
    """It is not replaced."""
    path = tmp_path / "journal.json"
    for text in ("", "{", "[]", '{"version": 2}', "\x00"):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match="journal"):
            restore_table(source, minutes_ago=AGO, journal=path)
        assert path.read_text() == text


# --- the pointer


def test_a_restore_with_a_cut_over_and_back(source: Catalog, tmp_path: Path) -> None:
    """An open page continues in the new table, and in the old one again; handles follow."""
    pointer = pointer_in(tmp_path)
    cut_over(source, "films", pointer=pointer)
    application = Catalog.from_env(pointer=pointer, client=source.client)
    first = ap.list_titles(application, "movie", limit=5)
    asked: list[Any] = []

    def confirm(report: Any) -> bool:
        asked.append(report)
        return True

    report = restore_table(application, minutes_ago=AGO, cut_over=True, confirm=confirm)
    assert report.is_cut_over
    assert asked[0].target == report.target
    assert (application.table, application.follow(), application.table) == (
        "films",
        True,
        report.target,
    )
    second = ap.list_titles(application, "movie", limit=5, after=first.next)
    assert cut_over_back(application).table == "films"
    assert application.follow()
    third = ap.list_titles(application, "movie", limit=5, after=second.next)
    assert [*first, *second, *third] == list(ap.list_titles(source, "movie", limit=12))


def test_a_cut_over_that_is_not_confirmed_is_not_made(source: Catalog, tmp_path: Path) -> None:
    """The restore is finished all the same."""
    pointer = pointer_in(tmp_path)
    cut_over(source, "films", pointer=pointer)
    before = (tmp_path / "table.json").read_text()
    report = restore_table(
        source, minutes_ago=AGO, cut_over=True, pointer=pointer, confirm=lambda _: False
    )
    assert not report.is_cut_over
    assert (tmp_path / "table.json").read_text() == before
    assert unfinished_restore(source) is None


def test_a_restore_goes_on_after_the_pointer_was_moved(source: Catalog, tmp_path: Path) -> None:
    """The handle is on the new table then; its journal is found by the lineage."""
    pointer = pointer_in(tmp_path)
    cut_over(source, "films", pointer=pointer)

    def press(_: Any) -> bool:
        cut_over(source, _.target, pointer=pointer)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_table(source, minutes_ago=AGO, cut_over=True, pointer=pointer, confirm=press)
    later = Catalog.from_env(pointer=pointer, client=source.client)
    assert later.table != "films"
    report = restore_table(later, resume=True)
    assert (report.source, report.target, report.is_cut_over) == ("films", later.table, True)


# --- backups


def test_a_backup_is_restored_with_the_settings_of_the_table(complete: Catalog) -> None:
    """Its items are those of the moment when it was made."""
    backup = back_up_table(complete, "before")
    ap.delete_title(complete, "movie", 3)
    report = restore_table(complete, backup=backup.arn)
    restored = complete.for_table(report.target)
    assert ap.get_title(restored, "movie", 3) == TITLES[2]
    assert report.moment == backup.created
    assert report.comparison is not None
    assert (report.comparison.removed, report.comparison.added) == (1, 0)
    differing = {"encryption"}  # DynamoDB restores it; moto does not
    wanted = wanted_of(complete, restored)
    found = settings_of(restored)
    assert {name for name in wanted if wanted[name] != found[name]} <= differing


def test_a_backup_outlives_its_table(source: Catalog) -> None:
    """There is nothing to compare with, and no settings to put back."""
    backup = back_up_table(source)
    assert [each.arn for each in list_backups(source)] == [backup.arn]
    delete_table(source)
    report = restore_table(source, backup=backup.arn, to="films")
    assert (report.comparison, report.put_back) == (None, ())
    assert report.is_clean
    assert ap.count_titles(source, "movie") == len(TITLES)


def test_a_backup_of_another_table_is_refused(source: Catalog) -> None:
    """By its name."""
    other = source.for_table("series")
    create_table(other)
    backup = back_up_table(other)
    with pytest.raises(InvalidArgumentError, match="of table 'series', not of 'films'"):
        restore_table(source, backup=backup.arn)
    missing = backup.arn[:-3] + "000"
    with pytest.raises(InvalidArgumentError, match="there is no backup"):
        restore_table(source, backup=missing)


def test_a_table_that_does_not_exist_is_reported(source: Catalog) -> None:
    """By its name."""
    with pytest.raises(TableNotFoundError, match="series"):
        restore_table(source.for_table("series"), minutes_ago=AGO)


# --- engines without restores


def test_an_endpoint_without_restores_is_refused_clearly() -> None:
    """The message names what works there: a dump, and an import."""
    with running_engine("dynoxide") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        with pytest.raises(ServiceError, match=r"not offered by .*dump.*import") as error:
            restore_table(catalog, minutes_ago=AGO)
        assert error.value.code == "Unsupported"
        for attempt in (back_up_table, list_backups):
            with pytest.raises(ServiceError, match=r"not offered by .*dump.*import"):
                attempt(catalog)
        delete_table(catalog)


def test_a_new_table_may_appear_late(source: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """DescribeTable is eventually consistent: a restore that has just begun is waited for."""
    describe, missed = Control.describe, list[str]()

    def late(self: Control) -> dict[str, Any]:
        if self.name != "films" and describe(self) and len(missed) < 3:
            missed.append(self.name)
            raise TableNotFoundError(self.name)
        return describe(self)

    monkeypatch.setattr(Control, "describe", late)
    assert restore_table(source, minutes_ago=AGO).is_clean
    assert len(missed) == 3
