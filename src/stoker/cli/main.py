"""The commands, and the one place where what went wrong becomes a line and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence

import click

import stoker
from stoker.cli import deploy, events, functions, host, invoke, logs, node_commands, runtimes, trace_start
from stoker.cli.failures import EXIT_INTERRUPTED, explain, report
from stoker.cli.options import Options, shared_options


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@shared_options
@click.version_option(stoker.__version__, prog_name="stoker")
@click.pass_context
def commands(context: click.Context) -> None:
    """AWS Lambda on machines you own."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (
    node_commands.up,
    node_commands.down,
    node_commands.status,
    node_commands.env,
    host.doctor,
    deploy.deploy,
    invoke.invoke,
    trace_start.trace_start,
    logs.logs,
    events.events,
    functions.ls,
    functions.show,
    functions.rm,
    runtimes.runtimes,
):
    commands.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    options = Options()
    try:
        code = commands.main(args=list(arguments), prog_name="stoker", standalone_mode=False, obj=options)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        return report(explain(error))
    return code if isinstance(code, int) else 0
