"""Over how many shards the lists are spread. Pure.

A list is one partition of an index, whose writes are limited. Spread over N shards, it is N
partitions: a title is in that of its id modulo N. Each title's own item states the N of its copies,
``_lists``, so a change keeps their keys without reading anything else. The tallies state the N of
new titles, and while titles move from one N to another, the other one, ``_lists_also``. All tallies
of the table change together; a creation has the condition that its tally still states the same N.

An absent attribute stands for 1, and 1 is never written: lists that are not spread have no trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.checks import counted
from catalog_model.dynamodb.actions import Equals
from catalog_model.dynamodb.typed_json import Item, Value, number
from catalog_model.table import codec

STATEMENT: Final = (codec.LISTS, codec.LISTS_ALSO)
"""The attributes with which a tally states how lists are spread."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How lists are spread: the shards of new titles' lists, and of others, if some may exist."""

    lists: int = 1
    also: int | None = None

    @property
    def counts(self) -> frozenset[int]:
        """The numbers of shards that titles may have."""
        return frozenset({self.lists, self.also or self.lists})

    @property
    def shards(self) -> tuple[int | None, ...]:
        """The shards that together hold a list; None is the list that is not spread.

        >>> Spread().shards, Spread(2).shards, Spread(1, also=2).shards
        ((None,), (0, 1), (None, 0, 1))
        """
        most = max(self.counts)
        numbered = range(most) if most > 1 else ()
        return (*([None] if 1 in self.counts else []), *numbered)

    def conditions(self) -> tuple[Equals, Equals]:
        """Return the conditions that a tally still states this."""
        also = 0 if self.also is None else self.also
        return lists_are(self.lists), Equals(codec.LISTS_ALSO, also, or_absent=self.also is None)

    def attributes(self) -> dict[str, int]:
        """Return the attributes with which a tally states this, without those that it lacks."""
        stated = {} if self.lists == 1 else {codec.LISTS: self.lists}
        return stated if self.also is None else {**stated, codec.LISTS_ALSO: self.also}

    def statement(self) -> Item:
        """Return the same as a tally holds it, for comparison with `statement_in`."""
        return {name: number(value) for name, value in self.attributes().items()}

    def __str__(self) -> str:
        """Return it in words.

        >>> print(Spread(1), Spread(8, also=2), sep="; ")
        1 list shard; 8 list shards (or 2, while titles move)
        """
        also = "" if self.also is None else f" (or {self.also}, while titles move)"
        return f"{counted(self.lists, 'list shard')}{also}"


NOT_SPREAD: Final = Spread()


def spread_in(tally: Mapping[str, Any]) -> Spread:
    """Decode how lists are spread, from a tally.

    >>> spread_in({}), spread_in({"_lists": {"N": "8"}, "_lists_also": {"N": "1"}})
    (Spread(lists=1, also=None), Spread(lists=8, also=1))
    """
    also = codec.read_lists(tally, codec.LISTS_ALSO) if codec.LISTS_ALSO in tally else None
    return Spread(codec.read_lists(tally), also)


def statement_in(tally: Mapping[str, Value]) -> Item:
    """Return what a tally states about lists, undecoded."""
    return {name: tally[name] for name in STATEMENT if name in tally}


def lists_are(lists: int) -> Equals:
    """Return the condition that new titles' lists have this number of shards."""
    return Equals(codec.LISTS, lists, or_absent=lists == 1)
