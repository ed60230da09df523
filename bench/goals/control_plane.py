"""What it costs to look at functions, and to call one, when there are many of them.

Beside each answer over HTTP stands the operation alone: the same object, called in this process on as many functions.
"""

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench.legs import percentile
from bench.load import Load
from bench.node import BenchNode
from bench.plan import ECHO, Plan
from stoker.lambda_model.call import ApiCall
from tests.functions.node import Node, running_node

RunLoad = Callable[[Load], Awaitable[dict[str, Any]]]

ALONE = "alone"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Medians. `…_object_ms` is the operation without a front door; a page has up to 50 functions."""

    functions: int
    list_page_ms: float
    list_page_object_ms: float
    get_function_ms: float
    get_function_object_ms: float
    invoke_alone_ms: float
    invoke_among_ms: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def measure_control_plane(plan: Plan, run_load: RunLoad) -> ControlPlane:
    """On a node of its own: with one function, and with `plan.functions`."""
    async with BenchNode() as node:
        await node.deploy(ALONE, ECHO.folder)
        invoke_alone_ms = await _invoke_ms(node, plan, run_load)
        await node.deploy_many(plan.functions - 1, ECHO.folder)
        invoke_among_ms = await _invoke_ms(node, plan, run_load)
        list_page_ms = await _read_ms(node, "/2015-03-31/functions", plan, run_load)
        get_function_ms = await _read_ms(node, f"/2015-03-31/functions/{ALONE}", plan, run_load)
    list_page_object_ms, get_function_object_ms = await _object_ms(plan)
    return ControlPlane(
        functions=plan.functions,
        list_page_ms=list_page_ms,
        list_page_object_ms=list_page_object_ms,
        get_function_ms=get_function_ms,
        get_function_object_ms=get_function_object_ms,
        invoke_alone_ms=invoke_alone_ms,
        invoke_among_ms=invoke_among_ms,
    )


async def _invoke_ms(node: BenchNode, plan: Plan, run_load: RunLoad) -> float:
    """The median of several legs, so that a moment of the machine's own does not decide."""
    load = Load(node.endpoint, (ALONE,), 1, plan.leg_s, plan.calls_max, plan.warm_up)
    return median([percentile((await run_load(load))["latencies_s"], 50) * 1000 for _ in range(plan.rounds)])


async def _read_ms(node: BenchNode, path: str, plan: Plan, run_load: RunLoad) -> float:
    load = Load(node.endpoint, (), 1, plan.leg_s, plan.calls_max, plan.warm_up, path=path)
    return percentile((await run_load(load))["latencies_s"], 50) * 1000


async def _object_ms(plan: Plan) -> tuple[float, float]:
    """ListFunctions and GetFunction."""
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as data:
        async with running_node(Path(data)) as node:
            await node.create(ALONE)
            for number in range(plan.functions - 1):
                await node.create(f"f-{number}")
            return await _calls_ms(node, "ListFunctions", {}), await _calls_ms(
                node, "GetFunction", {"FunctionName": ALONE}
            )


async def _calls_ms(node: Node, operation: str, members: dict[str, Any], calls: int = 200) -> float:
    call = ApiCall(operation, node.caller, "request", members, "http://127.0.0.1:4566")
    latencies_s = []
    for _ in range(calls):
        began_s = perf_counter()
        await node.operations[operation](call)
        latencies_s.append(perf_counter() - began_s)
    return percentile(latencies_s, 50) * 1000
