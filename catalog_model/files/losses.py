"""What another layout lost of a catalogue, found while its titles are adopted. Pure.

A set has no order; a key without the kind holds one title of those that share an id; a table of
memberships may disagree with the titles. Each loss is listed with the title's key. The originals,
the titles from which the layout was filled, restore what they have.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

from catalog_model.domain.genres import MOVIE_GENRES, TV_GENRES
from catalog_model.domain.kinds import KINDS, Kind, TitleKey
from catalog_model.domain.rejection import Sourced
from catalog_model.entities import AnyTitle
from catalog_model.files.layouts import GENRE_IDS, FoundMembership, FoundTitle

What = Literal["order", "overwritten", "missing", "duplicate", "genres"]
WHATS: Final[tuple[What, ...]] = get_args(What)

MOST_LOSSES: Final = 100_000
"""The number of losses of a kind that are listed; further ones are counted."""

_CALLED: Final[Mapping[Kind, str]] = {"movie": "a movie", "tv": "a TV show"}
_GENRES: Final[Mapping[Kind, Mapping[int, str]]] = {"movie": MOVIE_GENRES, "tv": TV_GENRES}


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the source no longer holds of a title.

    Attributes:
        what: ``order``: a list was stored as a set, and is in ascending order now.
            ``overwritten``: a title of the other kind with the same id replaced it.
            ``missing``: the source does not hold the title.
            ``duplicate``: the source holds different items of one title; the first was taken.
            ``genres``: the table of memberships disagrees with the title's own genres, which are
            kept.
        key: The title: its kind and id, or only its id where the kind is unknown.
        detail: The particulars.
        is_restored: Whether the originals had it.
    """

    what: What
    key: str
    detail: str
    is_restored: bool = False

    def __str__(self) -> str:
        restored = " (restored)" if self.is_restored else ""
        return f"{self.what}: {self.key}: {self.detail}{restored}"

    def to_json(self) -> dict[str, Any]:
        """Return the loss as JSON."""
        return asdict(self)


class _Taken(NamedTuple):
    """A title that was taken: a hash of its text, its genres, and its source.

    An original that the sources do not have is without a source.
    """

    text: int
    genre_ids: tuple[int, ...]
    source: str


