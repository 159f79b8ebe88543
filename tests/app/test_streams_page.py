"""docs/streams.md: its functions receive events of real streams, its commands are run."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_account import aws_account, client_of
from engines import Engine
from example_app import movie, show
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends
from pages import blocks
from stream_records import TableStream

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.operations import create_table, delete_table
from catalog_model.streams import FILTER

PAGE = "streams.md"
REGION = "eu-west-1"
Streaming = tuple[Catalog, TableStream]
Handler = Callable[[Any, Any], Any]

AMELIE = movie(194, "Amélie ❤", [35, 10749], 61.5).replace(poster_path="/amelie.jpg")
OZ = show(194, "Oz", [18, 80], 40.1).replace(poster_path=None)
HER = movie(7, "Her", [], 7.0)


@pytest.fixture
def streaming(engine: Engine) -> Iterator[Streaming]:
    catalog = engine.catalog(f"{engine.catalog().table}-with-a-stream")
    create_table(catalog)
    yield catalog, TableStream(catalog, engine.endpoint_url)
    delete_table(catalog)


class Topic:
    """A topic of a simulated SNS, and its messages."""

    def __init__(self) -> None:
        self.arn: str = boto3.client("sns", region_name=REGION).create_topic(Name="new")["TopicArn"]

    @property
    def messages(self) -> list[str]:
        """The published messages, in order."""
        topic = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[self.arn]
        return [message for _, message, *_ in topic.sent_notifications]


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topic]:
    """The topic to which the page's functions publish."""
    with mock_aws():
        topic = Topic()
        monkeypatch.setenv("TOPIC_ARN", topic.arn)
        yield topic
        boto3.client("sns", region_name=REGION).delete_topic(TopicArn=topic.arn)


def handler(at: int) -> Handler:
    """Run a block of the page, like Lambda imports it; return its function."""
    names: dict[str, Any] = {}
    exec(compile(blocks(PAGE, "python")[at], "handler.py", "exec"), names)
    found: Handler = names["lambda_handler"]
    return found


def events_of(catalog: Catalog, stream: TableStream) -> list[dict[str, Any]]:
    """Return the events of titles that are created, changed and deleted."""
    ap.load_titles(catalog, [AMELIE, OZ])
    events = [stream.event()]
    ap.put_title(catalog, HER)
    ap.update_popularity(catalog, "movie", 194, 1.0)
    ap.delete_title(catalog, "tv", 194)
    return [*events, stream.event()]


def test_the_function_has_under_ten_lines() -> None:
    """As the page promises, not counting empty ones."""
    lines = [line for line in blocks(PAGE, "python")[0].splitlines() if line.strip()]
    assert len(lines) < 10


@pytest.mark.parametrize("at", [0, 1])
def test_each_new_title_is_mailed_once(streaming: Streaming, topic: Topic, at: int) -> None:
    """Movies and shows, with and without a poster; nothing else is mailed."""
    invoke = handler(at)
    for event in events_of(*streaming):
        assert not (invoke(event, None) or {}).get("batchItemFailures")
    told = topic.messages
    with_poster = ", https://image.tmdb.org/t/p/original/amelie.jpg" if at == 0 else ""
    without = ", no poster" if at == 0 else ""
    assert sorted(told) == [
        f"New: Amélie ❤{with_poster}",
        f"New: Her{without}",
        f"New: Oz{without}",
    ]


def test_a_failed_batch_resumes_where_it_failed(
    streaming: Streaming, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mails that were sent are not sent again, and the others are."""
    event = {"Records": [each for one in events_of(*streaming) for each in one["Records"]]}
    invoke = handler(1)
    client = invoke.__globals__["sns"]
    publish, refusals = client.publish, iter([False, True, False, False, False])

    def sometimes(**message: Any) -> Any:
        if next(refusals):
            raise OSError("the mail server is down")
        return publish(**message)

    monkeypatch.setattr(client, "publish", sometimes)
    (failure,) = invoke(event, None)["batchItemFailures"]
    assert len(topic.messages) == 1
    numbers = [each["dynamodb"]["SequenceNumber"] for each in event["Records"]]
    again = {"Records": event["Records"][numbers.index(failure["itemIdentifier"]) :]}
    assert invoke(again, None) == {"batchItemFailures": []}
    assert sorted(topic.messages) == ["New: Amélie ❤", "New: Her", "New: Oz"]


@pytest.mark.slow
def test_the_commands_connect_the_function(tmp_path: Path) -> None:
    """Unchanged, in order, with `handler.py`; only pip is replaced."""
    (tmp_path / "handler.py").write_text(blocks(PAGE, "python")[0], "utf-8")
    command = tmp_path / "catalog-model"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m catalog_model "$@"\n')
    command.chmod(0o755)
    script = 'PATH=".:$PATH"\npip() { mkdir -p function; }\n' + "".join(blocks(PAGE, "sh"))
    with aws_account() as account:
        role = client_of("iam", account).create_role(
            RoleName="tell-of-new-titles", AssumeRolePolicyDocument="{}"
        )
        assert role["Role"]["Arn"] in script.replace("123456789012", DEFAULT_ACCOUNT_ID)
        create_table(Catalog("netflix-movie-catalog", client=client_of("dynamodb", account)))
        subprocess.run(["sh", "-euc", script], cwd=tmp_path, env=account, check=True, timeout=120)
        described = client_of("dynamodb", account).describe_table(TableName="netflix-movie-catalog")
        (mapping,) = client_of("lambda", account).list_event_source_mappings()[
            "EventSourceMappings"
        ]
    table = described["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert mapping["EventSourceArn"] == table["LatestStreamArn"]
    assert mapping["FilterCriteria"] == {"Filters": [{"Pattern": FILTER}]}
    assert mapping["FunctionArn"].endswith(":function:tell-of-new-titles")
    assert json.loads((tmp_path / "filter.json").read_text())
