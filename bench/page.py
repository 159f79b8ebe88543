"""Writes the figures into a page of the documentation, between its marks, and draws them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.drawing import draw
from bench.machine import description
from bench.rounds import Figures, Ratio
from bench.writes import BATCH, LOAD

Results = dict[str, dict[str, Figures]]
"""The figures of each contender, by task."""

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
OWN = "catalog-model"


def write(page: Path, results: Results) -> None:
    """Replace the generated part of a page, and its picture."""
    replace_part(page, "bench", lines(results))
    draw(page.parent / "images" / "performance.svg", results)


def replace_part(page: Path, part: str, text: Iterable[str]) -> None:
    """Replace what a page has between the marks of a generated part."""
    begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
    before, rest = page.read_text("utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text("\n".join((before + begin, *text, end + after)), "utf-8")


def line(named: tuple[str, Figures]) -> str:
    """Return the figures of a client as a line of text."""
    name, each = named
    cpu, wall = each.cpu, each.wall
    return (
        f"    {name:26} CPU {cpu.median:5.2f} ({_quartiles(cpu)}) {each.cpu_ms:7.3f} ms;"
        f"  time {wall.median:5.2f} ({_quartiles(wall)}) {each.wall_ms:7.2f} ms; {each.rounds}"
    )


def lines(results: Results) -> Iterator[str]:
    """Return the generated part."""
    yield f"{description()}."
    yield ""
    yield from _summary(results)
    for task, figures in results.items():
        yield from ("", f"### {_heading(task)}", "")
        yield from _table(task, figures)


def _summary(results: Results) -> Iterator[str]:
    """Return the ratios of CPU of all clients and tasks."""
    names = list(dict.fromkeys(name for figures in results.values() for name in figures))
    yield f"| CPU, ratio | {' | '.join(map(_code, results))} |"
    yield f"|---{'|---' * len(results)}|"
    for name in names:
        cells = (_cpu(name, figures) for figures in results.values())
        yield f"| {name} | {' | '.join(cells)} |"


def _cpu(name: str, figures: Mapping[str, Figures]) -> str:
    if name not in figures:
        return ""
    ratio = f"{figures[name].cpu.median:.2f}"
    return f"**{ratio}**" if name.startswith(OWN) else ratio


def _code(task: str) -> str:
    return f"`{task}`" if "_" in task else task


def _heading(task: str) -> str:
    return _code(task) if "_" in task else task[0].upper() + task[1:]


def _table(task: str, figures: Mapping[str, Figures]) -> Iterator[str]:
    """Return the table of one task, the cheapest client first."""
    per_second = task == LOAD
    last = "titles a second" if per_second else "time, ms"
    yield f"| client | CPU, ratio | CPU, ms | time, ratio | {last} |"
    yield "|---|---|---|---|---|"
    for name, each in sorted(figures.items(), key=lambda named: named[1].cpu.median):
        speed = f"{BATCH / each.wall_ms * 1000:,.0f}" if per_second else f"{each.wall_ms:.2f}"
        cells = (name, _spread(each.cpu), f"{each.cpu_ms:.2f}", _spread(each.wall), speed)
        yield f"| {' | '.join(cells)} |"


def _spread(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} ({_quartiles(ratio)})"


def _quartiles(ratio: Ratio) -> str:
    return f"{ratio.low:.2f} to {ratio.high:.2f}"
