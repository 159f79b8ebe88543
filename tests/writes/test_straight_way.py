"""A write encodes a title once, and makes its JSON text once."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import Mock, patch

import pytest
from interleavings import FOREIGN, put_by_another_program
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog, offline_catalog
from catalog_model.dynamodb.actions import Delete, Plan
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.typed_json import primary_key, read_int
from catalog_model.entities import AnyTitle, Title
from catalog_model.table import codec, keys
from catalog_model.writes.attempts import Attempts, Snapshot

HEAT = movie(949, 28, 80, popularity=9.5)
UP = movie(957, 16)
"""In the same shard."""
ALIEN = movie(348, 27, 878)
LATER = HEAT.replace(popularity=1.5)

Write = Callable[[Catalog], object]


@dataclass
class Counts:
    """The titles that were encoded, their copies, and the titles written as JSON text."""

    title: Mock
    copy: Mock
    text: Mock

    def of(self, what: str) -> int:
        """Return how many titles were made into this since the last time, none of them twice."""
        mock: Mock = getattr(self, what)
        made = [call.args[0] for call in mock.call_args_list]
        mock.reset_mock()
        assert max(Counter(map(id, made)).values(), default=1) == 1
        return len(made)


@pytest.fixture
def counts() -> Iterator[Counts]:
    with (
        patch.object(codec, "encode_title", wraps=codec.encode_title) as title,
        patch.object(codec, "encode_copies", wraps=codec.encode_copies) as copy,
        patch.object(Title, "to_json_text", autospec=True, side_effect=Title.to_json_text) as text,
    ):
        yield Counts(title, copy, text)


@pytest.fixture
def stocked() -> OfflineCatalog:
    """A table in memory with two titles of one shard, and one that another program put."""
    return offline_catalog([HEAT, UP], items=put_by_another_program(FOREIGN).values())


def load(*titles: AnyTitle, write_units: float | None = None) -> Write:
    return lambda catalog: ap.load_titles(catalog, titles, write_units=write_units)


def change(name: str, *values: Any, **named: Any) -> Write:
    """Change a title that exists."""
    return lambda catalog: getattr(ap, name)(catalog, *HEAT.key, *values, **named)


WRITES: list[tuple[str, Write, int, int, int]] = [
    ("put_title, new", partial(ap.put_title, title=ALIEN), 1, 1, 1),
    ("put_title, if absent", partial(ap.put_title, title=ALIEN, if_absent=True), 1, 1, 1),
    ("put_title, changed", partial(ap.put_title, title=LATER), 1, 1, 1),
    ("put_title, equal", partial(ap.put_title, title=HEAT), 1, 0, 2),
    ("put_title, if unchanged", partial(ap.put_title, title=LATER, if_unchanged=HEAT), 1, 1, 3),
    ("update_title, changed", change("update_title", overview="A thief."), 1, 1, 1),
    ("update_title, equal", change("update_title", popularity=9.5), 0, 0, 2),
    ("update_popularity", change("update_popularity", 7.25), 1, 1, 1),
    ("update_votes", change("update_votes", vote_average=8.5, vote_count=7000), 1, 1, 1),
    ("set_genres", change("set_genres", [80, 18]), 1, 1, 1),
    ("update_popularity, enrolled", lambda c: ap.update_popularity(c, *FOREIGN.key, 7.25), 1, 1, 1),
    ("delete_title", change("delete_title"), 0, 0, 0),
    ("load_titles, new", load(ALIEN, movie(62, 878)), 2, 2, 2),
    ("load_titles, paced", load(ALIEN, movie(62, 878), write_units=1e6), 2, 2, 2),
    ("load_titles, equal", load(HEAT, UP), 2, 0, 4),
    ("load_titles, changed", load(LATER, UP), 2, 1, 3),
]
"""Writes: how many titles each encodes, of how many it makes copies, and how many JSON texts.

Equal titles are told by their texts, different ones mostly without; nothing is copied that is not
written.
"""


def test_every_write_is_counted() -> None:
    """Every access pattern that writes is among them."""
    names = {name.partition(",")[0] for name, *_ in WRITES}
    assert names == {each.name for each in ap.PATTERNS.values() if each.role == "write"}


def test_a_loaded_record_is_encoded_once(titles: list[AnyTitle], counts: Counts) -> None:
    """New: one text a record. Again: one of the record, one of the stored title, and hardly a copy.

    A title whose item has no room for its document is measured with its copies.
    """
    catalog = OfflineCatalog()
    ap.load_titles(catalog, titles)
    assert [counts.of(what) for what in ("title", "copy", "text")] == [len(titles)] * 3
    own = [item for item in catalog.items() if item["_type"] == {"S": "title"}]
    large = sum(codec.DOC not in item for item in own)
    ap.load_titles(catalog, titles)
    expected = [len(titles), large, 2 * len(titles)]
    assert [counts.of(what) for what in ("title", "copy", "text")] == expected
    assert large < len(titles) / 100


def test_a_lost_race_costs_no_second_encoding(
    stocked: OfflineCatalog, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next plan is made of the same items, with another version and slot."""
    transact, lost = stocked.gateway.transact, iter([True, True])

    def late(operations: Plan) -> None:
        if next(lost, False):
            raise LostRaceError("a rival was faster")
        transact(operations)

    monkeypatch.setattr(stocked.gateway, "transact", late)
    ap.put_title(stocked, ALIEN)
    assert counts.of("title") == counts.of("copy") == counts.of("text") == 1


@pytest.fixture
def planning_is_pure(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """The snapshots that plans were made of; a request while one is made fails."""
    make, planned, is_planning = Attempts.__init__, list[Snapshot](), False

    def quiet(plan: Callable[[Snapshot], Any], snapshot: Snapshot) -> Any:
        nonlocal is_planning
        is_planning = True
        planned.append(snapshot)
        try:
            return plan(snapshot)
        finally:
            is_planning = False

    send = Gateway._perform

    def checked(gateway: Gateway, request: Any) -> Any:
        assert not is_planning, f"{request} while a plan is made"
        return send(gateway, request)

    def init(self: Any, key: Any, read: Any, plan: Any, *args: Any) -> None:
        make(self, key, read, partial(quiet, plan), *args)

    monkeypatch.setattr(Gateway, "_perform", checked)

    monkeypatch.setattr(Attempts, "__init__", init)
    return planned


@pytest.mark.parametrize(
    ("write", "encoded", "copied", "texts"),
    [each[1:] for each in WRITES],
    ids=[each[0] for each in WRITES],
)
def test_a_write_encodes_a_title_once_and_plans_without_requests(
    stocked: OfflineCatalog,
    counts: Counts,
    planning_is_pure: list[Snapshot],
    write: Write,
    encoded: int,
    copied: int,
    texts: int,
) -> None:
    """Checked, compared, planned and sent from one encoding and text; no plan sends a request."""
    write(stocked)
    assert counts.of("title") == encoded
    assert counts.of("copy") == copied
    assert counts.of("text") == texts
    ap.delete_title(stocked, *UP.key)
    assert planning_is_pure


def test_a_deletion_in_a_damaged_shard_reads_before_it_plans(
    stocked: OfflineCatalog, planning_is_pure: list[Snapshot]
) -> None:
    """Whether the slot is the title's own is a part of the second reading."""
    (own,) = (item for item in stocked.items() if primary_key(item) == keys.title_key(HEAT.key))
    stocked.gateway.transact((Delete(keys.listing_key(HEAT.key, read_int(own, codec.SLOT))),))
    ap.delete_title(stocked, *HEAT.key)
    assert [snapshot.owns_slot for snapshot in planning_is_pure] == [True, False]
