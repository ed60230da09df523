"""`stoker trace-start`: one cold start of a function, and where its time went."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from stoker.cli.invoke import event_body
from stoker.cli.node_routes import ask_node
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import print_json, print_table, step

ROUTE = "/_stoker/trace-start"
BAR_WIDTH = 28


@click.command("trace-start")
@click.argument("name")
@shared_options
@click.option("-p", "--payload", help="The event, as JSON ({} if none is given).")
@click.option("-f", "--file", "file", type=click.Path(path_type=Path), help="File that holds the event; - reads stdin.")
@click.option("--qualifier", help="Version or alias.")
@pass_options
def trace_start(options: Options, name: str, payload: str | None, file: Path | None, qualifier: str | None) -> int:
    """Start a new environment of the function NAME for one call, and show what took how long."""
    query = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
    with step(f"starting an environment of {name}"):
        answer = ask_node(options, "POST", f"{ROUTE}?{urlencode(query)}", event_body(payload, file))
    if options.wants_json:
        print_json(answer)
        return 0
    phases = [phase for phase in answer["Phases"] if not phase["is_ahead"]]
    total_ms = max(phase["began_ms"] + phase["duration_ms"] for phase in phases)
    rows = [(phase["name"], f"{phase['duration_ms']:.2f} ms", _bar(phase, total_ms)) for phase in phases]
    rows.append(("in all", f"{total_ms:.2f} ms", ""))
    rows += [
        (phase["name"], f"{phase['duration_ms']:.2f} ms", "made ahead")
        for phase in answer["Phases"]
        if phase["is_ahead"]
    ]
    print_table(("Phase", "Time", "When"), rows)
    return 0


def _bar(phase: dict[str, Any], total_ms: float) -> str:
    """Where in the whole the phase lies; something of it is always to be seen."""
    before: int = round(phase["began_ms"] / total_ms * BAR_WIDTH)
    long: int = max(1, round(phase["duration_ms"] / total_ms * BAR_WIDTH))
    return "·" * before + "█" * long
