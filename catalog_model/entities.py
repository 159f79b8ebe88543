"""The catalogue's values: movies, shows, genres, memberships and pages, without any database.

A title is an immutable record: the JSON object of the application's files, with the original order
of keys and types of values. Its class declares the fields of the model, which are its attributes
and the arguments of its constructor. All other keys are kept in `extra`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    Self,
    TypeVar,
    Unpack,
    dataclass_transform,
)

from catalog_model.checks import check_flag, refuse, shown
from catalog_model.domain.attributes import MovieChanges, ShowChanges
from catalog_model.domain.fields import (
    COUNT,
    DATE,
    FLAG,
    GENRES,
    ID,
    NAME,
    NUMBER,
    TEXT,
    TEXTS,
    Day,
    Field,
    Fields,
    GenreIds,
    Texts,
    field,
)
from catalog_model.domain.genres import genre_name
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.domain.records import copy_json, plain_record
from catalog_model.domain.tmdb import record_of
from catalog_model.domain.usual import Check, compiled_check, usual_copy

_T = TypeVar("_T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Title:
    """The common base of movies and shows. Use `Movie` or `TVShow` to make one.

    Titles are equal if they have the same kind and their records are the same JSON text.
    """

    __slots__ = ("_record",)

    kind: ClassVar[Kind]
    fields: ClassVar[Fields] = MappingProxyType({})
    name_field: ClassVar[str]
    date_field: ClassVar[str]
    _is_usual: ClassVar[Check]
    _record: dict[str, Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declared = {name: each for name, each in vars(cls).items() if isinstance(each, Field)}
        cls.fields = MappingProxyType({**cls.fields, **declared})
        cls._is_usual = staticmethod(compiled_check(cls.fields))

    def __init__(self, /, **fields: Any) -> None:
        object.__setattr__(self, "_record", plain_record(fields, self.kind, self.fields))

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read one record of the application's files.

        The record is copied, so later changes to it have no effect here.

        Args:
            record: A JSON object as returned by `json.load`. ``id``, the title or name,
                ``genre_ids``, ``popularity``, ``vote_average`` and ``vote_count`` are required.
                Values of other libraries are converted if that is lossless: a tuple, a
                `decimal.Decimal`, a number of numpy.

        Raises:
            InvalidTitleError: If a field is missing or invalid, or contains a value that JSON or
                DynamoDB cannot hold.

        >>> movie = Movie.from_json({"id": 3, "title": "Up", "genre_ids": [16, 35],
        ...     "popularity": 7.0, "vote_average": 7.9, "vote_count": 12, "tagline": None})
        >>> movie.key, movie.display_name, movie.genre_ids
        (TitleKey(kind='movie', id=3), 'Up', (16, 35))
        """
        usual = usual_copy(record, cls._is_usual)
        return cls._trusted(plain_record(record, cls.kind, cls.fields) if usual is None else usual)

    @classmethod
    def from_tmdb(cls, answer: Mapping[str, Any], *, keep_extras: bool = False) -> Self:
        """Read an answer of TMDB's API: an element of a list, or a detail.

        The genres of a detail, which are objects there, become ``genre_ids``. Keys are in the order
        of the application's files; keys missing in the answer stay missing.

        Args:
            answer: A JSON object from TMDB, such as an element of ``results``, or the detail of a
                title with any appended parts.
            keep_extras: Whether to keep fields that the application's records do not have, at the
                end.

        Raises:
            InvalidTitleError: If it is something else (a page of a list, a person, a title of the
                other kind, an error), has no genres, or lacks a field required by `from_json`.

        >>> detail = record | {"genres": [{"id": 27, "name": "Horror"}], "runtime": 117}
        >>> del detail["genre_ids"]
        >>> alien = Movie.from_tmdb(detail, keep_extras=True)
        >>> alien.genre_ids, list(alien.extra)
        ((27,), ['genres', 'runtime'])
        """
        check_flag(keep_extras, "keep_extras")
        return cls.from_json(record_of(answer, cls.kind, cls.fields, keep_extras=bool(keep_extras)))

    @classmethod
    def _trusted(cls, record: dict[str, Any]) -> Self:
        """Wrap a record that was checked before it was stored, and that has no other references."""
        title = _new(cls)
        _set_record(title, record)
        return title

    def to_json(self) -> dict[str, Any]:
        """Return the record: the same keys in the same order, with the original types.

        >>> Movie.from_json(record).to_json() == record
        True
        """
        record: dict[str, Any] = copy_json(self._record)
        return record

    def to_json_text(self) -> str:
        """Return the record as the compact JSON text that the table's copies hold."""
        return json.dumps(self._record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def _changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a title with some fields changed; None for a missing field leaves it missing."""
        missing = self.fields.keys() - self._record.keys()
        wanted = {n: value for n, value in changes.items() if value is not None or n not in missing}
        return self.from_json({**self._record, **wanted})

    @property
    def key(self) -> TitleKey:
        """The kind and the id, which identify a title."""
        return TitleKey(self.kind, self._record["id"])

    @property
    def display_name(self) -> str:
        """The name for display: a movie's title, a show's name."""
        name: str = self._record[self.name_field]
        return name

    @property
    def released(self) -> str:
        """The day of release or first broadcast as ``YYYY-MM-DD``; "" if unknown."""
        return self._record.get(self.date_field) or ""

    @property
    def extra(self) -> Mapping[str, Any]:
        """The attributes of the record that are not fields of the model, in their order."""
        known = self.fields
        unknown = {name: self._record[name] for name in self._record if name not in known}
        return MappingProxyType(copy_json(unknown))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a title is frozen: use replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a title is frozen: {name!r} stays")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Title):
            return NotImplemented
        return self.kind == other.kind and self.to_json_text() == other.to_json_text()

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key.id} {shown(self.display_name)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._trusted, (self.to_json(),)


_new: Final = object.__new__
_set_record: Final = vars(Title)["_record"].__set__


class Movie(Title):
    """An immutable movie, made by `Movie.from_json` or from its fields as keyword arguments.

    Fields without a default are required. Type checkers refuse names that are no fields; other keys
    of a record can be passed as ``**extra``, a ``dict[str, Any]``.

    >>> Movie(id=3, title="Up", genre_ids=[16], popularity=7.0, vote_average=7.9, vote_count=12)
    <Movie 3 'Up'>
    """

    __slots__ = ()
    kind = "movie"
    name_field = "title"
    date_field = "release_date"

    adult: bool | None = field(FLAG, default=None)
    backdrop_path: str | None = field(TEXT, default=None)
    genre_ids: GenreIds = field(GENRES)
    id: int = field(ID)
    original_language: str | None = field(TEXT, default=None)
    original_title: str | None = field(TEXT, default=None)
    overview: str | None = field(TEXT, default=None)
    popularity: float = field(NUMBER)
    poster_path: str | None = field(TEXT, default=None)
    release_date: Day = field(DATE, default=None)
    title: str = field(NAME)
    video: bool | None = field(FLAG, default=None)
    vote_average: float = field(NUMBER)
    vote_count: int = field(COUNT)

    def replace(self, /, **changes: Unpack[MovieChanges]) -> Self:
        """Return a movie with some fields changed; the order of keys stays the same.

        Values read from a movie can be passed back to it: genres may be a tuple, and None for a
        field missing in the record leaves it missing.

        Raises:
            InvalidTitleError: If a changed field is invalid.

        >>> movie = Movie.from_json(record)
        >>> movie.replace(popularity=9.5, genre_ids=movie.genre_ids + (99,)).genre_ids
        (27, 878, 99)
        """
        return self._changed(changes)


class TVShow(Title):
    """An immutable TV show, made by `TVShow.from_json` or from its fields, as a `Movie` is.

    >>> TVShow(id=3, name="Oz", genre_ids=[18], popularity=7.0, vote_average=8.0, vote_count=12)
    <TVShow 3 'Oz'>
    """

    __slots__ = ()
    kind = "tv"
    name_field = "name"
    date_field = "first_air_date"

    adult: bool | None = field(FLAG, default=None)
    backdrop_path: str | None = field(TEXT, default=None)
    genre_ids: GenreIds = field(GENRES)
    id: int = field(ID)
    origin_country: Texts = field(TEXTS, default=None)
    original_language: str | None = field(TEXT, default=None)
    original_name: str | None = field(TEXT, default=None)
    overview: str | None = field(TEXT, default=None)
    popularity: float = field(NUMBER)
    poster_path: str | None = field(TEXT, default=None)
    first_air_date: Day = field(DATE, default=None)
    name: str = field(NAME)
    vote_average: float = field(NUMBER)
    vote_count: int = field(COUNT)

    def replace(self, /, **changes: Unpack[ShowChanges]) -> Self:
        """Return a TV show with some fields changed, as `Movie.replace` does."""
        return self._changed(changes)


AnyTitle = Movie | TVShow

TITLE_CLASSES: Final[Mapping[Kind, type[AnyTitle]]] = {"movie": Movie, "tv": TVShow}

FIELDS: Final[Mapping[Kind, Fields]] = {kind: each.fields for kind, each in TITLE_CLASSES.items()}


@dataclass(frozen=True, slots=True)
class Genre:
    """A genre of one kind of title, with its exact number of titles."""

    id: int
    kind: Kind
    name: str
    title_count: int


@dataclass(frozen=True, slots=True)
class GenreMembership:
    """One title in one genre. ``position`` is the genre's place in the title's ``genre_ids``."""

    title_key: TitleKey
    genre_id: int
    position: int

    @property
    def kind(self) -> Kind:
        """The kind of the title and its genre."""
        return self.title_key.kind

    @property
    def title_id(self) -> int:
        """The id of the title."""
        return self.title_key.id

    @property
    def genre_name(self) -> str:
        """The genre's name; ``Genre <id>`` for one that TMDB does not list."""
        return genre_name(self.kind, self.genre_id)


class TitleWithGenres(NamedTuple):
    """A title and its memberships, in the order of its ``genre_ids``."""

    title: AnyTitle
    memberships: tuple[GenreMembership, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """A page of a list. ``next`` is the *after* of the following page; None on the last page."""

    items: tuple[_T, ...]
    next: str | None = None

    def __iter__(self) -> Iterator[_T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def check_title(title: object) -> AnyTitle:
    """Check that a value is a `Movie` or a `TVShow`, and return it."""
    if not isinstance(title, (Movie, TVShow)):
        refuse("title", title, "a Movie or a TVShow")
    return title


__all__ = [
    "FIELDS",
    "TITLE_CLASSES",
    "AnyTitle",
    "Genre",
    "GenreMembership",
    "Movie",
    "Page",
    "TVShow",
    "Title",
    "TitleKey",
    "TitleWithGenres",
    "check_title",
]
