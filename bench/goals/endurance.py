"""Whether a node that goes on stays as it is: the same calls, slice after slice, with its memory after each.

`measure_endurance` is the bench's own short form; `python -m bench.soak` goes on for a million calls.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.legs import Leg, leg_of, percentile
from bench.load import Load
from bench.node import BenchNode
from bench.plan import ECHO, WAITS, Plan

RunLoad = Callable[[Load], Awaitable[dict[str, Any]]]

SLICE_LIMIT_S = 300.0
# Each invocation logs START, END and REPORT.
LINES_PER_CALL = 3


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the calls, and what the node's process held when they were done."""

    leg: Leg
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Endurance:
    """Latencies are medians of one caller: of a fresh node, after so many calls (whose log is written by then), and
    while `events` wait for a function that is not to be had. Memory is compared with what it was after a first slice.
    """

    calls: int
    lines: int
    events: int
    memory_grown_mb: float
    alone_ms: float
    after_calls_ms: float
    beside_events_ms: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure_endurance(plan: Plan, run_load: RunLoad) -> Endurance:
    """On a node of its own."""
    async with BenchNode() as node:
        await node.deploy("echo", ECHO.folder)
        await node.deploy("waits", WAITS, concurrency=1)
        # The environments of the slices are there before anything counts.
        await one_slice(node, plan.slice_calls, run_load)
        alone_ms = await _alone_ms(node, plan, run_load)
        done = [await one_slice(node, plan.slice_calls, run_load) for _ in range(plan.slices)]
        after_calls_ms = await _alone_ms(node, plan, run_load)
        await node.queue("waits", plan.events)
        beside_events_ms = await _alone_ms(node, plan, run_load)
    calls = sum(a_slice.leg.calls for a_slice in done)
    return Endurance(
        calls=calls,
        lines=calls * LINES_PER_CALL,
        events=plan.events,
        memory_grown_mb=done[-1].memory_mb - done[0].memory_mb,
        alone_ms=alone_ms,
        after_calls_ms=after_calls_ms,
        beside_events_ms=beside_events_ms,
    )


async def one_slice(node: BenchNode, calls: int, run_load: RunLoad, callers: int = 32) -> Slice:
    """So many calls of the function `echo`."""
    load = Load(node.endpoint, ("echo",), callers, leg_s=SLICE_LIMIT_S, calls_max=calls)
    outcome = await run_load(load)
    return Slice(leg_of(outcome["latencies_s"], outcome["elapsed_s"], outcome["errors"]), node.memory_mb())


async def _alone_ms(node: BenchNode, plan: Plan, run_load: RunLoad) -> float:
    """The median of several legs, so that a moment of the machine's own does not decide."""
    load = Load(node.endpoint, ("echo",), 1, plan.leg_s, plan.calls_max, plan.warm_up)
    return median([percentile((await run_load(load))["latencies_s"], 50) * 1000 for _ in range(plan.rounds)])
