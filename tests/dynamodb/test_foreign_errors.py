"""Exceptions of other libraries are never raised: each class has a translation and an exit code."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config
from click.testing import CliRunner
from foreign_values import classes, made

from catalog_model import Catalog, TitleKey, errors
from catalog_model import access_patterns as ap
from catalog_model.cli.base import CONFIGURATION, SERVICE, exit_code_of
from catalog_model.cli.program import program
from catalog_model.dynamodb import foreign_errors
from catalog_model.dynamodb.actions import Delete
from catalog_model.dynamodb.failures import Translation, translate, translated
from catalog_model.table.keys import title_key
from catalog_model.testing import without_pauses

CLASSES = classes()
DELETION = Delete(title_key(TitleKey("movie", 1)))

BY_CLASS: dict[type[errors.CatalogError], str] = {
    errors.ConfigurationError: """
        DataNotFoundError InfiniteLoopConfigError InvalidRetryModeError LoginRefreshRequired
        MetadataRetrievalError MissingDependencyException NoAuthTokenError NoCredentialsError
        NoRegionError ProfileNotFound RefreshWithMFAUnsupportedError SSOTokenLoadError
        UnauthorizedSSOTokenError UnknownSignatureVersionError builtins.FileNotFoundError
        builtins.ModuleNotFoundError builtins.PermissionError builtins.UnicodeEncodeError
        builtins.ValueError http.client.InvalidURL urllib3.exceptions.LocationParseError
        urllib3.exceptions.URLSchemeUnknown
    """,
    errors.ServiceError: """
        ParamValidationError builtins.KeyError builtins.RecursionError
        pynamodb.exceptions.InvalidStateError
    """,
    errors.ThrottledError: "CapacityNotAvailableError",
    errors.UnavailableError: """
        ChecksumError IncompleteReadError botocore.parsers.ResponseParserError
        builtins.UnicodeDecodeError json.decoder.JSONDecodeError urllib3.exceptions.DecodeError
    """,
    errors.UnreachableError: """
        ConnectTimeoutError EndpointConnectionError HTTPClientError ReadTimeoutError
        ResponseStreamingError SSLError builtins.BrokenPipeError builtins.ConnectionResetError
        builtins.OSError builtins.TimeoutError http.client.BadStatusLine socket.gaierror
        ssl.SSLCertVerificationError urllib3.exceptions.ProtocolError
    """,
}
EXPECTED = {
    name if "." in name else f"botocore.exceptions.{name}": ours
    for ours, names in BY_CLASS.items()
    for name in names.split()
}
"""Those without a module are of botocore. The remedy decides: a setting, the operator, a retry."""

MADE_BY_CLIENTS = "botocore.errorfactory"
"""The module of the classes that each client creates for its service's codes, at first use."""


