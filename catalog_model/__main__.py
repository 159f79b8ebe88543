"""The console script: ``catalog-model``, and ``python -m catalog_model``."""

import sys
from importlib.util import find_spec
from typing import Final

from catalog_model.cli.streams import prepare_streams

CONFIGURATION: Final = 253
INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line, or print how to install its dependencies."""
    try:
        _run()
    except KeyboardInterrupt:  # before the program handles it, or while it ends
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)


def _run() -> None:
    prepare_streams()
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"Error: the command line needs {' and '.join(missing)}: "
            "pip install 'catalog-model[cli]'\n"
        )
        sys.exit(CONFIGURATION)
    from catalog_model.cli import program  # noqa: PLC0415  # needs an extra

    program.main()


if __name__ == "__main__":
    main()
