"""What is measured, in which order: rounds, in each of which floor and node take turns under the same conditions."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bench import floor
from bench.generator import generate
from bench.goals.control_plane import ControlPlane, measure_control_plane
from bench.goals.crowd import Crowd, measure_crowd
from bench.goals.endurance import Endurance, measure_endurance
from bench.legs import Leg, leg_of, middle, percentile
from bench.load import Load
from bench.node import BenchNode
from bench.plan import ECHO, ColdCase, Plan

COLD_PAUSE_S = 0.05


@dataclass(slots=True)
class Results:
    """Everything that was measured. Legs by number of callers, first calls (in seconds) by case."""

    floor_legs: dict[int, list[Leg]] = field(default_factory=dict)
    node_legs: dict[int, list[Leg]] = field(default_factory=dict)
    floor_cold_s: dict[str, list[float]] = field(default_factory=dict)
    node_cold_s: dict[str, list[float]] = field(default_factory=dict)
    first_of_runtime_s: float = 0.0
    isolation: str = ""
    floor_large_s: list[float] = field(default_factory=list)
    node_large_s: list[float] = field(default_factory=list)
    large_bytes: int = 0
    endurance: Endurance | None = None
    control_plane: ControlPlane | None = None
    crowd: Crowd | None = None
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "isolation": self.isolation,
            "warm": [
                {
                    "callers": callers,
                    "floor": middle(self.floor_legs[callers]).as_json(),
                    "node": middle(self.node_legs[callers]).as_json(),
                    "rounds": {
                        "floor": [leg.as_json() for leg in self.floor_legs[callers]],
                        "node": [leg.as_json() for leg in self.node_legs[callers]],
                    },
                }
                for callers in self.node_legs
            ],
            "cold": [
                {
                    "case": case,
                    "floor_p50_ms": percentile(self.floor_cold_s[case], 50) * 1000,
                    "node_p50_ms": percentile(self.node_cold_s[case], 50) * 1000,
                    "node_max_ms": max(self.node_cold_s[case]) * 1000,
                    "calls": len(self.node_cold_s[case]),
                }
                for case in self.node_cold_s
            ],
            "large": {
                "bytes": self.large_bytes,
                "floor_p50_ms": percentile(self.floor_large_s, 50) * 1000,
                "node_p50_ms": percentile(self.node_large_s, 50) * 1000,
            },
            "endurance": self.endurance.as_json() if self.endurance is not None else None,
            "first_of_runtime_ms": self.first_of_runtime_s * 1000,
            "control_plane": self.control_plane.as_json() if self.control_plane is not None else None,
            "crowd": self.crowd.as_json() if self.crowd is not None else None,
            "problems": self.problems,
        }


async def measure(plan: Plan, progress: Callable[[str], None]) -> Results:
    """Start node and floor, measure, and end both."""
    results = Results()
    progress("starting a node")
    async with BenchNode() as node:
        results.isolation = node.isolation
        await node.deploy("first", ECHO.folder)
        first = await run_load(Load(node.endpoint, ("first",), calls_max=1), results)
        results.first_of_runtime_s = first["latencies_s"][0]
        await node.deploy("echo", ECHO.folder)
        most = max(plan.callers)
        progress(f"starting {most} clients for the floor")
        async with floor.Floor(ECHO.folder, most) as below:
            for number in range(1, plan.rounds + 1):
                progress(f"round {number} of {plan.rounds}")
                for callers in plan.callers:
                    leg = await below.measure(callers, plan.leg_s, plan.calls_max, plan.warm_up)
                    results.floor_legs.setdefault(callers, []).append(leg)
                    leg = await _node_leg(node, callers, plan, results)
                    results.node_legs.setdefault(callers, []).append(leg)
                await _large(node, below, plan, results)
                for case in plan.cold_cases:
                    await _cold(node, case, number, plan, results)
    progress("endurance")
    results.endurance = await measure_endurance(plan, lambda load: run_load(load, results))
    progress(f"the control plane with {plan.functions:,} functions")
    results.control_plane = await measure_control_plane(plan, lambda load: run_load(load, results))
    progress(f"{plan.burst:,} first calls at once, {plan.idle:,} idle environments, {plan.crowd_functions:,} functions")
    results.crowd = await measure_crowd(plan, lambda load: run_load(load, results))
    return results


async def _node_leg(node: BenchNode, callers: int, plan: Plan, results: Results) -> Leg:
    # Environments that were idle are frozen by now, and some are still to be made: neither belongs to this leg.
    await run_load(Load(node.endpoint, ("echo",), callers, calls_max=callers * plan.warm_up), results)
    cpu_before_s = node.cpu_s()
    outcome = await run_load(Load(node.endpoint, ("echo",), callers, plan.leg_s, plan.calls_max, plan.warm_up), results)
    cpu_s = node.cpu_s() - cpu_before_s
    leg = leg_of(outcome["latencies_s"], outcome["elapsed_s"], outcome["errors"])
    return replace(leg, cpu_us_per_call=cpu_s / (leg.calls + callers * plan.warm_up) * 1e6)


async def _large(node: BenchNode, below: floor.Floor, plan: Plan, results: Results) -> None:
    """Payloads of the largest size, there and back, by one caller."""
    results.large_bytes, calls = plan.large_bytes, plan.large_calls
    leg = await below.measure(1, plan.leg_s, calls, 1, plan.large_bytes)
    results.floor_large_s.append(leg.p50_ms / 1000)
    load = Load(node.endpoint, ("echo",), 1, plan.leg_s, calls, 1, payload_bytes=plan.large_bytes)
    results.node_large_s.append(percentile((await run_load(load, results))["latencies_s"], 50))


async def _cold(node: BenchNode, case: ColdCase, number: int, plan: Plan, results: Results) -> None:
    """First calls: of fresh interpreters for the floor, of fresh functions for the node."""
    for _ in range(plan.cold_calls):
        results.floor_cold_s.setdefault(case.label, []).append(await floor.first_call_s(case.folder))
    names = tuple(f"{case.name}-{number}-{index}" for index in range(plan.cold_calls))
    for name in names:
        await node.deploy(name, case.folder)
    outcome = await run_load(Load(node.endpoint, names, pause_s=COLD_PAUSE_S), results)
    results.node_cold_s.setdefault(case.label, []).extend(outcome["latencies_s"])
    for name in names:
        await node.delete(name)


async def run_load(load: Load, results: Results) -> dict[str, Any]:
    """Run the load generator once, and keep the wrong answers that it tells of."""
    outcome = await generate(load)
    results.problems += outcome["problems"]
    return outcome
