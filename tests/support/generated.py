"""A generated catalogue of the same shape as the real one, for use without the real files.

580 movies and 580 shows with the awkward features of the real data: ids in both kinds, ties, nulls,
unsorted genres, whole numbers stored as floats, empty texts, names that differ only in accents.
"""

import random
from typing import Any

from catalog_model.entities import TITLE_CLASSES, AnyTitle

SIZE = 580
SHARED_IDS = (105, 106, 121, 141, 155, 607, 655, 954, 1705, 1930, 210479)
MOVIE_GENRES = (28, 18, 12, 53, 878, 35, 27, 14, 80, 9648, 10751, 10749, 16, 10752, 36, 10402, 37)
TV_GENRES = (18, 35, 10759, 10765, 80, 9648, 10751, 16, 10764, 10767, 10762, 10766, 99, 37)
WORDS = (  # noqa: SIM905  # easier to read as a sentence
    "the Night É Œuvre Spider-Man love amélie AMELIE dawn Planet of Wall·E war 7 Story 千と千尋 "
    "Straße Łódź O'Brien & Naïve !!! #1 Время Rise"
).split()

Record = dict[str, Any]
Records = dict[str, dict[str, Record]]
"""Records of both kinds by the text of their ids, in file order."""


def generated_records() -> Records:
    """Return the records of both kinds by the text of their ids, the most popular first."""
    rng = random.Random(7)
    return {
        "movie": _by_popularity(_movie(rng, id_) for id_ in _ids(rng)),
        "tv": _by_popularity(_show(rng, id_) for id_ in _ids(rng)),
    }


def titles_of(records: Records) -> list[AnyTitle]:
    """Return the titles of records of both kinds."""
    kinds = [(TITLE_CLASSES[kind], records[kind].values()) for kind in TITLE_CLASSES]
    return [of_kind.from_json(record) for of_kind, those in kinds for record in those]


def _by_popularity(records: Any) -> dict[str, Record]:
    ordered = sorted(records, key=lambda r: (r["popularity"], r["id"]), reverse=True)
    return {str(record["id"]): record for record in ordered}


def _ids(rng: random.Random) -> list[int]:
    others = rng.sample(range(1_000, 1_100_000), SIZE)
    return [*SHARED_IDS, *(id_ for id_ in others if id_ not in SHARED_IDS)][:SIZE]


def _movie(rng: random.Random, id_: int) -> Record:
    name = _name(rng)
    return {
        "adult": False,
        "backdrop_path": _path(rng, nulls=0.01),
        "genre_ids": _genres(rng, MOVIE_GENRES),
        "id": id_,
        "original_language": rng.choice(("en", "fr", "ja", "cn")),
        "original_title": name,
        "overview": _overview(rng),
        "popularity": _popularity(rng),
        "poster_path": _path(rng, nulls=0),
        "release_date": _date(rng),
        "title": name,
        "video": rng.random() < 0.02,
        **_votes(rng),
    }


def _show(rng: random.Random, id_: int) -> Record:
    name = _name(rng)
    return {
        "adult": False,
        "backdrop_path": _path(rng, nulls=0.03),
        "genre_ids": _genres(rng, TV_GENRES),
        "id": id_,
        "origin_country": rng.choice((["US"], ["GB", "US"], [], ["JP"])),
        "original_language": rng.choice(("en", "de", "ko")),
        "original_name": name,
        "overview": "" if rng.random() < 0.06 else _overview(rng),
        "popularity": _popularity(rng),
        "poster_path": _path(rng, nulls=0.01),
        "first_air_date": _date(rng),
        "name": name,
        **_votes(rng),
    }


def _name(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 4)))


def _overview(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=min(260, int(rng.expovariate(1 / 45)) + 5)))


def _path(rng: random.Random, *, nulls: float) -> str | None:
    return None if rng.random() < nulls else f"/{rng.getrandbits(120):x}.jpg"


def _genres(rng: random.Random, genres: tuple[int, ...]) -> list[int]:
    weights = [1 / (place + 1) for place in range(len(genres))]
    chosen = rng.choices(genres, weights, k=rng.choice((1, 1, 2, 2, 3, 3, 3, 4, 5, 6)))
    return list(dict.fromkeys(chosen))


def _popularity(rng: random.Random) -> float:
    if rng.random() < 0.02:
        return float(rng.choice((25, 40)))
    return round(rng.paretovariate(0.9) * 20, 3)


def _votes(rng: random.Random) -> Record:
    rated = float(rng.randint(4, 9)) if rng.random() < 0.08 else round(rng.uniform(2, 9.4), 3)
    votes = 0 if rng.random() < 0.02 else int(rng.lognormvariate(6, 2.2))
    return {"vote_average": rated, "vote_count": votes}


def _date(rng: random.Random) -> str:
    return f"{rng.randint(1926, 2024)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
