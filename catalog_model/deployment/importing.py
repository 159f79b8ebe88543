"""Writes the items of a dump into a table, and can be interrupted anywhere and run again.

Every write puts a whole item, so a repeated write changes nothing: an import that starts again from
the beginning ends in the same table. A checkpoint only saves the writes that were done.
"""

from collections.abc import Callable
from typing import Final, Protocol

from catalog_model.deployment.batch_writes import BatchWrites
from catalog_model.deployment.dump_source import Source


class Place(Protocol):
    """Where an import keeps how far it came."""

    def written(self) -> int:
        """Return the number of items that are known to be written."""
        ...

    def reached(self, items: int) -> None:
        """Record the number of written items."""
        ...


SAVED_EVERY: Final = 1000
"""Items after which the checkpoint is written."""


def import_items(
    source: Source, writes: BatchWrites, place: Place, on_progress: Callable[[int], None]
) -> int:
    """Write the items of a dump from where the checkpoint is; return how many were written."""
    begin = done = saved = place.written()
    on_progress(done)
    try:
        with writes.kept():
            for count in writes.put_all(source.read(after=begin)):
                done += count
                if done - saved >= SAVED_EVERY:
                    place.reached(done)
                    saved = done
                on_progress(done)
    finally:
        place.reached(done)
    return done - begin
