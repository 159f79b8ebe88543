"""The command line: every access pattern, its output, and its exit code."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from catalog_model import TitleKey
from catalog_model import access_patterns as ap
from catalog_model.cli.commands import command_name
from catalog_model.cli.patterns import EXAMPLES
from catalog_model.errors import CatalogError
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import Engine

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()
BY_TITLE = [name for name in EXAMPLES if ap.PATTERNS[name].role == "read"]
CHANGES = [name for name in EXAMPLES if ap.PATTERNS[name].role == "write"]

BY_ANOTHER = ("backup", "compare", "cut-over", "restore")
"""Commands that test_cli_restore.py runs: they need an engine that restores, or two tables."""

TITLES = ("kind", "id", "name", "released", "popularity", "rating", "votes", "genres")


@pytest.fixture(scope="module")
def reader(local_engine: Engine) -> CommandLine:
    return CommandLine(local_engine).filled(read_folder(sample_folder()))


@pytest.fixture
def cli(local_engine: Engine) -> CommandLine:
    """The command line on a table with two titles, for one test."""
    keys = TitleKey("movie", 34), TitleKey("tv", 73)
    titles = [each for each in read_folder(sample_folder()) if getattr(each, "key", "") in keys]
    return CommandLine(local_engine).filled(titles)


@pytest.fixture
def in_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the sample data in files."""
    shutil.copytree(str(sample_folder()), tmp_path, dirs_exist_ok=True)
    movies = json.loads((tmp_path / FILE_NAMES["movie"]).read_bytes())
    (tmp_path / "movies.jsonl").write_text("\n".join(map(json.dumps, movies.values())))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_documented_commands_run(local_engine: Engine, in_samples: Path) -> None:
    """Every line of docs/command-line.md that calls the program, in order."""
    cli = CommandLine(local_engine)
    lines = re.findall(r"^catalog-model (.*)$", DOCS, re.MULTILINE)
    tabled = re.findall(r"^\| .*\| `catalog-model (.*?)` \|$", DOCS, re.MULTILINE)
    assert len(tabled) == len(BY_TITLE)
    before_writing = lines.index("--output json get-title movie 34 > alien.json")
    lines[before_writing:before_writing] = [*tabled, *(f"{line} --output json" for line in tabled)]
    for line in lines:
        words, _, target = line.partition(" > ")
        if words.split()[0] in BY_ANOTHER:
            continue
        if words.startswith("explain") and local_engine.name == "moto":
            assert cli(*shlex.split(words)).exit_code in (0, 1)  # moto invents its capacity figures
            continue
        printed = cli.done(*shlex.split(words))
        assert printed.strip() or words not in tabled
        if target:
            (in_samples / target).write_text(printed)
    for name in CHANGES:
        assert f"{command_name(ap.PATTERNS[name])} {EXAMPLES[name]}" in lines


def test_a_title_as_json_is_its_record(reader: CommandLine) -> None:
    """The same text as in the file."""
    records = json.loads((sample_folder() / FILE_NAMES["movie"]).read_bytes())
    printed = reader.done("get-title", "movie", "7", "--output", "json")
    assert printed == json.dumps(records["7"], indent=2, ensure_ascii=False) + "\n"


def test_pages_can_be_walked(reader: CommandLine) -> None:
    """The next cursor is passed with --after; on the last page it is null."""
    words = ["list-titles", "movie", "--limit", "25"]
    walked: list[Any] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = reader.json(*words, *(["--after", page["next"]] if page["next"] else []))
        walked += page["items"]
    titles = ap.list_titles(reader.catalog, "movie", limit=60)
    assert walked == [title.to_json() for title in titles]


def test_a_table_prints_the_next_cursor_on_stderr(reader: CommandLine) -> None:
    """So that stdout contains only titles; on the last page there is no hint."""
    result = reader("list-titles", "movie", "--limit", "2")
    following = ap.list_titles(reader.catalog, "movie", limit=2).next
    assert result.stderr == f"More: --after={following}\n"
    assert len(result.stdout.splitlines()) == 3
    assert reader("list-titles", "movie", "--limit", "100").stderr == ""


def test_a_table_shows_what_identifies_and_ranks_a_title(reader: CommandLine) -> None:
    """Kind, id, name, date, figures, and the names of the genres."""
    head, row = reader.done("get-title", "movie", "34").splitlines()
    assert head.split() == list(TITLES)
    title = ap.get_title(reader.catalog, "movie", 34)
    figures = [str(title.popularity), str(title.vote_average), str(title.vote_count)]
    genres = ["Horror,", "Science", "Fiction"]
    assert row.split() == ["movie", "34", "Alien", title.released, *figures, *genres]


def test_a_table_in_a_pipe_is_as_wide_as_it_needs_to_be(reader: CommandLine) -> None:
    """Names are not truncated or wrapped without a terminal."""
    name = "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb"
    assert name in reader.done("find-titles-by-name", "movie", "dr")


def test_missing_titles_are_shown_in_their_place(reader: CommandLine) -> None:
    """As null in JSON, by key in a table; this is a result, not an error."""
    words = ["get-titles", "movie:34", "tv:999", "movie:34"]
    alien = ap.get_title(reader.catalog, "movie", 34).to_json()
    assert reader.json(*words) == [alien, None, alien]
    row = reader.done(*words).splitlines()[2]
    assert row.split() == ["tv", "999", "(missing)"]


def test_memberships_genres_and_counts_are_json_objects(reader: CommandLine) -> None:
    """With the names of their Python attributes."""
    found = reader.json("get-title-with-genres", "movie", "34")
    assert found["title"]["title"] == "Alien"
    assert found["memberships"][1] == {
        "kind": "movie",
        "title_id": 34,
        "genre_id": 878,
        "genre_name": "Science Fiction",
        "position": 1,
    }
    genres = reader.json("list-genres", "tv")
    assert {"id": 18, "kind": "tv", "name": "Drama"}.items() <= genres[1].items()
    assert genres[1]["title_count"] == reader.json("count-titles", "tv", "--genre-id", "18")
    assert reader.json("count-titles", "movie") == 60


