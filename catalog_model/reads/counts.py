"""Access patterns that count titles: of a kind, and of each genre."""

from collections import Counter

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.declarations.pattern import access_pattern
from catalog_model.declarations.vocabulary import tallies_steps
from catalog_model.domain.arguments import check_id, check_kind
from catalog_model.domain.genres import genre_name
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import Conversation, Query, batch_get, query
from catalog_model.dynamodb.typed_json import Item, primary_key
from catalog_model.entities import Genre
from catalog_model.table import codec, keys
from catalog_model.table.plan import moved_tally


@access_pattern(
    "The genres of a kind, each with the number of its titles",
    *tallies_steps(strong=True),
    order="id",
    consistency="strong",
)
def list_genres(catalog: Catalog, kind: Kind) -> Conversation[list[Genre]]:
    """List every genre of *kind* that has titles, with its exact count, by id.

    Writes update the counts, 8 items for each kind, in their transactions, and this reads them with
    strong consistency: they include every acknowledged write. Costs one Query, 1 or 2 read units.

    Returns an empty list if there are no titles of the kind.

    Args:
        kind: ``"movie"`` or ``"tv"``.

    Raises:
        InvalidArgumentError: If *kind* is not one of the two.

    >>> [(genre.name, genre.title_count) for genre in list_genres(catalog, "movie")]
    [('Animation', 1), ('Action', 2), ('Comedy', 1), ('Crime', 2)]
    """
    check_instance(catalog, "catalog", Catalog)
    kind = check_kind(kind)
    _, counts = yield from read_counts(kind, consistent=True)
    return [Genre(id_, kind, genre_name(kind, id_), counts[id_]) for id_ in sorted(counts)]


@access_pattern(
    "The number of titles of a kind, or of one genre",
    *tallies_steps(strong=True),
    consistency="strong",
)
def count_titles(catalog: Catalog, kind: Kind, genre_id: int | None = None) -> Conversation[int]:
    """Count the titles of *kind*, or of one of its genres, exactly.

    Includes every acknowledged write. Costs one Query, 1 or 2 read units. Returns 0 if there are no
    titles.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        genre_id: Count only titles of this genre; None counts all.

    Raises:
        InvalidArgumentError: If an argument is invalid.

    >>> count_titles(catalog, "movie"), count_titles(catalog, "movie", 80)
    (3, 2)
    """
    check_instance(catalog, "catalog", Catalog)
    kind = check_kind(kind)
    if genre_id is not None:
        genre_id = check_id(genre_id, "genre_id")
    total, counts = yield from read_counts(kind, consistent=True)
    return total if genre_id is None else counts.get(genre_id, 0)


def read_counts(kind: Kind, *, consistent: bool = False) -> Conversation[tuple[int, Counter[int]]]:
    """Return the number of titles, and of those in each genre: one Query."""
    tallies = yield from read_tallies(kind, consistent=consistent)
    counts: Counter[int] = Counter()
    for tally in tallies:
        counts.update(codec.tally_counts(tally))
    return sum(codec.read_count(tally, codec.TOTAL) for tally in tallies), counts


def read_tallies(kind: Kind, *, consistent: bool) -> Conversation[list[Item]]:
    """Return the tally of each shard of a kind, empty if it is missing: one Query.

    Tallies of an older version are returned as they will be after their move.
    """
    items = yield from query(Query(keys.tallies_pk(kind), consistent=consistent))
    found = {primary_key(item): item for item in items}
    tallies = [found.get(key, {}) for key in keys.tally_keys(kind)]
    if any(tallies):
        return tallies
    at = keys.former_tally_keys(kind)
    former = yield from batch_get(at, consistent=consistent)
    return [moved_tally(kind, n, former[key]) if key in former else {} for n, key in enumerate(at)]
