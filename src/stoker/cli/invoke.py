"""`stoker invoke`: one call of a function; the answer goes to standard output, what it logged to standard error."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import click

from stoker.cli.failures import EXIT_FAILED, CommandError, report, usage_error
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import note, print_json, step


@click.command()
@click.argument("name")
@shared_options
@click.option("-p", "--payload", help="The event, as JSON ({} if none is given).")
@click.option("-f", "--file", "file", type=click.Path(path_type=Path), help="File that holds the event; - reads stdin.")
@click.option("--event", is_flag=True, help="Asynchronously: return when the event is accepted.")
@click.option("--tail", is_flag=True, help="Show the whole end of the log (4 KB), not only a terminal its REPORT.")
@click.option("--qualifier", help="Version or alias.")
@pass_options
def invoke(
    options: Options, name: str, payload: str | None, file: Path | None, event: bool, tail: bool, qualifier: str | None
) -> int:
    """Call the function NAME."""
    body = event_body(payload, file)
    members: dict[str, Any] = {"FunctionName": name, "Payload": body}
    if qualifier:
        members["Qualifier"] = qualifier
    members |= {"InvocationType": "Event"} if event else {"InvocationType": "RequestResponse", "LogType": "Tail"}
    client = options.client("lambda")
    with step(f"calling {name}"):
        answer = client.invoke(**members)
        answer["Payload"] = answer["Payload"].read()
    if event:
        return _print_accepted(options, answer)
    log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
    if options.wants_json:
        print_json(_as_json(answer, log))
    else:
        _print_log(log, tail)
        _print_payload(answer["Payload"])
    error = answer.get("FunctionError")
    return report(CommandError(f"{name} failed: {_error_text(answer['Payload'])}")) if error else 0


def event_body(payload: str | None, file: Path | None) -> bytes:
    """The event as it was given. Raises a usage error."""
    if payload is not None and file is not None:
        raise usage_error("give the event by --payload or by --file, not by both")
    if file is not None:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    else:
        body = (payload if payload is not None else "{}").encode()
    try:
        json.loads(body)
    except ValueError as error:
        raise usage_error(f"the event is not JSON: {error}", 'example: -p \'{"name": "value"}\'') from None
    return body


def _print_accepted(options: Options, answer: Any) -> int:
    request_id = answer["ResponseMetadata"]["RequestId"]
    if options.wants_json:
        print_json({"StatusCode": answer["StatusCode"], "RequestId": request_id})
    else:
        note(f"accepted as {request_id}")
    return 0 if answer["StatusCode"] == 202 else EXIT_FAILED


def _print_log(log: str, is_whole: bool) -> None:
    if is_whole:
        click.echo(log, err=True, nl=False)
    else:
        for line in log.splitlines():
            if line.startswith("REPORT "):
                note(line.replace("\t", "  ").rstrip())


def _print_payload(payload: bytes) -> None:
    sys.stdout.buffer.write(payload)
    if sys.stdout.isatty() and not payload.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _as_json(answer: Any, log: str) -> dict[str, Any]:
    try:
        payload = json.loads(answer["Payload"] or b"null")
    except ValueError:
        payload = answer["Payload"].decode(errors="replace")
    members = {name: answer[name] for name in ("StatusCode", "ExecutedVersion", "FunctionError") if name in answer}
    return {**members, "Payload": payload, "Log": log}


def _error_text(payload: bytes) -> str:
    try:
        document = json.loads(payload)
        return f"{document['errorType']}: {document['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return payload.decode(errors="replace")[:500]