def name_of(kind: type[Exception]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class Raises:
    """A handle whose requests all raise an exception when botocore is about to send them."""

    def __init__(self) -> None:
        self.problem: BaseException = Exception()
        client = boto3.client(
            "dynamodb",
            endpoint_url="http://127.0.0.1:1",
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send.dynamodb", self._raise)
        self.catalog = Catalog("films", client=client)

    def _raise(self, **_: Any) -> None:
        raise self.problem

    def caught(self, call: Callable[[], object], problem: BaseException) -> BaseException:
        """Return the exception of a call in which *problem* is raised."""
        self.problem = problem
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # whatever it is
            return error
        raise AssertionError(f"{problem!r} was lost")


@pytest.fixture(scope="module")
def raising() -> Iterator[Raises]:
    with without_pauses():
        yield Raises()


def test_there_are_many_classes_and_each_is_met_once() -> None:
    """So an enumeration that finds no classes is not mistaken for success."""
    names = [name_of(kind) for kind in CLASSES]
    assert len(names) == len(set(names)) > 180
    assert set(EXPECTED) - set(names) <= {"botocore.exceptions.LoginRefreshRequired"}  # since 1.41
    for kind in (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        derived = {each for each in kind.__subclasses__() if each.__module__ != MADE_BY_CLIENTS}
        assert derived <= set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=name_of)
def test_every_exception_in_a_request_is_translated(kind: type[Exception], raising: Raises) -> None:
    """In a read and in a write: an exception of the tree, with the original as its cause."""
    theirs = made(kind)
    reads = raising.caught(lambda: ap.get_title(raising.catalog, "movie", 1), theirs)
    writes = raising.caught(lambda: raising.catalog.gateway.transact((DELETION,)), made(kind))
    for ours in (reads, writes):
        assert isinstance(ours, errors.CatalogError), ours
        assert type(ours) is type(reads)
        assert isinstance(ours.__cause__, kind)
        assert len(str(ours)) > len("ServiceError")
    expected = EXPECTED.get(name_of(kind))
    assert expected is None or type(reads) is expected


@pytest.mark.parametrize("kind", CLASSES, ids=name_of)
def test_every_exception_while_a_client_is_made_is_translated(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request was sent: it is a setting, unless a network or a service failed."""
    theirs = made(kind)

    def fail(**_: Any) -> None:
        raise theirs

    monkeypatch.setattr("catalog_model.dynamodb.clients.boto3.session.Session", fail)
    with pytest.raises(errors.CatalogError) as caught:
        Catalog("films").warm()
    assert caught.value.__cause__ is theirs
    assert type(caught.value) is not errors.ServiceError
    assert isinstance(
        caught.value, (errors.ConfigurationError, errors.UnavailableError, errors.ThrottledError)
    )


@pytest.mark.parametrize("kind", CLASSES, ids=name_of)
def test_the_command_line_says_it_in_a_line(
    kind: type[Exception], raising: Raises, monkeypatch: pytest.MonkeyPatch
) -> None:
    """253 for what the user must correct, 254 for the service."""
    raising.problem = made(kind)
    monkeypatch.setattr(Catalog, "from_env", lambda **_: raising.catalog)
    result = CliRunner().invoke(program, ["get-title", "movie", "1"])
    assert result.exit_code in (CONFIGURATION, SERVICE), result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    expected = EXPECTED.get(name_of(kind))
    assert expected is None or result.exit_code == exit_code_of(expected("it"))


def test_a_translation_by_a_list_is_seen(raising: Raises, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incomplete list would let an exception pass, which the law above detects."""

    def by_a_list(self: Translation, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, botocore.exceptions.BotoCoreError | botocore.exceptions.ClientError):
            raise translate(error, *self._known) from error

    monkeypatch.setattr(Translation, "__exit__", by_a_list)
    read = partial(ap.get_title, raising.catalog, "movie", 1)
    strangers = {
        name_of(kind)
        for kind in CLASSES
        if not isinstance(raising.caught(read, made(kind)), errors.CatalogError)
    }
    assert strangers >= {"builtins.FileNotFoundError", "builtins.ValueError", "ssl.SSLError"}
    assert len(strangers) > 100


def test_every_class_of_botocore_is_placed_on_purpose() -> None:
    """By an entry of its own family, not by the one for any exception."""
    for kind in CLASSES:
        if kind.__module__ == "botocore.exceptions" and kind.__name__ != "ClientError":
            found = next(each for each in kind.__mro__ if each in foreign_errors.CLASSES)
            assert found is not Exception or issubclass(kind, botocore.exceptions.ClientError), kind


@pytest.mark.parametrize("kind", [MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_other_errors_pass_through(kind: type[BaseException], raising: Raises) -> None:
    """The exceptions of the tree would not help the caller."""
    problem = kind()
    assert raising.caught(lambda: ap.get_title(raising.catalog, "movie", 1), problem) is problem


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


def test_an_error_of_the_package_is_not_translated() -> None:
    """It is raised unchanged."""
    for name in errors.__all__:
        ours = getattr(errors, name)("it")
        with pytest.raises(errors.CatalogError) as caught, translated("films"):
            raise ours
        assert caught.value is ours


def test_a_long_foreign_message_is_truncated() -> None:
    """It may be a whole page from another server."""
    page = "<p>" * 100_000
    response: Any = {"Error": {"Code": "403", "Message": page}, "ResponseMetadata": {}}
    for theirs in (botocore.exceptions.ClientError(response, "GetItem"), ValueError(page)):
        with pytest.raises(errors.CatalogError) as caught, translated("films"):
            raise theirs
        assert len(str(caught.value)) < 1000


def test_a_secret_in_a_header_is_not_shown() -> None:
    """Python's own message about an invalid header contains the whole header."""
    theirs = ValueError("Invalid header value b'token\\nof mine'")
    with pytest.raises(errors.ConfigurationError) as caught, translated("films"):
        raise botocore.exceptions.HTTPClientError(error=theirs)
    assert "token" not in str(caught.value)
    assert "line break" in str(caught.value)


def test_where_it_was_raised_counts_as_much_as_what_it_is() -> None:
    """The same exception means an invalid answer in a parser, and a setting elsewhere."""
    parse: Any = botocore.parsers.JSONParser().parse
    shape = boto3.client("dynamodb").meta.service_model.operation_model("GetItem").output_shape
    for body in (b"[1]", b'{"Item": 5}', b"\xff", b'{"Item": {"a": 5}}'):
        answer = {"status_code": 200, "headers": {}, "body": body}
        with pytest.raises(errors.UnavailableError), translated("films"):
            parse(answer, shape)
    with pytest.raises(errors.ConfigurationError), translated("films"):
        int("AWS_MAX_ATTEMPTS")
