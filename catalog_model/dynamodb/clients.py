"""Makes the client of a handle out of what was said: by argument, `Config`, profile, environment.

docs/settings.md has which of them counts, setting by setting.
"""

from __future__ import annotations

import math
import os
import re
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from catalog_model._version import __version__
from catalog_model.checks import check_instance, check_text, refuse, shown
from catalog_model.dynamodb.failures import making_a_client
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USER_AGENT: Final = f"catalog-model/{__version__}"

CLIENT_DEFAULTS: Final = Config(
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=50,
    tcp_keepalive=True,
    # Rebuilding botocore's long user agent for each request costs an eighth of a GetItem.
    user_agent=USER_AGENT,
    # Arguments are checked here already, with better errors.
    parameter_validation=False,
)
"""Settings for a service; retries stay as botocore and the AWS_* variables have them."""

PLACEHOLDER: Final = "t"
"""What examples call a table that is never asked; too short for a table that can be made."""

ENDPOINT_VARIABLES: Final = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL")
"""The nearer first."""

_NAME: Final = r"[A-Za-z0-9_.-]{3,255}"
_ARN: Final = rf"arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d{{12}}:table/{_NAME}"
_TABLE: Final = re.compile(f"{_NAME}|{_ARN}", re.ASCII)
_REGION: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_ENDPOINT: Final = "a URL such as http://127.0.0.1:8000"
_NOT_OF_A_TOKEN: Final = re.compile(r"[^A-Za-z0-9!$%&'*+.^_`|~#-]", re.ASCII)


def check_table(table: object) -> str:
    """Accept the name or the ARN of a table that can be made.

    >>> check_table("films")
    'films'
    """
    if not isinstance(table, str) or not _TABLE.fullmatch(table):
        wanted = "3 to 255 letters, digits, hyphens, dots and underscores, or the ARN of a table"
        refuse("table", table, f"the name of a DynamoDB table: {wanted}")
    return table


def check_not_blank(value: object, name: str) -> None:
    """Accept None, or a text that says something."""
    if value is not None and not check_text(value, name).strip():
        refuse(name, value, "a text that is not empty, or None")


def check_region(region: str) -> None:
    """Accept what can be the name of a region.

    Raises:
        ConfigurationError: If it cannot.
    """
    if not _REGION.fullmatch(region):
        wanted = "letters, digits and hyphens, as eu-west-1"
        raise ConfigurationError(f"region must be {wanted}, not {shown(region)}")


def check_endpoint(url: str, name: str = "endpoint_url") -> None:
    """Accept where requests can be sent.

    Raises:
        ConfigurationError: If they cannot.

    >>> check_endpoint("http://127.0.0.1:abc")
    Traceback (most recent call last):
    catalog_model.errors.ConfigurationError: endpoint_url must be a URL such as \
http://127.0.0.1:8000, not 'http://127.0.0.1:abc'
    """
    if not _is_endpoint(url):
        raise ConfigurationError(f"{name} must be {_ENDPOINT}, not {shown(url)}")


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError where it is no number from 0 to 65535
        names_a_host = is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)
    except ValueError:
        return False
    is_of_the_web = parts.scheme in ("http", "https")
    return bool(is_of_the_web and names_a_host and not any(map(str.isspace, url)))


def check_config(config: Config | None) -> Config:
    """Accept settings of a client, and give them with `CLIENT_DEFAULTS` behind them."""
    if config is None:
        return CLIENT_DEFAULTS
    check_instance(config, "config", Config)
    given: Any = config  # its attributes are made at run time
    for name in ("connect_timeout", "read_timeout"):
        value = getattr(given, name)
        if value is not None and not _is_duration(value):
            refuse(f"config's {name}", value, "a number of seconds greater than 0, or None")
    if given.proxies is not None and not isinstance(given.proxies, dict):
        refuse("config's proxies", given.proxies, "a dictionary of URLs")
    pool = given.max_pool_connections
    if type(pool) is not int or pool < 1:
        refuse("config's max_pool_connections", pool, "a whole number from 1 on")
    check_not_blank(given.region_name, "config's region_name")
    if given.region_name is not None:
        check_region(given.region_name)
    return CLIENT_DEFAULTS.merge(config)


def _is_duration(value: object) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf  # type: ignore[operator]


def check_client(client: Any, *, region: str | None, endpoint_url: str | None) -> None:
    """Accept a client of DynamoDB that goes where the arguments beside it say."""
    if not callable(getattr(client, "transact_write_items", None)):
        refuse("client", client, 'a client of DynamoDB, as boto3.client("dynamodb") is')
    meta = client.meta
    if region is not None and region != meta.region_name:
        refuse("region", region, f"left to the client, whose region is {meta.region_name!r},")
    theirs = str(getattr(meta, "endpoint_url", ""))  # a table in memory has none
    if endpoint_url is not None and endpoint_url.rstrip("/") != theirs.rstrip("/"):
        refuse("endpoint_url", endpoint_url, f"left to the client, which has {theirs!r},")


def make_client(
    table: str,
    *,
    region: str | None,
    endpoint_url: str | None,
    profile: str | None,
    config: Config,
) -> DynamoDBClient:
    """Make a client; sends nothing, but for what botocore asks to find credentials.

    Raises:
        ConfigurationError: If a setting is missing or cannot be used.
    """
    said: Any = config  # its attributes are made at run time
    with making_a_client(table, profile):
        session = boto3.session.Session(
            profile_name=profile, region_name=region or said.region_name
        )
        found = session.region_name or os.environ.get("AWS_REGION")
        if not found:
            raise NoRegionError
        check_region(found)
        own: Any = session._session
        if not own.get_config_variable("ignore_configured_endpoint_urls"):
            _check_variables(endpoint_url)
        own.set_config_variable("region", found)  # who gives credentials is asked there, too
        client = session.client(
            "dynamodb",
            region_name=found,
            endpoint_url=endpoint_url,
            config=_with_application(config, own.get_config_variable("user_agent_appid")),
        )
        check_endpoint(client.meta.endpoint_url)
        if client.meta.endpoint_url.startswith("https:"):
            _check_certificates(own.get_config_variable("ca_bundle"), said.client_cert)
        read_with_orjson(client)
    return client


def _check_variables(endpoint_url: str | None) -> None:
    """Accept the endpoint that the environment names, where no argument goes before it."""
    for name in () if endpoint_url else ENDPOINT_VARIABLES:
        if os.environ.get(name):
            check_endpoint(os.environ[name], name)
            return


def _check_certificates(authorities: str | None, own: str | tuple[str, str] | None) -> None:
    """Accept files of certificates; later on it would look as if the service were at fault.

    Raises:
        ConfigurationError: If they cannot be read, or hold none.
    """
    context = ssl.create_default_context() if authorities or own else None
    if context is None:
        return
    try:
        if authorities:
            name, value = "ca_bundle", authorities
            context.load_verify_locations(authorities)
        if own:
            name, value = "client_cert", str(own)
            context.load_cert_chain(*((own,) if isinstance(own, str) else own))
    except (OSError, ValueError) as error:
        wanted = "a file of certificates"
        problem = f"{name} must be {wanted}, not {shown(value)}: {error}"
        raise ConfigurationError(problem) from error


def _with_application(config: Config, configured: str | None) -> Config:
    """Let the user agent name the application as botocore's own would, and stay as short."""
    said: Any = config
    application = said.user_agent_appid or configured
    if not application or said.user_agent != USER_AGENT:
        return config
    named = _NOT_OF_A_TOKEN.sub("-", application)
    return config.merge(Config(user_agent=f"{USER_AGENT} app/{named}"))
