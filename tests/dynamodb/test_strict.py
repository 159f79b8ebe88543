"""A strict client rejects what DynamoDB rejects, where moto would accept it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from engines import running_engine
from strict_requests import (
    ACCEPTED,
    CASES,
    DYNOXIDE_ACCEPTS,
    ITEM,
    KEY,
    MOTO_REFUSES,
    SCHEMA,
    TABLE,
)

from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.strict.client import (
    BEHAVIOURS,
    RULE_HEADER,
    TOKEN_SECONDS,
    rules,
    strict,
)
from catalog_model.testing import strict_catalog

ROOT = Path(__file__).parents[2]
both_engines = pytest.mark.parametrize("engine_name", ["moto", "dynoxide"])
IN_PRACTICE = [(rule, at) for rule in CASES for at in range(len(CASES[rule]))]


@pytest.fixture(scope="module")
def clients() -> Iterator[Callable[[str], tuple[Any, Any]]]:
    """Return a bare and a strict client for an engine's name, with a separate table."""
    with ExitStack() as running:
        made: dict[str, tuple[Any, Any]] = {}

        def pair(engine_name: str) -> tuple[Any, Any]:
            if engine_name not in made:
                engine = running.enter_context(running_engine(engine_name))
                settings: Any = {"endpoint_url": engine.endpoint_url, "config": CLIENT_DEFAULTS}
                bare = boto3.client("dynamodb", **settings)
                bare.create_table(**SCHEMA)
                made[engine_name] = bare, strict(boto3.client("dynamodb", **settings))
            return made[engine_name]

        yield pair


def outcome(client: Any, operation: str, params: dict[str, Any]) -> str:
    """Make a request; return the error's code, or "" for success."""
    try:
        getattr(client, operation)(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except Exception as error:  # noqa: BLE001  # moto's own, such as KeyError
        return type(error).__name__
    return ""


@pytest.mark.parametrize(("rule", "at"), IN_PRACTICE)
def test_what_breaks_a_rule_is_refused_by_that_rule(clients: Any, rule: str, at: int) -> None:
    """With the service's code, before anything is sent."""
    operation, params = CASES[rule][at]
    _, client = clients("moto")
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**params)
    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPHeaders"][RULE_HEADER] == rule
    code = response["Error"]["Code"]
    if code == "TransactionCanceledException":
        reasons = response["CancellationReasons"]
        assert len(reasons) == len(params["TransactItems"])
        assert {reason["Code"] for reason in reasons} <= {"None", "ValidationError"}
    else:
        assert code == "ValidationException"


@pytest.mark.parametrize(("rule", "at"), IN_PRACTICE)
def test_bare_moto_accepts_what_it_is_known_to_accept(clients: Any, rule: str, at: int) -> None:
    """The reasons for a strict client; the list changes when moto does."""
    operation, params = CASES[rule][at]
    bare, _ = clients("moto")
    code = outcome(bare, operation, params)
    bare.delete_table(TableName=TABLE)  # what moto accepted may break its later answers
    bare.create_table(**SCHEMA)
    assert (code != "") == (at in MOTO_REFUSES.get(rule, ()))


@pytest.mark.parametrize(("rule", "at"), IN_PRACTICE)
def test_dynoxide_refuses_the_same_but_for_a_few(clients: Any, rule: str, at: int) -> None:
    """A second opinion, including the code."""
    operation, params = CASES[rule][at]
    bare, client = clients("dynoxide")
    code = outcome(bare, operation, params)
    assert (code == "") == (at in DYNOXIDE_ACCEPTS.get(rule, ()))
    if code:
        assert outcome(client, operation, params) == code


@both_engines
@pytest.mark.parametrize("at", range(len(ACCEPTED)))
def test_what_is_just_allowed_is_not_refused(clients: Any, engine_name: str, at: int) -> None:
    """The maximum sizes and counts, and near misses; the engine may reject it."""
    operation, params = ACCEPTED[at]
    _, client = clients(engine_name)
    try:
        getattr(client, operation)(**params)
    except ClientError as error:
        assert engine_name == "moto"
        response: Any = error.response
        assert RULE_HEADER not in response["ResponseMetadata"]["HTTPHeaders"], response


def test_there_is_a_case_for_every_rule() -> None:
    """And none for an unknown rule."""
    assert set(CASES) == set(rules()) - set(BEHAVIOURS)


def test_the_rules_in_the_documentation_are_those_of_the_code() -> None:
    """Names and texts."""
    page = (ROOT / "docs/testing.md").read_text("utf-8")
    text = page.partition("\n## The rules\n")[2].partition("\n## ")[0]
    wanted = [f"| `{name}` | {says} |" for name, says in rules().items()]
    assert [line for line in text.splitlines() if line.startswith("| `")] == wanted


def adding(amount: str, token: str) -> dict[str, Any]:
    update = {
        "TableName": TABLE,
        "Key": KEY,
        "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": {"N": amount}},
    }
    return {"TransactItems": [{"Update": update}], "ClientRequestToken": token}


