"""Generates catalogues of any size that resemble the application's: `titles`.

The records have the application's fields. Genres, their number for each title, the lengths of names
and overviews, votes and popularity follow the distributions of its two files; in a large catalogue
most titles are little known, as at TMDB. The same seed gives the same titles, and a smaller
catalogue is the beginning of a larger one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from catalog_model import Movie, TVShow
from catalog_model.domain.kinds import KINDS, Kind

IDS: Final = 16_777_259
"""A prime: a multiple of any step, modulo it, is a different id for each number below it."""

GENRES: Final = {
    "movie": {
        28: 230, 18: 193, 12: 172, 53: 167, 878: 155, 35: 125, 27: 101, 14: 97, 80: 76, 9648: 59,
        10751: 52, 10749: 52, 16: 47, 10752: 20, 36: 17, 10402: 14, 37: 6, 10770: 3, 99: 2,
    },
    "tv": {
        18: 324, 35: 192, 10759: 122, 10765: 121, 80: 116, 9648: 81, 10751: 73, 16: 69, 10764: 65,
        10767: 38, 10762: 31, 10766: 31, 99: 13, 37: 12, 10768: 9, 10763: 7,
    },
}  # fmt: skip
"""The genres of the application's files, with the number of their titles."""

GENRE_COUNTS: Final = {
    "movie": {1: 59, 2: 156, 3: 268, 4: 76, 5: 17, 6: 4},
    "tv": {1: 176, 2: 166, 3: 174, 4: 48, 5: 14, 6: 1, 7: 1},
}
"""The number of titles for each number of genres."""

LANGUAGES: Final = {"en": 86, "ja": 4, "fr": 3, "es": 3, "de": 2, "ko": 2}
COUNTRIES: Final = {"en": ["US"], "ja": ["JP"], "fr": ["FR"], "es": ["ES"], "de": ["DE"]}

SYLLABLES: Final = (  # noqa: SIM905  # easier to read as a sentence
    "an the re in de mo vi la ro ta ne si ka lo da mar ven tor el ri so ma pa le ni ber gan do "
    "ca per fa lin ze ra wo hi ju no sta ber cor mi té nü ło ñá"
).split()
FIRST_WORDS: Final = ("The", "A", "My", "Last", "Return of the", "Night of", "Le", "Der", "El")
NUMERALS: Final = ("2", "3", "II", "III", ": Part Two", ": Origins")

Record = dict[str, Any]


def titles(count: int, seed: int = 7) -> Iterator[Movie | TVShow]:
    """Yield *count* titles, movies and shows in turn."""
    makers = {kind: _Maker(kind, seed) for kind in KINDS}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        record = makers[kind].record(number // len(KINDS))
        yield Movie.from_json(record) if kind == "movie" else TVShow.from_json(record)


@dataclass(frozen=True, slots=True)
class _Weighted:
    """Values with cumulative weights, in the form that `random.choices` takes."""

    values: tuple[Any, ...]
    cumulative: tuple[int, ...]

    @classmethod
    def of(cls, weights: dict[Any, int]) -> _Weighted:
        return cls(tuple(weights), tuple(accumulate(weights.values())))

    def choose(self, rng: random.Random) -> Any:
        return rng.choices(self.values, cum_weights=self.cumulative)[0]


class _Maker:
    """Makes the records of one kind, one after the other."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self._kind = kind
        self._rng = random.Random(f"{seed}/{kind}")  # noqa: S311  # no secret
        self._genres = _Weighted.of(GENRES[kind])
        self._counts = _Weighted.of(GENRE_COUNTS[kind])
        self._languages = _Weighted.of(LANGUAGES)
        words = ("".join(self._rng.choices(SYLLABLES, k=1 + n % 3)) for n in range(4000))
        weights = {word: 40_000 // (place + 10) for place, word in enumerate(words)}
        self._words = _Weighted.of(weights)

    def record(self, number: int) -> Record:
        """Make the record with this number, which must be the next one."""
        language = self._languages.choose(self._rng)
        name, date = self._name(), self._date()
        record = {
            "adult": False,
            "backdrop_path": self._path(nulls=0.02),
            "genre_ids": self._genre_ids(),
            "id": (number + 1) * 611_953 % IDS,
            "original_language": language,
            "overview": self._overview(),
            "popularity": round(self._rng.paretovariate(1.1) * 2, 3),
            "poster_path": self._path(nulls=0.01),
            "vote_average": round(min(10.0, max(0.0, self._rng.gauss(6.9, 1.1))), 3),
            "vote_count": int(self._rng.lognormvariate(4, 2.4)),
        }
        if self._kind == "movie":
            more = {"original_title": name, "release_date": date, "title": name, "video": False}
        else:
            country = COUNTRIES.get(language, [])
            more = {"origin_country": country, "original_name": name, "first_air_date": date}
            more["name"] = name
        return {**record, **more}

    def _name(self) -> str:
        several = [self._words.choose(self._rng).title() for _ in range(self._rng.randint(1, 3))]
        if self._rng.random() < 0.3:  # noqa: PLR2004  # about as many as at TMDB
            several.insert(0, self._rng.choice(FIRST_WORDS))
        if self._rng.random() < 0.05:  # noqa: PLR2004
            several.append(self._rng.choice(NUMERALS))
        return " ".join(several).replace(" :", ":")

    def _overview(self) -> str:
        length = min(1800, int(self._rng.lognormvariate(5.5, 0.5)))
        count = length // 5 + 1
        several = self._rng.choices(self._words.values, cum_weights=self._words.cumulative, k=count)
        return " ".join(several)[:length].capitalize() + "."

    def _genre_ids(self) -> list[int]:
        wanted, chosen = self._counts.choose(self._rng), dict[int, None]()
        while len(chosen) < wanted:
            chosen[self._genres.choose(self._rng)] = None
        return list(chosen)

    def _date(self) -> str:
        year = max(1900, 2025 - int(self._rng.expovariate(1 / 12)))
        return f"{year}-{self._rng.randint(1, 12):02}-{self._rng.randint(1, 28):02}"

    def _path(self, *, nulls: float) -> str | None:
        return None if self._rng.random() < nulls else f"/{self._rng.getrandbits(108):027x}.jpg"
