"""Invalid arguments of operations on the table are rejected, with the value, before any request."""

import inspect
import math
from decimal import Decimal
from typing import Any, Final

import boto3
import pytest
from botocore.config import Config

from catalog_model import Catalog, operations
from catalog_model.errors import ConfigurationError, InvalidArgumentError, ServiceError

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table"

NOT_TEXT: tuple[Any, ...] = (5, True, b"text", ["text"], {"a": "b"}, 1.5, object())
NOT_SAID: tuple[Any, ...] = (*NOT_TEXT, "", " ", "\t\n")
NOT_A_FLAG: tuple[Any, ...] = (0, 1, None, "yes", [])
NOT_A_FUNCTION: tuple[Any, ...] = (5, "print", [])
NOT_A_RATE: tuple[Any, ...] = (
    *(0, -1, math.nan, math.inf, "5", True, [5]),
    *(1e-300, 5e-324, 0.0009, Decimal("1e-9"), 1.1e12, 10**400, Decimal(10**13)),
)
NOT_PARTS: tuple[Any, ...] = (0, -1, 65, 1.5, True, None, "4")
NOT_UNITS: tuple[Any, ...] = (
    *(0, -1, 1.5, True, "5", math.nan, math.inf, Decimal("5.5"), [5], 2**63, 10**5000),
)
NOT_A_TIMEOUT: tuple[Any, ...] = (-1, -0.1, math.nan, math.inf, "5", None, True, [5], 10**400)
NOT_SETTINGS: tuple[Any, ...] = (5, "settings", {"ttl": ""}, True, operations.TableSettings)
NOT_A_PATH: tuple[Any, ...] = (None, 5, True, b"place", ["place"])
NOT_A_POINTER: tuple[Any, ...] = (5, True, b"file:a", "", "films", "http://a", "ssm:", "file:")
NOT_A_CATALOG: tuple[Any, ...] = (None, "films", 5, Catalog)
NOT_TAGS: tuple[Any, ...] = (
    *("team=films", ["team"], [("team", "films")], 5, True, {"team"}, {"team": 5}),
    *({"team": None}, {"team": b"films"}, {5: "films"}, {None: "films"}, {"": "films"}),
    *({"a" * 129: "x"}, {"a": "x" * 257}, {"aws:team": "x"}, {"AWS:team": "x"}, {"a": "x\ud800"}),
    *({"a<b": "x"}, {"a": "x?"}, {f"key{n}": "x" for n in range(51)}, {"a": {"b": "c"}}),
)
NAMES: tuple[Any, ...] = (
    *("", "fx", "a", "ab", "x" * 256, "a b c", "films!", "films\n", " films", "fílms", "a/b/c"),
    *("films:1", "../films", "films\x00", "arn:aws", f"{ARN}/", f"{ARN}/fx", f"{ARN}/{'x' * 256}"),
    *(f"{ARN}/films/index/by_rating", f"{ARN}:films", f"{ARN[:-6]}stream/films"),
    *("arn:aws:s3:eu-west-1:123456789012:table/films", "arn:aws:dynamodb::1:table/films"),
    *(None, 5, b"films", ["films"], True, "x" * 1025, "a\ud800"),
)


def made(**settings: Any) -> Config:
    """Make a config of any values; it checks few of them."""
    return Config(**settings)


BY_NAME: Final[dict[str, tuple[Any, ...]]] = {
    "catalog": NOT_A_CATALOG,
    **dict.fromkeys(("file", "folder", "journal", "like", "list_lost"), NOT_A_PATH),
    **dict.fromkeys(("checkpoint", "manifest"), NOT_A_PATH),
    **dict.fromkeys(("create", "cut_over", "drop_surplus", "dry_run", "follow"), NOT_A_FLAG),
    **dict.fromkeys(("freeze", "in_full", "into_existing", "overwrite", "rebuild"), NOT_A_FLAG),
    **dict.fromkeys(("repair", "resume", "without_manifest"), NOT_A_FLAG),
    **dict.fromkeys(("read_units", "write_units", "units_per_second"), NOT_A_RATE),
    "read_units_per_second": NOT_A_RATE,
    **dict.fromkeys(("confirm", "on_progress", "on_step"), NOT_A_FUNCTION),
    **dict.fromkeys(("read_capacity", "write_capacity"), NOT_UNITS),
    **dict.fromkeys(("table", "to"), NAMES[:8]),
    "at": (5, "today", True, [5]),
    "backup": (5, b"arn", "", "films"),
    "earlier": NOT_A_CATALOG,
    "max_passes": (0, -1, 1001, 1.5, True, "3", None),
    "minutes_ago": (-1, math.nan, math.inf, "5", True, [5]),
    "name": (5, b"films", "", "ab", "a b c", "x" * 256),
    "originals": (5, None, "Heat"),
    "pointer": NOT_A_POINTER,
    "report": (5, "report", {}, ["finding"]),
    "list_shards": (0, -1, 33, 1.5, True, "4"),
    "segments": NOT_PARTS,
    "settings": NOT_SETTINGS,
    "sources": (5, None, "table:another", b"table:another", []),
    "tags": NOT_TAGS,
    "timeout": NOT_A_TIMEOUT,
    "url": (None, 5, b"s3://a/b", "", "a/b", "s3://a", "http://a/b"),
}
"""Invalid values for the arguments of operations on the table; a name means the same in all."""

OF_THEIR_OWN = {"estimate_load", "raised_capacity"}
"""Functions without a handle, or blocks, whose arguments are tried by tests of their own."""

OPERATIONS = {
    name: inspect.signature(getattr(operations, name)).parameters
    for name in operations.__all__
    if inspect.isfunction(getattr(operations, name)) and name not in OF_THEIR_OWN
}