@dataclass(slots=True)
class _Ids:
    """The ids in one source, by kind, and whether one of them occurred twice."""

    by_kind: dict[Kind, set[int]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    is_any_twice: bool = False

    def add(self, key: TitleKey) -> None:
        """Record a title."""
        self.is_any_twice |= any(key.id in ids for ids in self.by_kind.values())
        self.by_kind[key.kind].add(key.id)

    @property
    def is_key_alone(self) -> bool:
        """Whether the source seems to have the id as its key: both kinds, and each id once."""
        return not self.is_any_twice and all(self.by_kind.values())


class Adoption:
    """The titles of one reading of the sources, and the losses found in it.

    Args:
        originals: The titles from which the sources were filled, as far as they are known.
    """

    def __init__(self, originals: Iterable[AnyTitle] = ()) -> None:
        self.losses: list[Loss] = []
        self.more_losses: Counter[What] = Counter()
        self.repeated = 0
        self.memberships = 0
        self.taken: dict[TitleKey, _Taken] = {}
        self._originals = {title.key: title for title in originals}
        self._ids: dict[str, _Ids] = defaultdict(_Ids)
        self._genres_of: dict[int, set[int]] = defaultdict(set)
        self._later: list[tuple[FoundTitle, Sourced[Any]]] = []
        self._counted: Counter[What] = Counter()

    @property
    def is_lossless(self) -> bool:
        """Whether nothing was lost that the originals did not restore."""
        return not self.more_losses and all(each.is_restored for each in self.losses)

    @property
    def keyed_by_id(self) -> list[str]:
        """The sources that hold both kinds, and each id once, as if the id were the key."""
        return [source for source, ids in self._ids.items() if ids.is_key_alone]

    def member(self, membership: FoundMembership) -> None:
        """Record a membership."""
        self.memberships += 1
        self._genres_of[membership.title_id].add(membership.genre_id)

    def title(self, found: FoundTitle, place: Sourced[Any]) -> Iterator[Sourced[AnyTitle]]:
        """Yield the title to load: nothing if it was taken before, or lacks its genres so far."""
        if found.has_genres:
            yield from self._take(found, place)
        else:
            self._later.append((found, place))

    def rest(self) -> Iterator[Sourced[AnyTitle]]:
        """Yield the titles to load that need the whole reading, and complete the losses."""
        keys = {found.title.key for found, _ in self._later}
        for found, place in self._later:
            yield from self._take(self._with_genres(found, keys), place)
        for key, title in self._originals.items():
            if key not in self.taken:
                self._lose(*self._why_missing(key), is_restored=True)
                self.taken[key] = _remembered(title, "")
                yield Sourced(title, "", _text(key))
        self._compare_memberships()

    def _take(self, found: FoundTitle, place: Sourced[Any]) -> Iterator[Sourced[AnyTitle]]:
        key, before = found.title.key, self.taken.get(found.title.key)
        title, is_restored = self._in_order(found)
        taken = _remembered(title, place.source)
        if before is None:
            self._ids[place.source].add(key)
            self.taken[key] = taken
            if found.unordered:
                self._lose("order", key, ", ".join(found.unordered), is_restored=is_restored)
            yield Sourced(title, place.source, place.key, place.line)
        elif before.text == taken.text:
            self.repeated += 1
        else:
            line = f" line {place.line}" if place.line else ""
            self._lose("duplicate", key, f"another is in {place.source}{line}: {place.key}")

    def _in_order(self, found: FoundTitle) -> tuple[AnyTitle, bool]:
        """Restore the order of lists and keys from the original; return whether all was restored.

        DynamoDB keeps neither the order of keys nor whether a number was a float.
        """
        title, original = found.title, self._originals.get(found.title.key)
        if original is None:
            return title, False
        record, was = title.to_json(), original.to_json()
        left = [n for n in found.unordered if not _has_same_elements(record.get(n), was.get(n))]
        record |= {n: was[n] for n in found.unordered if n not in left}
        same = {
            n: was[n] if _is_equal(record[n], was[n]) else record[n] for n in was if n in record
        }
        return type(title).from_json({**same, **record, **same}), not left

    def _with_genres(self, found: FoundTitle, keys: Collection[TitleKey]) -> FoundTitle:
        """Return a title without genres with those of its memberships, or of the original.

        *keys* are the titles without genres.
        """
        key, original = found.title.key, self._originals.get(found.title.key)
        genres = self._genres_of.get(key.id, set())
        if not genres:
            known = original.genre_ids if original else ()
            detail = "it has neither genre_ids nor memberships"
            self._lose("genres", key, detail, is_restored=original is not None)
            return FoundTitle(found.title.replace(genre_ids=known), found.unordered)
        other = TitleKey(_other(key.kind), key.id)
        if other in self.taken or other in keys:
            detail = f"it shares memberships in {_listed(genres)} with {_text(other)}"
            self._lose("genres", key, detail)
        genres = {each for each in genres if not _is_only_of(other.kind, each)}
        unordered = (*found.unordered, GENRE_IDS) if len(genres) > 1 else found.unordered
        return FoundTitle(found.title.replace(genre_ids=sorted(genres)), unordered)

    def _why_missing(self, key: TitleKey) -> tuple[What, TitleKey, str]:
        """Explain why the sources do not hold an original."""
        other = _other(key.kind)
        for source, ids in self._ids.items():
            if key.id in ids.by_kind[other] and ids.is_key_alone:
                return "overwritten", key, f"{_CALLED[other]} in {source} has the same id"
        return "missing", key, "only the original files have it"

    def _compare_memberships(self) -> None:
        """List what memberships and titles do not agree on."""
        if not self._genres_of:
            return
        own: dict[int, dict[Kind, tuple[int, ...]]] = defaultdict(dict)
        for key, taken in self.taken.items():
            own[key.id][key.kind] = taken.genre_ids
        for title_id in sorted(self._genres_of.keys() - own.keys()):
            genres = _listed(self._genres_of[title_id])
            self._lose("missing", f"id {title_id}", f"it has memberships in {genres}, and no title")
        for title_id, by_kind in own.items():
            members = self._genres_of.get(title_id, set())
            spare = members.difference(*by_kind.values())
            if spare:
                self._lose(*_why_spare(title_id, tuple(by_kind), spare))
            for kind, genre_ids in by_kind.items():
                is_restored = not self.taken[TitleKey(kind, title_id)].source
                lacking = set(genre_ids) - members
                if lacking and not is_restored:
                    detail = f"memberships in {_listed(lacking)} are missing"
                    self._lose("genres", TitleKey(kind, title_id), detail)

    def _lose(
        self, what: What, key: TitleKey | str, detail: str, *, is_restored: bool = False
    ) -> None:
        named = _text(key) if isinstance(key, TitleKey) else key
        self._counted[what] += 1
        if self._counted[what] <= MOST_LOSSES:
            self.losses.append(Loss(what, named, detail, is_restored))
        else:
            self.more_losses[what] += 1


def _why_spare(
    title_id: int, kinds: tuple[Kind, ...], spare: set[int]
) -> tuple[What, TitleKey, str]:
    """Explain memberships that no title has: one of the other kind may have been overwritten."""
    kind, other = kinds[0], _other(kinds[0])
    if len(kinds) == 1 and any(_is_only_of(other, genre_id) for genre_id in spare):
        detail = f"{_CALLED[kind]} has the same id; memberships in {_listed(spare)} are left"
        return "overwritten", TitleKey(other, title_id), detail
    detail = f"it has memberships in {_listed(spare)}, which it does not list"
    return "genres", TitleKey(kind, title_id), detail


def _other(kind: Kind) -> Kind:
    return KINDS[1 - KINDS.index(kind)]


def _is_only_of(kind: Kind, genre_id: int) -> bool:
    """Whether TMDB has a genre for this kind of titles only."""
    return genre_id in _GENRES[kind] and genre_id not in _GENRES[_other(kind)]


def _has_same_elements(now: Any, before: Any) -> bool:
    both_lists = isinstance(now, list) and isinstance(before, list)
    return both_lists and sorted(now, key=repr) == sorted(before, key=repr)


def _is_equal(now: Any, before: Any) -> bool:
    return bool(now == before) and isinstance(now, bool) == isinstance(before, bool)


def _remembered(title: AnyTitle, source: str) -> _Taken:
    return _Taken(hash(title.to_json_text()), tuple(dict.fromkeys(title.genre_ids)), source)


def _text(key: TitleKey) -> str:
    return f"{key.kind} {key.id}"


def _listed(genre_ids: Iterable[int]) -> str:
    ids = sorted(genre_ids)
    return f"genre{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids))}"
