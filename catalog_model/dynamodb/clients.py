"""Creates the client of a handle from arguments, `Config`, the profile and the environment.

docs/settings.md lists the precedence of each setting.
"""

import os
import re
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.utils import is_valid_endpoint_url, is_valid_ipv6_endpoint_url

from catalog_model._version import __version__
from catalog_model.checks import check_instance, check_text, refuse, shown
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.deadline import LONGEST
from catalog_model.dynamodb.failures import client_errors_translated
from catalog_model.dynamodb.lane.choice import note_own
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.errors import ConfigurationError

USER_AGENT: Final = f"catalog-model/{__version__}"

CLIENT_DEFAULTS: Final = Config(
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=50,
    tcp_keepalive=True,
    # Rebuilding botocore's long user agent for each request takes an eighth of the time of a
    # GetItem.
    user_agent=USER_AGENT,
    # Arguments are checked by this package, with better error messages.
    parameter_validation=False,
)
"""Settings for a service; retries are left to botocore and the AWS_* variables."""

PLACEHOLDER: Final = "t"
"""The table name in examples without requests; too short for a real table."""

ENDPOINT_VARIABLES: Final = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL")
"""The more specific one first."""

_AWS_DOMAINS: Final = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
)

_SHARED_SETTINGS: Final = (
    "client_cert",
    "connect_timeout",
    "max_pool_connections",
    "parameter_validation",
    "proxies",
    "proxies_config",
    "read_timeout",
    "retries",
    "tcp_keepalive",
    "user_agent",
)
"""The settings that clients of several services have in common."""

_NAME: Final = r"[A-Za-z0-9_.-]{3,255}"
_ARN: Final = rf"arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d{{12}}:table/{_NAME}"
_TABLE: Final = re.compile(f"{_NAME}|{_ARN}", re.ASCII)
_REGION: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_ENDPOINT: Final = "a URL such as http://127.0.0.1:8000"
_NOT_OF_A_TOKEN: Final = re.compile(r"[^A-Za-z0-9!$%&'*+.^_`|~#-]", re.ASCII)


def check_table(table: object) -> str:
    """Check for the name or the ARN of a table.

    >>> check_table("films")
    'films'
    """
    if not isinstance(table, str) or not _TABLE.fullmatch(table):
        wanted = "3 to 255 letters, digits, hyphens, dots and underscores, or the ARN of a table"
        refuse("table", table, f"the name of a DynamoDB table: {wanted}")
    return table


def check_not_blank(value: object, name: str) -> None:
    """Check for None, or a text that is not blank."""
    if value is not None and not check_text(value, name).strip():
        refuse(name, value, "a text that is not empty, or None")


def check_region(region: str) -> None:
    """Check that *region* can be the name of a region."""
    if not _REGION.fullmatch(region):
        wanted = "letters, digits and hyphens, such as eu-west-1"
        raise ConfigurationError(f"region must be {wanted}, not {shown(region)}")


def check_endpoint(url: str, name: str = "endpoint_url") -> None:
    """Check that *url* can be the endpoint of a service.

    >>> check_endpoint("http://127.0.0.1:abc")
    Traceback (most recent call last):
    catalog_model.errors.ConfigurationError: endpoint_url must be a URL ... not 'http://127.0.0.1:abc'
    """
    if not _is_endpoint(url):
        raise ConfigurationError(f"{name} must be {_ENDPOINT}, not {shown(url)}")


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError unless it is a number from 0 to 65535
        names_a_host = is_valid_endpoint_url(url) or is_valid_ipv6_endpoint_url(url)
    except ValueError:
        return False
    is_of_the_web = parts.scheme in ("http", "https")
    return bool(is_of_the_web and names_a_host and not any(map(str.isspace, url)))


def check_config(config: Config | None) -> Config:
    """Check the settings of a client, and merge them with `CLIENT_DEFAULTS`."""
    if config is None:
        return CLIENT_DEFAULTS
    check_instance(config, "config", Config)
    given: Any = config  # its attributes are created at runtime
    for name in ("connect_timeout", "read_timeout"):
        value = getattr(given, name)
        if value is not None and not _is_duration(value):
            wanted = f"a number of seconds greater than 0 and at most {LONGEST:g}, or None"
            refuse(f"config's {name}", value, wanted)
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
    return type(value) in (int, float) and 0 < value <= LONGEST  # type: ignore[operator]


def check_client(client: Any, *, region: str | None, endpoint_url: str | None) -> None:
    """Check for a DynamoDB client that matches the other arguments."""
    if not callable(getattr(client, "transact_write_items", None)):
        refuse("client", client, 'a client of DynamoDB, such as boto3.client("dynamodb")')
    meta = client.meta
    if region is not None and region != meta.region_name:
        refuse("region", region, f"left to the client, whose region is {meta.region_name!r},")
    theirs = str(getattr(meta, "endpoint_url", ""))  # an in-memory table has none
    if endpoint_url is not None and endpoint_url.rstrip("/") != theirs.rstrip("/"):
        refuse("endpoint_url", endpoint_url, f"left to the client, which has {theirs!r},")


def make_client(
    table: str, *, region: str | None, endpoint_url: str | None, profile: str | None, config: Config
) -> DynamoDBClient:
    """Create a client. Sends nothing, except for botocore's requests for credentials."""
    said: Any = config  # its attributes are created at runtime
    with client_errors_translated(table, profile):
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
        own.set_config_variable("region", found)  # services for credentials use this region, too
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
        note_own(client)
    return client


def client_beside(client: Any, service: str) -> Any:
    """Create a client of another service with the credentials and settings of a DynamoDB client.

    Where the endpoint is AWS's, the service has its own. A local engine, or another endpoint that
    is not AWS's, is asked for the other service as well, unless AWS_ENDPOINT_URL_<SERVICE> is set:
    what is done to a local table must not reach an account.

    Raises:
        UnknownServiceError: If the installed botocore does not know the service.
    """
    meta, theirs = client.meta, client.meta.config
    session: Any = botocore.session.Session()
    session._credentials = client._request_signer._credentials  # they are refreshed there
    kept = {name: getattr(theirs, name, None) for name in _SHARED_SETTINGS}
    variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
    is_local = not is_of_aws(meta.endpoint_url) and not os.environ.get(variable)
    return session.create_client(
        service,
        region_name=meta.region_name,
        endpoint_url=meta.endpoint_url if is_local else None,
        verify=getattr(client._endpoint.http_session, "_verify", None),
        config=Config(**{name: value for name, value in kept.items() if value is not None}),
    )


def is_of_aws(endpoint_url: str) -> bool:
    """Return whether an endpoint is one of AWS.

    >>> is_of_aws("https://dynamodb.eu-west-1.amazonaws.com"), is_of_aws("http://127.0.0.1:8000")
    (True, False)
    """
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith(_AWS_DOMAINS)


def _check_variables(endpoint_url: str | None) -> None:
    for name in () if endpoint_url else ENDPOINT_VARIABLES:
        if os.environ.get(name):
            check_endpoint(os.environ[name], name)
            return


def _check_certificates(authorities: str | None, own: str | tuple[str, str] | None) -> None:
    """Check the certificate files: later, an error would look like a failing service."""
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
    """Add the application to the short user agent, in the form that botocore uses."""
    said: Any = config
    application = said.user_agent_appid or configured
    if not application or said.user_agent != USER_AGENT:
        return config
    named = _NOT_OF_A_TOKEN.sub("-", application)
    return config.merge(Config(user_agent=f"{USER_AGENT} app/{named}"))
