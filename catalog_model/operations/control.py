"""The control plane of a handle's table."""

from __future__ import annotations

from catalog_model.catalog import Catalog
from catalog_model.deployment.control import Control


def control_of(catalog: Catalog) -> Control:
    """Return the requests about the table of a handle; sends nothing."""
    return Control(catalog.gateway)
