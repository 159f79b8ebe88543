"""The contract's names exist and are documented, and there are no others."""

import inspect
import re
from pathlib import Path

import pytest

import catalog_model
from catalog_model import access_patterns as ap
from catalog_model.declarations.pattern import _declared

ROOT = Path(__file__).parents[2]

SIGNATURES = {
    "get_title": "(catalog, kind, title_id, *, consistent=False)",
    "get_titles": "(catalog, keys)",
    "get_title_with_genres": "(catalog, kind, title_id, *, consistent=False)",
    "list_titles": (
        "(catalog, kind, *, order='popularity', descending=True, limit=20, after=None)"
    ),
    "list_titles_in_genre": (
        "(catalog, kind, genre_id, *, order='popularity', descending=True, limit=20, after=None)"
    ),
    "list_titles_in_genres": "(catalog, kind, genre_ids, *, match='all', limit=20, after=None)",
    "sample_titles": "(catalog, kind, count=20, *, rng=None)",
    "list_top_rated": (
        "(catalog, kind, *, min_votes, min_rating, genre_id=None, limit=20, after=None)"
    ),
    "list_released_between": (
        "(catalog, kind, since, until, *, genre_id=None, descending=True, limit=20, after=None)"
    ),
    "find_titles_by_name": "(catalog, kind, prefix, *, limit=20, after=None)",
    "list_genres": "(catalog, kind)",
    "count_titles": "(catalog, kind, genre_id=None)",
    "put_title": "(catalog, title, *, if_absent=False, if_unchanged=None)",
    "update_title": "(catalog, kind, title_id, **attributes)",
    "update_popularity": "(catalog, kind, title_id, popularity)",
    "update_votes": "(catalog, kind, title_id, *, vote_average, vote_count)",
    "set_genres": "(catalog, kind, title_id, genre_ids)",
    "delete_title": "(catalog, kind, title_id)",
    "load_titles": "(catalog, titles, *, on_progress=None, write_units=None)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_access_pattern_is_called_as_the_contract_says(name: str) -> None:
    """Names, order, defaults, and keyword-only arguments."""
    signature = inspect.signature(getattr(ap, name))
    bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


def test_the_catalogue_of_patterns_is_complete() -> None:
    """Declared patterns are listed, listed ones are exported, and the list is the contract's."""
    assert set(ap.PATTERNS) == set(_declared) == set(SIGNATURES)
    assert set(ap.__all__) - {"PATTERNS", "AccessPattern"} == set(SIGNATURES)
    for name, pattern in catalog_model.PATTERNS.items():
        assert pattern.function is getattr(ap, name)


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_access_pattern_is_documented(name: str) -> None:
    """Cost, arguments, errors and an example that runs."""
    text = inspect.getdoc(getattr(ap, name)) or ""
    for part in ("ost", "Args:", "Raises:", ">>> "):
        assert part in text, f"{name} does not say {part!r}"


def test_links_in_the_documentation_lead_somewhere() -> None:
    """Every relative link of every page."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
