"""The precedence of settings: argument, Config, environment, profile."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from scaled import some_of

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.cache import PageCache
from catalog_model.catalog import DEFAULT_TABLE
from catalog_model.errors import CatalogError, InvalidArgumentError

ROOT = Path(__file__).resolve().parents[2]


class Way(NamedTuple):
    """A way to set a value: the value, the place, and the effective value."""

    place: str  # argument, Config, environment, profile, from_env
    name: str
    said: Any
    found: Any = None

    @property
    def value(self) -> Any:
        """The effective value if this way counts."""
        return self.said if self.found is None else self.found


class Setting:
    """A setting: how to observe it, its default, and the ways to set it, by precedence."""

    def __init__(
        self, name: str, seen: Callable[[Catalog], Any], otherwise: Any, *ways: Way
    ) -> None:
        self.name, self.seen, self.otherwise, self.ways = name, seen, otherwise, ways


def of_meta(name: str) -> Callable[[Catalog], Any]:
    """Return the client's own information."""
    return lambda catalog: getattr(catalog.client.meta, name)


def of_config(name: str) -> Callable[[Catalog], Any]:
    """Return a setting of the client."""
    return lambda catalog: getattr(catalog.client.meta.config, name)


def of_signature(catalog: Catalog) -> str:
    """Return the region for which a request is signed, before it is sent."""
    return signed(catalog)["Authorization"].split("/")[2]


def signed(catalog: Catalog) -> dict[str, str]:
    """Return the headers of a request that is about to be sent."""
    headers: dict[str, str] = {}

    def stop(request: Any, **_: Any) -> None:
        found = request.headers.items()
        headers.update({name: v.decode() if isinstance(v, bytes) else v for name, v in found})
        raise InvalidArgumentError("seen")

    catalog.client.meta.events.register("before-send.dynamodb", stop)
    with pytest.raises(CatalogError, match="seen"):
        ap.get_title(catalog, "movie", 1)
    return headers


def agents_of(catalog: Catalog) -> dict[str, str]:
    """Return the versions in the user agent by name."""
    return dict(each.split("/", 1) for each in signed(catalog)["User-Agent"].split())


def key_of(catalog: Catalog) -> str:
    """Return the access key that signs."""
    return signed(catalog)["Authorization"].partition("Credential=")[2].split("/")[0]


def proxy_of(catalog: Catalog) -> Any:
    """Return the proxy of requests."""
    client: Any = catalog.client
    proxies = client._endpoint.http_session._proxy_config
    return proxies.proxy_url_for("http://films.test/")


def of_retries(name: str) -> Callable[[Catalog], Any]:
    """Return a setting of the client's retries."""
    return lambda catalog: of_config("retries")(catalog)[name]


