"""`catalog-model cost`: from access patterns and rates to units, capacity and dollars, offline."""

import json
import random
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from command_line import CommandLine
from engines import Engine
from hypothesis import given, settings
from hypothesis import strategies as st
from refused_calls import RECORDS
from rich.filesize import decimal
from scaled import scaled
from strategies import engine_number_size

from catalog_model import Movie
from catalog_model import access_patterns as ap
from catalog_model.analysis.estimate import SEED
from catalog_model.analysis.offline import offline_catalog
from catalog_model.analysis.prediction import stored_bytes
from catalog_model.analysis.prices import DEFAULT_PRICES, PRICES, capacity_needed
from catalog_model.cli.commands import command_name
from catalog_model.cli.patterns import EXAMPLES
from catalog_model.cli.program import program
from catalog_model.declarations.pattern import WRITING
from catalog_model.dynamodb import sizes
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.schema import TABLE
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import Engine as LocalEngine
from catalog_model.table.indexes import INDEXES

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "costs.md").read_text("utf-8")
PAGE = "list-titles-in-genre movie 28"
CHANGE = "update-popularity movie 34 87.5"
NEW = {**RECORDS["movie"], "id": 987_654_321, "genre_ids": [28, 878], "popularity": 7.0}

rates = st.floats(1e-3, 1e9)


def run(*words: str) -> Result:
    return CliRunner(env={"AWS_PROFILE": "no-such-profile"}).invoke(program, ["cost", *words])


def asked(calls: dict[str, float]) -> list[str]:
    """Return patterns with their rates as options."""
    pairs = (("--pattern", text, "--per-second", f"{rate}") for text, rate in calls.items())
    return [word for pair in pairs for word in pair]


