"""A write encodes a title once, and makes its JSON text once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog, offline_catalog
from catalog_model.dynamodb.actions import Delete, Plan
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle, Title
from catalog_model.errors import InvalidTitleError
from catalog_model.table import codec, keys
from catalog_model.writes.attempts import Attempts, Snapshot

HEAT = movie(949, 28, 80, popularity=9.5)
UP = movie(957, 16)
"""In the same shard."""
ALIEN = movie(348, 27, 878)
FOREIGN = movie(40, 18)
"""A title put by another program, without a slot."""
LATER = HEAT.replace(popularity=1.5)

Write = Callable[[Catalog], object]


@dataclass
class Counts:
    """The titles that were encoded, their copies, and the titles written as JSON text."""

    titles: list[AnyTitle] = field(default_factory=list)
    copies: list[AnyTitle] = field(default_factory=list)
    texts: list[Title] = field(default_factory=list)

    def clear(self) -> None:
        """Reset the counts."""
        for each in (self.titles, self.copies, self.texts):
            each.clear()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """The encodings of a test."""
    counts = Counts()
    encode_title, encode_copies = codec.encode_title, codec.encode_copies
    to_json_text = Title.to_json_text

    def counted_title(title: AnyTitle, **attributes: Any) -> Item:
        counts.titles.append(title)
        return encode_title(title, **attributes)

    def counted_copies(title: AnyTitle, *args: Any) -> list[Item]:
        counts.copies.append(title)
        return encode_copies(title, *args)

    def counted_text(title: Title) -> str:
        counts.texts.append(title)
        return to_json_text(title)

    monkeypatch.setattr(codec, "encode_title", counted_title)
    monkeypatch.setattr(codec, "encode_copies", counted_copies)
    monkeypatch.setattr(Title, "to_json_text", counted_text)
    return counts


@pytest.fixture
def stocked() -> OfflineCatalog:
    """A table in memory with two titles of one shard, and one that another program put."""
    own = codec.encode_title(FOREIGN, version=1, slot=0)
    foreign = {name: own[name] for name in own if name not in (codec.VERSION, codec.SLOT)}
    return offline_catalog([HEAT, UP], items=[foreign])


def load(*titles: AnyTitle, write_units: float | None = None) -> Write:
    """Load these titles."""
    return lambda catalog: ap.load_titles(catalog, titles, write_units=write_units)


def change(name: str, *values: Any, **named: Any) -> Write:
    """Change a title that exists."""
    return lambda catalog: getattr(ap, name)(catalog, *HEAT.key, *values, **named)


WRITES: list[tuple[str, Write, int, int]] = [
    ("put_title, new", partial(ap.put_title, title=ALIEN), 1, 1),
    ("put_title, if absent", partial(ap.put_title, title=ALIEN, if_absent=True), 1, 1),
    ("put_title, changed", partial(ap.put_title, title=LATER), 1, 2),
    ("put_title, equal", partial(ap.put_title, title=HEAT), 1, 2),
    ("put_title, if unchanged", partial(ap.put_title, title=LATER, if_unchanged=HEAT), 1, 3),
    ("update_title, changed", change("update_title", overview="A thief."), 1, 2),
    ("update_title, equal", change("update_title", popularity=9.5), 0, 2),
    ("update_popularity", change("update_popularity", 7.25), 1, 2),
    ("update_votes", change("update_votes", vote_average=8.5, vote_count=7000), 1, 2),
    ("set_genres", change("set_genres", [80, 18]), 1, 2),
    ("update_popularity, enrolled", lambda c: ap.update_popularity(c, *FOREIGN.key, 7.25), 1, 1),
    ("delete_title", change("delete_title"), 0, 0),
    ("load_titles, new", load(ALIEN, movie(62, 878)), 2, 2),
    ("load_titles, paced", load(ALIEN, movie(62, 878), write_units=1e6), 2, 2),
    ("load_titles, equal", load(HEAT, UP), 2, 4),
    ("load_titles, changed", load(LATER, UP), 2, 5),
]
"""Writes: how many titles each encodes, and how many it writes as JSON text.

