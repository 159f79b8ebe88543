"""The environment of the command line in a process of its own."""

from __future__ import annotations

from pathlib import Path

from catalog_model.dynamodb.engines.local import environment_without_aws

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that finds this package, without AWS settings."""
    colours = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING")
    kept = {name: value for name, value in environment_without_aws().items() if name not in colours}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}
