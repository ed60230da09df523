"""One turn of one contender: it is started, everything is measured once, and it is ended. Turns are interleaved.

A turn comes to one figure for each row of the table, or to the reason why there is none.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.floor import Client, Floor, Stub, first_call_s
from bench.generator import LoadError, generate
from bench.legs import percentile
from bench.load import Load
from bench.peers.server import Server
from bench.plan import ECHO, IMPORTS_BOTO3, Comparison
from bench.processes import family_memory_mb

COLD_PAUSE_S = 0.05
SETTLE_S = 0.5
CALL_LIMIT_S = 20.0
BURST = 32
COLD_CASES = {"cold_echo_ms": ECHO, "cold_boto3_ms": IMPORTS_BOTO3}

# From a temporary folder and the functions that it will be asked for.
MakeServer = Callable[[Path, Mapping[str, Path]], Server]


@dataclass(slots=True)
class Turn:
    """By row: figures, and why there is none."""

    figures: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


async def server_turn(make: MakeServer, plan: Comparison) -> Turn:
    """A server that runs many functions, each of which has its first call once."""
    turn = Turn()
    cold = {
        row: {f"{case.name}-{number}": case.folder for number in range(plan.cold_calls)}
        for row, case in COLD_CASES.items()
    }
    burst = {f"burst-{number}": ECHO.folder for number in range(BURST)}
    functions = {"echo": ECHO.folder, **burst}
    for names in cold.values():
        functions.update({f"cold-{name}": folder for name, folder in names.items()})
    with _folder() as folder:
        async with make(folder, functions) as server:
            await _idle_memory(server, turn)
            await server.deploy(functions)
            for row, names in cold.items():
                load = Load(server.endpoint, tuple(f"cold-{name}" for name in names), calls_max=1, pause_s=COLD_PAUSE_S)
                await _first_calls(turn, row, load)
            await _warm(server, "echo", turn, plan)
            await asyncio.sleep(SETTLE_S)
            before_mb = server.memory_mb()
            await _first_calls(turn, "burst_ms", Load(server.endpoint, tuple(burst), at_once=True))
            await asyncio.sleep(SETTLE_S)
            if "burst_ms" in turn.figures:
                turn.figures["environment_mb"] = (server.memory_mb() - before_mb) / BURST
    return turn


async def one_function_turn(make: MakeServer, plan: Comparison) -> Turn:
    """A server of one function with one environment: a new start for each first call."""
    turn = Turn()
    for row, case in COLD_CASES.items():
        first_ms: list[float] = []
        for _ in range(plan.cold_calls):
            with _folder() as folder:
                async with make(folder, {"": case.folder}) as server:
                    once = Turn()
                    await _first_calls(once, row, Load(server.endpoint, (server.only_function,), calls_max=1))
                    turn.problems.update(once.problems)
                    first_ms += once.figures.values()
        if first_ms and row not in turn.problems:
            turn.figures[row] = median(first_ms)
    with _folder() as folder:
        async with make(folder, {"": ECHO.folder}) as server:
            await _idle_memory(server, turn)
            await _first_calls(Turn(), "", Load(server.endpoint, (server.only_function,), calls_max=1))
            await asyncio.sleep(SETTLE_S)
            turn.figures["environment_mb"] = server.memory_mb() - turn.figures["server_mb"]
            await _warm(server, server.only_function, turn, plan)
    turn.problems["burst_ms"] = "it has one environment"
    return turn


async def floor_turn(plan: Comparison) -> Turn:
    """AWS's client alone; what stands in front of it is part of this process, so it has no memory of its own."""
    turn = Turn(problems={"server_mb": "it has no server"})
    for row, case in COLD_CASES.items():
        turn.figures[row] = median([await first_call_s(case.folder) for _ in range(plan.cold_calls)]) * 1000
    async with Floor(ECHO.folder, max(plan.callers)) as floor:
        for callers in plan.callers:
            leg = await floor.measure(callers, plan.leg_s, plan.calls_max, plan.warm_up)
            _keep_leg(turn, callers, leg.p50_ms, leg.p99_ms, leg.calls_per_s)
        turn.figures["environment_mb"] = median(family_memory_mb(pid) for pid in floor.pids)
    turn.figures["burst_ms"] = await _floor_burst_ms()
    return turn


