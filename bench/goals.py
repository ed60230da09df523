"""What the numbers should be, on two cores with the load generator beside the node."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.control_plane import ControlPlane
from bench.legs import middle, percentile
from bench.measure import Results
from bench.plan import ECHO

WARM_P50_MS_MAX = 1.0
CALLS_PER_S_MIN = 1_500.0
COLD_P50_MS_MAX = 25.0
LIST_PAGE_MS_MAX = 10.0
GET_FUNCTION_MS_MAX = 3.0
# Two legs of the same calls differ by this much when nothing has changed.
INVOKE_GROWTH_MAX = 1.25


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
    if results.control_plane is not None:
        yield from _control_plane_goals(results.control_plane)


def _control_plane_goals(measured: ControlPlane) -> Iterator[Goal]:
    count = f"{measured.functions:,} functions"
    page_ms, get_ms = measured.list_page_ms, measured.get_function_ms
    yield Goal(
        f"a page of ListFunctions, {count}, p50 ≤ {LIST_PAGE_MS_MAX:g} ms",
        f"{page_ms:.2f} ms",
        page_ms <= LIST_PAGE_MS_MAX,
    )
    yield Goal(
        f"GetFunction, {count}, p50 ≤ {GET_FUNCTION_MS_MAX:g} ms", f"{get_ms:.2f} ms", get_ms <= GET_FUNCTION_MS_MAX
    )
    growth = measured.invoke_among_ms / measured.invoke_alone_ms
    yield Goal(
        f"warm p50 among {count} ≤ {INVOKE_GROWTH_MAX:g} × that of one alone",
        f"{growth:.2f} ×",
        growth <= INVOKE_GROWTH_MAX,
    )
