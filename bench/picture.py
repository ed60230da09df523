"""The picture of the comparison: a panel for each row, a bar for each contender, a line from the least to the most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.rows import ROWS, Cell, Row, cell_of, short

# One column, and letters that can be read when a phone shows it 400 points wide.
WIDTH_IN = 6.0
BAR_IN = 0.25
PANEL_EDGE_IN = 0.5
HEAD_IN = 0.36
FOOT_IN = 0.95
DOTS_PER_IN = 200
# A bar that is so many times the next one is cut off, or nothing else could be seen.
CUT_FROM = 2.5
ROOM_FOR_FIGURES = 1.72


@dataclass(frozen=True, slots=True)
class Colours:
    paper: str
    ink: str
    faint: str
    own: str
    other: str
    floor: str


LIGHT = Colours("#ffffff", "#1f2328", "#59636e", "#0969da", "#aab4c0", "#d9dee4")
DARK = Colours("#0d1117", "#f0f6fc", "#9198a1", "#4493f8", "#58626e", "#373e47")


def draw(results: Mapping[str, Any], foot: str, folder: Path) -> None:
    """`bench-light` and `bench-dark`, each as SVG and as PNG, in `folder`."""
    # The same figures give the same file: without the date, and with the same names inside.
    with matplotlib.rc_context({"svg.hashsalt": "bench", "font.family": "DejaVu Sans", "font.size": 10}):
        for name, colours in (("light", LIGHT), ("dark", DARK)):
            figure = _figure(results, foot, colours)
            figure.savefig(folder / f"bench-{name}.svg", metadata={"Date": None}, facecolor=colours.paper)
            figure.savefig(folder / f"bench-{name}.png", dpi=DOTS_PER_IN, facecolor=colours.paper)


def _figure(results: Mapping[str, Any], foot: str, colours: Colours) -> Figure:
    contenders = results["contenders"]
    rows = [row for row in ROWS if row.is_drawn]
    panel_in = len(contenders) * BAR_IN + PANEL_EDGE_IN
    height_in = HEAD_IN + len(rows) * panel_in + FOOT_IN
    figure = Figure(figsize=(WIDTH_IN, height_in))
    for number, row in enumerate(rows):
        bottom_in = height_in - HEAD_IN - (number + 1) * panel_in
        bars_in = len(contenders) * BAR_IN
        axes = figure.add_axes((0.265, bottom_in / height_in, 0.72, bars_in / height_in))
        _panel(axes, row, contenders, colours)
    left = 0.02
    figure.text(left, 1 - 0.24 / height_in, "Stoker beside its peers", color=colours.ink, size=14, weight="bold")
    figure.text(
        left,
        1 - 0.48 / height_in,
        f"median of {results['plan']['rounds']} rounds; the line goes from the least to the most",
        color=colours.faint,
        size=9.5,
    )
    figure.text(left, 0.1 / height_in, foot, color=colours.faint, size=8, linespacing=1.35)
    return figure


def _panel(axes: Axes, row: Row, contenders: Sequence[Mapping[str, Any]], colours: Colours) -> None:
    cells = [cell_of(contender, row) for contender in contenders]
    limit = _limit(cells)
    axes.set_xlim(0, limit * ROOM_FOR_FIGURES)
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.set_yticks(range(len(cells)), [contender["name"] for contender in contenders], color=colours.ink)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_facecolor(colours.paper)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(colours.faint)
    better = "less" if row.is_less_better else "more"
    title = axes.set_title(f"{row.label} – {better} is better", loc="left", color=colours.ink, size=10.5, weight="bold")
    title.set_position((-0.34, 1.0))
    for place, (cell, contender) in enumerate(zip(cells, contenders, strict=True)):
        if contender["name"] == "Stoker":
            axes.get_yticklabels()[place].set_fontweight("bold")
        _bar(axes, place, cell, row, limit, _colour(contender["name"], colours), colours)


def _bar(axes: Axes, place: int, cell: Cell, row: Row, limit: float, colour: str, colours: Colours) -> None:
    if not cell.figures:
        axes.text(limit * 0.03, place, cell.reason[:52], va="center", color=colours.faint, size=9, style="italic")
        return
    low, high = min(cell.figures), max(cell.figures)
    axes.barh(place, min(cell.middle, limit), height=0.68, color=colour)
    if high > limit:
        for left in (0.93, 0.955):
            across = [limit * left, limit * (left + 0.012)]
            axes.plot(across, [place + 0.4, place - 0.4], color=colours.paper, linewidth=2)
    else:
        axes.plot([low, high], [place, place], color=colours.ink, linewidth=1.3)
        for edge in (low, high):
            axes.plot([edge, edge], [place - 0.17, place + 0.17], color=colours.ink, linewidth=1.3)
    unit = row.unit if row.unit.startswith("/") else f" {row.unit}"
    text = f"{short(cell.middle)}{unit}"
    end = min(high, limit) + limit * 0.025
    label = axes.text(end, place, text, va="center", color=colours.ink, size=9.5)
    spread = f"  {short(low)}–{short(high)}"
    axes.annotate(spread, (1, 0.5), xycoords=label, va="center", color=colours.faint, size=8.5)


def _limit(cells: Sequence[Cell]) -> float:
    """Where the axis ends: where the longest bar and its line do, of those that do not hide all others."""
    highs = sorted((max(cell.figures) for cell in cells if cell.figures), reverse=True)
    for high, next_one in pairwise(highs):
        if high < CUT_FROM * next_one:
            return high
    return highs[-1] if highs else 1.0


def _colour(name: str, colours: Colours) -> str:
    return {"Stoker": colours.own, "floor": colours.floor}.get(name, colours.other)
