"""The fast lane in tests: on for clients of real engines; ``TESTS_WITHOUT_LANE=1`` turns it off.

moto answers in this process, below botocore, so its clients never have a lane.
"""

import os
import sys
from typing import Any, Final, TypeVar

import pytest
from moto.core.models import botocore_stubber

from catalog_model.dynamodb.lane import json_text, lane, quick_answers
from catalog_model.dynamodb.lane.choice import note_own

_Client = TypeVar("_Client")

WITHOUT: Final = "TESTS_WITHOUT_LANE"


def with_lane(client: _Client) -> _Client:
    """Let handles with this client take the fast lane, as with a client of their own."""
    if not os.environ.get(WITHOUT):
        without_moto(client)
        note_own(client)  # type: ignore[arg-type]
    return client


def hide_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have new lanes do without orjson and pycurl, as where the extra ``fast`` is not installed."""
    monkeypatch.setitem(sys.modules, "catalog_model.dynamodb.lane.transport", None)
    monkeypatch.setattr(lane, "dumps", json_text.plain_dumps)
    monkeypatch.setattr(quick_answers, "loads", json_text.plain_loads)


def without_moto(client: Any) -> None:
    """Remove moto's handler, which every client has once moto is imported."""
    client.meta.events.unregister("before-send", botocore_stubber)
