"""Prepares the program's three streams, so that printing needs no special care.

A closed stream becomes ``/dev/null``; otherwise the next connection would get its number.
"""

import errno
import io
import os
import select
import sys
from typing import Final, TextIO

_NAMES: Final = ("stdin", "stdout", "stderr")
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET})


class OutputError(OSError):
    """The result cannot be written to stdout."""


class _Stdout(io.FileIO):
    """stdout: if the reader has ended, output is dropped; all other failures are errors."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower: data of a buffer
        try:
            while (written := super().write(data)) is None:
                select.select((), (self,), ())  # another process made it non-blocking
        except OSError as error:
            discard(self.fileno())
            if error.errno in _GONE:
                return len(data)
            raise OutputError(error.errno, error.strerror) from error
        return written


class _Stderr(io.FileIO):
    """stderr: a failure to write an error is ignored."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower: data of a buffer
        try:
            return super().write(data)
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Open closed streams, and wrap stdout and stderr; call it once, before anything else."""
    for descriptor, name in enumerate(_NAMES):
        if not _is_open(descriptor):
            discard(descriptor)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if not descriptor else "w", closefd=False))  # noqa: SIM115  # stays open
    if os.name == "posix":  # a Windows console is not a file
        sys.stdout = _wrapped(sys.stdout, _Stdout(1, "w", closefd=False), "backslashreplace")
        sys.stderr = _wrapped(sys.stderr, _Stderr(2, "w", closefd=False), "backslashreplace")


def discard(descriptor: int) -> None:
    """Redirect a descriptor to the null device."""
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
