"""A deployed table is read as one value, on engines that offer little as well."""

import pytest
from engines import Engine

from catalog_model import Catalog
from catalog_model.deployment.control import UnsupportedError
from catalog_model.deployment.deployed import NOT_OFFERED, read_deployed
from catalog_model.errors import TableNotFoundError
from catalog_model.operations.control import control_of

pytestmark = pytest.mark.every_engine


def test_a_plain_table_has_its_settings_in_full(catalog: Catalog, engine: Engine) -> None:
    """All settings are explicit, except those that the endpoint does not offer."""
    found = read_deployed(control_of(catalog), policy=True)
    settings = found.settings
    assert (settings.billing, settings.capacity, settings.scaling) == ("on-demand", None, None)
    assert (settings.protection, settings.stream, settings.encryption) == (False, "off", "owned")
    assert (settings.table_class, settings.ttl, settings.tags) == ("standard", "", {})
    if engine.name == "moto":
        assert (settings.recovery_days, found.policy) == (0, "")
        assert not found.unread
    else:
        operations = ("DescribeContinuousBackups", "GetResourcePolicy")
        assert found.unread == dict.fromkeys(operations, NOT_OFFERED)


def test_only_a_description_is_read_unless_more_is_asked_for(catalog: Catalog) -> None:
    """Scaling is asked for on provisioned tables only."""
    control = control_of(catalog)
    read_deployed(control, in_full=False)
    assert control.requests == {"DescribeTable": 1}
    read_deployed(control)
    asked = {"DescribeContinuousBackups", "DescribeTimeToLive", "ListTagsOfResource"}
    assert control.requests.keys() == {"DescribeTable", *asked}


def test_an_operation_that_an_engine_lacks_is_named(catalog: Catalog, engine: Engine) -> None:
    """Of each service, in one class of errors; the endpoint is named."""
    control = control_of(catalog)
    if engine.name == "moto":
        with pytest.raises(UnsupportedError, match="DescribeContributorInsights"):
            control.on_table("DescribeContributorInsights")
        return
    with pytest.raises(UnsupportedError, match=f"DescribeScalableTargets.*{engine.endpoint_url}"):
        control.call(
            "application-autoscaling", "DescribeScalableTargets", ServiceNamespace="dynamodb"
        )
    with pytest.raises(UnsupportedError, match="ListEventSourceMappings"):
        control.call("lambda", "ListEventSourceMappings")


def test_a_table_that_does_not_exist_is_reported(engine: Engine) -> None:
    """By its name."""
    control = control_of(engine.catalog())
    assert not control.exists()
    with pytest.raises(TableNotFoundError, match=control.name):
        read_deployed(control)
