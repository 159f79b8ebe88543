"""The control plane of a handle's table."""

from catalog_model.catalog import Catalog
from catalog_model.checks import refuse
from catalog_model.deployment.control import Control
from catalog_model.dynamodb.numbers import check_number


def control_of(catalog: Catalog) -> Control:
    """Return the requests about the table of a handle; sends nothing."""
    return Control(catalog.gateway)


def check_timeout(timeout: object) -> float:
    """Check for a number of seconds from 0 on."""
    seconds = check_number(timeout, "timeout")
    if seconds < 0:
        refuse("timeout", timeout, "a number of seconds from 0 on")
    return seconds
