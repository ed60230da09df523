"""`python -m bench.soak`: a million calls, and whether the node is afterwards what it was before. Bounded in time."""

import sys
from time import monotonic
from typing import Any

import click

from bench.goals.endurance import Slice, one_slice
from bench.goals.measure import Results, run_load
from bench.goals.wanted import GROWTH_MAX, MEMORY_GROWN_MB_MAX
from bench.load import Load
from bench.node import BenchNode
from bench.plan import ECHO
from bench.running import run_until_stopped

SLICES = 20
COMPARED = 5
EXIT_FAILED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--calls", type=click.IntRange(SLICES), default=1_000_000, show_default=True, help="How many, in all.")
@click.option("--limit-s", type=click.FloatRange(1), default=1800.0, show_default=True, help="Stop after so long.")
def main(calls: int, limit_s: float) -> None:
    """Call one function with 32 callers, and compare the last of the calls with the first."""
    results = Results()
    done = run_until_stopped(_soak(calls, limit_s, results))
    for problem in results.problems[:3]:
        click.echo(f"wrong answer: {problem}", err=True)
    if not done or not _is_steady(done) or results.problems:
        sys.exit(EXIT_FAILED)


async def _soak(calls: int, limit_s: float, results: Results) -> list[Slice]:
    deadline_s = monotonic() + limit_s
    done: list[Slice] = []
    called = 0

    async def run(load: Load) -> dict[str, Any]:
        return await run_load(load, results)

    async with BenchNode() as node:
        await node.deploy("echo", ECHO.folder)
        while called < calls and monotonic() < deadline_s:
            a_slice = await one_slice(node, calls // SLICES, run)
            done.append(a_slice)
            called += a_slice.leg.calls
            leg = a_slice.leg
            click.echo(
                f"{called:>9,} calls  {leg.calls_per_s:6,.0f}/s  p50 {leg.p50_ms:5.2f} ms  p99 {leg.p99_ms:6.2f} ms  "
                f"{leg.errors} errors  {a_slice.memory_mb:.1f} MB"
            )
    if called < calls:
        click.echo(f"stopped after {limit_s:,.0f} s: {calls - called:,} calls were not made")
    return done


def _is_steady(done: list[Slice]) -> bool:
    """The first slice makes environments and fills pools; of those after it, the first few and the last few are
    compared by the best of each, since a moment of the machine's own only makes calls slower."""
    first, last = done[1 : 1 + COMPARED], done[-COMPARED:]
    if not first:
        click.echo("too few calls to compare")
        return False
    grown_mb = last[-1].memory_mb - first[0].memory_mb
    growth = min(one.leg.p50_ms for one in last) / min(one.leg.p50_ms for one in first)
    click.echo(f"memory grew by {grown_mb:.1f} MB (at most {MEMORY_GROWN_MB_MAX:g}), p50 {growth:.2f} × what it was")
    return grown_mb <= MEMORY_GROWN_MB_MAX and growth <= GROWTH_MAX


if __name__ == "__main__":
    main()
