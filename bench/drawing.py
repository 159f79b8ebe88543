"""Draws the CPU of each client: one panel for each task, the cheapest client on top."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.round_trips import RATED
from bench.rounds import Figures, Ratio

OWN, OTHER, TEXT = "#1f6feb", "#9aa4b2", "#333333"
COLUMNS = 2
BASELINE = "CPU of the client; 1 is a boto3 client"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",
    "font.family": "sans-serif",
}


def draw(path: Path, results: Mapping[str, Mapping[str, Figures]]) -> None:
    """Write the picture, where matplotlib is installed."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # a dependency of `make bench` only
    except ImportError:
        print("matplotlib is not installed: no picture")
        return
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = -(-len(results) // COLUMNS)
    most = max(map(len, results.values()))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(10, 3.1 * rows), layout="constrained")
        panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
        for panel, (task, figures) in zip(panels, results.items(), strict=False):
            if task == RATED:
                times = {name: _of(each.wall, each.wall_ms) for name, each in figures.items()}
                _bars(panel, "time of a call, ms", times)
            else:
                _bars(panel, BASELINE, {name: each.cpu for name, each in figures.items()})
                panel.axvline(1, color=TEXT, linewidth=0.8, linestyle=":")
            panel.set_title(task, loc="left", color=TEXT)
            shown = max(len(figures), most // 2)  # so few bars are not thick
            panel.set_ylim(len(figures) - shown - 0.5, len(figures) - 0.5)
        for panel in panels:
            panel.remove()
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _of(ratio: Ratio, median: float) -> Ratio:
    """Return the quartiles in the unit of the median."""
    return Ratio(ratio.low / ratio.median * median, median, ratio.high / ratio.median * median)


def _bars(panel: Any, label: str, values: Mapping[str, Ratio]) -> None:
    ordered = sorted(values.items(), key=lambda named: named[1].median, reverse=True)
    names, middle = [name for name, _ in ordered], [each.median for _, each in ordered]
    below = [each.median - each.low for _, each in ordered]
    above = [each.high - each.median for _, each in ordered]
    colours = [OWN if name.startswith("catalog-model") else OTHER for name in names]
    panel.barh(names, middle, color=colours, xerr=(below, above), ecolor=TEXT, capsize=2)
    for place, (_, each) in enumerate(ordered):
        panel.text(each.high, place, f"  {each.median:.2f}", va="center", color=TEXT)
    panel.set_xlim(0, 1.2 * max(each.high for _, each in ordered))
    panel.set_xlabel(label, color=TEXT)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(colors=TEXT)
