"""The figures on the pages are those of the application's files, measured with this code."""

import os
from pathlib import Path

import pytest
from engines import has_dynoxide

from catalog_model import access_patterns as ap
from docs.measure import Figures, measure, measured


def test_figures_are_measured_for_every_access_pattern() -> None:
    """None is missing, and none is of a removed pattern."""
    assert list(dict.fromkeys(each.pattern for each in measured())) == list(ap.PATTERNS)


@pytest.mark.parametrize("figures", measured(), ids=lambda each: f"{each.pattern} {each.case}")
def test_no_call_was_over_its_budget_and_none_was_predicted_wrongly(figures: Figures) -> None:
    """At least as much is declared as consumed; predictions are exact in units and requests."""
    assert figures.requests == figures.predicted_requests <= figures.declared_requests
    assert figures.units == figures.predicted_units <= figures.declared_units


def test_the_figures_are_fresh() -> None:
    """A new measurement gives the same figures; `python -m docs.measure FOLDER` writes them."""
    folder = os.environ.get("CATALOG_DATA")
    if not folder:
        pytest.skip("figures of the application's files, and CATALOG_DATA names none")
    if not has_dynoxide():
        pytest.skip("dynoxide is not installed: `make engine` gets it where npm can")
    assert measure(Path(folder)) == measured()
