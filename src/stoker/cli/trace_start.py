"""`stoker trace-start`: one cold start of a function, and where its time went."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from stoker.cli.failures import CommandError
from stoker.cli.invoke import event_body
from stoker.cli.options import Options, credentials, pass_options, region, shared_options
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
        answer = _post(options, f"{ROUTE}?{urlencode(query)}", event_body(payload, file))
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


def _post(options: Options, path: str, body: bytes) -> dict[str, Any]:
    """A signed request to a route of the node's own. Raises CommandError."""
    endpoint, settings = options.endpoint(), options.load_settings()
    import urllib3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", endpoint + path, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(*credentials(settings)), "lambda", region(settings)).add_auth(request)
    try:
        answer = urllib3.request("POST", request.url, body=body, headers=dict(request.headers), retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise CommandError(f"the node at {endpoint} does not answer: {error}") from None
    document: dict[str, Any] = json.loads(answer.data)
    if answer.status != 200:
        raise CommandError(document.get("Message") or document.get("message") or f"the node answered {answer.status}")
    return document
