"""The commands `restore`, `cut-over`, `backup` and `compare`, and the page about them."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_line import CommandLine
from engines import Engine, has_dynoxide, running_engine, running_server
from memory_engine import fill
from pages import blocks
from restored import age, bare_restores, remove, settings_of, wanted_of
from table_dump import dump, movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.cli.program import program
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.operations import (
    TableSettings,
    create_table,
    delete_table,
    unfinished_restore,
    verify,
)

PAGE = "restore.md"
TITLES = [movie(number, 28) for number in range(1, 13)]


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The working folder, with the sample's files and a folder for journals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in FILE_NAMES.values():
        (tmp_path / name).write_bytes((sample_folder() / name).read_bytes())


@pytest.fixture
def moto() -> Iterator[Engine]:
    """The engine that answers the calls of a restore, as DynamoDB does."""
    with running_engine("moto") as engine, bare_restores():
        yield engine
        remove(engine.catalog())


@pytest.fixture
def films(moto: Engine) -> Catalog:
    """A table with recovery and a dozen movies."""
    catalog = moto.catalog("films")
    create_table(catalog, settings=TableSettings(recovery_days=7))
    age(catalog)
    fill(catalog, TITLES)
    return catalog


def run(line: str, answers: str = "", **environment: str) -> Result:
    """Run a command, whether it succeeds or fails."""
    words = shlex.split(line)
    return CliRunner(env=environment).invoke(program, words, input=answers)


def on_films(line: str, answers: str = "") -> Result:
    """Run a command on the table."""
    return run(line, answers, CATALOG_TABLE="films")


def test_a_restore_shows_what_was_done(films: Catalog) -> None:
    """The new table, what was put back, what differs, and what is left to do."""
    ap.put_title(films, movie(99, 28))
    result = on_films("restore --minutes-ago 6 --to noon")
    assert result.exit_code == 0
    for text in ("noon", "recovery_days", "0 findings", "0 added, 0 changed, 0 removed"):
        assert text in result.stdout
    assert "catalog-model --table noon export iam --role writer" in result.stdout
    assert "catalog-model cut-over noon" in result.stdout


@pytest.mark.usefixtures("films")
def test_a_restore_as_json_is_its_report() -> None:
    """With the comparison and the moment."""
    result = on_films("--output json restore --minutes-ago 6 --to noon")
    report = json.loads(result.stdout)
    assert (report["target"], report["findings"], report["departures"]) == ("noon", 0, [])
    assert report["comparison"] == {"added": 0, "changed": 0, "removed": 0, "differences": []}
    assert report["moment"].endswith("+00:00")


def test_damage_is_an_exit_code(films: Catalog) -> None:
    """The pointer stays, and the advice is on stderr."""
    key = {"PK": {"S": "TITLE#movie#3"}, "SK": {"S": "GENRE#28"}}
    films.client.delete_item(TableName="films", Key=key)
    result = on_films(
        "restore --minutes-ago 6 --to noon --cut-over --yes --pointer file:table.json"
    )
    assert result.exit_code == 1
    assert "Not ready" in result.stderr
    assert not Path("table.json").exists()


@pytest.mark.usefixtures("films")
@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("", 1), ("y\n", 0)])
def test_a_cut_over_asks_after_the_new_policies(answer: str, code: int) -> None:
    """A no leaves the pointer; the same command continues, and asks again."""
    line = "restore --minutes-ago 6 --to noon --cut-over --pointer file:table.json"
    result = on_films(line, answer)
    assert result.exit_code == code
    policy = result.stdout.partition("That of a writer for the new one:")[2]
    assert "table/noon/index/by_popularity" in policy
    assert "Let applications use 'noon' instead of 'films'?" in result.stderr
    assert Path("table.json").exists() == (code == 0)
    if code:
        assert "applications still use the table before" in result.stderr
        assert on_films(line, "y\n").exit_code == 0
    assert "noon" in run("status", CATALOG_TABLE_POINTER="file:table.json").stdout


def test_an_interrupted_restore_is_resumed_or_abandoned(films: Catalog) -> None:
    """Both find it by the table."""
    assert on_films("restore --resume").exit_code == 2
    line = "restore --minutes-ago 6 --to noon --cut-over --pointer file:table.json"
    assert on_films(line, "n\n").exit_code == 1
    assert unfinished_restore(films) == "noon"
    assert "is unfinished" in on_films("restore --minutes-ago 7").stderr
    assert "noon stays" in on_films("restore --abandon").stdout
    assert "no interrupted restore" in on_films("restore --abandon").stdout


MISTAKES = {
    "restore": "give one of",
    "restore --at noon": "--at must be",
    "restore --at 2026-11-28T11:45:00": "time zone",
    "restore --minutes-ago 0": "cannot be restored",
    "cut-over": "NAME or --back",
    "cut-over noon --back": "NAME or --back",
    "cut-over noon --yes": "no pointer",
    "cut-over noon --pointer films": "ssm:NAME",
    "backup a b": "unexpected extra",
    "backup a --list": "--list takes no NAME",
    "backup a": "3 to 255",
    "compare": "Missing",
}


def test_mistakes_are_one_line_and_exit_with_2(films: Catalog, subtests: pytest.Subtests) -> None:
    """Nothing is made."""
    for line, message in MISTAKES.items():
        with subtests.test(line):
            result = on_films(line)
            assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
            assert films.client.list_tables()["TableNames"] == ["films"]


def test_a_comparison_is_an_exit_code(films: Catalog) -> None:
    """0 for equal titles; the differences as lines, and as JSON."""
    copy = films.for_table("copy")
    create_table(copy)
    fill(copy, TITLES)
    assert on_films("compare copy").exit_code == 0
    ap.delete_title(films, "movie", 3)
    result = on_films("compare copy --list-lost lost.jsonl")
    assert (result.exit_code, result.stdout) == (
        1,
        "0 added, 0 changed, 1 removed\n  movie 3 removed\n",
    )
    assert json.loads(Path("lost.jsonl").read_text())["then"] == TITLES[2].to_json()
    found = json.loads(on_films("compare copy --output json").stdout)
    assert found["differences"] == [{"change": "removed", "kind": "movie", "id": 3}]
    assert "exists already" in on_films("compare copy --list-lost lost.jsonl").stderr


def test_backups_are_made_and_listed(films: Catalog) -> None:
    """With their ARNs, which a restore takes."""
    made = json.loads(on_films("--output json backup before").stdout)[0]
    assert made["name"] in on_films("backup --list").stdout
    ap.delete_title(films, "movie", 3)
    result = on_films(f"restore --backup {made['arn']} --to noon")
    assert "0 added, 0 changed, 1 removed" in result.stdout


def _page_lines() -> Iterator[str]:
    """Yield the lines of the page's shell blocks, without those of its first one."""
    for block in blocks(PAGE, "sh")[1:]:
        yield from block.replace("\\\n", " ").splitlines()


