"""The rows of the comparison, and what several rounds come to: the median, with the least and the most beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """`key` names its figures in a turn; pictures show the rows that are `drawn`."""

    key: str
    label: str
    unit: str
    is_less_better: bool = True
    is_drawn: bool = True


ROWS = (
    Row("warm_p50_ms", "Warm call, one caller, p50", "ms"),
    Row("warm_p99_ms", "Warm call, one caller, p99", "ms", is_drawn=False),
    Row("calls_per_s_8", "Throughput, 8 callers", "/s", is_less_better=False, is_drawn=False),
    Row("calls_per_s_32", "Throughput, 32 callers", "/s", is_less_better=False),
    Row("cold_echo_ms", "First call of a function (cold), echo", "ms"),
    Row("cold_boto3_ms", "First call of a function (cold), imports boto3", "ms"),
    Row("burst_ms", "32 first calls at once, until all have answered", "ms"),
    Row("server_mb", "Memory of the idle server", "MB", is_drawn=False),
    Row("environment_mb", "Memory of an idle environment", "MB"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """Of one contender in one row. Without figures, `problem` says why."""

    figures: tuple[float, ...]
    problem: str

    @property
    def middle(self) -> float:
        return median(self.figures)

    @property
    def reason(self) -> str:
        """The problem in a few words."""
        return self.problem.partition(": ")[0]

    def text(self, row: Row) -> str:
        """`0.41 ms (0.39–0.50)`; a dash without figures."""
        if not self.figures:
            return "–"
        unit = row.unit if row.unit.startswith("/") else f" {row.unit}"
        return f"{short(self.middle)}{unit} ({short(min(self.figures))}–{short(max(self.figures))})"


def cell_of(contender: Mapping[str, Any], row: Row) -> Cell:
    if contender["absent"]:
        return Cell((), contender["absent"])
    turns: Sequence[Mapping[str, Any]] = contender["turns"]
    figures = tuple(turn["figures"][row.key] for turn in turns if row.key in turn["figures"])
    # What ended a whole turn has no row.
    problems = [turn["problems"].get(row.key) or turn["problems"].get("", "") for turn in turns]
    return Cell(figures, next(filter(None, problems), "" if figures else "not measured"))


def short(figure: float) -> str:
    """Two or three digits that count."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"
