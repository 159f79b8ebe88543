"""Errors of the service, of the network and of the configuration are translated."""

from __future__ import annotations

import os
from typing import Any

import pytest
from botocore import exceptions as botocore
from botocore.config import Config
from moto import mock_aws

from catalog_model import Catalog, Movie, TitleKey, errors
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.failures import LostRaceError, translate
from catalog_model.testing import without_pauses


def refusal(code: str, message: str = "why", reasons: tuple[str, ...] = ()) -> botocore.ClientError:
    """Make the error that botocore raises for an answer of the service."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "REQ1"},
        "CancellationReasons": [{"Code": reason, "Message": reason} for reason in reasons],
    }
    return botocore.ClientError(response, "Query")


CASES: list[tuple[Exception, type[errors.CatalogError]]] = [
    (refusal("ResourceNotFoundException"), errors.TableNotFoundError),
    (refusal("ProvisionedThroughputExceededException"), errors.ThrottledError),
    (refusal("ThrottlingException"), errors.ThrottledError),
    (refusal("RequestLimitExceeded"), errors.ThrottledError),
    (refusal("InternalServerError"), errors.UnavailableError),
    (refusal("AccessDeniedException"), errors.AccessDeniedError),
    (refusal("ValidationException", "whatever"), errors.ServiceError),
    (refusal("ValidationException", "no specified index: x"), errors.SchemaMismatchError),
    (refusal("ValidationException", "the key schema differs"), errors.SchemaMismatchError),
    (refusal("UnrecognizedClientException"), errors.ConfigurationError),
    (refusal("ExpiredTokenException"), errors.ConfigurationError),
    (refusal("ConditionalCheckFailedException"), LostRaceError),
    (refusal("TransactionConflictException"), LostRaceError),
    (
        refusal("TransactionCanceledException", reasons=("None", "ConditionalCheckFailed")),
        LostRaceError,
    ),
    (
        refusal("TransactionCanceledException", reasons=("TransactionConflict", "None")),
        LostRaceError,
    ),
    (
        refusal("TransactionCanceledException", reasons=("TransactionConflict", "ThrottlingError")),
        errors.ThrottledError,
    ),
    (
        refusal("TransactionCanceledException", reasons=("ThrottlingError", "TransactionConflict")),
        errors.ThrottledError,
    ),
    (
        refusal(
            "TransactionCanceledException",
            reasons=("ProvisionedThroughputExceeded", "ConditionalCheckFailed"),
        ),
        LostRaceError,  # the same transaction would fail later, too
    ),
    (
        refusal(
            "TransactionCanceledException",
            reasons=("ThrottlingError", "ConditionalCheckFailed", "ValidationError"),
        ),
        errors.ServiceError,
    ),
    (
        refusal("TransactionCanceledException", reasons=("None", "ValidationError")),
        errors.ServiceError,
    ),
    (refusal("TransactionCanceledException"), errors.ServiceError),
    (refusal("TransactionInProgressException"), errors.ServiceError),  # an attempt of the same call
    (botocore.EndpointConnectionError(endpoint_url="http://x"), errors.UnreachableError),
    (botocore.ConnectTimeoutError(endpoint_url="http://x"), errors.UnreachableError),
    (botocore.ReadTimeoutError(endpoint_url="http://x"), errors.UnreachableError),
    (botocore.NoCredentialsError(), errors.ConfigurationError),
    (botocore.NoRegionError(), errors.ConfigurationError),
    (botocore.ProfileNotFound(profile="p"), errors.ConfigurationError),
    (botocore.DataNotFoundError(data_path="x"), errors.ConfigurationError),
]


@pytest.mark.parametrize(("theirs", "ours"), CASES, ids=range(len(CASES)))
def test_each_error_of_botocore_is_translated(
    theirs: Exception, ours: type[errors.CatalogError]
) -> None:
    """One tree, by what the caller can do about them."""
    assert type(translate(theirs, "films")) is ours


def test_an_unnamed_error_of_the_service_shows_its_code_and_request() -> None:
    """AWS support needs both."""
    error = translate(refusal("SomethingNewException"), "films")
    assert isinstance(error, errors.ServiceError)
    assert (error.code, error.request_id) == ("SomethingNewException", "REQ1")
    assert "REQ1" in str(error)


def test_every_error_hangs_in_the_tree_of_the_docs() -> None:
    """The tree in the module's docstring is that of the classes."""
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    lines = [line.partition("── ")[2].split()[0] for line in drawn]
    assert sorted([*lines, "CatalogError"]) == sorted(errors.__all__)
    for line, name in zip(drawn, lines, strict=True):
        is_nested = line.index("──") > drawn[0].index("──")
        assert (errors.CatalogError in getattr(errors, name).__bases__) == (not is_nested)


