"""Titles written by other programs are read unchanged, found, and completed."""

import json
import sys
from decimal import Decimal
from typing import Any, Final

import pytest
from command_line import CommandLine
from hypothesis import given
from hypothesis import strategies as st
from memory_engine import MemoryCatalog, fill
from older_tables import put
from packages import run
from table_dump import assert_in_step, dump, movie

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.numbers import normal
from catalog_model.dynamodb.typed_json import Item
from catalog_model.local import Engine as LocalEngine
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys

HEAT: Final = TitleKey("movie", 949)
AT: Final = {name: {"S": keys.title_pk(HEAT)} for name in ("PK", "SK")}
PUT: Final[Item] = {
    **AT,
    "id": {"N": "949"},
    "title": {"S": "Heat"},
    "original_title": {"S": "Heat"},
    "overview": {"S": "Obsessive master thief McCauley leads a crew."},
    "original_language": {"S": "en"},
    "release_date": {"S": "1995-12-15"},
    "genre_ids": {"L": [{"N": "80"}, {"N": "28"}, {"N": "53"}]},
    "popularity": {"N": "46.512"},
    "vote_average": {"N": "7.9"},
    "vote_count": {"N": "6612"},
    "adult": {"BOOL": False},
    "video": {"BOOL": False},
    "backdrop_path": {"NULL": True},
}
"""The item of the course's `aws dynamodb put-item`, with the keys of this model."""

AS_A_SET: Final[Item] = {**PUT, "genre_ids": {"NS": ["80", "28", "53"]}}
FORMS: Final = {"list": ([80, 28, 53], PUT), "set": ([28, 53, 80], AS_A_SET)}
MISSING: Final = {*("wrong schema version", "membership missing"), *("count wrong", "slot missing")}


