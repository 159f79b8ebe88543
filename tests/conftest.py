"""Fixtures: engines, tables on them, and the catalogue's records."""

import gc
import importlib
import json
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from engines import Engine, engines_of, fresh_table, running_engine, running_server, stock
from example_app import FEW_TITLES, NOT_EVEN_A_PORT, own_handle
from flask import Flask
from generated import Records, generated_records, titles_of
from hypothesis import HealthCheck, settings
from memory_engine import fill
from moto.dynamodb.models import dynamodb_backends
from over_aio import AIO, over_aio
from repair_laws import FEW
from scaled import fewer_examples
from strategies import engine_number_size

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import sizes
from catalog_model.local import Engine as LocalEngine
from catalog_model.operations import create_table, delete_table
from examples.netflix_movie_catalog.app import create_app

settings.register_profile(
    "default",
    deadline=None,  # the speed of an engine is not the property under test
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("quick", settings.get_profile("default"), max_examples=30)
# As many examples as by default, on second engines as well: for `make soak`.
settings.register_profile("full", settings.get_profile("default"))
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SLOW = Path(__file__).parent / "slow"
ENGINE_KINDS = ("engine_kind", "server_kind", "engine")
"""Parameters that name an engine; the last is that of modules with a fixture of their own."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each of its engines."""
    in_memory = _is_in_memory(metafunc.definition)
    if "engine_kind" in metafunc.fixturenames:
        kinds = engines_of(in_memory=in_memory) + (AIO,) * _is_over_aio(metafunc.definition)
        metafunc.parametrize("engine_kind", kinds, scope="session")
    if "server_kind" in metafunc.fixturenames:
        metafunc.parametrize("server_kind", engines_of(in_memory=False), scope="module")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Mark as slow what lies in `tests/slow`, and tests on engines that are not their first.

    Those on their third are left to `make soak`: a strict engine and a quick one have had them. So
    are those on a second one that proves nothing new. Slow files are the first that workers take,
    so that no worker is left with a long one.
    """
    for item in items:
        engines_before = _engines_before(item)
        is_other = bool(engines_before) or _kind_of(item) == AIO
        if is_other:
            item.add_marker("other_engine")
        if is_other or item.path.is_relative_to(SLOW):
            item.add_marker("slow")
        if engines_before > (0 if item.get_closest_marker("one_engine") else 1):
            item.add_marker("soak")
    yield
    items.sort(key=lambda item: not item.path.is_relative_to(SLOW))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test over asyncio if its engine is; on another engine than its first, less of it."""
    with ExitStack() as stack:
        if pyfuncitem.get_closest_marker("other_engine"):
            stack.enter_context(fewer_examples())
        if _kind_of(pyfuncitem) == AIO:
            stack.enter_context(over_aio())
        return (yield)


def pytest_collection_finish() -> None:
    """Let no garbage collection look again at what was collected: thousands of tests."""
    gc.collect()
    gc.freeze()


def _is_in_memory(item: pytest.Item) -> bool:
    """Return whether a test, or else its module, is marked so; `in_memory(False)` takes it back."""
    marker = item.get_closest_marker("in_memory")
    return marker is not None and marker.args != (False,)


def _is_over_aio(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("over_aio")
    return marker is not None and marker.args != (False,)


def _kind_of(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec and callspec.params.get("engine_kind")


def _engines_before(item: pytest.Item) -> int:
    """Return on how many other engines a test is run first."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("every_engine"):
        return 0
    chosen = item.callspec.params if hasattr(item, "callspec") else {}
    own, usual = engines_of(in_memory=_is_in_memory(item)), engines_of(in_memory=False)
    places = [
        (own if kind == "engine_kind" else usual).index(chosen[kind])
        for kind in ENGINE_KINDS
        if chosen.get(kind) in usual
    ]
    return max(places, default=0)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Enable Ctrl-C: background jobs of a shell ignore it, and so would their child processes."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _aws_environment() -> Iterator[None]:
    """Prevent access to AWS: credentials are dummies, and no configuration is read."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "CATALOG_"))]:
            if name != "CATALOG_DATA":
                patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the state of programs out of the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_make() -> Iterator[None]:
    """Hide the `make` that runs the tests from a `make` that a test runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def moto_afresh() -> None:
    """Forget what moto keeps of deleted tables: backups and policies; and all SSM parameters.

    A block of moto's may be open for the whole session, with what other tests left there.
    """
    importlib.import_module("moto.ssm.models").ssm_backends.reset()  # it loads much of moto
    for regions in dynamodb_backends.values():
        for backend in regions.values():
            backend.backups.clear()
            backend.resource_policies.clear()


@pytest.fixture(scope="session")
def records() -> Records:
    """The records of both kinds in file order; the real ones if CATALOG_DATA is set."""
    folder = os.environ.get("CATALOG_DATA")
    if not folder:
        return generated_records()
    files = {"movie": "data_movies.json", "tv": "data_tv.json"}
    return {kind: json.loads((Path(folder) / name).read_bytes()) for kind, name in files.items()}


@pytest.fixture(scope="session")
def titles(records: Records) -> list[Movie | TVShow]:
    """All of the catalogue's titles."""
    return titles_of(records)


@pytest.fixture(scope="session")
def engine(engine_kind: str, _aws_environment: None) -> Iterator[Engine]:
    """Each engine in turn, running for the session."""
    with running_engine(engine_kind) as engine:
        yield engine


@pytest.fixture(scope="module")
def local_engine(server_kind: str) -> Iterator[LocalEngine]:
    """Each engine in turn as a server, for programs in other processes."""
    with running_server(server_kind) as engine:
        yield engine


@pytest.fixture(scope="module")
def moto(_aws_environment: None) -> Iterator[Engine]:
    """The engine that offers scaling, recovery and backups."""
    with running_engine("moto") as engine:
        yield engine


@pytest.fixture
def catalog(engine: Engine) -> Iterator[Catalog]:
    """A handle on a fresh, empty table."""
    catalog = engine.catalog()
    create_table(catalog)
    yield catalog
    delete_table(catalog)


@pytest.fixture(scope="session")
def full_catalog(engine: Engine, titles: list[Movie | TVShow]) -> Catalog:
    """A handle on a table with the whole catalogue, for reading only."""
    catalog = engine.catalog("full-catalogue")
    create_table(catalog)
    fill(catalog, titles)
    return catalog


@pytest.fixture
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove all pauses, for tests without concurrent writers."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture(scope="module")
def attacked(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table with some titles and the default cursor secret, which is public."""
    catalog = engine.catalog()
    create_table(catalog)
    titles = titles_of(generated_records())
    fill(catalog, [*titles[:40], *titles[-40:]])
    yield catalog
    delete_table(catalog)


@pytest.fixture
def table(engine: Engine) -> Iterator[Catalog]:
    """A handle on an empty table, with its own client for fault injection."""
    with fresh_table(engine) as catalog:
        yield catalog


@pytest.fixture(scope="module")
def stocked(engine: Engine) -> Iterator[Catalog]:
    """A table with 120 movies and its own client, for reading only."""
    with fresh_table(engine) as catalog:
        stock(catalog)
        yield catalog


@pytest.fixture(scope="module")
def table_for_few(engine: Engine) -> Iterator[Catalog]:
    """A table shared by the tests of a module."""
    catalog = engine.catalog()
    create_table(catalog)
    yield catalog
    delete_table(catalog)


@pytest.fixture
def few(table_for_few: Catalog) -> Catalog:
    """The few titles for the rows about updates, in their original state."""
    for title in FEW_TITLES:
        ap.put_title(table_for_few, title)
    return own_handle(table_for_few)


@pytest.fixture
def dead() -> Flask:
    """The application with an endpoint that does not respond."""
    return create_app(Catalog("t", region="us-east-1", endpoint_url=NOT_EVEN_A_PORT))


@pytest.fixture(scope="module")
def silent(_aws_environment: None) -> Iterator[Catalog]:
    """A handle that accepts any argument as long as it sends nothing."""

    def sent(**request: Any) -> None:
        raise AssertionError(f"about to be sent: {request}")

    client = boto3.client("dynamodb")
    client.meta.events.register("before-call.dynamodb", sent)
    yield Catalog("films", client=client)
    client.close()


@pytest.fixture(scope="module")
def measuring(engine: Engine) -> Iterator[Engine]:
    """An engine that measures, with its size of numbers."""
    if not engine.measures:
        pytest.skip("moto's capacity figures are constants")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "_number_size", engine_number_size)
        yield engine


@pytest.fixture
def few_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit of findings for small tables."""
    monkeypatch.setattr("catalog_model.maintenance.census.MOST_FINDINGS", FEW)
    monkeypatch.setattr("catalog_model.maintenance.repair.MOST_FINDINGS", FEW)
