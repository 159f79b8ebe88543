"""A drawing of the table as one HTML page, which needs no network.

The page has its style and its script inside, and a policy that allows nothing else. Everything that
comes from titles is escaped. Without the script, the page shows all calls, one after the other.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from operator import attrgetter
from string import Template
from typing import Any, Final

from catalog_model.analysis.drawing import Drawing, DrawnCall, View
from catalog_model.analysis.drawn_calls import call_article, summary_of, title_article
from catalog_model.analysis.drawn_rows import Row, RowKey, in_order
from catalog_model.analysis.html_text import code, name_of, safe, visible
from catalog_model.checks import counted
from catalog_model.dynamodb.schema import TABLE
from catalog_model.entities import AnyTitle

_HEADS: Final = {
    TABLE: ("item", "size"),
    "by_popularity": ("title", "popularity"),
    "by_rating": ("title", "rating"),
    "by_release": ("title", "released"),
    "by_name": ("title", ""),
}
_COLUMNS: Final = ((TABLE, "by_release", "by_name"), ("by_popularity", "by_rating"))
"""The views of each column; their lengths are about the same."""

_TYPES: Final = {"listing": "listings", "membership": "memberships"}
_GROUPS: Final = {"Reads": "read", "Writes": "write"}
_JSON_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

Ids = Mapping[RowKey, str]


def drawing_page(drawing: Drawing, *, source: str) -> str:
    """Return a drawing as an HTML page.

    Args:
        drawing: The content.
        source: Where the titles come from, as the end of a sentence.

    >>> from catalog_model.analysis.drawing import draw
    >>> page = drawing_page(draw([Movie.from_json(record)], [], table="films"), source="a file")
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    style, script = _part("page.css"), _part("page.js")
    ids = _ids(drawing)
    return Template(_part("page.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        title=safe(f"Table {drawing.table}"),
        heading=f"Table {code(drawing.table)}",
        summary=_summary(drawing, source),
        choices="\n".join(_choices(drawing)),
        calls="\n".join(_panels(drawing)),
        views="\n".join(_columns_of_views(drawing, ids)),
        footer=_FOOTER,
        data=_json(_data(drawing, ids)),
    )


_FOOTER: Final = (
    "Rows, requests and units are those of calls on a table in memory that holds only the titles "
    "of this page and charges like DynamoDB. Tallies count these titles only. Each call "
    "starts from the table as shown."
)


def _part(name: str) -> str:
    return (files("catalog_model.analysis") / "page" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Return a content security policy that allows this style and this script, and no network."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _ids(drawing: Drawing) -> Ids:
    """Return the ids of all rows in the page, also of those that only a call creates."""
    rows = [row for view in drawing.views for row in (*view.rows, *drawing.created(view.place))]
    return {row.key: f"r{number}" for number, row in enumerate(rows)}


def _summary(drawing: Drawing, source: str) -> str:
    table, *indexes = drawing.views
    titles, items = counted(len(drawing.titles), "title"), counted(len(table.rows), "item")
    collections = counted(len(table.partitions), "item collection")
    return safe(
        f"{titles} of {source}: {items} in {collections}, and {len(indexes)} indexes that sort "
        "copies of them."
    )


def _named_calls(drawing: Drawing) -> Iterator[tuple[str, DrawnCall]]:
    for number, call in enumerate(drawing.calls, start=1):
        yield f"call-{number}-{call.pattern.name}", call


def _named_titles(drawing: Drawing) -> Iterator[tuple[str, AnyTitle]]:
    for title in drawing.titles:
        yield f"title-{title.kind}-{title.id}", title


def _panels(drawing: Drawing) -> Iterator[str]:
    for name, call in _named_calls(drawing):
        yield call_article(call, name)
    for name, title in _named_titles(drawing):
        yield title_article(drawing, title, name)


def _choices(drawing: Drawing) -> Iterator[str]:
    for legend, role in _GROUPS.items():
        calls = [pair for pair in _named_calls(drawing) if pair[1].pattern.role == role]
        yield from _group(legend, [(name, safe(call.pattern.question)) for name, call in calls])
    titles = [(name, _titled(title)) for name, title in _named_titles(drawing)]
    yield from _group("Titles", titles)


def _group(legend: str, choices: Sequence[tuple[str, str]]) -> Iterator[str]:
    if choices:
        yield f"<fieldset><legend>{legend}</legend>"
        for name, text in choices:
            radio = f'<input type="radio" name="choice" value="{name}">'
            yield f'<label class="choice">{radio}<span>{text}</span></label>'
        yield "</fieldset>"


def _titled(title: AnyTitle) -> str:
    return f'{name_of(title.display_name)} <span class="quiet">({title.kind} {title.id})</span>'


def _columns_of_views(drawing: Drawing, ids: Ids) -> Iterator[str]:
    for places in _COLUMNS:
        views = [view for view in drawing.views if view.place in places]
        yield '<div class="column">'
        yield from (_view(view, drawing, ids) for view in views)
        yield "</div>"


def _view(view: View, drawing: Drawing, ids: Ids) -> str:
    place, count = view.place, counted(len(view.rows), "item" if view.place == TABLE else "row")
    name = f'<span id="name-{place}">{_heading(view)}</span>'
    up = '<a class="up" href="#calls"> ↑ calls</a>'
    return "\n".join(
        [
            f'<section class="view" id="view-{place}" data-place="{place}"',
            f'data-number="{drawing.views.index(view)}"',
            f'aria-labelledby="name-{place}">',
            f'<div class="view-head"><h2>{name}<small>{count}{up}</small></h2>',
            *(f"<p>{each}</p>" for each in _notes(view)),
            "</div>",
            f'<p class="nothing">No row of {_place(view)} is marked.</p>',
            f"<table><thead><tr>{_columns(view)}</tr></thead>",
            *_partitions(view, drawing.created(place), ids),
            "</table></section>",
        ]
    )


def _columns(view: View) -> str:
    content, value = _HEADS[view.place]
    columns = {
        "mark-cell": '<span class="sr">Mark</span>',
        "sort": safe(view.names[1]),
        "content": content,
        "value": value,
    }
    return "".join(f'<th scope="col" class="{name}">{it}</th>' for name, it in columns.items())


def _place(view: View) -> str:
    return "the table" if view.place == TABLE else view.place


def _heading(view: View) -> str:
    return "The table" if view.place == TABLE else f"Index {view.place}"


def _notes(view: View) -> Iterator[str]:
    partition, sort = map(code, view.names)
    if view.place == TABLE:
        yield f"An item collection for each {partition}, sorted by {sort}."
        return
    yield f"A partition for each {partition}, sorted by {sort}."
    items = sum(share.items for share in view.shares)
    types = [_TYPES[share.type] for share in view.shares if share.entries]
    yield f"Sparse: {len(view.rows)} of {counted(items, 'item')} are here{_of(types)}."
    absent = [share for share in view.shares if share.entries < share.items]
    by_lacking = sorted(absent, key=attrgetter("lacking"))  # stable: the types keep their order
    for lacking, shares in groupby(by_lacking, key=attrgetter("lacking")):
        found = _and([counted(each.items - each.entries, each.type) for each in shares])
        found = found.replace("tallys", "tallies")
        yield f"Not here: {found}, without {_and([code(name) for name in lacking])}."


def _of(types: Sequence[str]) -> str:
    return f", all {_and(types)}" if types else ""


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _partitions(view: View, created: Iterable[Row], ids: Ids) -> Iterator[str]:
    """Yield the partitions; rows that only a call creates are hidden, in their place."""
    existing = {row.key for row in view.rows}
    later = [row for row in created if row.key not in existing]
    partitions: dict[str, list[Row]] = {}
    for row in in_order([*view.rows, *later]):
        partitions.setdefault(row.key.partition, []).append(row)
    for partition, rows in partitions.items():
        hidden = "" if any(row.key in existing for row in rows) else " hidden"
        head = f'<th colspan="4" scope="rowgroup">{_named(partition, rows)}</th>'
        yield f"<tbody{hidden}><tr>{head}</tr>"
        yield from (_row(row, ids[row.key], is_later=row.key not in existing) for row in rows)
        yield "</tbody>"


def _named(partition: str, rows: Sequence[Row]) -> str:
    first = rows[0]
    is_collection = first.key.place == TABLE and first.type not in ("tally", "listing")
    return code(partition) + (f"<span>{name_of(first.name)}</span>" if is_collection else "")


def _row(row: Row, name: str, *, is_later: bool) -> str:
    return (
        f'<tr class="row" id="{name}"{" hidden" if is_later else ""}><td class="mark-cell"></td>'
        f"<td>{code(row.key.sort)}</td><td>{' '.join(_holding(row))}</td>"
        f'<td class="value">{safe(row.value)}</td></tr>'
    )


def _holding(row: Row) -> Iterator[str]:
    if row.key.place == TABLE:
        yield f"<span>{safe(row.type)}</span>"
    if row.key.place != TABLE or row.type == "listing":
        yield name_of(row.name)
    if row.content:
        yield f'<span class="quiet">{safe(row.content)}</span>'


def _data(drawing: Drawing, ids: Ids) -> dict[str, Any]:
    """Return what the script needs: the rows of each choice."""
    calls = {name: _data_of(call, ids) for name, call in _named_calls(drawing)}
    titles = {
        name: {
            "name": visible(title.display_name),
            "summary": f"{counted(len(rows), 'row')} of this title",
            "rows": [ids[key] for key in rows],
        }
        for name, title in _named_titles(drawing)
        for rows in [drawing.rows_of(title.key)]
    }
    return calls | titles


def _data_of(call: DrawnCall, ids: Ids) -> dict[str, Any]:
    return {
        "name": call.pattern.question,
        "summary": summary_of(call),
        "requests": [sorted(ids[key] for key in each.rows) for each in call.sent],
        "writes": [number for number, each in enumerate(call.sent) if each.is_write],
        "changes": {ids[key]: change.state for key, change in call.changes.items()},
    }


def _json(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element that holds it."""
    return json.dumps(data, separators=(",", ":")).translate(_JSON_ESCAPES)