def test_the_same_seed_picks_the_same_titles(reader: CommandLine) -> None:
    """All titles if there are fewer."""
    words = ["sample-titles", "movie", "--count", "5", "--seed"]
    assert reader.json(*words, "7") == reader.json(*words, "7") != reader.json(*words, "8")
    assert len(reader.json("sample-titles", "tv", "--count", "100")) == 40


def test_nothing_found_prints_nothing(reader: CommandLine) -> None:
    """Nothing on stdout; it is not an error."""
    result = reader("find-titles-by-name", "movie", "zzz")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No titles.\n")
    assert reader.json("find-titles-by-name", "movie", "zzz") == {"items": [], "next": None}


def test_names_cannot_steer_a_terminal(cli: CommandLine) -> None:
    """Control characters and direction marks are escaped."""
    movie = ap.update_title(cli.catalog, "movie", 34, title="a\x1b[2J\u202eb\nc\x00")
    row = cli.done("get-title", "movie", "34").splitlines()[1]
    assert "a\\x1b[2J\\u202eb c\\x00" in row
    assert cli.json("get-title", "movie", "34") == movie.to_json()


def test_writing_commands_do_what_their_functions_do(cli: CommandLine) -> None:
    """Each prints the title after the change."""
    assert cli.json("update-popularity", "movie", "34", "87")["popularity"] == 87.0
    votes = cli.json("update-votes", "movie", "34", "--vote-average", "8", "--vote-count", "3")
    assert (votes["vote_average"], votes["vote_count"]) == (8.0, 3)
    assert cli.json("set-genres", "movie", "34", "878", "27")["genre_ids"] == [878, 27]
    title = ap.get_title(cli.catalog, "movie", 34, consistent=True)
    assert cli.json("delete-title", "movie", "34", "--yes") == title.to_json()
    assert ap.get_titles(cli.catalog, [TitleKey("movie", 34)]) == [None]


def test_negative_numbers_are_values(cli: CommandLine) -> None:
    """They are not options, wherever a number is allowed."""
    assert cli.json("update-popularity", "movie", "34", "-3.5")["popularity"] == -3.5
    assert cli.json("update-popularity", "movie", "34", "-.5")["popularity"] == -0.5
    assert cli.json("update-popularity", "--output", "json", "movie", "34", "-1e-5")
    words = ["update-votes", "movie", "34", "--vote-count", "0", "--vote-average", "-1"]
    assert cli.json(*words)["vote_average"] == -1.0
    assert cli.json("list-top-rated", "movie", "--min-votes", "-1", "--min-rating", "-2")["items"]


def test_put_title_takes_a_record_from_a_file_or_stdin(cli: CommandLine, tmp_path: Path) -> None:
    """Both replace an existing title, unless told not to."""
    record = ap.get_title(cli.catalog, "tv", 73).to_json() | {"name": "Simpsons"}
    (tmp_path / "record.json").write_text(json.dumps(record))
    assert cli.json("put-title", "tv", str(tmp_path / "record.json")) == record
    result = cli("put-title", "tv", "-", "--if-absent", answers=json.dumps(record))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    new = json.dumps({**record, "id": 999})
    assert cli("put-title", "tv", "-", "--if-absent", answers=new).exit_code == 0
    result = cli("put-title", "movie", "-", answers=new)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: <stdin>: a movie record needs 'title' (it has the ")


def test_genres_are_only_emptied_when_that_is_said(cli: CommandLine) -> None:
    """An incomplete command changes nothing."""
    assert cli("set-genres", "movie", "34").exit_code == 2
    assert cli("set-genres", "movie", "34", "27", "--none").exit_code == 2
    assert ap.get_title(cli.catalog, "movie", 34, consistent=True).genre_ids == (27, 878)
    assert cli.json("set-genres", "movie", "34", "--none")["genre_ids"] == []


@pytest.mark.parametrize("words", [["delete-title", "movie", "34"], ["delete"]])
@pytest.mark.parametrize(("answers", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("", 1)])
def test_deleting_asks_first(cli: CommandLine, words: list[str], answers: str, code: int) -> None:
    """On stderr, with what it deletes; only a yes deletes, silence does not."""
    result = cli(*words, answers=answers)
    assert result.exit_code == code, result.output
    assert "[y/N]" in result.stderr
    assert cli.table in result.stderr
    if code:
        assert result.stderr.endswith("Error: nothing was deleted\n")
        assert ap.get_title(cli.catalog, "movie", 34)
    else:
        with pytest.raises(CatalogError):
            ap.get_title(cli.catalog, "movie", 34, consistent=True)


def test_shared_options_stand_before_or_behind(cli: CommandLine, local_engine: Engine) -> None:
    """They take precedence over the variable."""
    other = CommandLine(local_engine)
    env: dict[str, str | None] = {"CATALOG_TABLE": other.table}
    for words in (
        ["--table", cli.table, "--output", "json", "count-titles", "tv"],
        ["count-titles", "--table", cli.table, "tv", "--output", "json"],
        ["--table", "wrong-one", "count-titles", "tv", "--table", cli.table],
        ["--endpoint-url", local_engine.endpoint_url, "--table", cli.table, "count-titles", "tv"],
        ["--region", "us-east-1", "--table", cli.table, "count-titles", "tv"],
    ):
        assert cli(*words, env=env).stdout == "1\n"
    assert cli("get-title", "tv", "73", env=env).exit_code == 254