def priced(calls: dict[str, float], *words: str) -> Any:
    result = run(*asked(calls), *words, "--output", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def in_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the sample data in files, and the files in the examples."""
    shutil.copytree(str(sample_folder()), tmp_path, dirs_exist_ok=True)
    (tmp_path / "alien.json").write_text(json.dumps(NEW))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def one_movie(tmp_path: Path) -> list[str]:
    """Options that make a catalogue of one movie, number 34."""
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"34": {**NEW, "id": 34}}))
    return ["--movies", str(path)]


# --- figures


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_call_costs_what_the_engine_charges_for_it(
    engine: Engine, in_samples: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Requests, and units on the table and each index, compared with `explain` on dynoxide."""
    if engine.endpoint_url is None or not engine.measures:
        pytest.skip("moto's capacity figures are constants")
    monkeypatch.setattr(sizes, "_number_size", engine_number_size)
    there = LocalEngine("dynoxide", engine.endpoint_url, is_persistent=False)
    example = "movie 34 878 27" if name == "set_genres" else EXAMPLES[name]  # which changes nothing
    words = [command_name(ap.PATTERNS[name]), *shlex.split(example)]
    random.seed(SEED)
    cli = CommandLine(there).filled(() if name == "load_titles" else read_folder(sample_folder()))
    random.seed(SEED)
    charged: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    requests = cli.json("explain", *words)["requests"]
    for request in requests:
        charged[request["operation"] == WRITING].update(request["units"])

    (in_samples / "none.json").write_text("{}")
    data = ["--movies", "none.json"] if name == "load_titles" else []
    (found,) = priced({shlex.join(words): 1}, *data)["patterns"]
    assert found["per_call"] == {
        "requests": len(requests),
        "read_units": charged[False],
        "write_units": charged[True],
    }
    assert bool(charged[True]) == (ap.PATTERNS[name].role == "write")


@settings(max_examples=scaled(20))
@given(st.fixed_dictionaries({"list-titles movie": rates, CHANGE: rates}))
def test_twice_the_rate_is_twice_the_dollars(one_movie: list[str], calls: dict[str, float]) -> None:
    """The cost of a call does not depend on its rate."""
    once = priced(calls, *one_movie)
    twice = priced({text: 2 * rate for text, rate in calls.items()}, *one_movie)
    for single, double in zip(once["patterns"], twice["patterns"], strict=True):
        assert double["per_call"] == single["per_call"]
        for units in ("read_units", "write_units"):
            assert double["per_second"][units] == {
                place: 2 * share for place, share in single["per_second"][units].items()
            }
    assert twice["dollars_a_month"]["on_demand"] == 2 * once["dollars_a_month"]["on_demand"]
    assert twice["dollars_a_month"]["storage"] == once["dollars_a_month"]["storage"]


def test_a_bill_is_the_sum_of_its_patterns(one_movie: list[str]) -> None:
    """On demand, the cost of a call is independent of other calls, even to the same title."""
    calls = {"delete-title movie 34": 3.0, "get-title movie 34": 70.0, CHANGE: 5.0}
    alone = [priced({text: rate}, *one_movie) for text, rate in calls.items()]
    together = priced(calls, *one_movie)
    assert together["patterns"] == [each["patterns"][0] for each in alone]
    assert together["dollars_a_month"]["on_demand"] == pytest.approx(
        sum(each["dollars_a_month"]["on_demand"] for each in alone)
    )


def test_capacity_covers_the_load_at_the_utilisation_asked_for(one_movie: list[str]) -> None:
    """For the table and each index, and not a unit more."""
    for use in (0.7, 0.35, 1.0):
        found = priced({CHANGE: 11}, *one_movie, "--utilisation", str(use))
        for how in ("read", "write"):
            asked_for = found["per_second"][f"{how}_units"]
            units = Units(asked_for.pop(TABLE, 0), asked_for)
            assert found["capacity"][how] == capacity_needed(units, use)
        hourly = sum(found["capacity"]["read"].values()) * DEFAULT_PRICES.read_hour
        hourly += sum(found["capacity"]["write"].values()) * DEFAULT_PRICES.write_hour
        assert found["dollars_a_month"]["provisioned"] == pytest.approx(730 * hourly)


def test_storage_is_that_of_the_items_and_grows_with_the_scale(one_movie: list[str]) -> None:
    """A larger catalogue needs more storage; its calls cost the same, and the output says so."""
    small, large = (priced({PAGE: 1}, *one_movie, "--scale", scale) for scale in ("1", "10000"))
    items = offline_catalog([Movie.from_json({**NEW, "id": 34})]).items()
    most_varies = 8  # the bytes of a version
    assert abs(small["stored_bytes"] - stored_bytes(items)) <= most_varies
    assert large["stored_bytes"] == 10_000 * small["stored_bytes"]
    assert large["dollars_a_month"]["storage"] == pytest.approx(large["stored_bytes"] / 1e9 * 0.25)
    assert large["patterns"] == small["patterns"]
    assert any("does not depend on the size of the catalogue" in each for each in large["notes"])


def test_the_same_input_has_the_same_output() -> None:
    """Although versions and samples are random; the caller's random state is not changed."""
    calls = {"sample-titles movie --count 9": 1.0, "put-title movie -": 1.0}
    words = ["cost", *asked(calls), "--output", "json"]
    outputs = set()
    for seed in (1, 2):
        random.seed(seed)
        expected = random.getstate()
        outputs.add(CliRunner().invoke(program, words, input=json.dumps(NEW)).stdout)
        assert random.getstate() == expected
    (output,) = outputs
    assert json.loads(output)["patterns"][1]["per_call"]["write_units"]


def test_nothing_of_aws_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is created, and no credentials or region are looked up."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(boto3.session, "Session", forbidden)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    monkeypatch.setenv("CATALOG_TABLE", "no!name")
    assert priced({PAGE: 1})["prices"]["region"] == "us-east-1"


# --- notes


def test_what_may_not_be_intended_has_a_note(one_movie: list[str]) -> None:
    """A page that is not full costs less than a full one, and a write of the same only reads."""
    short, same = "list-titles movie", "update-popularity movie 34 7"
    found = priced({short: 1, f"{short} --limit 1": 1, same: 1}, *one_movie)
    assert found["patterns"][2]["per_call"]["write_units"] == {}
    assert found["notes"][3:] == [
        f"{short}: finds 1 title, not 20; with more of them a call costs more.",
        f"{same}: writes nothing, because the data is already the same.",
    ]


def test_records_that_cannot_be_loaded_are_left_out_and_listed(tmp_path: Path) -> None:
    """As with `load`: the others count, and the exit code is 1."""
    path = tmp_path / "some.json"
    path.write_text(json.dumps({"5": {"id": 5}, "34": {**NEW, "id": 34}}))
    words = [*asked({CHANGE: 1}), "--movies", str(path)]
    shown, told = run(*words), run(*words, "--output", "json")
    assert (shown.exit_code, told.exit_code) == (1, 1)
    (rejected,) = json.loads(told.stdout)["rejected"]
    assert (rejected["source"], rejected["key"]) == ("some.json", "5")
    assert shown.stdout.endswith(f"Left out: some.json: 5: {rejected['reason']}\n")


# --- prices


@pytest.mark.parametrize("region", PRICES)
def test_the_region_chooses_the_prices(region: str) -> None:
    """Before or after the command; the output has the month of the prices."""
    found = priced({PAGE: 100}, "--region", region)
    assert found["prices"] == asdict(PRICES[region])
    units = found["per_second"]["read_units"]["by_popularity"]
    expected = units * 2.628 * PRICES[region].million_reads
    assert found["dollars_a_month"]["on_demand"] == pytest.approx(expected)
    shown = CliRunner().invoke(program, ["--region", region, "cost", *asked({PAGE: 100})]).stdout
    assert f"Prices of {region} as of {PRICES[region].as_of}: check yours." in shown


def test_prices_are_taken_from_a_file(tmp_path: Path, one_movie: list[str]) -> None:
    """In the format of the JSON output; twice the prices are twice the dollars."""
    known = priced({CHANGE: 2}, *one_movie)
    own = {
        name: 2 * value if isinstance(value, float) else "mine"
        for name, value in known["prices"].items()
    }
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(own))
    found = priced({CHANGE: 2}, *one_movie, "--prices", str(path))
    assert found["prices"] == own
    assert "Prices of mine as of mine: check yours." in found["notes"][0]
    for name, before in known["dollars_a_month"].items():
        assert found["dollars_a_month"][name] == pytest.approx(2 * before)


