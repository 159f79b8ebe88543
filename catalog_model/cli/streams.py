"""The three streams of the program, made so that whoever prints need not think of them.

One that is closed is ``/dev/null``: otherwise the next connection would take its number. stderr
takes what it can: what cannot be said there changes nothing. A reader of stdout who is gone, as
`head` is after its lines, has seen enough; a full disk is an `OutputError`.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Final, TextIO

_NAMES: Final = ("stdin", "stdout", "stderr")
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET})


class OutputError(OSError):
    """What was asked for cannot be written to stdout."""


class _Stdout(io.FileIO):
    """stdout: a reader who is gone wants no more, and everything else is an error."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower: what a buffer gives
        try:
            while (written := super().write(data)) is None:
                select.select((), (self,), ())  # whoever shares the stream made it non-blocking
        except OSError as error:
            discard(self.fileno())
            if error.errno in _GONE:
                return len(data)
            raise OutputError(error.errno, error.strerror) from error
        return written


class _Stderr(io.FileIO):
    """stderr: an error about errors would tell nobody anything."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower: what a buffer gives
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Open what is closed, and give stdout and stderr their manners; once, and before all else."""
    for descriptor, name in enumerate(_NAMES):
        if not _is_open(descriptor):
            discard(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if not descriptor else "w", closefd=False))  # noqa: SIM115  # it stays open
    if os.name == "posix":  # a console of Windows is no file
        sys.stdout = _wrapped(sys.stdout, _Stdout(1, "w", closefd=False), "backslashreplace")
        sys.stderr = _wrapped(sys.stderr, _Stderr(2, "w", closefd=False), "backslashreplace")


def discard(descriptor: int) -> None:
    """Let whatever is written to a descriptor from now on vanish, and let nothing be read there."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)  # noqa: FBT003  # its only form


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _wrapped(before: TextIO, raw: io.FileIO, errors: str) -> TextIO:
    before.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding,
        errors=errors,
        line_buffering=raw.isatty() or isinstance(raw, _Stderr),
    )