@pytest.mark.slow
def test_the_drill_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create (1 to 10), load, break, restore, cut over, back: as on the page, in order."""
    lines = list(_page_lines())
    end = next(number for number, line in enumerate(lines) if "backup before" in line)
    outputs: dict[str, Result] = {}
    with running_engine("moto") as moto, bare_restores() as moment:
        restored, drill = moto.catalog("drill-restored"), moto.catalog("drill")
        for line in lines[:end]:
            first, _, rest = line.partition(" ")
            if first == "export":
                monkeypatch.setenv(*rest.split("=", 1))
            elif first == "unset":
                monkeypatch.delenv(rest)
            else:
                if rest.startswith("delete-title"):
                    moment.remember(drill)
                    age(drill)
                outputs[rest] = _run_on_page(rest)
        assert settings_of(restored) == wanted_of(drill, restored)
        remove(drill)
    assert json.loads(Path("lost.jsonl").read_text())["id"] == 11
    status = outputs["status"].stdout
    assert "1 to 10 units at 70 %" in status
    assert "drill-restored" in status
    assert json.loads(Path("table.json").read_text()) == {
        "table": "drill-restored",
        "previous": "drill",
        "lineage": "drill",
    }


def _run_on_page(line: str) -> Result:
    result = run(line)
    expected = 1 if line.startswith("compare") else 0
    assert result.exit_code == expected, f"{line}: {result.output}"
    return result


def test_an_earlier_state_on_an_engine_without_restores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dump, change, import, compare, cut over and back: the page's commands, on dynoxide.

    The earlier state is equal to the item, and a page that was opened before continues after.
    """
    if not has_dynoxide():
        pytest.skip("dynoxide is not installed: `make engine` gets it where npm can")
    lines = list(_page_lines())
    begin = next(number for number, line in enumerate(lines) if "dump before" in line)
    with running_server("dynoxide") as engine:
        cli = CommandLine(engine, "drill")
        sample = [f"--movies {sample_folder()}/data_movies.json"]
        for line in (
            "create",
            f"load {sample[0]}",
            "cut-over drill --yes --pointer file:table.json",
        ):
            assert cli(*shlex.split(line)).exit_code == 0
        monkeypatch.setenv("CATALOG_TABLE_POINTER", "file:table.json")
        del cli.environment["CATALOG_TABLE"]
        before = dump(cli.catalog)
        page = _json_page(cli, "list-titles movie --limit 3")
        codes = {line: _followed(cli, line) for line in lines[begin:]}
        assert [code for line, code in codes.items() if "compare" not in line] == [0] * 6
        restored = engine.catalog("drill-restored")
        assert dump(restored) == before != dump(cli.catalog)
        assert verify(restored).is_clean
        assert json.loads(Path("changed.jsonl").read_text())["change"] == "removed"
        assert cli("cut-over", "drill-restored", "--yes").exit_code == 0
        second = cli("list-titles", "movie", "--limit", "3", "--after", page)
        assert second.exit_code == 0, second.stderr
        refused = cli("restore", "--minutes-ago", "6")
        assert refused.exit_code == 254
        assert "catalog-model dump" in refused.stderr
        for each in (restored, cli.catalog):
            delete_table(each)


def _followed(cli: CommandLine, line: str) -> int:
    words = shlex.split(line)
    assert words.pop(0) == "catalog-model"
    return cli(*words).exit_code


def _json_page(cli: CommandLine, line: str) -> str:
    """Return the cursor of the next page."""
    printed = cli(*shlex.split(line))
    return printed.stderr.removeprefix("More: --after=").strip()
