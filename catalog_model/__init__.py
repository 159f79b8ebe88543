"""NetflixMovieCatalog's data layer: movies, TV shows and genres in one DynamoDB table.

>>> from catalog_model import Catalog
>>> from catalog_model import access_patterns as ap
>>> catalog = Catalog("netflix-movie-catalog", region="eu-west-1")
"""

from catalog_model._version import __version__
from catalog_model.access_patterns import PATTERNS
from catalog_model.catalog import Catalog
from catalog_model.domain.kinds import TitleKey
from catalog_model.domain.rejection import Rejection
from catalog_model.entities import Genre, GenreMembership, Movie, Page, TitleWithGenres, TVShow
from catalog_model.writes.load import LoadReport

__all__ = [
    "PATTERNS",
    "Catalog",
    "Genre",
    "GenreMembership",
    "LoadReport",
    "Movie",
    "Page",
    "Rejection",
    "TVShow",
    "TitleKey",
    "TitleWithGenres",
    "__version__",
]
