"""The command line in forked processes: hundreds of runs in seconds.

Reads one case per line from stdin, as JSON, and answers each with a line: the exit code and the
contents of stdout and stderr. A case has the words of the command, and the state of each stream:
``whole`` by default, ``closed``, ``full`` (a full disk) or ``cut`` (a reader that has ended).
"""

import gc
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from typing import IO, Any

import rich.progress
import rich.table  # noqa: F401  # loaded before the fork
from botocore.loaders import JSONFileLoader

import catalog_model.cli.program  # noqa: F401  # also before the fork
from catalog_model import Catalog, __main__

STREAMS = ("stdin", "stdout", "stderr")

_load = JSONFileLoader().load_file


@cache
def _loaded(path: str) -> Any:
    """Read botocore's model of the service once for all forked processes."""
    return _load(path)


def run(case: dict[str, Any], held: Mapping[str, IO[bytes]]) -> int:
    """Run a command in a child process with the streams of the case; return its exit code."""
    child = os.fork()
    if child == 0:
        _become(case, held)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(case: dict[str, Any], held: Mapping[str, IO[bytes]]) -> None:
    for descriptor, name in enumerate(STREAMS):
        state = case.get(name, "whole")
        if state == "closed":
            os.close(descriptor)
        else:
            os.dup2(_opened(state, name, held), descriptor)
        mode = "r" if name == "stdin" else "w"
        # What Python does at its start.
        whole = None if state == "closed" else open(descriptor, mode, closefd=False)  # noqa: SIM115
        setattr(sys, name, whole)
    sys.argv = ["catalog-model", *case["words"]]
    code: Any = 99
    try:
        __main__.main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException as error:  # noqa: BLE001  # these tests look for tracebacks
        sys.excepthook(type(error), error, error.__traceback__)
    try:  # what Python does at its end
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001
        code = 120
    os._exit(code)


def _opened(state: str, name: str, held: Mapping[str, IO[bytes]]) -> int:
    if state == "full":
        return os.open("/dev/full", os.O_WRONLY)
    if state == "cut":
        reader, writer = os.pipe()
        os.close(reader)
        return writer
    return os.open(os.devnull, os.O_RDONLY) if name == "stdin" else held[name].fileno()


def main() -> None:
    """Answer cases until there are no more."""
    setattr(JSONFileLoader, "load_file", lambda _, path: _loaded(path))  # noqa: B010  # for mypy
    Catalog("films", region="eu-west-1").warm()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    cases = os.fdopen(os.dup(0))
    for line in cases:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as problems:
            held = {"stdout": out, "stderr": problems}
            answer: dict[str, Any] = {"code": run(json.loads(line), held)}
            for name, file in held.items():
                file.seek(0)
                answer[name] = file.read().decode(errors="replace")
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
