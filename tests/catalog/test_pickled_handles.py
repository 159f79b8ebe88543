"""A handle is transferred to other processes by its settings, and is cheap to copy."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.errors import InvalidArgumentError
from catalog_model.local import Engine
from catalog_model.operations import create_table

TITLE = Movie(id=1, title="Up", genre_ids=[18], popularity=1, vote_average=1, vote_count=1)
SETTINGS: dict[str, Any] = {
    "table": "films",
    "region": "eu-west-1",
    "endpoint_url": "http://127.0.0.1:1",
    "profile": "me",
    "cursor_secret": "s3cret",
}
COPIES = [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]


class Own(Catalog):
    """A handle with an additional attribute."""


@pytest.mark.parametrize("copied", COPIES, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", [Catalog, Own])
def test_a_copy_has_the_same_settings(copied: Any, kind: type[Catalog]) -> None:
    """All of them, after any requests; with a separate lock and separate hooks."""
    first = kind(**SETTINGS, config=Config(read_timeout=9, retries={"total_max_attempts": 3}))
    seen: list[object] = []
    first.on_request(seen.append)
    second = copied(first)
    assert type(second) is kind
    assert repr(second) == repr(first)
    assert second.cursor_secret == "s3cret"
    assert vars(second._config) == vars(first._config)
    assert second._observers is not first._observers
    assert second._lock is not first._lock


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_handle_that_was_used_is_pickled_without_its_client(protocol: int) -> None:
    """In every protocol; the other process makes its own client."""
    first = Catalog("films", region="eu-west-1", config=Config(signature_version=UNSIGNED)).warm()
    second = pickle.loads(pickle.dumps(first, protocol))
    assert second._gateway is None
    assert second.client is not first.client
    assert second.client.meta.config.signature_version is UNSIGNED


def test_a_client_that_was_handed_in_stays_here(catalog: Catalog) -> None:
    """A copy shares it; a pickle would lose it, and raises an error."""
    handed = Catalog("films", client=catalog.client)
    assert copy.copy(handed).client is catalog.client
    assert copy.deepcopy(handed).client is catalog.client
    with pytest.raises(InvalidArgumentError, match="passed in and cannot be pickled"):
        pickle.dumps(handed)


def _put(catalog: Catalog) -> str:
    """Write with a handle from another process."""
    ap.put_title(catalog, TITLE)
    return repr(catalog)


def test_a_spawned_process_uses_it(local_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `multiprocessing` does everywhere from Python 3.14 on."""
    for name, value in local_engine.environment().items():
        monkeypatch.setenv(name, value)
    catalog = Catalog("spawned", endpoint_url=local_engine.endpoint_url)
    create_table(catalog)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(_put, catalog).result() == repr(catalog)
    assert ap.get_title(catalog, "movie", 1, consistent=True) == TITLE
