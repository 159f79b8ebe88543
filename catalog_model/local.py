"""Engines on this machine and handles on their tables, for trying out, learning and testing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog_model.catalog import DEFAULT_TABLE, Catalog
from catalog_model.dynamodb.engines import local
from catalog_model.dynamodb.engines.local import EngineChoice

__all__ = ["Engine", "start_engine"]


class Engine(local.Engine):
    """A running engine that makes handles on its tables."""

    __slots__ = ()

    def catalog(self, table: str = DEFAULT_TABLE) -> Catalog:
        """Make a handle on a table of this engine.

        The AWS configuration of this machine is not read.
        """
        return Catalog(table, endpoint_url=self.endpoint_url, client=self.client())


@contextmanager
def start_engine(
    name: EngineChoice = "auto",
    *,
    folder: Path | str | None = None,
    port: int = 0,
    exposed: bool = False,
) -> Iterator[Engine]:
    """Run an engine for the duration of the ``with`` block.

    Args:
        name: ``"dynoxide"``, ``"moto"``, or ``"auto"``: dynoxide if it is found and runs, otherwise
            moto.
        folder: Where dynoxide stores its tables, created if necessary; None keeps them in memory.
            moto stores nothing.
        port: Port on 127.0.0.1; 0 takes a free one.
        exposed: Listen on every address of this machine, not only on 127.0.0.1. Neither engine
            authenticates clients, so do this only within a private network, such as between
            containers.

    Raises:
        InvalidArgumentError: If there is no engine of that name, or an argument has the wrong type.
        ConfigurationError: If it is not installed or cannot run, or the port is taken.

    >>> with start_engine() as engine:
    ...     catalog = engine.catalog()
    """
    with local.start_engine(name, folder=folder, port=port, exposed=exposed) as engine:
        yield Engine(engine.name, engine.endpoint_url, engine.is_persistent, engine._is_running)
