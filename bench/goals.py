"""What the numbers should be, on two cores with the load generator beside the node."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.legs import middle, percentile
from bench.measure import Results
from bench.plan import ECHO

WARM_P50_MS_MAX = 1.0
CALLS_PER_S_MIN = 1_500.0
COLD_P50_MS_MAX = 25.0


@dataclass(frozen=True, slots=True)
class Goal:
    """One of them and what came of it."""

    text: str
    measured: str
    is_met: bool


def goals_of(results: Results) -> Iterator[Goal]:
    """Those of the goals that `results` says something about."""
    if 1 in results.node_legs:
        p50_ms = middle(results.node_legs[1]).p50_ms
        yield Goal(f"warm p50, 1 caller ≤ {WARM_P50_MS_MAX:g} ms", f"{p50_ms:.2f} ms", p50_ms <= WARM_P50_MS_MAX)
    if 32 in results.node_legs:
        leg = middle(results.node_legs[32])
        yield Goal(
            f"32 callers ≥ {CALLS_PER_S_MIN:,.0f}/s without an error",
            f"{leg.calls_per_s:,.0f}/s, {leg.errors} errors",
            leg.calls_per_s >= CALLS_PER_S_MIN and leg.errors == 0,
        )
    if ECHO.label in results.node_cold_s:
        cold_ms = percentile(results.node_cold_s[ECHO.label], 50) * 1000
        yield Goal(f"Python cold start p50 ≤ {COLD_P50_MS_MAX:g} ms", f"{cold_ms:.1f} ms", cold_ms <= COLD_P50_MS_MAX)