def number(client: Any) -> int:
    return int(client.get_item(TableName=TABLE, Key=KEY, ConsistentRead=True)["Item"]["n"]["N"])


@both_engines
def test_a_token_is_applied_once_and_answered_again(clients: Any, engine_name: str) -> None:
    """Sequentially, and in eight concurrent threads; for something else it is rejected."""
    bare, client = clients(engine_name)
    bare.put_item(TableName=TABLE, Item={**KEY, "n": {"N": "0"}})
    first = client.transact_write_items(**adding("1", f"{engine_name}-1"))
    again = client.transact_write_items(**adding("1", f"{engine_name}-1"))
    assert again.get("ConsumedCapacity") == first.get("ConsumedCapacity")
    assert number(client) == 1
    with ThreadPoolExecutor(8) as pool:
        asked = [adding("1", f"{engine_name}-2")] * 8
        list(pool.map(lambda params: client.transact_write_items(**params), asked))
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        client.transact_write_items(**adding("2", f"{engine_name}-1"))
    assert number(client) == 2


def test_bare_moto_applies_a_token_each_time(clients: Any) -> None:
    """This is why a strict client is needed."""
    bare, _ = clients("moto")
    bare.put_item(TableName=TABLE, Item={**KEY, "n": {"N": "0"}})
    for amount in ("1", "1", "2"):
        bare.transact_write_items(**adding(amount, "bare"))
    assert number(bare) == 4


def test_a_token_is_forgotten_after_ten_minutes(clients: Any) -> None:
    """Then it can be used like a new one, with another payload, too."""
    bare, _ = clients("moto")
    now = [0.0]
    client: Any = strict(boto3.client("dynamodb"), clock=lambda: now[0])
    bare.put_item(TableName=TABLE, Item={**KEY, "n": {"N": "0"}})
    for seconds, amount, wanted in ((0.0, "1", 1), (TOKEN_SECONDS - 1, "1", 1), (600.0, "2", 3)):
        now[0] = seconds
        client.transact_write_items(**adding(amount, "old"))
        assert number(client) == wanted


@both_engines
def test_a_token_of_a_failed_transaction_can_be_used_again(clients: Any, engine_name: str) -> None:
    """It was not applied; later it is, and only once."""
    bare, client = clients(engine_name)
    bare.put_item(TableName=TABLE, Item={**KEY, "n": {"N": "0"}})
    failing = adding("1", "failing")
    failing["TransactItems"][0]["Update"]["ConditionExpression"] = "attribute_exists(extra)"
    for _ in range(2):
        with pytest.raises(client.exceptions.TransactionCanceledException):
            client.transact_write_items(**failing)
    bare.put_item(TableName=TABLE, Item={**KEY, "n": {"N": "0"}, "extra": {"S": "x"}})
    for _ in range(2):
        client.transact_write_items(**failing)
    assert number(client) == 1


NUMBERS = {
    "5.0": "5",
    "1.50": "1.5",
    "1E3": "1000",
    "-0": "0",
    "0012.30": "12.3",
    "+7": "7",
    "1e-130": f"0.{'0' * 129}1",
    "9.9E+125": f"99{'0' * 124}",
    "12345678901234567890123456789012345678": "12345678901234567890123456789012345678",
}


@both_engines
def test_numbers_come_back_as_the_service_gives_them(clients: Any, engine_name: str) -> None:
    """In every read, nested and in sets, too; bare moto returns them as they were sent."""
    bare, client = clients(engine_name)
    key = {"PK": {"S": "numbers"}, "SK": {"S": "all"}}
    sent = {**key, "all": {"L": [{"M": {"n": {"N": sent}}} for sent in NUMBERS]}}
    client.put_item(TableName=TABLE, Item={**sent, "set": {"NS": ["1.0", "20e0"]}})
    wanted = list(NUMBERS.values())
    asked = {"KeyConditionExpression": "PK = :pk", "ExpressionAttributeValues": {":pk": key["PK"]}}
    for item in (
        client.get_item(TableName=TABLE, Key=key)["Item"],
        client.query(TableName=TABLE, **asked)["Items"][0],
        client.batch_get_item(RequestItems={TABLE: {"Keys": [key]}})["Responses"][TABLE][0],
        client.delete_item(TableName=TABLE, Key=key, ReturnValues="ALL_OLD")["Attributes"],
    ):
        assert [each["M"]["n"]["N"] for each in item["all"]["L"]] == wanted
        assert sorted(item["set"]["NS"]) == ["1", "20"]
    bare.put_item(TableName=TABLE, Item=sent)
    found = bare.get_item(TableName=TABLE, Key=key)["Item"]["all"]["L"][0]["M"]["n"]["N"]
    assert found == ("5.0" if engine_name == "moto" else "5")


