"""Many environments: how fast they come, what each holds while it is idle, and how soon it answers again.

Memory is the machine's: what is no longer available once they are idle and frozen (proc(5), MemAvailable), so it counts
processes, page tables, control groups, sockets and the node's own share. Whatever else runs there disturbs it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.legs import percentile
from bench.load import Load
from bench.node import BenchNode, crowd_runtime
from bench.plan import ECHO, Plan

RunLoad = Callable[[Load], Awaitable[dict[str, Any]]]

PROVISIONED = "provisioned"
# Idle environments are frozen a moment after their last call.
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """`burst` first calls in one moment took `burst_s`; `idle` environments of as many functions are there in the end.

    `wake_…_ms` are the next calls of those, one after the other. `functions_mb` is what the node's process grew by when
    `functions` were deployed that nobody has called.
    """

    runtime: str
    burst: int
    burst_s: float
    provisioned: int
    provisioned_s: float
    idle: int
    idle_mb_each: float
    wake_p50_ms: float
    wake_p99_ms: float
    wake_longest_ms: float
    functions: int
    functions_mb: float

    @property
    def starts_per_s(self) -> float:
        return self.burst / self.burst_s

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure_crowd(plan: Plan, run_load: RunLoad) -> Crowd:
    """On a node of its own."""
    async with BenchNode() as node:
        node.runtime = await asyncio.to_thread(crowd_runtime)
        await node.deploy(PROVISIONED, ECHO.folder)
        provisioned_s = await node.provision(PROVISIONED, plan.provisioned)
        await node.delete(PROVISIONED)
        before_mb = node.memory_mb()
        functions = max(plan.crowd_functions, plan.idle)
        await node.deploy_many(functions, ECHO.folder)
        functions_mb = node.memory_mb() - before_mb
        names = tuple(f"many-{number}" for number in range(functions))
        available_mb = _available_mb()
        burst_s = await _first_calls_s(node, names[: plan.burst], run_load)
        for first in range(plan.burst, plan.idle, plan.burst):
            await _first_calls_s(node, names[first : min(first + plan.burst, plan.idle)], run_load)
        await asyncio.sleep(SETTLE_S)
        idle_mb = available_mb - _available_mb()
        woken = await run_load(Load(node.endpoint, names[: plan.idle]))
    return Crowd(
        runtime=node.runtime,
        burst=plan.burst,
        burst_s=burst_s,
        provisioned=plan.provisioned,
        provisioned_s=provisioned_s,
        idle=plan.idle,
        idle_mb_each=idle_mb / plan.idle,
        wake_p50_ms=percentile(woken["latencies_s"], 50) * 1000,
        wake_p99_ms=percentile(woken["latencies_s"], 99) * 1000,
        wake_longest_ms=max(woken["latencies_s"]) * 1000,
        functions=functions,
        functions_mb=functions_mb,
    )


async def _first_calls_s(node: BenchNode, names: tuple[str, ...], run_load: RunLoad) -> float:
    """From the first request to the last answer, all asked in one moment."""
    outcome = await run_load(Load(node.endpoint, names, at_once=True))
    return float(outcome["elapsed_s"])


def _available_mb() -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return 0.0
