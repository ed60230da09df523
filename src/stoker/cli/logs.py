"""`stoker logs`: what a function printed, from CloudWatch Logs' own API."""

import re
import time
from collections.abc import Iterator
from typing import Any

import click

from stoker.cli.failures import CommandError, usage_error
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import note, print_json_line
from stoker.clock import iso_timestamp

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
FOLLOW_EVERY_S = 0.5
# While following, an event may arrive after a younger one of another environment; so much is looked at again.
LOOK_BACK_MS = 5_000


@click.command()
@click.argument("name")
@shared_options
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--since", default="10m", show_default=True, help="How far back: 30s, 10m, 2h, 1d.")
@click.option(
    "--filter", "pattern", default="", help='CloudWatch filter pattern, such as ERROR or {{ $.level = "WARN" }}.'
)
@pass_options
def logs(options: Options, name: str, follow: bool, since: str, pattern: str) -> int:
    """Print the log of the function (or log group, such as /aws/lambda/x) NAME."""
    start_ms = int((time.time() - _seconds(since)) * 1000)
    group = name if name.startswith("/") else _group_of(options, name)
    client = options.client("logs")
    count = 0
    for event in _followed(client, group, start_ms, pattern) if follow else _events(client, group, start_ms, pattern):
        count += 1
        if options.wants_json:
            print_json_line(event)
        else:
            click.echo(f"{iso_timestamp(event['timestamp'] / 1000)} {event['message'].rstrip()}")
    if count == 0:
        note(f"nothing in {group} in the last {since} (longer ago: --since 1d)")
    return 0


def _seconds(since: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhdw])", since)
    if not found:
        raise usage_error(f"--since {since!r} is no duration", "examples: 30s, 10m, 2h, 1d")
    return int(found[1]) * UNITS_S[found[2]]


def _group_of(options: Options, name: str) -> str:
    client = options.client("lambda")
    try:
        configuration = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        # The logs of a deleted function are still there.
        group = f"/aws/lambda/{name}"
        if not options.client("logs").describe_log_groups(logGroupIdentifiers=[group])["logGroups"]:
            raise CommandError(
                f"there is no function {name}, and no log of one", "see what is there: stoker ls"
            ) from None
        return group
    return str(configuration["LoggingConfig"]["LogGroup"])


def _events(client: Any, group: str, start_ms: int, pattern: str) -> Iterator[Any]:
    pages = client.get_paginator("filter_log_events")
    try:
        for page in pages.paginate(logGroupName=group, startTime=start_ms, filterPattern=pattern):
            yield from page["events"]
    except client.exceptions.ResourceNotFoundException:
        # A function has no log group before it has printed something.
        return


def _followed(client: Any, group: str, start_ms: int, pattern: str) -> Iterator[Any]:
    seen: dict[str, int] = {}
    while True:
        for event in _events(client, group, start_ms, pattern):
            if event["eventId"] not in seen:
                seen[event["eventId"]] = event["timestamp"]
                yield event
        start_ms = max(start_ms, max(seen.values(), default=0) - LOOK_BACK_MS)
        seen = {event_id: time_ms for event_id, time_ms in seen.items() if time_ms >= start_ms}
        time.sleep(FOLLOW_EVERY_S)