# --- mistakes


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "--pattern is given 0 times, --per-second 0 times"),
        (["--pattern", PAGE], 2, "--pattern is given 1 time, --per-second 0 times"),
        (["--per-second", "1"], 2, "--pattern is given 0 times, --per-second 1 time"),
        (["--pattern", PAGE, *asked({PAGE: 1})], 2, "given 2 times, --per-second 1 time"),
        (asked({PAGE: -1}), 2, "'--per-second': '-1' is not a number from 0 on"),
        (asked({PAGE: float("nan")}), 2, "'--per-second': 'nan' is not a number from 0 on"),
        (asked({PAGE: float("inf")}), 2, "'--per-second': 'inf' is not a number from 0 on"),
        (asked({PAGE: 1e300}), 2, "per_second must be a number from 0 to 1e+18, not 1e+300"),
        (["--pattern", PAGE, "--per-second", "often"], 2, "'often' is not a number from 0 on"),
        (asked({"list-film movie": 1}), 2, "'list-film movie': there is no such pattern"),
        (asked({" ": 1}), 2, "--pattern ' ' names no pattern; write it as --pattern "),
        (asked({"get-title 'movie": 1}), 2, "No closing quotation"),
        (asked({"set-genres movie 34": 1}), 2, "give the ids of genres, or --none"),
        (asked({"load": 1}), 2, "give --movies FILE, --tv FILE or both"),
        (asked({"list-titles movie --limit 0": 1}), 2, "limit must be a whole number from 1"),
        (asked({"list-titles movie --after x": 1}), 2, "every page costs the same"),
        (asked({"put-title movie missing.json": 1}), 2, "'missing.json': No such file"),
        (asked({"get-title tv 5000": 1}), 1, "no tv with id 5000 in 'sample-data'"),
        (asked({"delete-title tv 5000": 1}), 1, "'delete-title tv 5000': there is no tv"),
        ([*asked({PAGE: 1}), "--movies", "missing.json"], 2, "missing.json: cannot be read"),
        ([*asked({PAGE: 1}), "--scale", "-2"], 2, "'--scale': '-2' is not a number from 0 on"),
        ([*asked({PAGE: 1}), "--scale", "1e17"], 2, "stored_bytes must be a number from 0"),
        ([*asked({PAGE: 1}), "--utilisation", "70"], 2, "a number from 0.01 to 1, not 70.0"),
        ([*asked({PAGE: 1}), "--utilisation", "nan"], 2, "a number from 0.01 to 1, not nan"),
        ([*asked({PAGE: 1}), "--region", "mars-1"], 2, "us-east-1 and eu-west-1, not 'mars-1'"),
        ([*asked({PAGE: 1}), "--prices", "missing.json"], 2, "missing.json: cannot be read"),
        ([*asked({PAGE: 1}), "--prices", FILE_NAMES["tv"]], 2, "data_tv.json: prices must be"),
        ([*asked({PAGE: 1}), "--prices", "x", "--region", "us-east-1"], 2, "not both"),
        ([*asked({PAGE: 1}), "--table", "t"], 2, "cost runs offline"),
        ([*asked({PAGE: 1}), "--endpoint-url", "http://127.0.0.1:1"], 2, "cost runs offline"),
        ([*asked({PAGE: 1}), "--profile", "p"], 2, "cost runs offline"),
    ],
)
@pytest.mark.usefixtures("in_samples")
def test_mistakes_are_reported(words: list[str], code: int, message: str) -> None:
    """With the exit code for it, and nothing on stdout."""
    result = run(*words)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert message in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        "list-titles-in-genre",
        "list-titles-in-genre film 28",
        "list_titles movie --order size",
        "update-popularity movie 34 much",
        "get-title movie 34 35",
        "get-titles movie-34",
        "count-titles --colour red",
    ],
)
def test_wrong_arguments_have_the_message_of_the_patterns_command(text: str) -> None:
    """The same usage and message; the pattern and its example are shown, too."""
    name, *words = shlex.split(text.replace("_", "-"))
    own = CliRunner().invoke(program, [name, *words]).stderr.rstrip("\n")
    result = run(*asked({text: 1}))
    example = f"Example: {name} {EXAMPLES[name.replace('-', '_')]}\n"
    assert result.exit_code == 2
    assert result.stderr == f"{own.replace('Error: ', f'Error: --pattern {text!r}: ')}\n{example}"


