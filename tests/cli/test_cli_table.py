"""The commands of a table's life: create with settings, status, load, lower, delete."""

import shlex
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from engines import Engine
from packages import ROOT
from pages import blocks

from catalog_model import Catalog, operations
from catalog_model import access_patterns as ap
from catalog_model.access_patterns import load_titles
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.errors import ConflictError
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.writes.load import LoadReport

SHOWS = str(sample_folder() / "data_tv.json")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-1111-2222-3333-444455556666"


@pytest.fixture
def cli(moto: Engine) -> CommandLine:
    """The command line on a table of moto's that does not exist yet."""
    return CommandLine(moto)


OPTIONS: tuple[tuple[str, TableSettings], ...] = (
    ("", TableSettings()),
    ("--provisioned --min 1 --max 10", TableSettings(scaling=Scaling(1, 10))),
    ("--provisioned --min 2 --max 9 --target 50", TableSettings(scaling=Scaling(2, 9, 50))),
    ("--read-capacity 3 --write-capacity 2", TableSettings(capacity=UnitsPerSecond(3, 2))),
    (
        "--provisioned --read-capacity 3 --write-capacity 2",
        TableSettings(capacity=UnitsPerSecond(3, 2)),
    ),
    ("--max-read-units 40", TableSettings(max_units=UnitsPerSecond(40))),
    ("--recovery-days 7 --protect", TableSettings(recovery_days=7, protection=True)),
    (
        f"--no-protect --stream new-and-old --encryption {KEY}",
        TableSettings(protection=False, stream="new-and-old", encryption=KEY),
    ),
    ("--class infrequent-access", TableSettings(table_class="infrequent-access")),
    ("--ttl expires", TableSettings(ttl="expires")),
    ("--ttl ''", TableSettings(ttl="")),
    ("--warm-read 13000", TableSettings(warm_throughput=UnitsPerSecond(13_000))),
    ("--tag a=1 --tag b=x=y", TableSettings(tags={"a": "1", "b": "x=y"})),
)


@pytest.mark.parametrize(("options", "declared"), OPTIONS)
def test_options_are_settings(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, options: str, declared: TableSettings
) -> None:
    """Each option is the setting of its name."""
    found: list[TableSettings] = []

    def create(catalog: Catalog, *, settings: TableSettings) -> operations.TableStatus:
        found.append(settings)
        return operations.TableStatus(catalog.table, "ACTIVE", "", 0, 0, {}, ())

    monkeypatch.setattr(operations, "create_table", create)
    cli.done("create", *shlex.split(options))
    assert found == [declared]


def test_each_setting_has_an_option() -> None:
    """So a file of settings is never needed; the billing follows from the others."""
    reached = {name for _, declared in OPTIONS for name in declared.declared}
    assert reached == {each.name for each in fields(TableSettings)}


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_settings_are_read_from_a_file_and_options_take_precedence(
    cli: CommandLine, tmp_path: Path, suffix: str
) -> None:
    """In JSON and in TOML; tags are added to those of the file."""
    path = tmp_path / f"settings{suffix}"
    path.write_text(
        '{"recovery_days": 7, "stream": "keys", "tags": {"a": "1", "b": "2"}}'
        if suffix == ".json"
        else 'recovery_days = 7\nstream = "keys"\n[tags]\na = "1"\nb = "2"\n'
    )
    cli.done("create", "--settings", str(path), "--recovery-days", "3", "--tag", "b=9")
    settings = cli.json("status")["settings"]
    assert (settings["recovery_days"], settings["stream"]) == (3, "keys")
    assert settings["tags"] == {"a": "1", "b": "9"}


REFUSED: tuple[tuple[str, str], ...] = (
    ("--min 1", "--min is for --provisioned"),
    ("--provisioned", "--provisioned needs --min and --max"),
    ("--provisioned --min 1", "--provisioned needs --min and --max"),
    ("--provisioned --min 5 --max 4", "scaling's min must be at most its max"),
    ("--provisioned --min 1 --max 4 --target 170", "from 20 to 90, not 170"),
    ("--provisioned --min 1 --max 4 --read-capacity 1", "give --min and --max, or"),
    ("--provisioned --min 1 --max 4 --max-read-units 9", "max_units must be left out"),
    ("--read-capacity 3", "must be both or none"),
    ("--max-write-units 0", "from 1 on, or -1"),
    ("--recovery-days 36", "recovery_days must be"),
    ("--encryption alias/mine", "encryption must be"),
    ("--warm-read 100", "at least the 12,000 read units"),
    ("--stream all", "Invalid value for '--stream'"),
    ("--tag x", "a tag is KEY=VALUE"),
    ("--tag aws:x=1", "the key of a tag"),
    ("--settings missing.json", "cannot be read"),
)


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_wrong_value_is_refused_before_anything_is_sent(
    cli: CommandLine, options: str, message: str
) -> None:
    """With exit code 2, and the table is not created."""
    result = cli("create", *options.split())
    assert (result.exit_code, message in result.output) == (2, True), result.output
    assert cli("status").exit_code == 254


