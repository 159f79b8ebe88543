"""Any invalid setting: one line that shows it, exit code 253, and no request."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import botocore.credentials
import botocore.tokens
import pytest
from click.testing import CliRunner, Result

from catalog_model.checks import shown
from catalog_model.cli.base import CONFIGURATION, SERVICE, USAGE
from catalog_model.cli.program import program

Variables = Mapping[str, str | None]

NOBODY: Final[Variables] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
ROLE: Final = "arn:aws:iam::123456789012:role/films"
SESSION = "sso_account_id = 1\nsso_role_name = r\nregion = us-east-1\n"
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
IN_A_CONTAINER: Final[Variables] = {**NOBODY, CONTAINER: "http://127.0.0.1:1/x"}
ASSUMED = f"[default]\nrole_arn = {ROLE}\n"
SSO_PARTS = "sso_start_url = https://x.test/start\nsso_region = us-east-1\n"


def token_at(path: str) -> Variables:
    """Return the environment of a role that is assumed with the token in a file."""
    return {**NOBODY, "AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": ROLE}


WRONG_ALONE = {
    "AWS_MAX_ATTEMPTS": "abc",
    "AWS_RETRY_MODE": "eager",
    "AWS_DEFAULTS_MODE": "eager",
    "AWS_STS_REGIONAL_ENDPOINTS": "some",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "some",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "some",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "abc",
    "AWS_DEFAULT_PROFILE": "nobody",
    "AWS_METADATA_SERVICE_TIMEOUT": "abc",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "junk",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv7",
}
IN_THE_ENVIRONMENT: dict[str, tuple[Variables, str]] = {
    "region of words": ({"AWS_DEFAULT_REGION": "eu west 1"}, "'eu west 1' (set by AWS_DEFAULT"),
    "region of a line": ({"AWS_DEFAULT_REGION": "eu-west-1\n"}, "region must be"),
    "region as a URL": ({"AWS_DEFAULT_REGION": "http://x"}, "'http://x'"),
    "region of 70": ({"AWS_DEFAULT_REGION": "a" * 70}, "region must be"),
    "region beyond ASCII": ({"AWS_DEFAULT_REGION": "eü-west-1"}, "AWS_DEFAULT_REGION"),
    "no region": ({"AWS_DEFAULT_REGION": None}, "region. (pass --region, or set AWS_REGION)"),
    "no region, and words": (
        {"AWS_DEFAULT_REGION": None, "AWS_X": "a", "AWS_Y": "region", "AWS_Z": "You"},
        "must specify a region. (pass --region, or set AWS_REGION)",
    ),
    "a mode, and a right one": (
        {"AWS_RETRY_MODE": "standard", "AWS_DEFAULTS_MODE": "eager"},
        "(set by AWS_DEFAULTS_MODE)",
    ),
    "a mode that is a word": (
        {"AWS_RETRY_MODE": "value", "AWS_X": "must"},
        "(set by AWS_RETRY_MODE)",
    ),
    "a region like a secret": (
        {"AWS_DEFAULT_REGION": "a b", "AWS_SECRET_ACCESS_KEY": "a", "AWS_ACCESS_KEY_ID": "b"},
        "'a b' (set by AWS_DEFAULT_REGION)",
    ),
    "empty regions": ({"AWS_DEFAULT_REGION": "", "AWS_REGION": ""}, "must specify a region"),
    "the other region": ({"AWS_DEFAULT_REGION": None, "AWS_REGION": "a b"}, "set by AWS_REGION"),
    "tries of nothing": ({"AWS_MAX_ATTEMPTS": ""}, "(AWS_MAX_ATTEMPTS: set, and empty)"),
    "a mode of nothing": ({"AWS_RETRY_MODE": ""}, "(AWS_RETRY_MODE: set, and empty)"),
    "tries below 1": ({"AWS_MAX_ATTEMPTS": "0"}, "max_attempts"),
    "an unknown profile": ({"AWS_PROFILE": "none"}, "(none) could not be found (set by AWS_P"),
    "a key without secret": ({"AWS_SECRET_ACCESS_KEY": None}, "AWS_SECRET_ACCESS_KEY"),
    "a key of two lines": ({"AWS_ACCESS_KEY_ID": "a\nb"}, "line break"),
    "a token of two lines": ({"AWS_SESSION_TOKEN": "a\nb"}, "line break"),
    "a secret beyond Unicode": ({"AWS_SECRET_ACCESS_KEY": "a\udcff"}, "UnicodeEncodeError"),
    "expiry of words": ({"AWS_CREDENTIAL_EXPIRATION": "soon"}, "EnvProvider"),
    "expired": ({"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}, "still expired"),
    "a missing token file": (token_at("/none/token"), "/none/token: No such file or directory"),
    "a token's file that is a folder": (token_at(os.sep), "/: Is a directory"),
    "a token without a role": (
        {**NOBODY, "AWS_WEB_IDENTITY_TOKEN_FILE": "/none/token"},
        "no role ARN",
    ),
    "a container's host": (
        {**NOBODY, CONTAINER: "http://films.test/x"},
        f"{CONTAINER}='http://films.test/x'",
    ),
    "a container's URI": ({**NOBODY, CONTAINER: "junk"}, f"{CONTAINER}='junk'"),
    "a container's port": ({**NOBODY, CONTAINER: "http://127.0.0.1:abc"}, "127.0.0.1:abc"),
    "a container's token": (
        {**IN_A_CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/none/token"},
        "/none/token: No such file",
    ),
    "a container's token of two lines": (
        {**IN_A_CONTAINER, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nb"},
        "ContainerProvider",
    ),
    "no credentials": (
        NOBODY,
        "locate credentials (aws configure, AWS_PROFILE or AWS_ACCESS_KEY_ID set them; without an",
    ),
    **{
        f"{variable} alone": ({**NOBODY, variable: value}, f"set by {variable}")
        for variable, value in WRONG_ALONE.items()
    },
}
"""Invalid environment variables, and the part of the message for each."""

ENDPOINTS = (
    *("http://127.0.0.1:abc", "http://127.0.0.1:99999", "http://127.0.0.1:-1", "127.0.0.1:8000"),
    *("nowhere", "http://", "http://a b", "http://a..b", "http://[::1", "ftp://127.0.0.1"),
    *("http:\\\\127.0.0.1", "http://127.0.0.1\t:1", f"http://{'a' * 70}.b", "http://-a", "//a"),
    *("http://127.0.0.1:80:80", " http://127.0.0.1:1", "http://127.0.0.1:1/a b", "http:///x"),
)
"""Invalid endpoints."""

PROXIES = ("http://127.0.0.1:abc", "::::", "http://a b:1", "socks5://127.0.0.1:1", "odd://x.test:1")

IN_THE_PROFILE: dict[str, tuple[str | bytes, str]] = {
    "junk": ("this is no configuration", "Unable to parse config file"),
    "no UTF-8": (b"[default]\nregion = \xff\xfe\n", "Unable to parse config file"),
    "a section twice": ("[default]\na = 1\n[default]\n", "Unable to parse config file"),
    "an invalid part": ("[default]\ns3 =\n  junk\n", "Unable to parse config file"),
    "an endpoint": ("[default]\nendpoint_url = http://127.0.0.1:abc\n", "http://127.0.0.1:abc"),
    "missing services": ("[default]\nservices = s\n", 'services section but the "s"'),
    "tries": ("[default]\nmax_attempts = abc\n", "abc"),
    "a role without a source": (ASSUMED, "source_profile or"),
    "a role's source": (f"{ASSUMED}source_profile = none\n", 'source_profile "none"'),
    "a role's odd source": (f"{ASSUMED}credential_source = Moon\n", 'source "Moon"'),
    "a role's two sources": (
        f"{ASSUMED}credential_source = Environment\nsource_profile = a\n",
        "both source_profile and credential_source",
    ),
    "a token's file": (
        f"{ASSUMED}web_identity_token_file = /none/token\n",
        "/none/token: No such file",
    ),
    "roles in a ring": (
        "".join(
            f"[{each}]\nrole_arn = {ROLE}\nsource_profile = {source}\n"
            for each, source in (("default", "a"), ("profile a", "default"))
        ),
        "Infinite loop",
    ),
    "a process that fails": ("[default]\ncredential_process = false\n", "custom-process"),
    "no such process": ("[default]\ncredential_process = /none/it\n", "/none/it: No such file"),
    "a process's junk": ("[default]\ncredential_process = echo junk\n", "ProcessProvider"),
    "a process's list": ("[default]\ncredential_process = echo []\n", "ProcessProvider"),
    "a process's nothing": ("[default]\ncredential_process = echo {}\n", "Unsupported version"),
    "a process's quotes": ("[default]\ncredential_process = echo '\n", "No closing quotation"),
    "an empty process": ("[default]\ncredential_process =\n", "ProcessProvider"),
    "half of SSO": ("[default]\nsso_session = none\n" + SESSION, '"none"'),
    "a login": ("[default]\nlogin_session = arn:aws:iam::1:user/me\n", "login"),
}

RAN_OUT = {"accessToken": "x", "expiresAt": "2020-01-01T00:00:00Z"}
LOGGED_IN: dict[str, tuple[str, str, Any]] = {
    "an SSO session that ran out": ("sso_session = s\n", "s", RAN_OUT),
    "an SSO session that was not begun": ("sso_session = other\n", "other", {}),
    "an SSO session without a token": ("sso_session = s\n", "s", {}),
    "an older SSO session that ran out": (SSO_PARTS, "s", RAN_OUT),
}
"""A profile's first lines, the SSO session that is declared, and its token."""