def test_options_within_a_pattern_are_its_own(one_movie: list[str]) -> None:
    """They change neither the output nor the endpoint."""
    text = "get-title movie 34 --output table --table other --endpoint-url http://127.0.0.1:1"
    assert priced({text: 1}, *one_movie)["patterns"][0]["per_call"]["requests"] == 1


# --- output


def figures_in(table: str) -> list[list[float]]:
    """Read the figures of a table, row by row."""
    rows = (re.findall(r"(?:^|(?<=  ))[\d,.]+(?=  |$)", row) for row in table.splitlines()[1:])
    return [[float(cell.replace(",", "")) for cell in row] for row in rows]


def figures_of(call: dict[str, Any]) -> Iterator[list[float]]:
    """Return the expected figures of a pattern in the first table."""
    once, rated = call["per_call"], call["per_second"]
    head = [call["calls_per_second"], once["requests"], rated["requests"]]
    places = [TABLE, *INDEXES]
    for place in places:
        kinds = ("read_units", "write_units")
        units = [each[kind].get(place, 0) for kind in kinds for each in (once, rated)]
        if any(units):
            yield head + units
            head = []


def test_both_outputs_say_the_same() -> None:
    """Each figure and note of the tables is in the JSON."""
    calls = {PAGE: 1234.5, "get-title movie 34": 0.25, CHANGE: 3.0}
    found = priced(calls, "--scale", "7e5")
    result = run(*asked(calls), "--scale", "7e5")
    first, second, third, notes = result.stdout.split("\n\n")
    assert all(text in first for text in calls)
    assert figures_in(first) == [row for each in found["patterns"] for row in figures_of(each)]
    columns = [
        each
        for how in ("read", "write")
        for each in (found["per_second"][f"{how}_units"], found["capacity"][how])
    ]
    assert figures_in(second) == [
        [column.get(place, 0) for column in columns] for place in (TABLE, *INDEXES)
    ]
    names = ["on_demand", "provisioned", "storage", "storage"]
    names += ["on_demand_with_storage", "provisioned_with_storage"]
    dollars = [round(found["dollars_a_month"][name], 2) for name in names]
    assert figures_in(third) == [dollars[:2], dollars[2:4], dollars[4:]]
    assert f"storage of {decimal(found['stored_bytes'])} " in third
    assert notes.splitlines() == found["notes"]


def test_the_documented_output_is_what_is_printed() -> None:
    """In docs/costs.md, exactly."""
    (block,) = re.findall(r"```console\n\$ catalog-model cost (.*?)```", DOCS, re.DOTALL)
    command, _, printed = block.replace("\\\n", "").partition("\n")
    assert run(*shlex.split(command)).stdout == printed