async def _floor_burst_ms() -> float:
    """New interpreters, all at once, each of which answers one call."""
    stub = Stub()
    await stub.open()
    clients: list[Client] = []
    began_s = perf_counter()
    try:
        clients += [Client(ECHO.folder, stub.address) for _ in range(BURST)]
        # Each gets its call as soon as it polls for one, and the next one only when all of them have had theirs.
        await stub.wait_idle(BURST)
        await asyncio.gather(*(stub.call(b"{}") for _ in range(BURST)))
        return (perf_counter() - began_s) * 1000
    finally:
        stub.close()
        for client in clients:
            await asyncio.to_thread(client.end)


async def _idle_memory(server: Server, turn: Turn) -> None:
    await asyncio.sleep(SETTLE_S)
    turn.figures["server_mb"] = server.memory_mb()


async def _first_calls(turn: Turn, row: str, load: Load) -> None:
    """The median of calls one after another; of calls at once, the time until the last has its answer."""
    load = _lenient(load)
    try:
        outcome = await generate(load)
    except (LoadError, TimeoutError) as error:
        turn.problems[row] = f"no answers: {error}"
        return
    if outcome["errors"]:
        turn.problems[row] = f"wrong answers: {outcome['errors']}, the first: {outcome['problems'][0]}"
        return
    latencies_s = outcome["latencies_s"]
    turn.figures[row] = (max(latencies_s) if load.at_once else median(latencies_s)) * 1000


async def _warm(server: Server, function: str, turn: Turn, plan: Comparison) -> None:
    for callers in plan.callers:
        rows = ("warm_p50_ms", "warm_p99_ms") if callers == 1 else (f"calls_per_s_{callers}",)
        if not server.is_running():
            turn.problems.update(dict.fromkeys(rows, "it had crashed at fewer callers"))
            continue
        try:
            # Environments that were idle are frozen by now, and some are still to be made: neither is of this leg.
            first = Load(server.endpoint, (function,), callers, calls_max=callers * plan.first_calls)
            await generate(_lenient(first))
            load = Load(server.endpoint, (function,), callers, plan.leg_s, plan.calls_max, plan.warm_up)
            outcome = await generate(_lenient(load))
        except (LoadError, TimeoutError) as error:
            await asyncio.sleep(SETTLE_S)
            what = "no answers" if server.is_running() else "it crashed"
            turn.problems.update(dict.fromkeys(rows, f"{what} at {callers} callers: {error}"))
            continue
        if outcome["errors"]:
            share = outcome["errors"] / max(1, len(outcome["latencies_s"]))
            turn.problems.update(
                dict.fromkeys(rows, f"wrong answers: {share:.0%}, the first: {outcome['problems'][0]}")
            )
            continue
        latencies_s = outcome["latencies_s"]
        p50_ms, p99_ms = (percentile(latencies_s, percent) * 1000 for percent in (50, 99))
        _keep_leg(turn, callers, p50_ms, p99_ms, len(latencies_s) / outcome["elapsed_s"])


def _keep_leg(turn: Turn, callers: int, p50_ms: float, p99_ms: float, calls_per_s: float) -> None:
    if callers == 1:
        turn.figures.update(warm_p50_ms=p50_ms, warm_p99_ms=p99_ms)
    else:
        turn.figures[f"calls_per_s_{callers}"] = calls_per_s


def _lenient(load: Load) -> Load:
    return replace(load, any_spelling=True, call_limit_s=CALL_LIMIT_S)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as folder:
        yield Path(folder)
