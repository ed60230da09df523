"""`stoker runtimes` and `stoker runtimes install NAME`: the languages this host can run."""

from dataclasses import asdict

import click

from stoker.cli.failures import CommandError, usage_error
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import print_json, print_table, step


@click.group(invoke_without_command=True)
@shared_options
@pass_options
@click.pass_context
def runtimes(context: click.Context, options: Options) -> int:
    """List the runtimes of this host and what each needs; `install` makes one ready."""
    if context.invoked_subcommand is not None:
        return 0
    from stoker.images.runtime_images import RuntimeImages
    from stoker.runtimes.catalogue import RuntimeCatalogue

    settings = options.load_settings()
    with step("looking for interpreters"):
        statuses = RuntimeCatalogue(settings, RuntimeImages(settings)).list()
    if options.wants_json:
        print_json([asdict(status) for status in statuses])
        return 0
    rows = [
        (
            status.name,
            "ready" if status.is_ready else "not ready",
            " ".join(part for part in (status.version, status.source) if part),
            status.hint or ("AWS no longer supports it" if status.is_deprecated else ""),
        )
        for status in statuses
    ]
    print_table(("Runtime", "State", "From", "Note"), rows)
    return 0


@runtimes.command("install")
@click.argument("name")
@shared_options
@pass_options
def install(options: Options, name: str) -> int:
    """Fetch and build what the runtime NAME needs."""
    from stoker.images.runtime_images import RuntimeImages
    from stoker.runtimes.catalogue import RuntimeCatalogue
    from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError

    settings = options.load_settings()
    catalogue = RuntimeCatalogue(settings, RuntimeImages(settings))
    if not catalogue.is_known(name):
        raise usage_error(f"there is no runtime {name}", "see which there are: stoker runtimes")
    try:
        with step(f"installing {name}") as progress:
            build = catalogue.install(name, progress)
            store = catalogue.preloads(build)
            failures = [] if store is None else store.install(progress)
    except (RuntimeInstallError, RuntimeNotReadyError) as error:
        raise CommandError(str(error)) from error
    for failure in failures:
        click.echo(f"stoker: {failure}", err=True)
    if options.wants_json:
        print_json({"name": build.name, "version": build.version, "source": build.source})
    else:
        click.echo(f"{build.name} is ready ({build.source})")
    return 0