def expected(genre_ids: list[int]) -> dict[str, Any]:
    """Return the record in the item, with its keys in the order of the application's files."""
    record: dict[str, Any] = {"genre_ids": genre_ids}
    for name in sorted(set(PUT) - set(AT) - set(record)):
        ((kind, value),) = PUT[name].items()
        record[name] = None if kind == "NULL" else json.loads(value) if kind == "N" else value
    return dict(sorted(record.items()))


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause before a second look, as there are no other writers."""
    monkeypatch.setattr("catalog_model.maintenance.verify.SECOND_LOOK", 0)


OTHERS = [movie(title_id, 28, 18) for title_id in (941, 957, 1, 2, 3)]
"""Titles of the same shard and of others."""


def found_everywhere(catalog: Catalog, title: Movie) -> None:
    """It is in every list and range, counted, sampled and found by its name."""
    assert assert_in_step(catalog)[title.key] == title
    assert title in ap.list_top_rated(catalog, "movie", min_votes=100, min_rating=7)
    assert title in ap.list_released_between(catalog, "movie", "1995-01-01", "1995-12-31")
    assert title in ap.find_titles_by_name(catalog, "movie", "hea")
    assert ap.get_title_with_genres(catalog, *title.key).memberships


@pytest.fixture
def stocked(catalog: Catalog) -> Catalog:
    """A table with a few titles."""
    fill(catalog, OTHERS)
    return catalog


@pytest.mark.parametrize("form", FORMS)
def test_a_title_put_by_hand_is_read_and_gets_what_it_lacks(stocked: Catalog, form: str) -> None:
    """Read at once, found by verify, completed by repair with its record, then like any other."""
    genre_ids, item = FORMS[form]
    put(stocked, item)
    title = ap.get_title(stocked, *HEAT)
    assert json.dumps(title.to_json()) == json.dumps(expected(genre_ids))
    assert ap.get_title_with_genres(stocked, *HEAT) == (title, ())
    assert {finding.problem for finding in verify(stocked).findings} == MISSING
    assert repair(stocked).left == []
    own = dump(stocked)[keys.title_key(HEAT)]
    assert {name: own[name] for name in item} == {**item, "genre_ids": own["genre_ids"]}
    assert set(own) - set(item) == {"_schema", "_type", "_version", "_slot", "_doc"}
    assert verify(stocked).is_clean
    assert repair(stocked).actions == []
    assert isinstance(title, Movie)
    found_everywhere(stocked, title)
    assert ap.update_popularity(stocked, *HEAT, 99.5).popularity == 99.5
    assert ap.set_genres(stocked, *HEAT, [35]).genre_ids == (35,)
    assert_in_step(stocked)
    ap.delete_title(stocked, *HEAT)
    assert len(assert_in_step(stocked)) == len(OTHERS)
    assert verify(stocked).is_clean


NUMBERS: Final = {"7": ("7", "7.0", "7E0", "+7", "0.7E1"), "46.5": ("46.5", "46.50", "4.65E+1")}
KNOWN: Final = tuple(name for name in expected([]) if name not in ("id", "genre_ids"))
OPTIONAL: Final = tuple(n for n in KNOWN if not Movie.fields[n].required)


@given(
    left_out=st.sets(st.sampled_from(OPTIONAL)),
    order=st.permutations(list(PUT)),
    number=st.sampled_from([(n, text) for n, texts in NUMBERS.items() for text in texts]),
    genres=st.lists(st.integers(1, 99_999), max_size=6, unique=True),
    as_set=st.booleans(),
    extras=st.dictionaries(
        st.sampled_from(("tags", "zone", "Note", "__typename", "a b", "__x")),
        st.sampled_from(({"SS": ["b", "a"]}, {"N": "7"}, {"M": {"_x": {"L": []}}}, {"S": ""})),
    ),
)
def test_equivalent_forms_are_the_same_title(
    left_out: set[str],
    order: list[str],
    number: tuple[str, str],
    genres: list[int],
    extras: dict[str, Any],
    *,
    as_set: bool,
) -> None:
    """Attributes in any order, numbers in any notation, fields missing, others added."""
    item = {name: PUT[name] for name in order if name not in left_out}
    item["popularity"] = {"N": number[1]}
    texts = [str(each) for each in genres]
    item["genre_ids"] = {"NS": texts} if as_set and texts else {"L": [{"N": t} for t in texts]}
    record = codec.decode_title({**item, **extras}).to_json()
    known = [name for name in expected([]) if name not in left_out]
    assert list(record) == [*known, *sorted(extras)]
    assert record["genre_ids"] == (sorted(genres) if as_set else genres)
    assert repr(record["popularity"]) == repr(float(number[0]))
    assert record.get("tags", ["a", "b"]) in (["a", "b"], 7, {"_x": []}, "")


@given(st.data())
def test_no_digit_of_another_program_is_lost(data: st.DataObject) -> None:
    """A number is written back as it was read; one that a float cannot hold makes no title."""
    digits = data.draw(st.integers(1, 10**38 - 1).map(str))
    point = data.draw(st.integers(0, len(digits)))
    number = normal(f"{digits[:point] or 0}.{digits[point:]}")
    value: Any = data.draw(
        st.sampled_from(({"N": number}, {"L": [{"N": number}]}, {"NS": [number]}))
    )
    name = data.draw(st.sampled_from(("budget", "popularity") if "N" in value else ("budget",)))
    item = {**PUT, name: value}
    is_held = Decimal(repr(float(number))) == Decimal(number)
    if is_held or (name == "budget" and "." not in number):
        again = codec.encode_title(codec.decode_title(item), version=1, slot=0)[name]
        ((_, content),) = again.items()
        written = content if isinstance(content, str) else content[0]["N"]
        assert Decimal(written) == Decimal(number)
    else:
        assert "a float holds exactly" in codec.why_unreadable(item)


def test_a_title_that_was_edited_by_hand_is_read_as_it_stands() -> None:
    """Its form keeps the order of existing attributes; added ones follow by name."""
    title = Movie.from_json({"tag": 7.0, **dict(reversed(expected([80, 28]).items())), "deep": [1]})
    item = codec.encode_title(title, version=3, slot=0)
    assert codec.FORM in item
    del item["overview"], item["tag"]
    item |= {"popularity": {"N": "8"}, "genre_ids": {"L": [{"N": "18"}]}, "new": {"N": "1.5"}}
    item |= {"deep": {"M": {"b": {"N": "2"}, "a": {"NULL": True}}}, "budget": {"N": "5"}}
    record = codec.decode_title(item).to_json()
    kept = [name for name in title.to_json() if name not in ("overview", "tag")]
    assert list(record) == [*kept, "budget", "new"]
    assert (record["genre_ids"], repr(record["popularity"])) == ([18], "8.0")
    assert record["deep"] == {"a": None, "b": 2}


@pytest.mark.parametrize("form", FORMS)
def test_put_item_of_the_aws_command_line_then_verify_then_repair(
    local_engine: LocalEngine, form: str
) -> None:
    """Put as in the course, and completed as by an operator."""
    genre_ids, item = FORMS[form]
    cli = CommandLine(local_engine).filled(OTHERS)
    catalog = cli.catalog
    put_item = ("dynamodb", "put-item", "--table-name", cli.table, "--item", json.dumps(item))
    region = local_engine.environment()["AWS_DEFAULT_REGION"]
    at = ("--endpoint-url", local_engine.endpoint_url, "--region", region)
    assert run(sys.executable, "-m", "awscli", *put_item, *at, AWS_PAGER="") == ""
    assert list(ap.get_title(catalog, *HEAT).genre_ids) == genre_ids
    found = cli("verify")
    assert found.exit_code == 1
    assert all(problem in found.stdout for problem in MISSING)
    assert cli.done("repair").endswith("0 findings left\n")
    assert verify(catalog).is_clean
    assert repair(catalog).actions == []
    found_everywhere(catalog, Movie.from_json(expected(genre_ids)))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("_version", {"S": "x"}),
        *(("_form", value) for value in ({"N": "1"}, {"S": "["}, {"S": "[]"})),
    ],
)
def test_what_cannot_be_read_is_named_with_its_value(attribute: str, value: Item) -> None:
    """Even if it is an attribute of this package, unknown to the item's owner."""
    catalog = MemoryCatalog()
    ap.load_titles(catalog, [movie(949, 28)])
    put(catalog, {**dump(catalog)[keys.title_key(HEAT)], attribute: value})
    shown = next(iter(value.values()))
    for reason in (
        *(finding.found for finding in verify(catalog).findings),
        *(why for _, why in repair(catalog).left),
    ):
        assert attribute in reason
        assert repr(shown) in reason or shown in reason