REGIONS = (
    Way("argument", "region", "eu-west-1"),
    Way("Config", "region_name", "eu-west-2"),
    Way("environment", "AWS_DEFAULT_REGION", "us-east-1"),
    Way("profile", "region", "us-east-2"),
    Way("environment", "AWS_REGION", "ap-south-1"),
)
SETTINGS = (
    Setting("region", of_meta("region_name"), None, *REGIONS),
    Setting("the region that is signed for", of_signature, None, *REGIONS),
    Setting(
        "endpoint",
        of_meta("endpoint_url"),
        "https://dynamodb.eu-west-1.amazonaws.com",
        Way("argument", "endpoint_url", "http://a.test:1"),
        Way("environment", "AWS_ENDPOINT_URL_DYNAMODB", "http://b.test:1"),
        Way("environment", "AWS_ENDPOINT_URL", "http://c.test:1"),
        Way("profile", "services", "own", "http://d.test:1"),
        Way("profile", "endpoint_url", "http://e.test:1"),
    ),
    Setting(
        "attempts",
        of_retries("total_max_attempts"),
        None,
        Way("Config", "retries", {"total_max_attempts": 4}, 4),
        Way("environment", "AWS_MAX_ATTEMPTS", "3", 3),
        Way("profile", "max_attempts", "2", 2),
    ),
    Setting(
        "retry mode",
        of_retries("mode"),
        None,
        Way("Config", "retries", {"mode": "adaptive"}, "adaptive"),
        Way("environment", "AWS_RETRY_MODE", "standard"),
        Way("profile", "retry_mode", "adaptive"),
    ),
    Setting(
        "application in the user agent",
        lambda catalog: agents_of(catalog).get("app", ""),
        "",
        Way("Config", "user_agent_appid", "mine"),
        Way("environment", "AWS_SDK_UA_APP_ID", "theirs"),
        Way("profile", "sdk_ua_app_id", "others"),
    ),
    Setting(
        "proxy",
        proxy_of,
        None,
        Way("Config", "proxies", {"http": "http://p.test:1"}, "http://p.test:1"),
        Way("environment", "http_proxy", "http://q.test:1"),
    ),
    Setting(
        "endpoints with dual stack",
        lambda catalog: "dynamodb.eu-west-1.api.aws" in catalog.client.meta.endpoint_url,
        False,
        Way("Config", "use_dualstack_endpoint", True),
        Way("environment", "AWS_USE_DUALSTACK_ENDPOINT", "true", True),
        Way("profile", "use_dualstack_endpoint", "true", True),
    ),
    Setting(
        "seconds to connect", of_config("connect_timeout"), 2, Way("Config", "connect_timeout", 7)
    ),
    Setting("seconds to read", of_config("read_timeout"), 5, Way("Config", "read_timeout", 0.5)),
    Setting(
        "connections",
        of_config("max_pool_connections"),
        50,
        Way("Config", "max_pool_connections", 3),
    ),
    Setting(
        "user agent",
        lambda catalog: next(iter(agents_of(catalog))),
        "catalog-model",
        Way("Config", "user_agent", "mine/1", "mine"),
    ),
    Setting(
        "suffix of the user agent",
        lambda catalog: agents_of(catalog).get("mine", ""),
        "",
        Way("Config", "user_agent_extra", "mine/1", "1"),
    ),
    Setting(
        "credentials",
        key_of,
        None,
        Way("argument", "profile", "other", "KEY-OF-OTHER"),
        Way("environment", "AWS_ACCESS_KEY_ID", "KEY-OF-ENVIRONMENT"),
        Way("environment", "AWS_PROFILE", "third", "KEY-OF-THIRD"),
        Way("profile", "aws_access_key_id", "KEY-OF-DEFAULT"),
    ),
    Setting(
        "profile",
        of_meta("endpoint_url"),
        "https://dynamodb.eu-west-1.amazonaws.com",
        Way("argument", "profile", "other", "http://other.test:1"),
        Way("environment", "AWS_DEFAULT_PROFILE", "fourth", "http://fourth.test:1"),
        Way("environment", "AWS_PROFILE", "third", "http://third.test:1"),
    ),
    Setting(
        "table",
        lambda catalog: catalog.table,
        DEFAULT_TABLE,
        Way("argument", "table", "films"),
        Way("environment", "CATALOG_TABLE", "movies"),
    ),
    Setting(
        "key that signs cursors",
        lambda catalog: catalog.cursor_secret,
        f"catalog-model/{DEFAULT_TABLE}",
        Way("argument", "cursor_secret", "mine"),
        Way("environment", "CATALOG_CURSOR_SECRET", "theirs"),
    ),
    Setting(
        "what cursors belong to",
        lambda catalog: catalog.lineage,
        DEFAULT_TABLE,
        Way("argument", "lineage", "mine"),
        Way("environment", "CATALOG_LINEAGE", "theirs"),
    ),
    Setting(
        "seconds for a request, retries included",
        lambda catalog: catalog.deadline,
        30,
        Way("argument", "deadline", 2.5),
        Way("environment", "CATALOG_DEADLINE", "7", 7.0),
    ),
    Setting(
        "seconds that a page cache keeps answers",
        lambda catalog: catalog.cache and catalog.cache.seconds,
        None,
        Way("argument", "cache", PageCache(2.5), 2.5),
        Way("environment", "CATALOG_CACHE_SECONDS", "7", 7.0),
    ),
    Setting(
        "fast lane",
        lambda catalog: str(catalog.fast),
        "None",
        Way("argument", "fast", False, "False"),
        Way("environment", "CATALOG_FAST", "1", "True"),
    ),
    Setting(
        "lists of several partitions",
        lambda catalog: str(catalog.sharded_lists),
        "False",
        Way("argument", "sharded_lists", True, "True"),
        Way("environment", "CATALOG_SHARDED_LISTS", "1", "True"),
    ),
)