def test_bad_arguments_are_value_errors_and_missing_titles_lookup_errors() -> None:
    """So code that knows only Python's exceptions catches them, too."""
    for ours in (errors.InvalidTitleError, errors.InvalidArgumentError, errors.InvalidCursorError):
        assert issubclass(ours, ValueError)
    assert issubclass(errors.TitleNotFoundError, LookupError)


def test_the_cause_stays_readable(catalog: Catalog) -> None:
    """botocore's error is the cause."""
    missing = Catalog("not-there-at-all", client=catalog.client)
    with pytest.raises(errors.TableNotFoundError) as caught:
        ap.get_title(missing, "movie", 1)
    assert isinstance(caught.value.__cause__, botocore.ClientError)


def test_without_region_or_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration error, at the first request."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(errors.ConfigurationError, match="region"):
        ap.get_title(Catalog("films"), "movie", 1)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(errors.ConfigurationError, match="credentials"):
        ap.get_title(Catalog("films", region="eu-west-1"), "movie", 1)
    with pytest.raises(errors.ConfigurationError, match="nobody"):
        Catalog("films", profile="nobody").warm()
    with pytest.raises(errors.ConfigurationError, match="not a url"):
        Catalog("films", region="eu-west-1", endpoint_url="not a url").warm()


def test_a_write_that_loses_every_race_is_a_conflict(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several attempts, then ConflictError; nothing was applied."""
    title = Movie(id=1, title="Up", genre_ids=[], popularity=1, vote_average=1, vote_count=1)
    ap.put_title(catalog, title)
    tries = []

    def lose(_: object) -> None:
        tries.append(1)
        raise LostRaceError("another writer was faster")

    monkeypatch.setattr(catalog.gateway, "transact", lose)
    with without_pauses(), pytest.raises(errors.ConflictError, match="movie 1"):
        ap.update_popularity(catalog, "movie", 1, 2)
    assert len(tries) > 5
    assert ap.get_titles(catalog, [TitleKey("movie", 1)]) == [title]


def test_environment_names_table_and_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """CATALOG_TABLE, CATALOG_CURSOR_SECRET, and AWS_REGION if AWS_DEFAULT_REGION is not set."""
    assert Catalog.from_env().table == "netflix-movie-catalog"
    monkeypatch.setenv("CATALOG_TABLE", "films")
    monkeypatch.setenv("CATALOG_CURSOR_SECRET", "s3cret")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    catalog = Catalog.from_env()
    assert (catalog.table, catalog.cursor_secret) == ("films", "s3cret")
    assert catalog.client.meta.region_name == "ap-south-1"
    assert Catalog.from_env(table="shows").table == "shows"


def test_settings_are_those_of_a_service_and_can_be_changed() -> None:
    """Connect 2 s, read 5 s, a pool for threads, a short user agent; config takes precedence."""
    config: Any = Catalog("films").client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.user_agent.startswith("catalog-model/")
    other: Any = Catalog("films", config=Config(read_timeout=60)).client.meta.config
    assert (other.connect_timeout, other.read_timeout) == (2, 60)


def test_making_a_handle_opens_nothing() -> None:
    """The client is created at the first request, once for all threads."""
    with mock_aws():
        catalog = Catalog("films", endpoint_url="http://127.0.0.1:9")
        assert catalog._gateway is None
        assert catalog.warm().client is catalog.client
        assert repr(catalog) == "Catalog('films', endpoint_url='http://127.0.0.1:9')"


def test_a_forked_child_makes_its_own_client() -> None:
    """botocore's connections must not be shared across a fork."""
    catalog = Catalog("films").warm()
    parents = id(catalog.client)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"own" if id(catalog.client) != parents else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"own"
