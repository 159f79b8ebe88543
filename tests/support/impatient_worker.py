"""The production worker with a shorter limit, for tests: requests must arrive within a second."""

from catalog_model import gunicorn
from catalog_model.gunicorn import BufferedWorker

gunicorn.REQUEST_SECONDS = 1.0  # type: ignore[misc]
gunicorn.LINGER_SECONDS = 1.0  # type: ignore[misc]

__all__ = ["BufferedWorker"]
