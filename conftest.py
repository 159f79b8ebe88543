"""Runs the examples in docstrings, README and docs as tests; see `docs.examples`."""

from docs.examples import (
    catalog,
    collect_examples,
    docstring_names,
    record,
)

__all__ = ["catalog", "docstring_names", "record"]

pytest_collect_file = collect_examples
