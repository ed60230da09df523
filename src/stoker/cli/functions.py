"""`stoker ls`, `show` and `rm`: the functions of a node."""

from typing import Any

import click

from stoker.cli.event_sources import mappings_of, print_mappings
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import note, print_json, print_members, print_table
from stoker.cli.urls import url_if_any


@click.command()
@shared_options
@pass_options
def ls(options: Options) -> int:
    """List the functions."""
    pages = options.client("lambda").get_paginator("list_functions").paginate()
    functions = [function for page in pages for function in page["Functions"]]
    if options.wants_json:
        print_json(functions)
        return 0
    rows = [
        (
            function["FunctionName"],
            function.get("Runtime", "image"),
            f"{function['MemorySize']} MB",
            f"{function['Timeout']} s",
            f"{function['CodeSize']:,} B",
            function["LastModified"][:19].replace("T", " "),
        )
        for function in functions
    ]
    print_table(("Name", "Runtime", "Memory", "Timeout", "Code", "Changed (UTC)"), rows)
    if not rows:
        note("there are no functions yet (deploy one: stoker deploy DIR)")
    return 0


@click.command()
@click.argument("name")
@shared_options
@click.option("--qualifier", help="Version or alias.")
@pass_options
def show(options: Options, name: str, qualifier: str | None) -> int:
    """Show everything that is known of the function NAME."""
    members = {"FunctionName": name, "Qualifier": qualifier} if qualifier else {"FunctionName": name}
    client = options.client("lambda")
    function = client.get_function(**members)
    del function["ResponseMetadata"]
    if (url := url_if_any(client, name, qualifier)) is not None:
        function["FunctionUrl"] = url
    mappings = mappings_of(client, f"{name}:{qualifier}" if qualifier else name)
    if options.wants_json:
        print_json(function | {"EventSourceMappings": mappings})
        return 0
    print_members(dict(_flat(function)))
    if mappings:
        click.echo()
        print_mappings(mappings)
    return 0


@click.command()
@click.argument("name")
@shared_options
@click.option("--with-logs", is_flag=True, help="Delete its log group too.")
@pass_options
def rm(options: Options, name: str, with_logs: bool) -> int:
    """Delete the function NAME, with its versions and aliases."""
    client = options.client("lambda")
    group = client.get_function_configuration(FunctionName=name)["LoggingConfig"]["LogGroup"]
    client.delete_function(FunctionName=name)
    if with_logs:
        logs = options.client("logs")
        if logs.describe_log_groups(logGroupIdentifiers=[group])["logGroups"]:
            logs.delete_log_group(logGroupName=group)
    if options.wants_json:
        print_json({"FunctionName": name, "state": "deleted"})
    else:
        note(f"{name} is deleted")
    return 0


def _flat(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Nested members as `Outer.Inner`."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(inner, f"{name}.{key}" if name else key)]
    return [(name, ", ".join(map(str, value)) if isinstance(value, list) else value)]
