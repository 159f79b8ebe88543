"""The process that is killed: it loads titles, or writes endlessly, and keeps a journal.

Journal entries are passed to the operating system, which keeps them when this process is killed: a
write before its first request is sent, and its result before the next write. `crashes` runs it with
its orders as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Literal
from unittest.mock import patch

from botocore.awsrequest import AWSHTTPConnection
from fault_histories import Write, perform

from catalog_model import Catalog, Rejection, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.errors import ConflictError, ServiceError, TitleNotFoundError
from catalog_model.files.reader import read_folder
from catalog_model.local import Engine

Moment = Literal["before", "sent", "answered"]
"""Before a request is sent; after it is sent, with the answer unread; or after the answer."""

WRITES = {"put": 4, "popularity": 3, "votes": 2, "genres": 3, "delete": 2}
"""The writes of a writer, with their frequency."""

GENRES = (12, 16, 18, 28, 35, 80, 99_999)
NOT_FOUND = TitleNotFoundError.__name__


@dataclass(frozen=True)
class Orders:
    """The tasks of the process, and when it kills itself."""

    work: Literal["load", "write"]
    endpoint_url: str
    table: str
    data: str
    journal: str
    seed: int = 0
    writers: int = 1
    kill_moment: Moment | None = None
    kill_request: int = 0
    splits: bool = False


def as_entry(write: Write) -> dict[str, Any]:
    """Return a write as JSON."""
    value = write.value.to_json() if write.name == "put" else write.value
    return {"name": write.name, "key": write.key, "value": value}


def from_entry(name: str, key: tuple[Kind, int], value: Any) -> Write:
    """Return a write that is read from JSON."""
    value = TITLE_CLASSES[key[0]].from_json(value) if name == "put" else value
    return Write(name, TitleKey(*key), value)


def some_write(rng: random.Random, titles: list[AnyTitle]) -> Write:
    """Make up a write of one of the titles."""
    title = rng.choice(titles)
    (name,) = rng.choices(list(WRITES), list(WRITES.values()))
    changes: dict[str, dict[str, Any]] = {
        "popularity": {"popularity": round(rng.uniform(0, 1000), 3)},
        "genres": {"genre_ids": rng.sample(GENRES, rng.randint(0, 4))},
        "votes": {
            "vote_average": round(rng.uniform(0, 10), 3),
            "vote_count": rng.randint(0, 10**6),
        },
    }
    new = title.replace(**{n: value for each in changes.values() for n, value in each.items()})
    return Write(name, title.key, new if name == "put" else changes.get(name))


class Journal:
    """The writes and their results, one per line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def note(self, **entry: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())


def main() -> None:
    """Follow the orders; a writer ends when its standard input does."""
    orders = Orders(**json.loads(sys.argv[1]))
    catalog = Engine("dynoxide", orders.endpoint_url, is_persistent=True).catalog(orders.table)
    titles = [title for title in read_folder(Path(orders.data)) if not isinstance(title, Rejection)]
    arm(catalog.warm(), orders)
    with Path(orders.journal).open("ab") as file:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        journal = Journal(file)
        if orders.work == "load":
            ap.load_titles(catalog, titles, on_progress=lambda done: journal.note(progress=done))
        else:
            write(catalog, titles, orders, journal)


def write(catalog: Catalog, titles: list[AnyTitle], orders: Orders, journal: Journal) -> None:
    """Let each writer change its own titles until the standard input ends."""
    stop, numbers = threading.Event(), count(1)

    def work(writer: int) -> None:
        rng = random.Random(f"{orders.seed} {writer}")
        while not stop.is_set():
            given = some_write(rng, titles[writer :: orders.writers])
            change(catalog, given, next(numbers), journal)

    threading.excepthook = give_up
    threads = [threading.Thread(target=work, args=(n,)) for n in range(orders.writers)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


def change(catalog: Catalog, given: Write, number: int, journal: Journal) -> None:
    """Perform a write, and record its result before doing anything else."""
    journal.note(begun=number, write=as_entry(given))
    try:
        answer = perform(catalog, given).to_json_text()
    except ServiceError:
        journal.note(unknown=number)
    except (TitleNotFoundError, ConflictError) as error:
        journal.note(done=number, answer=type(error).__name__)
    else:
        journal.note(done=number, answer=answer)


def give_up(failed: threading.ExceptHookArgs) -> None:
    """End the whole process after an unexpected error in a thread."""
    traceback.print_exception(failed.exc_value)
    os._exit(1)


def arm(catalog: Catalog, orders: Orders) -> None:
    """Set up the kill at the chosen request, and the planted defect."""
    numbers, transact, respond = count(1), Gateway.transact, AWSHTTPConnection.getresponse

    def strike(**_: Any) -> None:
        if next(numbers) == orders.kill_request:
            os.kill(os.getpid(), signal.SIGKILL)

    def strike_and_respond(*args: Any, **kwargs: Any) -> Any:
        strike()
        return respond(*args, **kwargs)

    def botocore_sends(**_: Any) -> None:
        """Make the lane step aside, which does not receive answers by the patched function."""

    def transact_in_two(gateway: Gateway, operations: Plan) -> None:
        half = len(operations) // 2
        transact(gateway, operations[:half])
        transact(gateway, operations[half:])

    if orders.splits:
        patch.object(Gateway, "transact", transact_in_two).start()
    events = catalog.client.meta.events
    match orders.kill_moment:
        case "before":
            events.register("before-send.dynamodb", strike)
        case "answered":
            events.register("after-call.dynamodb", strike)
        case "sent":
            events.register("before-send.dynamodb", botocore_sends)
            patch.object(AWSHTTPConnection, "getresponse", strike_and_respond).start()


if __name__ == "__main__":
    main()
