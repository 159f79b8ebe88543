"""Reads a whole table, and writes its items as lines of DynamoDB's export form.

Segments of the table are read in parallel into temporary files, and then written one after the
other. So two dumps of an unchanged table have the same bytes, whichever segment was quicker.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from catalog_model.deployment.dump_form import Tally, line_of
from catalog_model.deployment.whole_files import Compressed, Sink, Spool
from catalog_model.dynamodb.pace import PacedReads
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.typed_json import Item


class Dumping:
    """One dump of a table.

    Args:
        reads: Reads of the table.
        segments: Number of parts that are read in parallel.
        new_tally: Makes the counts of a part.
        on_progress: Called with the number of items read so far, by several threads.
        folder: Folder of the temporary files; None for the system's.
    """

    def __init__(
        self,
        reads: PacedReads,
        segments: int,
        new_tally: Callable[[], Tally],
        on_progress: Callable[[int], None],
        folder: Path | None,
    ) -> None:
        self.tally = new_tally()
        self._reads = reads
        self._segments = segments
        self._new_tally = new_tally
        self._on_progress = on_progress
        self._folder = folder
        self._lock = threading.Lock()
        self._seen = 0

    def write(self, sink: Sink) -> None:
        """Read all items, then write them."""
        spools = [Spool(self._folder) for _ in range(self._segments)]
        try:
            parts = in_parallel(
                lambda segment: self._read(segment, spools[segment]),
                self._segments,
                self._reads.stop,
            )
            out = Compressed(sink)
            for spool, tally in zip(spools, parts, strict=True):
                for chunk in spool.chunks():
                    out.write(chunk)
                spool.close()
                self.tally.add(tally)
            out.finish()
        finally:
            for spool in spools:
                spool.close()

    def _read(self, segment: int, spool: Spool) -> Tally:
        tally = self._new_tally()
        for items in self._reads.pages(segment, self._segments):
            self._keep(items, spool, tally)
            with self._lock:
                self._seen += len(items)
                seen = self._seen
            self._on_progress(seen)
        return tally

    def _keep(self, items: list[Item], spool: Spool, tally: Tally) -> None:
        for item in items:
            line = line_of(item)
            tally.count(item, line)
            spool.write(line)
