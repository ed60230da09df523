"""`python -m bench.goals`: one node, one table, and which of its goals it reaches."""

import json
import sys
from dataclasses import replace

import click
from rich.console import Console

from bench.goals.measure import measure
from bench.goals.table import print_table
from bench.goals.wanted import goals_of
from bench.machine import describe
from bench.plan import QUICK, Plan
from bench.running import progress, run_until_stopped

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
    results = run_until_stopped(measure(plan, progress()))
    if output == "json":
        goals = [{"goal": goal.text, "measured": goal.measured, "met": goal.is_met} for goal in goals_of(results)]
        click.echo(json.dumps({"machine": machine, **results.as_json(), "goals": goals}, indent=2))
    else:
        print_table(results, machine, Console(width=None if sys.stdout.isatty() else 120))
    if results.problems:
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
