"""Code that type checkers must reject: likely mistakes."""

from __future__ import annotations

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.trace import Request


def arguments(catalog: Catalog, text: str) -> None:
    """Kinds, orders and matches are words of a list; ids are numbers; settings are keywords."""
    ap.get_title(catalog, "film", 949)  # type: ignore[arg-type]
    ap.get_title(catalog, text, 949)  # type: ignore[arg-type]
    ap.get_title(catalog, "movie", "949")  # type: ignore[arg-type]
    ap.get_title("netflix-movie-catalog", "movie", 949)  # type: ignore[arg-type]
    ap.get_titles(catalog, [("movie", 949)])  # type: ignore[list-item]
    ap.list_titles(catalog, "movie", order="votes")  # type: ignore[arg-type]
    ap.list_titles_in_genre(catalog, "movie", 28, order="name")  # type: ignore[arg-type]
    ap.list_titles_in_genres(catalog, "movie", [28], match="some")  # type: ignore[arg-type]
    ap.list_titles(catalog, "movie", "name")  # type: ignore[call-arg]
    ap.list_top_rated(catalog, "movie", min_votes=100)  # type: ignore[call-arg]
    ap.count_titles(catalog)  # type: ignore[call-arg]
    ap.put_title(catalog, {"id": 7})  # type: ignore[arg-type]
    ap.update_popularity(catalog, "movie", 949, "99.5")  # type: ignore[arg-type]
    ap.update_votes(catalog, "movie", 949, 7.1, 12)  # type: ignore[call-arg]
    TitleKey("film", 949)  # type: ignore[arg-type]


def titles(movie: Movie, show: TVShow) -> None:
    """Fields have names and types, some are required, and titles are frozen."""
    Movie(titel="Up", popularity="x")  # type: ignore[call-arg,arg-type]
    Movie(id=7, title="Her", genre_ids=[18], vote_average=7.9, vote_count=12)  # type: ignore[call-arg]
    TVShow(id=7, title="Oz", genre_ids=[18], popularity=7, vote_average=7.9, vote_count=1)  # type: ignore[call-arg]
    Movie(
        id=7,
        title="Her",
        genre_ids="18",  # type: ignore[arg-type]
        popularity="x",  # type: ignore[arg-type]
        vote_average=None,  # type: ignore[arg-type]
        vote_count=1.5,  # type: ignore[arg-type]
        release_date=2013,  # type: ignore[arg-type]
    )
    movie.replace(titel="Her")  # type: ignore[call-arg]
    movie.replace(popularity="x")  # type: ignore[arg-type]
    movie.replace(title=None)  # type: ignore[arg-type]
    movie.replace(name="Her")  # type: ignore[call-arg]
    show.replace(origin_country="US")  # type: ignore[arg-type]
    movie.popularity = 7.5  # type: ignore[misc]
    movie.genre_ids = (18,)  # type: ignore[misc]


def attributes(catalog: Catalog) -> None:
    """The arguments of a change are the fields, except the id."""
    ap.update_title(catalog, "movie", 949, titel="Heat")  # type: ignore[call-arg]
    ap.update_title(catalog, "movie", 949, popularity="x")  # type: ignore[arg-type]
    ap.update_title(catalog, "movie", 949, id=950)  # type: ignore[call-arg]


def results(catalog: Catalog) -> None:
    """A title may be a show, may be missing, and is immutable; a page is not a list."""
    ap.get_title(catalog, "movie", 949).title  # type: ignore[union-attr]
    ap.get_titles(catalog, [])[0].display_name  # type: ignore[union-attr]
    ap.list_titles(catalog, "movie")[0]  # type: ignore[index]
    ap.list_titles(catalog, "movie").items = ()  # type: ignore[misc]
    ap.list_titles(catalog, "movie").after  # type: ignore[attr-defined]
    ap.count_titles(catalog, "movie").bit_size()  # type: ignore[attr-defined]
    movie: Movie = ap.get_title(catalog, "movie", 949)  # type: ignore[assignment]
    movie.naem  # type: ignore[attr-defined]


def hooks(catalog: Catalog) -> None:
    """A hook takes one request."""

    def two(request: Request, more: int) -> None:
        print(request, more)

    catalog.on_request(two)  # type: ignore[arg-type]
    ap.load_titles(catalog, [], on_progress=two)  # type: ignore[arg-type]
