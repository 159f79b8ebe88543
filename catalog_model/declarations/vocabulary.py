"""The terms that declarations of access patterns share: keys, key conditions and their costs."""

from __future__ import annotations

from functools import partial
from typing import Final

from catalog_model.declarations.pattern import WRITING, Step, step
from catalog_model.table.indexes import INDEX_KEYS, IndexName

TITLE: Final = "PK = TITLE#<kind>#<title_id> AND SK = TITLE#<kind>#<title_id>"
ANY_TITLE: Final = "PK = TITLE#<kind>#<an id> AND SK = TITLE#<kind>#<an id>"
LISTING: Final = "PK = TITLE#<kind>#<title_id> AND SK = ALL"
ANY_LISTING: Final = "PK = TITLE#<kind>#<an id> AND SK = ALL"
MEMBERSHIP: Final = "PK = TITLE#<kind>#<title_id> AND SK = GENRE#<a genre>"
TALLY: Final = "PK = GENRE#<kind>#<a shard> AND SK = TALLY"
SLOT: Final = "PK = SLOT#<kind>#<a shard> AND SK = SLOT#<a number>"

NEW: Final = "IF attribute_not_exists (PK)"
AS_READ: Final = "IF _version = <as read>"
KNOWN: Final = "IF <no newer version>"
TALLY_AS_READ: Final = "IF (<version as read> AND <no newer version>)"


def _action(verb: str, key: str, condition: str = "") -> str:
    return f"{verb} {key} {condition}".rstrip()


put, update, delete = (partial(_action, verb) for verb in ("Put", "Update", "Delete"))

COPIES: Final = (put(LISTING), put(MEMBERSHIP))

CREATION: Final = (
    put(TITLE, NEW),
    put(TITLE, AS_READ),
    *COPIES,
    delete(MEMBERSHIP),
    put(SLOT, NEW),
    update(TALLY, TALLY_AS_READ),
    update(TALLY, KNOWN),
)
"""The items written when a title is created or replaced."""

PAGE_UNITS: Final = "0.5 * rcu(limit * mean_entry) + 0.5"
"""A page reads one title more than it returns, to find out whether there is a next page."""

SEVERAL_QUERIES: Final = "0.5 * (requests + read * mean_entry / 4096)"
"""The units of each of several Queries are rounded up separately."""

SPLIT_REQUESTS: Final = "9 + (limit + 1) // 9"
"""One for each of nine partitions, plus as many again if the page needs more of some of them."""

SPLIT_ITEMS: Final = "2 * returned + 20 * requests"

MERGED_ROUND_TRIPS: Final = "2 + limit // 40"
"""All partitions at once, then at once those that may hold more of the page; a long page may need
more, because each request reads a limited number of items."""

REWRITTEN: Final = "2 * wcu(title) + (1 + genres) * (2 * wcu(copy) + 3 * wcu(entry)) + wcu(entry)"
"""The title and its copies: in a transaction, twice on the table and once in each index.

Copies are in three indexes; the one for the lists of a whole kind is also in a fourth.
"""

MOVED_ONCE: Final = "2 * wcu(title) + (1 + genres) * (2 * wcu(copy) + 4 * wcu(entry)) + wcu(entry)"
"""The same if the position in one order changes: one entry is deleted and another inserted."""

REPLACED: Final = "2 * (wcu(title) + (1 + genres) * (wcu(copy) + 3 * wcu(entry)) + wcu(entry))"
"""The same if the position in every order may change."""


OF_ANOTHER_PROGRAM: Final = "a title that another program put"
THERE_AS_READ: Final = "IF (<there> AND <version as read>)"

READ_TO_ENROL: Final = step(
    "BatchGetItem",
    TITLE,
    TALLY,
    units="rcu(title) + rcu(tally)",
    strong=True,
    rarely=OF_ANOTHER_PROGRAM,
)
ENROLMENT: Final = step(
    WRITING,
    put(TITLE, AS_READ),
    put(TITLE, THERE_AS_READ),
    *COPIES,
    delete(MEMBERSHIP),
    put(SLOT, NEW),
    update(TALLY, TALLY_AS_READ),
    units=f"{REPLACED} + 2 + 2 * wcu(tally)",
    rarely=OF_ANOTHER_PROGRAM,
)
"""The writes of a change to a title without a slot: it is given one, and is counted."""

UNCOUNTED_DELETION: Final = step(
    WRITING,
    delete(TITLE, AS_READ),
    delete(TITLE, THERE_AS_READ),
    delete(LISTING),
    delete(MEMBERSHIP),
    units=REWRITTEN,
    rarely=OF_ANOTHER_PROGRAM,
)


def page_step(order: str, partition: str) -> Step:
    """Declare the Query for a page of a list that is one partition."""
    index, (_, sort_key) = _index_by(order)
    return step(
        "Query",
        f"{partition} [AND {sort_key} beyond <a place>]",
        index=index,
        units=PAGE_UNITS,
        items="limit + 1",
        when={"order": order},
    )


def rating_step(partition: str) -> Step:
    """Declare the Queries for a page of a list by rating."""
    return step(
        "Query",
        f"{partition} [AND _rating beyond <a place>]",
        index="by_rating",
        requests=SPLIT_REQUESTS,
        units=SEVERAL_QUERIES,
        items=SPLIT_ITEMS,
        round_trips=MERGED_ROUND_TRIPS,
        when={"order": "rating"},
    )


def tallies_step(*, strong: bool) -> Step:
    """Declare the read of all tallies of a kind."""
    units = "8 * rcu(tally)" if strong else "0.5 * 8 * rcu(tally)"
    return step("BatchGetItem", TALLY, units=units, strong=strong)


def write_step(*actions: str, units: str, requests: str = "1") -> Step:
    """Declare the transaction that completes a write, or one such transaction after the other."""
    return step(WRITING, *actions, units=units, requests=requests, round_trips=requests)


def _index_by(order: str) -> tuple[IndexName, tuple[str, str]]:
    return next(each for each in INDEX_KEYS.items() if each[0] == f"by_{order}")
