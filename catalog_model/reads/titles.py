"""Access patterns that get titles by their keys."""

from collections.abc import Iterable

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_many
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import ANY_TITLE, TITLE, WITHOUT_A_DOCUMENT
from catalog_model.domain.arguments import check_id, check_key, check_kind
from catalog_model.domain.kinds import KINDS, Kind, TitleKey
from catalog_model.dynamodb.conversation import (
    Conversation,
    Query,
    Range,
    batch_get,
    batch_get_parts,
    get,
    query,
)
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle, TitleWithGenres
from catalog_model.errors import TitleNotFoundError
from catalog_model.table import codec, keys


@access_pattern(
    "One title",
    step("GetItem", TITLE, units="0.5 * (1 + consistent) * rcu(title)", strong="consistent"),
    consistency="eventual, or strong with consistent=True",
)
def get_title(
    catalog: Catalog, kind: Kind, title_id: int, *, consistent: bool = False
) -> Conversation[AnyTitle]:
    """Get one title.

    Costs one GetItem: half a read unit for each 4 KB, or one if consistent.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id; ids of movies and shows overlap.
        consistent: Whether to include every acknowledged write (strong consistency).

    Raises:
        TitleNotFoundError: If there is no such title.
        InvalidArgumentError: If an argument is invalid.

    >>> get_title(catalog, "movie", 949)
    <Movie 949 'Heat'>
    """
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))
    consistent = check_flag(consistent, "consistent")
    item = yield from get(keys.title_key(key), consistent=consistent)
    if item is None:
        raise not_found(catalog, key)
    return codec.decode_title(item)


@access_pattern(
    "Many titles by their keys",
    step("BatchGetItem", ANY_TITLE, requests="ceil(keys / 100)", units="0.5 * keys * rcu(title)"),
    step(
        "BatchGetItem",
        ANY_TITLE,
        requests="ceil(keys / 100)",
        units="0.5 * keys * rcu(title)",
        rarely=WITHOUT_A_DOCUMENT,
    ),
    order="as asked",
    consistency="eventual",
)
def get_titles(catalog: Catalog, keys: Iterable[TitleKey]) -> Conversation[list[AnyTitle | None]]:
    """Get many titles: a list as long as *keys*, in their order, with None for missing titles.

    Costs one BatchGetItem for each 100 different keys, half a read unit for each key; all are sent
    at once. The result is not a snapshot: titles may be read at slightly different moments.

    Without keys it returns an empty list and sends no request.

    Args:
        keys: Keys of titles, such as ``TitleKey("movie", 949)``; any number, duplicates allowed.

    Raises:
        InvalidArgumentError: If one of them is not a key.

    >>> get_titles(catalog, [TitleKey("movie", 949), TitleKey("tv", 7), TitleKey("movie", 949)])
    [<Movie 949 'Heat'>, None, <Movie 949 'Heat'>]
    """
    check_instance(catalog, "catalog", Catalog)
    asked = [check_key(key) for key in check_many(keys, "keys", "keys of titles")]
    found = yield from read_titles(asked)
    return [found.get(key) for key in asked]


@access_pattern(
    "A title and its memberships in genres",
    step(
        "Query",
        "PK = TITLE#<kind>#<title_id> AND SK >= GENRE#",
        units="0.5 * (1 + consistent) * rcu(title + genres * copy)",
        items="1 + genres",
        strong="consistent",
    ),
    order="as in genre_ids",
    consistency="eventual, or strong with consistent=True",
)
def get_title_with_genres(
    catalog: Catalog, kind: Kind, title_id: int, *, consistent: bool = False
) -> Conversation[TitleWithGenres]:
    """Get a title together with its memberships, in the order of its ``genre_ids``.

    Costs one Query over the title's item collection. A Query is not a snapshot: during a change,
    the title may be from before it and a membership from after it, or the reverse.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        consistent: Whether to include every acknowledged write (strong consistency).

    Raises:
        TitleNotFoundError: If there is no such title.
        InvalidArgumentError: If an argument is invalid.

    >>> heat, memberships = get_title_with_genres(catalog, "movie", 949)
    >>> [membership.genre_name for membership in memberships]
    ['Action', 'Crime']
    """
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))
    consistent = check_flag(consistent, "consistent")
    items = yield from query(
        Query(keys.title_pk(key), Range(lower=keys.FIRST_MEMBERSHIP), consistent=consistent)
    )
    found = codec.decode_collection(items)
    if found is None:
        raise not_found(catalog, key)
    return TitleWithGenres(*found)


def read_titles(wanted: Iterable[TitleKey]) -> Conversation[dict[TitleKey, AnyTitle]]:
    """Read titles from their documents, which decode faster; missing titles are omitted.

    A title without a document, because it is large, of an older version or of another program, is
    read again as a whole.
    """
    named = {keys.title_pk(key): key for key in wanted}
    found = yield from batch_get_parts(zip(named, named, strict=True), ("PK", codec.DOC))
    copies: dict[Kind, dict[TitleKey, Item]] = {kind: {} for kind in KINDS}
    without: list[TitleKey] = []
    for item in found:
        key = named[item["PK"]["S"]]
        if codec.DOC in item:
            copies[key.kind][key] = item
        else:
            without.append(key)
    titles: dict[TitleKey, AnyTitle] = {}
    for kind, of_kind in copies.items():
        titles.update(zip(of_kind, codec.decode_copies(kind, [*of_kind.values()]), strict=True))
    if without:
        whole = yield from batch_get(map(keys.title_key, without))
        titles |= {named[at.PK]: codec.decode_title(item) for at, item in whole.items()}
    return titles


def not_found(catalog: Catalog, key: TitleKey) -> TitleNotFoundError:
    """Return the error for a missing title."""
    return TitleNotFoundError(f"there is no {key.kind} with id {key.id} in {catalog.table!r}")