def test_the_pages_commands_work(
    moto: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docs/table-life.md`: each creation is of a new table, and the rest follows it."""
    monkeypatch.chdir(tmp_path)
    for name in FILE_NAMES.values():
        shutil.copy(str(sample_folder() / name), name)
    lines = "".join(blocks(ROOT / "docs" / "table-life.md", "sh")).splitlines()
    words = [shlex.split(line)[1:] for line in lines if line]
    assert {each[0] for each in words} == {"create", "load", "lower", "status"}
    cli = CommandLine(moto)
    for each in words:
        cli = CommandLine(moto) if each[0] == "create" else cli
        cli.done(*each)


def test_status_shows_the_settings(cli: CommandLine) -> None:
    """One row each; capacity and scaling in one row if the indexes have the same."""
    cli.done(
        "create",
        *["--provisioned", "--min", "1", "--max", "10", "--recovery-days", "7", "--tag", "a=b"],
    )
    rows = dict(line.split("  ", 1) for line in cli.done("status").splitlines())
    found = {name: text.strip() for name, text in rows.items()}
    assert found["capacity"] == "1 read unit and 1 write unit a second (table and each index)"
    everywhere = "reads and writes of the table and each index"
    assert found["scaling"] == f"1 to 10 units at 70 % ({everywhere})"
    assert found["recovery"].startswith("7 days, from 20")
    assert (found["deletion protection"], found["stream"], found["TTL"]) == ("off", "off", "off")
    assert (found["class"], found["tags"]) == ("standard", "a=b")


def test_creation_prints_what_differs_and_changes_nothing(cli: CommandLine) -> None:
    """With exit code 0; the next command shows the same."""
    cli.done("create", "--recovery-days", "7")
    result = cli("create", "--recovery-days", "8", "--protect")
    assert result.exit_code == 0
    assert "Not changed: recovery_days is 7, not 8." in result.stderr
    assert "Not changed: protection is off, not on." in result.stderr
    assert cli.json("status")["settings"]["recovery_days"] == 7


def test_a_load_on_a_provisioned_table_shows_its_least_time(cli: CommandLine) -> None:
    """From the sizes of the titles, and the units to which the table scales; so does `create`."""
    created = cli("create", "--provisioned", "--min", "1", "--max", "10")
    assert "1,000 new titles: " in created.stderr
    noted = cli("load", "--tv", SHOWS).stderr
    assert "40 new titles: 765 write units, 356 of them on the table." in noted
    assert "At the 10 a second to which it scales, this takes about 36 seconds" in noted
    assert "--raise-to 500" in noted


def test_a_load_on_demand_shows_no_time(cli: CommandLine) -> None:
    """It has no capacity, and --raise-to is refused."""
    cli.done("create")
    assert "write units" not in cli("load", "--tv", SHOWS).stderr
    result = cli("load", "--tv", SHOWS, "--raise-to", "500")
    assert (result.exit_code, "is on demand" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("end", "code"), [(None, 0), (ConflictError("lost"), 254), (KeyboardInterrupt(), 130)]
)
def test_a_load_raises_the_capacity_and_puts_it_back(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, end: BaseException | None, code: int
) -> None:
    """Capacity and scaling before, during and after; after a failure and Ctrl-C the same."""
    cli.done("create", "--provisioned", "--min", "1", "--max", "10")
    before = cli.json("status")
    during = list[Any]()

    def load(catalog: Catalog, titles: Any, **given: Any) -> LoadReport:
        during.append(cli.json("status"))
        if end is not None:
            raise end
        return load_titles(catalog, titles, **given)

    monkeypatch.setattr(ap, "load_titles", load)
    result = cli("load", "--tv", SHOWS, "--raise-to", "500")
    assert result.exit_code == code, result.output
    assert "The capacity is as before." in result.stderr
    (raised,) = during
    capacity = {name: own["write"] for name, own in raised["capacity"].items()}
    assert set(capacity.values()) == {500}
    scaled = {(each["part"], each["min"], each["max"]) for each in raised["scaling"]}
    assert scaled == {("write", 500, 500), ("read", 500, 500), ("read", 1, 10)}
    after = cli.json("status")
    assert {**after, "item_count": 0} == {**before, "item_count": 0}


def test_the_capacity_after_a_kill_is_reported_and_put_back(cli: CommandLine) -> None:
    """`status` reports it on stderr, and `lower` puts it back, once."""
    cli.done("create", "--provisioned", "--min", "1", "--max", "10")
    before = cli.json("status")
    block = operations.raised_capacity(cli.catalog, 500)
    block.__enter__()  # and the process is killed
    note = "`catalog-model lower` puts it back"
    assert note in cli("status").stderr
    assert note in cli("load", "--tv", SHOWS).stderr
    assert cli.json("status")["capacity"]["table"]["write"] == 500
    assert "is as before" in cli.done("lower")
    after = cli.json("status")
    assert {**after, "item_count": 0} == {**before, "item_count": 0}
    assert cli.json("lower") == {"table": cli.table, "put_back": False}


def test_a_protected_table_is_not_deleted(cli: CommandLine) -> None:
    """The message has the command that removes the protection, and nothing is asked."""
    cli.done("create", "--protect")
    result = cli("delete")
    assert (result.exit_code, "apply --no-protect" in result.output) == (254, True)
    cli.done("status")
