"""Runs the examples in docstrings, README and docs as tests; see `docs.example_data`."""

from collections.abc import Generator

import pytest

from docs.example_data import (
    catalog,
    collect_examples,
    docstring_names,
    models_read_once,
    record,
)

__all__ = ["catalog", "docstring_names", "models_read_once", "record"]

pytest_collect_file = collect_examples

collect_ignore = [
    "catalog_model/aio/access_patterns.py",
    "examples/netflix_movie_catalog/gunicorn_conf.py",
]
"""Examples with ``await``, which tests/aio runs; and a file that gunicorn alone runs, because it
tells prometheus_client to keep its figures in a folder."""


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Return the number of workers for `-n auto`: one more than cores, as tests wait."""
    return (yield) + 1
