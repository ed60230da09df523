"""`stoker events`: what waits for a function, and what brings it more."""

from typing import Any
from urllib.parse import urlencode

import click

from stoker.cli.event_sources import mappings_of, print_mappings
from stoker.cli.node_routes import ask_node
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import print_json, print_members

ROUTE = "/_stoker/events"


@click.command()
@click.argument("name")
@shared_options
@pass_options
def events(options: Options, name: str) -> int:
    """Show the queue of asynchronous events of the function NAME, and its event source mappings."""
    queue = ask_node(options, "GET", f"{ROUTE}?{urlencode({'FunctionName': name})}")
    mappings = mappings_of(options.client("lambda"), name)
    if options.wants_json:
        print_json({"Queue": queue, "EventSourceMappings": mappings})
        return 0
    print_members({member: _text(value) for member, value in queue.items()})
    if mappings:
        click.echo()
        print_mappings(mappings)
    return 0


def _text(value: Any) -> str:
    """A hyphen when nothing waits; seconds to a tenth."""
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
