"""The panels of a drawing: what a call asks, sends, costs and changes, as HTML. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from catalog_model.analysis.drawing import Change, DrawnCall, Sent
from catalog_model.analysis.drawn_rows import PLACES, RowKey
from catalog_model.analysis.html_text import code, figure, safe
from catalog_model.analysis.prices import DEFAULT_PRICES
from catalog_model.checks import counted
from catalog_model.declarations.pattern import Cost

MARKS: Final = {"created": "+", "changed": "~", "deleted": "−"}


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
            *_facts(call),
            "<h4>Requests, one after the other</h4>",
            '<ol class="requests">',
            *(_request(number, each) for number, each in enumerate(call.sent)),
            "</ol>",
            *(_written(call) if call.pattern.role == "write" else ()),
            "</article>",
        ]
    )


def _figures(call: DrawnCall) -> Iterator[str]:
    yield '<dl class="figures">'
    yield _pair("Round trips", str(len(call.sent)))
    yield _pair("Rows read", str(len(call.rows_read)))
    yield _pair("Read units", figure(sum(call.read_units.values())))
    if call.pattern.role == "write":
        yield _pair("Write units", figure(sum(call.write_units.values())))
    yield "</dl>"


def _facts(call: DrawnCall) -> Iterator[str]:
    yield '<dl class="facts">'
    for cost in call.pattern.costs:
        yield _pair(f"At most{f' with {cost.when}' if cost.when else ''}", _declared(cost))
    if call.pattern.order:
        yield _pair("Order", call.pattern.order)
    yield _pair("Consistency", call.pattern.consistency)
    reads, writes = sum(call.read_units.values()), sum(call.write_units.values())
    dollars = reads * DEFAULT_PRICES.million_reads + writes * DEFAULT_PRICES.million_writes
    yield _pair("A million calls", f"${dollars:,.2f} on demand in {DEFAULT_PRICES.region}")
    yield "</dl>"


def _pair(name: str, text: str) -> str:
    return f"<div><dt>{safe(name)}</dt><dd>{safe(text)}</dd></div>"


def _declared(cost: Cost) -> str:
    units = [counted(cost.reads, "read unit"), counted(cost.writes, "write unit")]
    return ", ".join([counted(cost.requests, "request"), *(each for each in units if each[0] != "0")])


def _request(number: int, sent: Sent) -> str:
    request = sent.request
    shown = [*request.key_conditions[:5]]
    more = len(request.key_conditions) - len(shown)
    keys = [f'<code class="keys">{safe(each)}</code>' for each in shown]
    keys += [f'<span class="counts">and {more} more</span>'] if more else []
    index = "" if request.index == "table" else f" on {safe(request.index)}"
    counts = [] if sent.is_write else [f"reads {counted(request.items_read, 'row')}"]
    units = "write unit" if sent.is_write else "read unit"
    counts.append(counted(request.total_units, units))
    button = f'<button type="button" data-step="{number}" aria-pressed="false">Only this</button>'
    return (
        f'<li><div class="head"><b>{safe(request.operation)}{index}</b>{button}</div>'
        f'{"".join(keys)}<span class="counts">{safe(", ".join(counts))}</span></li>'
    )


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
        yield f'<tr><th scope="row">{place}</th>{"".join(f"<td>{each}</td>" for each in cells)}</tr>'
    yield "</tbody></table>"
    yield f'<details class="more"><summary>Every row</summary><ul class="changes">'
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
    return (
        f'<li class="{change.state}"><span class="mark" aria-hidden="true">{MARKS[change.state]}</span>'
        f"{safe(key.place)} {code(key.partition)} {code(key.sort)} "
        f'<span class="sr">{change.state}</span>{f"<ul>{attributes}</ul>" if attributes else ""}</li>'
    )
