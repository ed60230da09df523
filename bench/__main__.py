"""`python -m bench`: this project, the floor and the peers, in one table."""

import json
import sys
from dataclasses import replace

import click
from rich.console import Console

from bench.compare import compare
from bench.plan import QUICK_COMPARISON, Comparison
from bench.report import print_table, publish
from bench.running import progress, run_until_stopped

EXIT_FAILED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Short legs and two rounds: less than three minutes, and less certain.")
@click.option("--rounds", type=click.IntRange(1), help="How many turns each of them has (5).")
@click.option("--peer", "names", multiple=True, help="Only this peer; may be given several times. 'none' for none.")
@click.option("--no-fetch", is_flag=True, help="Only those peers that are in the cache already.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="A table, or everything as JSON.")
@click.option("--publish", "is_published", is_flag=True, help="Put table and pictures into README.md and docs/.")
def main(
    quick: bool, rounds: int | None, names: tuple[str, ...], no_fetch: bool, output: str, is_published: bool
) -> None:
    """Measure Stoker, the floor below it, and what people use today, one after the other in every round."""
    plan = QUICK_COMPARISON if quick else Comparison()
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    results = run_until_stopped(compare(plan, names, not no_fetch, progress()))
    if is_published:
        publish(results)
    if output == "json":
        click.echo(json.dumps(results, indent=1))
    else:
        print_table(results, Console(width=None if sys.stdout.isatty() else 170))
    if any(turn["problems"] for turn in results["contenders"][0]["turns"]):
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
