"""A process without orjson and pycurl, as where the extra ``fast`` is not installed.

It reads lines of JSON from standard input, a pattern and a number of calls, and answers each with
seconds of CPU and of the clock; for 0 calls it answers with the records of one call.
"""

import json
import sys

for name in ("orjson", "pycurl"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails

from bench.ours import contenders  # noqa: E402
from catalog_model import Catalog  # noqa: E402


def main() -> None:
    """Answer until standard input ends."""
    table, ids = sys.argv[1:]
    reads = contenders("", Catalog(table), json.loads(ids))
    for line in sys.stdin:
        pattern, calls = json.loads(line)
        read = reads[pattern]
        print(json.dumps(read.timed(calls) if calls else read.answer()), flush=True)


if __name__ == "__main__":
    main()