def run(variables: Variables, *words: str) -> Result:
    """Run a command in an environment."""
    without_proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"))
    return CliRunner(env={**without_proxies, **variables}).invoke(
        program, [*words, "count-titles", "movie"]
    )


def refused(result: Result, part: str, code: int = CONFIGURATION) -> None:
    """Check how it fails."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("Error: ")
    assert part in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", IN_THE_ENVIRONMENT)
def test_the_environment_says_something_wrong(name: str) -> None:
    """For any variable; with a right one, it would be that the table cannot be reached."""
    variables, part = IN_THE_ENVIRONMENT[name]
    refused(run(variables, "--endpoint-url", "http://127.0.0.1:1"), part)


@pytest.mark.parametrize("url", ENDPOINTS)
def test_an_invalid_endpoint_is_a_configuration_error(url: str) -> None:
    """By option, by both variables and in the profile: the value and its source are shown."""
    refused(run({}, "--endpoint-url", url), "endpoint_url must be a URL")
    for variable in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"):
        refused(
            run({variable: url}), f"{variable} must be a URL such as http://127.0.0.1:8000, not"
        )


@pytest.mark.parametrize("name", IN_THE_PROFILE)
def test_the_profile_says_something_wrong(name: str, tmp_path: Path) -> None:
    """For any setting, including its file."""
    text, part = IN_THE_PROFILE[name]
    path = tmp_path / "config"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(run({**NOBODY, "AWS_CONFIG_FILE": str(path)}), part)


@pytest.mark.parametrize("name", LOGGED_IN)
@pytest.mark.parametrize("words", [("--profile", "me"), ()], ids=["option", "variable"])
def test_a_login_that_ran_out_says_how_to_log_in_again(
    name: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the profile, ready to be pasted."""
    lines, session, token = LOGGED_IN[name]
    declared = f"[profile me]\n{lines}{SESSION}[sso-session {session}]\n{SSO_PARTS}"
    (tmp_path / "config").write_text(declared)
    for key in ("s", "https://x.test/start"):
        cached = tmp_path / f"{hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()}.json"
        cached.write_text(json.dumps(token))
    for module in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(module, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    variables = {**NOBODY, "AWS_CONFIG_FILE": str(tmp_path / "config")}
    result = run(variables if words else {**variables, "AWS_PROFILE": "me"}, *words)
    refused(result, "(`aws sso login --profile me` does)")


@pytest.mark.parametrize("proxy", PROXIES)
def test_an_invalid_proxy_is_a_configuration_error(proxy: str) -> None:
    """It is a setting, too; an unreachable proxy is a network error."""
    for name in ("http_proxy", "HTTP_PROXY"):
        result = run({name: proxy, "AWS_ENDPOINT_URL": "http://films.test"})
        refused(result, f"(the proxy is set by {name})")
    gone = run(
        {
            "http_proxy": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL": "http://films.test",
            "AWS_MAX_ATTEMPTS": "1",
        }
    )
    refused(gone, "http://127.0.0.1:1", SERVICE)


@pytest.mark.parametrize("name", ["missing", "folder", "junk"])
def test_invalid_certificates_are_a_configuration_error(name: str, tmp_path: Path) -> None:
    """The service is not at fault, though the error would occur only with a request."""
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name == "junk":
        path.write_text("junk")
    result = run({"AWS_CA_BUNDLE": str(path)})
    refused(result, f"ca_bundle must be a file of certificates, not {shown(str(path))}")
    assert "AWS_CA_BUNDLE" in result.stderr


@pytest.mark.parametrize("option", ["--region", "--endpoint-url", "--profile", "--table"])
def test_an_option_without_a_value_is_a_mistake(option: str) -> None:
    """Like `--region "$REGION"` with an empty variable."""
    name = option.strip("-").replace("-", "_")
    refused(run({}, option, ""), f"{name} must be ", USAGE)