NEEDED: dict[str, dict[str, Any]] = {
    "adopt_titles": {"sources": ["table:another"]},
    "compare_tables": {"earlier": Catalog("films", region="eu-west-1")},
    "cut_over": {"table": "films", "pointer": "file:pointer"},
    "restore_table": {"minutes_ago": 5},
    "dump_table": {"file": "a.json.gz"},
    "dump_titles": {"folder": "titles"},
    "import_table": {"file": "a.json.gz"},
    "import_from_s3": {"url": "s3://dumps/a.json.gz"},
}
"""Arguments that an operation needs in addition to the handle."""

HANDLES: dict[str, tuple[Any, ...]] = {
    "table": NAMES,
    "region": NOT_SAID,
    "endpoint_url": NOT_SAID,
    "profile": NOT_SAID,
    "lineage": NOT_SAID,
    "cursor_secret": (*NOT_SAID, "a\ud800"),
    "config": (
        *(5, "config", {"read_timeout": 1}, Config),
        *(
            made(**{name: value})
            for name in ("connect_timeout", "read_timeout")
            for value in (0, -1, math.nan, math.inf, "5", True, [5], 1e10, 1e12, 10**400)
        ),
        *(made(max_pool_connections=value) for value in (0, -1, 1.5, "5", True)),
        *(made(proxies=value) for value in (5, "http://p.test:1", ["http://p.test:1"])),
        *(made(region_name=value) for value in ("", 5)),
    ),
    "cache": (5, "cache", {}, True, object()),
    "fast": (0, 1, "1", "yes", 0.5, [True]),
    "sharded_lists": (0, 1, "1", None, [True]),
    "client": (5, "client", object(), boto3, boto3.client("s3", region_name="eu-west-1")),
}
"""Invalid values for each argument of a handle."""

CALLS = [
    (name, argument, value)
    for name, arguments in OPERATIONS.items()
    for argument, declared in arguments.items()
    for value in BY_NAME[argument]
    if value is not declared.default
]


def part_of(value: object) -> str:
    """Return the part of a value that the message must contain."""
    try:
        text = repr(value)
    except ValueError:
        return "too large to be shown"
    return text.encode("ascii", "backslashreplace").decode()[:20] if "\ud800" in text else text[:20]


def test_every_argument_of_a_handle_is_tried() -> None:
    """Those of operations are: one without invalid values cannot even be collected."""
    assert set(HANDLES) >= set(inspect.signature(Catalog).parameters) - {"deadline"}
    assert {"verify", "restore_table"} <= set(OPERATIONS)


@pytest.mark.parametrize(("name", "argument", "value"), CALLS, ids=range(len(CALLS)))
def test_a_wrong_argument_is_refused(name: str, argument: str, value: Any, silent: Catalog) -> None:
    """With its name and the value, whatever it is."""
    given: dict[str, Any] = {**NEEDED.get(name, {}), "catalog": silent, argument: value}
    if name == "restore_table" and argument in ("at", "backup"):
        del given["minutes_ago"]
    if argument.endswith("capacity"):
        given = {"read_capacity": 1, "write_capacity": 1, **given}
    with pytest.raises(InvalidArgumentError) as caught:
        getattr(operations, name)(**given)
    message = str(caught.value)
    if argument != "tags":
        assert part_of(value) in message
        shown_as = argument if "units" in argument else argument.removeprefix("read_")
        assert shown_as in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("argument", "value"),
    [(argument, value) for argument, values in HANDLES.items() for value in values],
    ids=range(sum(map(len, HANDLES.values()))),
)
def test_a_handle_is_not_made_of_nonsense(argument: str, value: Any) -> None:
    """Immediately, where the configuration is read, and not at the first request."""
    with pytest.raises(InvalidArgumentError, match=argument) as caught:
        Catalog(**{"table": "films", argument: value})
    assert len(str(caught.value).encode()) < 500


@pytest.mark.parametrize("name", ["films", "abc", "a.b", "A-Z_0.9", "x" * 255, f"{ARN}/films"])
def test_a_name_that_dynamodb_allows_is_one(name: str) -> None:
    """From 3 to 255 characters, or the table's ARN, in any partition."""
    assert Catalog(name).table == name
    assert Catalog(name.replace("arn:aws:", "arn:aws-cn:")).table


def test_the_name_that_examples_use_is_only_for_handles(silent: Catalog) -> None:
    """No table can have this name, and none is created."""
    example = Catalog("t", client=silent.client)
    with pytest.raises(InvalidArgumentError, match="not 't'"):
        operations.create_table(example)


@pytest.mark.parametrize("region", ["eu west 1", "eu-west-1\n", "http://x", "-a", "a" * 64, "eü"])
def test_an_invalid_region_is_a_configuration_error(region: str) -> None:
    """Like an invalid endpoint: the error is in the settings, not in the caller's code."""
    settings: tuple[dict[str, Any], ...] = (
        {"region": region},
        {"config": Config(region_name=region)},
        {"endpoint_url": region if "x" not in region else "http://x:y"},
    )
    for each in settings:
        with pytest.raises(ConfigurationError, match=r"(region|endpoint_url) must be"):
            Catalog("films", **each)


@pytest.mark.parametrize(
    "tags", [None, {}, {"a": ""}, {"é 1+-=._:/@": "ü" * 256}, {"k" * 128: "x"}]
)
def test_tags_that_dynamodb_allows_are_sent(tags: Any, silent: Catalog) -> None:
    """Up to their limits."""
    with pytest.raises(ServiceError, match="about to be sent"):
        operations.create_table(silent, tags=tags)