def test_resources_are_strict_too(clients: Any) -> None:
    """Their arguments are Python's own values, which are converted to typed JSON later."""
    clients("moto")
    resource = boto3.resource("dynamodb", config=CLIENT_DEFAULTS)
    table = resource.Table(TABLE)
    strict(resource.meta.client)
    table.put_item(Item={"PK": "resource", "SK": "a", "n": 5})
    with pytest.raises(ClientError, match="Type mismatch for Index Key g"):
        table.put_item(Item={"PK": "resource", "SK": "a", "g": 5})


def test_schemas_follow_the_table(clients: Any) -> None:
    """One DescribeTable for an unknown table, none later; a new table is described again."""
    clients("moto")
    client: Any = boto3.client("dynamodb")
    asked: list[str] = []
    client.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    assert strict(strict(client)) is client
    for _ in range(2):
        client.put_item(TableName=TABLE, Item=ITEM)
    assert sorted(asked) == ["DescribeTable", "PutItem", "PutItem"]
    name = "other"
    for kind, wrong in (("S", {"N": "1"}), ("N", {"S": "1"})):
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": kind}],
        )
        with pytest.raises(ClientError, match="match the schema"):
            client.get_item(TableName=name, Key={"id": wrong})
        client.get_item(TableName=name, Key={"id": {kind: "1"}})
        client.delete_table(TableName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_item(TableName=name, Key={"id": {"S": "1"}})


def test_schemas_can_be_handed_in(clients: Any) -> None:
    """Then they are not requested."""
    clients("moto")
    given: Any = {TABLE: SCHEMA}
    asked: list[str] = []
    client: Any = strict(boto3.client("dynamodb"), tables=given)
    client.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    with pytest.raises(ClientError, match="match the schema"):
        client.get_item(TableName=TABLE, Key={"PK": {"S": "a"}})
    assert asked == []


def test_arguments_of_no_shape_are_a_serialization_error(clients: Any) -> None:
    """A rule does not fail on them."""
    _, client = clients("moto")
    with pytest.raises(ClientError, match="SerializationException"):
        client.put_item(TableName=TABLE, Item={**ITEM, "n": {"N": 5}})


RULE = "recovery_has_its_bounds"


@pytest.fixture
def recovering() -> Iterator[Any]:
    """A strict client with a table `t`; only moto supports recovery."""
    with strict_catalog("table") as catalog:
        yield catalog.client


def enable(recovering: Any, **settings: Any) -> None:
    wanted = {"PointInTimeRecoveryEnabled": True, **settings}
    recovering.update_continuous_backups(TableName="table", PointInTimeRecoverySpecification=wanted)


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the code of an answer given by the strict client instead of the engine."""
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPHeaders"][RULE_HEADER] == RULE
    return str(response["Error"]["Code"])


@pytest.mark.parametrize("days", [0, -1, 36, 365])
def test_a_recovery_period_out_of_its_bounds_is_refused(recovering: Any, days: int) -> None:
    """The value is in the message."""
    with pytest.raises(ClientError, match=f"not {days}") as error:
        enable(recovering, RecoveryPeriodInDays=days)
    assert refused(error) == "ValidationException"


@pytest.mark.parametrize("days", [1, 35])
def test_a_recovery_period_in_its_bounds_passes(recovering: Any, days: int) -> None:
    """The minimum and the maximum."""
    enable(recovering, RecoveryPeriodInDays=days)


def test_a_table_without_recovery_cannot_be_restored(recovering: Any) -> None:
    """moto would copy it."""
    with pytest.raises(ClientError) as error:
        recovering.restore_table_to_point_in_time(
            SourceTableName="table", TargetTableName="another", UseLatestRestorableTime=True
        )
    assert refused(error) == "PointInTimeRecoveryUnavailableException"


@pytest.mark.parametrize("days_ago", [20_000, 40, -1])
def test_a_moment_that_cannot_be_recovered_is_refused(recovering: Any, days_ago: int) -> None:
    """From before recovery was enabled, and from the future."""
    enable(recovering)
    with pytest.raises(ClientError) as error:
        recovering.restore_table_to_point_in_time(
            SourceTableName="table",
            TargetTableName="another",
            RestoreDateTime=datetime.now(UTC) - timedelta(days=days_ago),
        )
    assert refused(error) == "InvalidRestoreTimeException"


def test_a_table_with_recovery_is_restored(recovering: Any) -> None:
    """To the latest time, or to a given one, as a table with another name."""
    enable(recovering)
    answer = recovering.describe_continuous_backups(TableName="table")
    described = answer["ContinuousBackupsDescription"]
    latest = described["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
    for number, moment in enumerate(
        ({"UseLatestRestorableTime": True}, {"RestoreDateTime": latest})
    ):
        answer = recovering.restore_table_to_point_in_time(
            SourceTableName="table", TargetTableName=f"restored-{number}", **moment
        )
        assert answer["TableDescription"]["TableName"] == f"restored-{number}"