OTHER_PROFILES = "".join(
    f"[profile {name}]\nregion = eu-west-1\nendpoint_url = http://{name}.test:1\n"
    f"aws_access_key_id = KEY-OF-{name.upper()}\naws_secret_access_key = x\n"
    for name in ("other", "third", "fourth")
)
SERVICES = "[services own]\ndynamodb =\n  endpoint_url = http://d.test:1\n"


def choices(setting: Setting) -> Iterator[tuple[Way, ...]]:
    """Yield each way alone, each adjacent pair, all, and none, which determines their order."""
    yield from ((way,) for way in setting.ways)
    yield from pairwise(setting.ways)
    if len(setting.ways) > 2:
        yield setting.ways
    if setting.otherwise is not None:
        yield ()


CASES = some_of([(setting, chosen) for setting in SETTINGS for chosen in choices(setting)])


def handle(
    setting: Setting, chosen: tuple[Way, ...], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Catalog:
    """Make a handle where one setting is set in some ways, with its prerequisites."""
    places = ("argument", "Config", "environment", "profile")
    said: dict[str, dict[str, Any]] = {place: {} for place in places}
    for way in chosen:
        said[way.place][way.name] = way.said
    if "region" not in setting.name:
        said["environment"].setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    if setting.name == "credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        if "AWS_ACCESS_KEY_ID" in said["environment"]:
            said["environment"]["AWS_SECRET_ACCESS_KEY"] = "x"
        if "aws_access_key_id" in said["profile"]:
            said["profile"]["aws_secret_access_key"] = "x"
    lines = [f"{name} = {value}\n" for name, value in said["profile"].items()]
    (folder / "config").write_text("".join(["[default]\n", *lines, OTHER_PROFILES, SERVICES]))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    for name, value in said["environment"].items():
        monkeypatch.setenv(name, value)
    config = Config(**said["Config"]) if said["Config"] else None
    return Catalog.from_env(config=config, **said["argument"])


@pytest.mark.parametrize(("setting", "chosen"), CASES, ids=range(len(CASES)))
def test_the_nearest_way_counts(
    setting: Setting, chosen: tuple[Way, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every setting, in every combination of its ways: the first one is effective.

    In a quick run a third of the combinations.
    """
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    catalog = handle(setting, chosen, monkeypatch, tmp_path)
    assert setting.seen(catalog) == (chosen[0].value if chosen else setting.otherwise)


def test_the_page_has_every_setting_and_its_ways_in_this_order() -> None:
    """The page lists what is tested above."""
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    for setting in SETTINGS:
        if setting.name == "the region that is signed for":
            continue
        row = rows[setting.name]
        at = 0
        for way in setting.ways:
            at = row.index(f"`{way.name}", at + 1)
        assert setting.otherwise is None or str(setting.otherwise) in row


# --- a client that is passed in


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"region": "eu-west-2"}, "region must be left to the client, whose region is 'eu-west-1'"),
        ({"endpoint_url": "http://b.test:1"}, "endpoint_url must be left to the client"),
        ({"profile": "other"}, "profile must be left to the client"),
        ({"config": Config(read_timeout=1)}, "config must be left to the client"),
    ],
)
def test_a_client_that_is_handed_in_is_not_contradicted(said: Any, message: str) -> None:
    """Arguments that would have no effect are rejected."""
    client = boto3.client("dynamodb", endpoint_url="http://a.test:1")
    with pytest.raises(InvalidArgumentError, match=message):
        Catalog("films", client=client, **said)
    same = Catalog("films", client=client, region="eu-west-1", endpoint_url="http://a.test:1/")
    assert same.client is client
