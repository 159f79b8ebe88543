"""Fuzzes one target until libFuzzer's options end it: ``python -m fuzz.one TARGET [OPTION ...]``.

An input that crashed goes through again with its file as the option.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["catalog_model", "fuzz"]):
    from fuzz.targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
