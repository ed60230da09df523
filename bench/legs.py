"""What a leg of calls comes to, and what several legs come to together."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Leg:
    """One stretch of warm calls by a number of callers, each of whom calls again as soon as the answer is there."""

    calls: int
    p50_ms: float
    p99_ms: float
    calls_per_s: float
    errors: int = 0
    cpu_us_per_call: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def leg_of(latencies_s: Sequence[float], elapsed_s: float, errors: int = 0) -> Leg:
    """`latencies_s` of the counted calls, which took `elapsed_s` altogether."""
    return Leg(
        calls=len(latencies_s),
        p50_ms=percentile(latencies_s, 50) * 1000,
        p99_ms=percentile(latencies_s, 99) * 1000,
        calls_per_s=len(latencies_s) / elapsed_s,
        errors=errors,
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed; not a number when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def middle(legs: Sequence[Leg]) -> Leg:
    """The median of each number over the rounds; calls and errors are added up."""
    cpu = [leg.cpu_us_per_call for leg in legs if leg.cpu_us_per_call is not None]
    return Leg(
        calls=sum(leg.calls for leg in legs),
        p50_ms=median(leg.p50_ms for leg in legs),
        p99_ms=median(leg.p99_ms for leg in legs),
        calls_per_s=median(leg.calls_per_s for leg in legs),
        errors=sum(leg.errors for leg in legs),
        cpu_us_per_call=median(cpu) if cpu else None,
    )