The stored title has a text of its own, which the new one is compared with; a load reads a changed
title twice.
"""


def test_every_write_is_counted() -> None:
    """Every access pattern that writes is among them."""
    names = {name.partition(",")[0] for name, *_ in WRITES}
    assert names == {each.name for each in ap.PATTERNS.values() if each.role == "write"}


@pytest.mark.parametrize(
    ("write", "encoded", "texts"), [each[1:] for each in WRITES], ids=[each[0] for each in WRITES]
)
def test_a_write_encodes_a_title_once_and_writes_its_text_once(
    stocked: OfflineCatalog, counts: Counts, write: Write, encoded: int, texts: int
) -> None:
    """Checked, compared, planned and sent from one encoding; no text is made twice of one title."""
    write(stocked)
    assert len(counts.titles) == len(counts.copies) == encoded
    assert len(counts.texts) == texts
    assert once_each(counts.titles)
    assert once_each(counts.copies)
    assert once_each(counts.texts)


def once_each(titles: list[Any]) -> bool:
    """Whether no title is in the list twice; equal titles may be."""
    return max(Counter(map(id, titles)).values(), default=1) == 1


def test_a_loaded_record_is_encoded_once(titles: list[AnyTitle], counts: Counts) -> None:
    """New: one text a record. Again: one of the record, one of the stored title."""
    catalog = OfflineCatalog()
    for texts in (1, 2):
        counts.clear()
        ap.load_titles(catalog, titles)
        assert len(counts.titles) == len(counts.copies) == len(titles)
        assert len(counts.texts) == texts * len(titles)
        assert once_each(counts.texts)


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
    assert (len(counts.titles), len(counts.copies), len(counts.texts)) == (1, 1, 1)


def test_a_title_that_is_too_large_is_refused_before_any_request(stocked: OfflineCatalog) -> None:
    """The check needs sizes only: nothing is read for it."""
    large = movie(1, 18, overview="x" * 400 * 1024)
    with stocked.trace() as trace, pytest.raises(InvalidTitleError, match="makes an item of"):
        ap.put_title(stocked, large)
    assert not list(trace)
    with stocked.trace() as trace:
        report = ap.load_titles(stocked, [large])
    assert [each.key for each in report.rejected] == ["movie 1"]
    assert not list(trace)


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

    def init(self: Any, gateway: Any, key: Any, read: Any, plan: Any, *args: Any) -> None:
        send = gateway._send

        def checked(*request: Any) -> Any:
            assert not is_planning, f"{request[0]} while a plan is made"
            return send(*request)

        monkeypatch.setattr(gateway, "_send", checked)
        make(self, gateway, key, read, partial(quiet, plan), *args)

    monkeypatch.setattr(Attempts, "__init__", init)
    return planned


@pytest.mark.parametrize("write", [each[1] for each in WRITES], ids=[each[0] for each in WRITES])
def test_no_request_is_sent_while_a_plan_is_made(
    stocked: OfflineCatalog, planning_is_pure: list[Snapshot], write: Write
) -> None:
    """A plan follows from readings; the readings come before."""
    write(stocked)
    ap.delete_title(stocked, *UP.key)
    assert planning_is_pure


def test_a_deletion_in_a_damaged_shard_reads_before_it_plans(
    stocked: OfflineCatalog, planning_is_pure: list[Snapshot]
) -> None:
    """Whether the slot is the title's own is a part of the second reading."""
    stocked.gateway.transact((Delete(keys.slot_key("movie", keys.shard_of(HEAT.key), 1)),))
    ap.delete_title(stocked, *HEAT.key)
    assert [snapshot.owns_slot for snapshot in planning_is_pure] == [None, True]
