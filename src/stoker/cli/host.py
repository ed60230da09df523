"""`stoker doctor`: what this host allows, what that means for functions, and how to get more."""

from collections.abc import Iterator

import click

from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import print_json, print_table, step
from stoker.sandbox.host import HostReport, examine

MEANINGS = {
    "memory": "the memory limit, and out of memory as on AWS",
    "cpu": "CPU by memory",
    "pids": "the limit of processes",
    "freezer": "idle environments are frozen",
}


@click.command()
@shared_options
@pass_options
def doctor(options: Options) -> int:
    """Look at this host: what keeps functions apart here, and what is missing."""
    runsc = options.load_settings().runsc
    with step("looking at this host"):
        report = examine(runsc)
    if options.wants_json:
        print_json(report.as_json())
        return 0
    click.echo(f"Linux {report.kernel} on {report.machine}: isolation is {report.isolation}, {report.reason}.")
    print_table(("Capability", "Found", "What it is for"), list(_rows(report)))
    for lack in report.lacks:
        click.echo(f"{lack.what}: {lack.consequence}\n  {lack.remedy}")
    return 0


def _rows(report: HostReport) -> Iterator[tuple[str, str, str]]:
    for namespace in report.namespaces:
        found = [text for text, has in (("root", namespace.privileged), ("users", namespace.unprivileged)) if has]
        yield f"{namespace.kind} namespace", f"for {' and '.join(found)}" if found else "no", "isolation"
    groups = report.control_groups
    for name, meaning in MEANINGS.items():
        yield f"{name} control group", groups.version if name in groups.controllers else "no", meaning
    for feature in report.features:
        yield feature.name, "yes" if feature.is_available else "no", feature.detail
