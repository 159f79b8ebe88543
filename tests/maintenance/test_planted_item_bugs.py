"""Bugs planted in the code that reads, verifies and repairs items: each violates its law."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from any_item_laws import cases_of_all, check
from repair_laws import FEW, MANY, check_bounds, check_rivals

from catalog_model.dynamodb.typed_json import read_int
from catalog_model.maintenance import repair, repair_plans
from catalog_model.maintenance.census import Census
from catalog_model.maintenance.findings import Finding
from catalog_model.table import codec
from catalog_model.table.plan import as_read
from catalog_model.table.title_items import TitleItems

Law = Callable[[], object]


def law_of(attribute: str, *values: Any) -> Law:
    """Return the law of any item, for mutants of one attribute of a title."""

    def law() -> None:
        of_all = cases_of_all("movie", "title", attribute)
        some = [case for case in of_all if not values or case[1].value in values]
        assert some
        for case in some:
            check("movie", [case])

    return law


def does_not_hold_an_id_against_its_key(patch: pytest.MonkeyPatch) -> None:
    """The owner of a record is not checked."""
    patch.setattr(codec, "_check_id", lambda *_: None)


def keeps_the_first_of_all_findings(patch: pytest.MonkeyPatch) -> None:
    """One limit for all."""

    def note(census: Census, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if len(census.findings) < FEW:
                census._findings[finding.problem].append(finding)
            else:
                census.more[finding.problem] += 1

    patch.setattr(Census, "note", note)
    patch.setattr(repair._Repairing, "_walk", lambda _: iter(()))


def reads_a_missing_slot_as_0(patch: pytest.MonkeyPatch) -> None:
    """Like a missing version."""
    patch.setattr(codec, "read_slot", lambda item: read_int(item, codec.SLOT))


def takes_whatever_stands_in_a_field(patch: pytest.MonkeyPatch) -> None:
    """As if it had been checked when it was stored."""
    patch.setattr(codec, "_check_fields", lambda *_: None)


def takes_an_unreadable_title_for_none(patch: pytest.MonkeyPatch) -> None:
    """So its copies have no title."""
    made = repair_plans.plan_collection

    def hasty(of_title: TitleItems) -> Any:
        return made(replace(of_title, own=None) if of_title.is_unreadable else of_title)

    patch.setattr(repair, "plan_collection", hasty)


def writes_to_whatever_has_no_version(patch: pytest.MonkeyPatch) -> None:
    """A missing item has none, either."""
    patch.setattr(repair_plans, "title_as_read", as_read)


NO_GENRES = ({"L": [{"N": "-1"}]}, {"L": [{"N": "28"}, {"NULL": True}]})
BUGS: list[tuple[Callable[[pytest.MonkeyPatch], None], Law]] = [
    (does_not_hold_an_id_against_its_key, law_of("id", {"N": "9"}, {"N": "3"})),
    (keeps_the_first_of_all_findings, partial(check_bounds, foreign_items=3 * MANY, titles=3)),
    (reads_a_missing_slot_as_0, law_of("_slot", None)),
    (takes_whatever_stands_in_a_field, law_of("genre_ids", {"S": "x"}, *NO_GENRES)),
    (takes_whatever_stands_in_a_field, law_of("vote_average", {"S": "7"})),
    (takes_an_unreadable_title_for_none, law_of("popularity", {"S": "7"})),
    (writes_to_whatever_has_no_version, check_rivals),
]


@pytest.mark.usefixtures("few_are_named", "in_no_time")
@pytest.mark.parametrize(
    ("bug", "law"), BUGS, ids=[f"{at}-{bug.__name__}" for at, (bug, _) in enumerate(BUGS)]
)
def test_a_planted_bug_breaks_its_law(
    monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None], law: Law
) -> None:
    """Without it, the law holds; with it, an assertion of the law fails, or a call in it."""
    law()
    with monkeypatch.context() as patch:
        bug(patch)
        with pytest.raises(Exception):  # noqa: B017, PT011
            law()
