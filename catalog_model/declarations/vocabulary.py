"""The terms that declarations of access patterns share: keys, key conditions and their costs."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from catalog_model.declarations.pattern import WRITING, Step, step
from catalog_model.table.indexes import INDEX_KEYS, IndexName

TITLE: Final = "PK = TITLE#<kind>#<title_id> AND SK = TITLE#<kind>#<title_id>"
ANY_TITLE: Final = "PK = TITLE#<kind>#<an id> AND SK = TITLE#<kind>#<an id>"
LISTING: Final = "PK = SLOT#<kind>#<a shard> AND SK = SLOT#<a number>"
LISTINGS: Final = "PK = SLOT#<kind>#<a shard>"
MEMBERSHIP: Final = "PK = TITLE#<kind>#<title_id> AND SK = GENRE#<a genre>"
TALLY: Final = "PK = GENRE#<kind> AND SK = TALLY#<a shard>"
TALLIES: Final = "PK = GENRE#<kind>"
FORMER_LISTING: Final = "PK = TITLE#<kind>#<title_id> AND SK = ALL"
FORMER_TALLY: Final = "PK = GENRE#<kind>#<a shard> AND SK = TALLY"

NEW: Final = "IF attribute_not_exists (PK)"
AS_READ: Final = "IF _version = <as read>"
KNOWN: Final = "IF <no newer version>"
OWN: Final = "IF (<of this title> AND <no newer version>)"
SLOTS_AS_READ: Final = "IF (<slots as read> AND <no newer version>)"


def _action(verb: str, key: str, condition: str = "") -> str:
    return f"{verb} {key} {condition}".rstrip()


put, update, delete = (partial(_action, verb) for verb in ("Put", "Update", "Delete"))

COPIES: Final = (put(LISTING, OWN), put(MEMBERSHIP))

CREATION: Final = (
    put(TITLE, NEW),
    put(LISTING, NEW),
    put(TITLE, AS_READ),
    *COPIES,
    delete(MEMBERSHIP),
    update(TALLY, SLOTS_AS_READ),
    update(TALLY, KNOWN),
)
"""The items written when a title is created or replaced."""

PAGE_UNITS: Final = "0.5 * rcu(limit * mean_entry) + 0.5"
"""A page reads one title more than it returns, to find out whether there is a next page."""

SEVERAL_QUERIES: Final = "0.5 * (requests + read * mean_entry / 4096)"
"""The units of each of several Queries are rounded up separately."""

SPLIT_REQUESTS: Final = "9 + (limit + 1) // 9"
"""One for each of nine partitions, plus as many again if the page needs more of some of them."""

FILTERED_REQUESTS: Final = "9 + 32 * max(0, round_trips - 1)"
"""One for each of nine partitions; in each further round trip up to 24 of the lowest, from which
titles are dropped, and one of each other that the page needs more of."""

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
OF_AN_OLDER_VERSION: Final = "a title of an older version"
WITHOUT_A_DOCUMENT: Final = "titles over 2 KB, of an older version, or of another program"
WITHOUT_TALLIES: Final = "the first titles of a kind, or tallies of an older version"
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
    put(LISTING, NEW),
    put(MEMBERSHIP),
    delete(FORMER_LISTING),
    delete(MEMBERSHIP),
    update(TALLY, SLOTS_AS_READ),
    units=f"{REPLACED} + 2 + 2 * wcu(tally)",
    rarely=OF_ANOTHER_PROGRAM,
)
"""The writes of a change to a title without a slot: it is given one, and is counted."""

UNCOUNTED_DELETION: Final = step(
    WRITING,
    delete(TITLE, AS_READ),
    delete(TITLE, THERE_AS_READ),
    delete(FORMER_LISTING),
    delete(MEMBERSHIP),
    units=REWRITTEN,
    rarely=OF_ANOTHER_PROGRAM,
)

_FORMER_UNITS = f"2 * ({REPLACED}) + 2 * wcu(tally)"


def former_change(*counted: str) -> Step:
    """Declare a change that also gives a title the form of the current version."""
    actions = (put(TITLE, AS_READ), *COPIES, delete(FORMER_LISTING), *counted)
    return step(WRITING, *actions, units=_FORMER_UNITS, rarely=OF_AN_OLDER_VERSION)


COUNTED: Final = (delete(MEMBERSHIP), update(TALLY, KNOWN))
"""The additional actions of a change of genres."""

FORMER_CHANGE: Final = former_change(*COUNTED)

FORMER_DELETION: Final = step(
    WRITING,
    delete(TITLE, AS_READ),
    delete(FORMER_LISTING),
    delete(LISTING, OWN),
    delete(MEMBERSHIP),
    update(TALLY, KNOWN),
    units=_FORMER_UNITS,
    rarely=OF_AN_OLDER_VERSION,
)


def _search_of_tallies(*, needed: bool) -> tuple[Step, Step]:
    several = partial(step, requests="8", round_trips="8", strong=True, rarely=WITHOUT_TALLIES)
    return (
        several("Query", TALLIES, units="requests * rcu(8 * tally)", needed=needed),
        several("BatchGetItem", FORMER_TALLY, units="requests * 8 * rcu(tally)", needed=needed),
    )


_MOVE: Final = step(
    WRITING,
    put(TALLY, NEW),
    update(FORMER_TALLY, "IF (<as read> AND <no newer version>)"),
    units="32 * wcu(tally)",
    rarely=WITHOUT_TALLIES,
)
MOVE_OF_TALLIES: Final = (*_search_of_tallies(needed=False), _MOVE)
"""The first change that finds the tallies of an older version."""

CREATION_WITHOUT_TALLIES: Final = (*_search_of_tallies(needed=True), _MOVE)
"""The same for a creation: the first title of a shard makes sure that there is no older tally."""

SEARCH_OF_SLOTS: Final = step(
    "BatchGetItem",
    LISTING,
    requests="8",
    round_trips="8",
    units="0.5 * requests * 64 * rcu(copy)",
    rarely="many titles were deleted before",
)
"""The search for slots that no tally lists as free."""


READ_OF_SPREAD: Final = step(
    "GetItem",
    TALLY,
    units="rcu(tally)",
    strong=True,
    rarely="an empty list, or the first page of a minute where lists may be spread over shards",
)
"""The read that finds out over how many shards the lists are spread."""

_PARTITION: Final = re.compile(r"(\w+ = (?:<[^>]*>|[^<\s])+)")


def in_shards(
    plain: Step,
    *,
    requests: str = "lists * (2 + limit // 40)",
    round_trips: str = MERGED_ROUND_TRIPS,
    items: str = SPLIT_ITEMS,
) -> Step:
    """Declare what takes the place of a step where lists are spread over shards.

    All shards are read at once, then those that may hold more of the page.
    """
    conditions = plain.key_conditions
    spread = (_PARTITION.sub(r"\1#~<a list shard>", each, count=1) for each in conditions)
    plain.sharded = step(
        plain.operation,
        *conditions,
        *spread,
        index=plain.index,
        requests=requests,
        units=SEVERAL_QUERIES,
        items=items,
        round_trips=round_trips,
        when=plain.when,
        unless=plain.unless,
    )
    return plain


def page_step(order: str, partition: str) -> Step:
    """Declare the Query for a page of a list that is one partition."""
    index, (_, sort_key) = _index_by(order)
    return in_shards(
        step(
            "Query",
            f"{partition} [AND {sort_key} beyond <a place>]",
            index=index,
            units=PAGE_UNITS,
            items="limit + 1",
            when={"order": order},
        )
    )


def rating_step(partition: str) -> Step:
    """Declare the Queries for a page of a list by rating."""
    return in_shards(
        step(
            "Query",
            f"{partition} [AND _rating beyond <a place>]",
            index="by_rating",
            requests=SPLIT_REQUESTS,
            units=SEVERAL_QUERIES,
            items=SPLIT_ITEMS,
            round_trips=MERGED_ROUND_TRIPS,
            when={"order": "rating"},
        ),
        requests=f"lists * ({SPLIT_REQUESTS})",
    )


def tallies_steps(*, strong: bool, when: Mapping[str, object] | None = None) -> tuple[Step, Step]:
    """Declare the read of all tallies of a kind."""
    factor = "" if strong else "0.5 * "
    return (
        step(
            "Query", TALLIES, units=f"{factor}rcu(8 * tally)", items="8", strong=strong, when=when
        ),
        step(
            "BatchGetItem",
            FORMER_TALLY,
            units=f"{factor}8 * rcu(tally)",
            strong=strong,
            when=when,
            rarely="a kind without titles, or tallies of an older version",
            needed=True,
        ),
    )


def write_step(*actions: str, units: str, requests: str = "1") -> Step:
    """Declare the transaction that completes a write, or one such transaction after the other."""
    return step(WRITING, *actions, units=units, requests=requests, round_trips=requests)


def _index_by(order: str) -> tuple[IndexName, tuple[str, str]]:
    return next(each for each in INDEX_KEYS.items() if each[0] == f"by_{order}")
