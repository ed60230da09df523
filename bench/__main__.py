"""`python -m bench`: one command, one table."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import replace

import click
import uvloop
from rich.console import Console

from bench.goals import goals_of
from bench.machine import describe
from bench.measure import Results, measure
from bench.node import NodeError
from bench.plan import QUICK, Plan
from bench.table import print_table

EXIT_FAILED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Small numbers of calls: to see that it works, not how fast it is.")
@click.option("--rounds", type=click.IntRange(1), help="How often everything is measured (5).")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="A table, or everything as JSON.")
def main(quick: bool, rounds: int | None, output: str) -> None:
    """Measure warm calls and cold starts of a node, beside AWS's own client alone."""
    plan = QUICK if quick else Plan()
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    machine = describe()
    try:
        results = uvloop.run(_until_stopped(plan, _progress()))
    except NodeError as error:
        raise click.ClickException(f"the node did not start:\n{error}") from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise click.Abort from None
    if output == "json":
        goals = [{"goal": goal.text, "measured": goal.measured, "met": goal.is_met} for goal in goals_of(results)]
        click.echo(json.dumps({"machine": machine, **results.as_json(), "goals": goals}, indent=2))
    else:
        print_table(results, machine, Console(width=None if sys.stdout.isatty() else 120))
    if results.problems:
        sys.exit(EXIT_FAILED)


async def _until_stopped(plan: Plan, progress: Callable[[str], None]) -> Results:
    """SIGTERM ends it as Ctrl-C does: the node and the floor are ended first."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await measure(plan, progress)


def _progress() -> Callable[[str], None]:
    """On standard error, and silent without a terminal."""
    console = Console(stderr=True)

    def show(what: str) -> None:
        if console.is_terminal:
            console.print(f"bench: {what}", highlight=False)

    return show


if __name__ == "__main__":
    main()
