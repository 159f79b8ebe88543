"""The panels of a drawing: the requests, the cost and the changes of a call, as HTML. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from catalog_model.analysis.drawing import Change, Drawing, DrawnCall, Sent, State
from catalog_model.analysis.drawn_rows import PLACES, RowKey
from catalog_model.analysis.html_text import code, figure, name_of, safe
from catalog_model.analysis.prices import DEFAULT_PRICES
from catalog_model.checks import counted
from catalog_model.declarations.pattern import Cost
from catalog_model.domain.genres import genre_name
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.entities import AnyTitle
from catalog_model.table.keys import magnitude_of, title_pk

MARKS: Final[Mapping[State, str]] = {"created": "+", "changed": "Δ", "deleted": "\u2212"}


def summary_of(call: DrawnCall) -> str:
    """Return the figures of a call as one sentence."""
    parts = [counted(len(call.sent), "request")]
    for units, noun in ((call.read_units, "read unit"), (call.write_units, "write unit")):
        parts += [counted(sum(units.values()), noun)] if units else []
    parts.append(f"{counted(len(call.rows_read), 'row')} read")
    numbers = Counter(change.state for change in call.changes.values())
    parts += [f"{counted(numbers[state], 'row')} {state}" for state in MARKS if numbers[state]]
    return ", ".join(parts)


def call_article(call: DrawnCall, name: str) -> str:
    """Return the panel of a call; *name* is its id in the page."""
    return "\n".join(
        [
            f'<article class="call" id="{safe(name)}">',
            f"<h3>{safe(call.pattern.question)}</h3>",
            f'<code class="command">{safe(call.text)}</code>',
            *_figures(call),
            f'<p class="price">{safe(_price(call))}</p>',
            *_requests(call),
            *(_written(call) if call.pattern.role == "write" else ()),
            "<h4>Declared</h4>",
            *_facts(call),
            "</article>",
        ]
    )


def title_article(drawing: Drawing, title: AnyTitle, name: str) -> str:
    """Return the panel of a title; *name* is its id in the page."""
    rows = Counter(row.place for row in drawing.rows_of(title.key))
    genres = [genre_name(title.kind, genre_id) for genre_id in title.genre_ids]
    votes = f"{figure(title.vote_average)}, {counted(title.vote_count, 'vote')}"
    return "\n".join(
        [
            f'<article class="call of-title" id="{safe(name)}">',
            f"<h3>{name_of(title.display_name)}</h3>",
            f'<code class="command">{safe(title_pk(title.key))}</code>',
            '<dl class="figures">',
            _pair("Items", str(rows[TABLE])),
            _pair("Rows in indexes", str(rows.total() - rows[TABLE])),
            "</dl>",
            "<h4>Attributes that decide its places</h4>",
            '<dl class="facts">',
            _pair("Genres", ", ".join(genres) or "none"),
            _pair("Released", title.released or "unknown"),
            _pair("Popularity", figure(title.popularity)),
            _pair("Rating", f"{votes}, magnitude {magnitude_of(title.vote_count)}"),
            "</dl>",
            "</article>",
        ]
    )


def _requests(call: DrawnCall) -> Iterator[str]:
    """Yield the requests of a call, under a heading for each round trip if there are several."""
    trips = groupby(enumerate(call.sent), lambda pair: pair[1].request.round_trip)
    for number, (_, group) in enumerate(trips, start=1):
        sent = [*group]
        heading = counted(len(sent), "request")
        if call.round_trips > 1:
            heading = f"Round trip {number}: {heading}"
        yield f"<h4>{heading}{', sent at once' if len(sent) > 1 else ''}</h4>"
        yield f'<ol class="requests" start="{sent[0][0] + 1}">'
        yield from (_request(*each) for each in sent)
        yield "</ol>"


def _figures(call: DrawnCall) -> Iterator[str]:
    yield '<dl class="figures">'
    yield _pair("Round trips", str(call.round_trips))
    yield _pair("Rows read", str(len(call.rows_read)))
    yield _pair("Read units", figure(sum(call.read_units.values())))
    if call.pattern.role == "write":
        yield _pair("Write units", figure(sum(call.write_units.values())))
    yield "</dl>"


def _facts(call: DrawnCall) -> Iterator[str]:
    yield '<dl class="facts">'
    most = "".join(f"<dd>{safe(_declared(cost))}</dd>" for cost in call.pattern.costs)
    yield f"<div><dt>At most</dt>{most}</div>"
    if call.pattern.order:
        yield _pair("Order", call.pattern.order)
    yield _pair("Consistency", call.pattern.consistency)
    yield "</dl>"


def _price(call: DrawnCall) -> str:
    reads, writes = sum(call.read_units.values()), sum(call.write_units.values())
    dollars = reads * DEFAULT_PRICES.million_reads + writes * DEFAULT_PRICES.million_writes
    return (
        f"A million such calls cost ${dollars:,.2f} on demand, at the prices of "
        f"{DEFAULT_PRICES.region} as of {DEFAULT_PRICES.as_of}."
    )


def _pair(name: str, text: str) -> str:
    return f"<div><dt>{safe(name)}</dt><dd>{safe(text)}</dd></div>"


def _declared(cost: Cost) -> str:
    units = ((cost.reads, "read unit"), (cost.writes, "write unit"))
    used = [counted(formula, noun) for formula, noun in units if formula != "0"]
    asked = [counted(cost.requests, "request"), counted(cost.round_trips, "round trip")]
    text = ", ".join([*asked, *used])
    return f"With {cost.when}: {text}" if cost.when else text


def _request(number: int, sent: Sent) -> str:
    request = sent.request
    shown = [*request.key_conditions[:5]]
    more = len(request.key_conditions) - len(shown)
    keys = [f'<code class="keys">{safe(each)}</code>' for each in shown]
    keys += [f'<span class="counts">and {more} more</span>'] if more else []
    index = "" if request.index == "table" else f" on {safe(request.index)}"
    counts = [] if sent.is_write else [f"reads {counted(request.items_read, 'row')}"]
    units = "write unit" if sent.is_write else "read unit"
    counts = [*_options(request), *counts, counted(request.total_units, units)]
    button = f'<button type="button" data-step="{number}" aria-pressed="false">Only this</button>'
    return (
        f'<li><div class="head"><b>{safe(request.operation)}{index}</b>{button}</div>'
        f'{"".join(keys)}<span class="counts">{safe(", ".join(counts))}</span></li>'
    )


def _options(request: Request) -> Iterator[str]:
    """Yield the parameters of a read that decide its order, its size and its freshness."""
    asked = request.asked
    parts = [asked, *asked.get("RequestItems", {}).values()]
    if not asked.get("ScanIndexForward", True):
        yield "descending"
    if "Limit" in asked:
        yield f"limit {asked['Limit']}"
    if any(part.get("ConsistentRead") for part in parts):
        yield "strongly consistent"


def _written(call: DrawnCall) -> Iterator[str]:
    """Yield what a call changes: numbers for each place, then every row."""
    yield "<h4>What it writes</h4>"
    yield "<table><thead><tr><th>on</th>"
    yield "".join(f'<th scope="col">{state}</th>' for state in MARKS)
    yield '<th scope="col">units</th></tr></thead><tbody>'
    units = call.write_units
    for place in PLACES:
        numbers = Counter(each.state for key, each in call.changes.items() if key.place == place)
        cells = [*(numbers[state] for state in MARKS), figure(units.get(place, 0))]
        figures = "".join(f"<td>{each}</td>" for each in cells)
        yield f'<tr><th scope="row">{place}</th>{figures}</tr>'
    yield "</tbody></table>"
    yield '<details class="more"><summary>Every row</summary><ul class="changes">'
    yield from (_change(key, change) for key, change in _listed(call))
    yield "</ul></details>"


def _listed(call: DrawnCall) -> list[tuple[RowKey, Change]]:
    return sorted(call.changes.items(), key=lambda pair: (PLACES.index(pair[0].place), pair[0]))


def _change(key: RowKey, change: Change) -> str:
    attributes = "".join(
        f"<li>{safe(name)}: {safe(before)} → {safe(after)}</li>"
        if before != after
        else f"<li>{safe(name)}: {safe(after)}, rewritten</li>"
        for name, before, after in change.attributes
    )
    mark = f'<span class="mark" aria-hidden="true">{MARKS[change.state]}</span>'
    where = f"{safe(key.place)} {code(key.partition)} {code(key.sort)}"
    state = f'<span class="sr">{change.state}</span>'
    changed = f"<ul>{attributes}</ul>" if attributes else ""
    return f'<li class="{change.state}">{mark}{where} {state}{changed}</li>'
