"""The client of a handle: created at the first request, with the settings of a service."""

import os
from typing import Any

from botocore.config import Config
from moto import mock_aws

from catalog_model import Catalog


def test_a_config_changes_only_what_it_names() -> None:
    """Other settings stay those of a service."""
    config: Any = Catalog("films", config=Config(read_timeout=60)).client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 60)
    assert config.user_agent.startswith("catalog-model/")


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
