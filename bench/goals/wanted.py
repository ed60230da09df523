"""What the numbers should be, on two cores with the load generator beside the node."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.goals.control_plane import ControlPlane
from bench.goals.crowd import Crowd
from bench.goals.endurance import Endurance
from bench.goals.measure import Results
from bench.legs import Leg, middle, percentile
from bench.plan import ECHO, IMPORTS_BOTO3

WARM_P50_MS_MAX = 0.5
WARM_P99_MS_MAX = 1.5
WARM_TIMES_FLOOR_MAX = 2.5
CALLS_PER_S_MIN = 3_000.0
SHARE_OF_FLOOR_MIN = 0.6
CPU_US_PER_CALL_MAX = 200.0
# Of what a node does itself with a large payload: there and back, less what the floor takes for the same.
LARGE_MB_PER_S_MIN = 300.0
MEMORY_GROWN_MB_MAX = 8.0
COLD_P50_MS_MAX = {ECHO.label: 12.0, IMPORTS_BOTO3.label: 15.0}
# Started ahead, by the begin of the runtime's name.
AHEAD_P50_MS_MAX = {"nodejs": 25.0, "java": 40.0}
RESTORE_P50_MS_MAX = 12.0
STARTS_PER_S_MIN = 150.0
PROVISIONED_S_PER_100_MAX = 2.0
IDLE_MB_MAX = 3.0
WAKE_P99_MS_MAX = 5.0
FUNCTIONS_MB_PER_5000_MAX = 150.0
LIST_PAGE_MS_MAX = 10.0
GET_FUNCTION_MS_MAX = 3.0
# Two legs of the same calls differ by this much when nothing has changed.
GROWTH_MAX = 1.25


@dataclass(frozen=True, slots=True)
class Goal:
    """One of them and what came of it."""

    text: str
    measured: str
    is_met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.is_met else 'MISSED'} {self.text}: {self.measured}"


def goals_of(results: Results) -> Iterator[Goal]:
    """Those of the goals that `results` says something about."""
    if 1 in results.node_legs:
        yield from _one_caller(middle(results.floor_legs[1]), middle(results.node_legs[1]))
    if 32 in results.node_legs:
        yield from _many_callers(middle(results.floor_legs[32]), middle(results.node_legs[32]))
    if results.node_large_s:
        mb_per_s = large_mb_per_s(results)
        yield Goal(
            f"payloads of {results.large_bytes / 1e6:.1f} MB, the node's own part ≥ {LARGE_MB_PER_S_MIN:g} MB/s",
            f"{mb_per_s:.0f} MB/s",
            mb_per_s >= LARGE_MB_PER_S_MIN,
        )
    for label, latencies_s in results.node_cold_s.items():
        cold_ms, max_ms = percentile(latencies_s, 50) * 1000, COLD_P50_MS_MAX[label]
        yield Goal(f"Python cold start, {label}, p50 ≤ {max_ms:g} ms", f"{cold_ms:.1f} ms", cold_ms <= max_ms)
    if results.endurance is not None:
        yield from _endurance(results.endurance)
    if results.control_plane is not None:
        yield from _control_plane_goals(results.control_plane)
    if results.crowd is not None:
        yield from _crowd(results.crowd)


def _one_caller(floor: Leg, node: Leg) -> Iterator[Goal]:
    for percent, measured_ms, limit_ms in ((50, node.p50_ms, WARM_P50_MS_MAX), (99, node.p99_ms, WARM_P99_MS_MAX)):
        yield Goal(f"warm p{percent}, 1 caller ≤ {limit_ms:g} ms", f"{measured_ms:.2f} ms", measured_ms <= limit_ms)
    times = node.p50_ms / floor.p50_ms
    yield Goal(
        f"warm p50, 1 caller ≤ {WARM_TIMES_FLOOR_MAX:g} × the floor", f"{times:.2f} ×", times <= WARM_TIMES_FLOOR_MAX
    )


def _many_callers(floor: Leg, node: Leg) -> Iterator[Goal]:
    yield Goal(
        f"32 callers ≥ {CALLS_PER_S_MIN:,.0f}/s without an error",
        f"{node.calls_per_s:,.0f}/s, {node.errors} errors",
        node.calls_per_s >= CALLS_PER_S_MIN and node.errors == 0,
    )
    share = node.calls_per_s / floor.calls_per_s
    yield Goal(f"32 callers ≥ {SHARE_OF_FLOOR_MIN:.0%} of the floor", f"{share:.0%}", share >= SHARE_OF_FLOOR_MIN)
    cpu_us = node.cpu_us_per_call or 0.0
    yield Goal(
        f"32 callers, the node's processor time ≤ {CPU_US_PER_CALL_MAX:g} µs a call",
        f"{cpu_us:.0f} µs",
        cpu_us <= CPU_US_PER_CALL_MAX,
    )


def large_mb_per_s(results: Results) -> float:
    """What is beyond the floor's time is the node's: it takes a payload in and hands it on, twice."""
    own_s = percentile(results.node_large_s, 50) - percentile(results.floor_large_s, 50)
    return 2 * results.large_bytes / 1e6 / own_s if own_s > 0 else math.inf


def _endurance(measured: Endurance) -> Iterator[Goal]:
    yield Goal(
        f"memory after {measured.calls:,} calls: at most {MEMORY_GROWN_MB_MAX:g} MB more",
        f"{measured.memory_grown_mb:.1f} MB",
        measured.memory_grown_mb <= MEMORY_GROWN_MB_MAX,
    )
    for when, latency_ms in (
        (f"after {measured.calls:,} calls and {measured.lines:,} lines of log", measured.after_calls_ms),
        (f"beside {measured.events:,} waiting events", measured.beside_events_ms),
    ):
        growth = latency_ms / measured.alone_ms
        yield Goal(f"warm p50 {when} ≤ {GROWTH_MAX:g} × that before", f"{growth:.2f} ×", growth <= GROWTH_MAX)


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
        f"warm p50 among {count} ≤ {GROWTH_MAX:g} × that of one alone",
        f"{growth:.2f} ×",
        growth <= GROWTH_MAX,
    )


def _crowd(measured: Crowd) -> Iterator[Goal]:
    yield Goal(
        f"{measured.burst:,} first calls at once, {measured.runtime}: ≥ {STARTS_PER_S_MIN:g} environments a second",
        f"{measured.starts_per_s:.0f}/s",
        measured.starts_per_s >= STARTS_PER_S_MIN,
    )
    # The first of them waits for the runtime's launcher, however few there are.
    provisioned_s = PROVISIONED_S_PER_100_MAX * max(measured.provisioned, 100) / 100
    yield Goal(
        f"{measured.provisioned:,} provisioned environments ready in ≤ {provisioned_s:g} s",
        f"{measured.provisioned_s:.2f} s",
        measured.provisioned_s <= provisioned_s,
    )
    yield Goal(
        f"{measured.idle:,} idle environments, {measured.runtime}, ≤ {IDLE_MB_MAX:g} MB each, in all",
        f"{measured.idle_mb_each:.1f} MB",
        measured.idle_mb_each <= IDLE_MB_MAX,
    )
    yield Goal(
        f"each of {measured.idle:,} idle environments called again, p99 ≤ {WAKE_P99_MS_MAX:g} ms",
        f"{measured.wake_p99_ms:.1f} ms, p50 {measured.wake_p50_ms:.1f}, longest {measured.wake_longest_ms:.1f}",
        measured.wake_p99_ms <= WAKE_P99_MS_MAX,
    )
    functions_mb = FUNCTIONS_MB_PER_5000_MAX * measured.functions / 5000
    yield Goal(
        f"{measured.functions:,} deployed functions ≤ {functions_mb:.3g} MB of the node's",
        f"{measured.functions_mb:.1f} MB",
        measured.functions_mb <= functions_mb,
    )
