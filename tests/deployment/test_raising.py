"""The capacity of a provisioned table is raised for a time, and is as before at the end."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import Engine
from kills import kill, requests_of
from small_tables import SMALL, small_control

from catalog_model import Catalog
from catalog_model.deployment import creation
from catalog_model.deployment.control import Control
from catalog_model.deployment.deployed import read_deployed, units_of
from catalog_model.deployment.matching import parts_of
from catalog_model.deployment.raising import RaisedJournal, await_active, put_back, raise_units
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.errors import ConfigurationError, InvalidArgumentError
from catalog_model.operations import (
    create_table,
    delete_table,
    is_raised,
    put_capacity_back,
    raised_capacity,
)
from catalog_model.operations.control import control_of

SCALED = TableSettings(scaling=Scaling(1, 10))
FIXED = TableSettings(capacity=UnitsPerSecond(3, 700))


@pytest.fixture
def provisioned(moto: Engine, request: pytest.FixtureRequest) -> Iterator[Catalog]:
    """A table whose capacity scales, or is fixed."""
    catalog = moto.catalog()
    create_table(catalog, settings=request.param)
    yield catalog
    delete_table(catalog)


def small(moto: Engine, settings: TableSettings = SCALED) -> Control:
    """Return the requests about a small provisioned table."""
    control = small_control(moto)
    deadline = time.monotonic() + 60
    creation.start(control, SMALL, settings)
    await_active(control, deadline)
    creation.complete(control, settings, deadline)
    return control


def shape(control: Control) -> Any:
    """Return the units and the bounds of scaling, everywhere."""
    found = read_deployed(Control(control.gateway))
    units = {name: units_of(part) for name, part in parts_of(found.description)}
    return units, {(each.resource, each.part): (each.min, each.max) for each in found.scaling or ()}


@pytest.mark.parametrize("provisioned", [SCALED, FIXED], indirect=True, ids=["scaled", "fixed"])
@pytest.mark.parametrize("end", [None, ZeroDivisionError, KeyboardInterrupt])
def test_capacity_and_scaling_are_raised_during_the_block_only(
    provisioned: Catalog, tmp_path: Path, end: type[BaseException] | None
) -> None:
    """Also if it ends with an error or Ctrl-C; higher units are kept."""
    control = control_of(provisioned)
    before = shape(control)
    try:
        with raised_capacity(provisioned, 500, folder=tmp_path):
            assert is_raised(provisioned, folder=tmp_path)
            units, bounds = shape(control)
            if end:
                raise end
    except (ZeroDivisionError, KeyboardInterrupt) as error:
        assert end is type(error)  # noqa: PT017  # both are errors of this test
    read, write = before[0]["table"].read, max(500, before[0]["table"].write)
    assert units.pop("table") == UnitsPerSecond(500, write)
    assert set(units.values()) == {UnitsPerSecond(read, write)}
    raised = {(resource, part) for (resource, part), pair in bounds.items() if pair == (500, 500)}
    table = f"table/{provisioned.table}"
    assert raised == {
        (resource, part) for resource, part in bounds if part == "write" or resource == table
    }
    assert shape(control) == before
    assert not is_raised(provisioned, folder=tmp_path)


def test_a_kill_at_any_request_is_undone_by_the_next_process(moto: Engine, tmp_path: Path) -> None:
    """While raising, and while putting back: then everything is as before."""
    control = small(moto)
    before = shape(control)
    journal = RaisedJournal(control, tmp_path)
    deadline = time.monotonic() + 600

    def work() -> None:
        raise_units(control, journal, 500, deadline)
        put_back(control, journal, deadline)

    kills = list(requests_of(work, tmp_path).different_kills())
    assert len(kills) >= 10, len(kills)
    for number, moment in kills:
        kill(work, number, moment)
        put_back(control, journal, deadline)
        assert shape(control) == before, number
        assert journal.read() is None


def test_a_second_raise_keeps_what_was_before_the_first(moto: Engine, tmp_path: Path) -> None:
    """The first process was killed; its file is not overwritten by raised figures."""
    control = small(moto)
    before = shape(control)
    journal = RaisedJournal(control, tmp_path)
    deadline = time.monotonic() + 600
    raise_units(control, journal, 500, deadline)
    raise_units(control, journal, 600, deadline)
    assert shape(control)[0]["table"] == UnitsPerSecond(600, 600)
    assert put_back(control, journal, deadline)
    assert shape(control) == before
    assert not put_back(control, journal, deadline)


def test_a_later_table_of_the_same_name_is_left_alone(moto: Engine, tmp_path: Path) -> None:
    """The file is of another table, and is removed."""
    control = small(moto, FIXED)
    journal = RaisedJournal(control, tmp_path)
    raise_units(control, journal, 900, time.monotonic() + 60)
    control.on_table("DeleteTable")
    creation.start(control, SMALL, FIXED)
    later = shape(control)
    assert not put_back(control, journal, time.monotonic() + 60)
    assert shape(control) == later
    assert journal.read() is None


def test_a_table_on_demand_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    """It is not changed, and nothing is written down."""
    with (
        pytest.raises(InvalidArgumentError, match="which is on demand, not 500"),
        raised_capacity(catalog, 500, folder=tmp_path),
    ):
        pytest.fail("the block must not begin")
    assert not is_raised(catalog, folder=tmp_path)
    assert not put_capacity_back(catalog, folder=tmp_path)


@pytest.mark.parametrize("provisioned", [FIXED], indirect=True)
def test_nothing_is_raised_if_it_cannot_be_recorded(provisioned: Catalog, tmp_path: Path) -> None:
    """A process that is killed could not put it back."""
    before = shape(control_of(provisioned))
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    with (
        pytest.raises(ConfigurationError, match="cannot be"),
        raised_capacity(provisioned, 5000, folder=obstacle),
    ):
        pytest.fail("the block must not begin")
    assert shape(control_of(provisioned)) == before
