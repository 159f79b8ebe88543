"""The lane signs every request as botocore does."""

import time
from typing import Any

import pytest
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled

pytest.importorskip("pycurl", reason="pycurl, of the extra fast, is not installed")

from catalog_model.dynamodb.lane.destinations import _path_and_host
from catalog_model.dynamodb.lane.signer import CONTENT_TYPE, Scope, Signer

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
tokens = st.none() | texts.filter(str.strip) | st.just("two  spaces\tand a tab ")
urls = st.sampled_from(
    (
        "https://dynamodb.eu-west-1.amazonaws.com/",
        "https://123456789012.ddb.eu-west-1.amazonaws.com/",
        "https://dynamodb.eu-west-1.amazonaws.com:443/",
        "http://127.0.0.1:8000/",
        "http://LOCALHOST:80/",
        "http://[::1]:8000/",
        "http://proxy.test/to/dynamo db/~tilde/%20/../é/",
    )
)
moments = st.integers(0, 4_102_444_800)


def by_botocore(
    url: str, target: str, body: bytes, credentials: Any, scope: Scope, second: int
) -> dict[str, str]:
    """Return the headers that botocore's signer adds, at a time of ours."""
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": target}
    request: Any = AWSRequest("POST", url, headers=headers, data=body)
    request.context["timestamp"] = time.strftime(SIGV4_TIMESTAMP, time.gmtime(second))
    signer: Any = SigV4Auth(credentials, scope.service, scope.region)
    signer._modify_request_before_signing(request)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return {name.lower(): value for name, value in request.headers.items()}


@settings(max_examples=scaled(300))
@given(
    access_key=st.from_regex(r"\A[A-Z0-9]{16,20}\Z"),
    secret_key=texts,
    token=tokens,
    seconds=st.lists(moments, min_size=1, max_size=3),
    body=st.binary(max_size=200) | texts.map(str.encode),
    operation=st.sampled_from(("GetItem", "Query", "BatchGetItem", "TransactWriteItems")),
    url=urls,
    region=st.sampled_from(("eu-west-1", "us-gov-east-1", "local")),
)
def test_a_signature_is_botocores(
    access_key: str,
    secret_key: str,
    token: str | None,
    seconds: list[int],
    body: bytes,
    operation: str,
    url: str,
    region: str,
) -> None:
    """For any credentials, session tokens, times, bodies and addresses; also with a kept key."""
    now = [0]
    signer = Signer(clock=lambda: now[0])
    path, host = _path_and_host(url)
    scope = Scope(host, path, region, "dynamodb")
    target = f"DynamoDB_20120810.{operation}"
    credentials: Any = ReadOnlyCredentials(access_key, secret_key, token)
    for now[0] in (*seconds, *seconds):
        ours = signer.headers(scope, target, body, credentials)
        theirs = by_botocore(url, target, body, credentials, scope, now[0])
        for header in ours:
            name, _, value = header.partition(": ")
            assert theirs[name.lower()] == value
        assert ("x-amz-security-token" in theirs) == (len(ours) == 3)


def test_the_key_is_that_of_the_credentials_and_the_day() -> None:
    """A key that is kept too long would sign for other credentials, or for yesterday."""
    now = [86_399]
    signer = Signer(clock=lambda: now[0])
    scope = Scope("films.test", "/", "eu-west-1", "dynamodb")

    def sign(secret: str) -> str:
        credentials: Any = ReadOnlyCredentials("KEY", secret, None)
        return signer.headers(scope, "t", b"", credentials)[1]

    first = sign("one")
    assert sign("one") == first
    assert sign("two") != first
    assert sign("one") == first
    now[0] += 1
    assert "/19700102/" in sign("one")
