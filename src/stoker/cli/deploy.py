"""`stoker deploy DIR`: build the function in a directory, create or update it, and wait until it can be called."""

import base64
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from stoker.cli.failures import CommandError, usage_error
from stoker.cli.options import Options, pass_options, shared_options
from stoker.cli.output import note, print_json, step
from stoker.cli.package import Progress, build, node_release
from stoker.cli.project import Statement, default_name, guess_handler, guess_runtime, read_statement
from stoker.cli.urls import public_url

# botocore's waiters look once a second; a node on this machine answers in a millisecond.
WAIT_DELAY_S = 0.1
WAIT_ATTEMPTS = 3_000


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@shared_options
@click.option("--name", help="The function's name (else the directory's).")
@click.option("--runtime", help="Such as python3.12, nodejs22.x, provided.al2023 (else by the files).")
@click.option("--handler", help="Such as app.handler (else by the files).")
@click.option("--memory", type=int, help="Memory in MB.")
@click.option("--timeout", type=int, help="Timeout in seconds.")
@click.option("--env", "variables", multiple=True, metavar="KEY=VALUE", help="An environment variable; repeatable.")
@click.option("--role", help="ARN of its role; any will do on a node without IAM.")
@click.option("--description", help="What it is for.")
@click.option("--url", "wants_url", is_flag=True, help="Give it a URL that anybody may call, and print that.")
@pass_options
def deploy(
    options: Options,
    directory: Path,
    name: str | None,
    runtime: str | None,
    handler: str | None,
    memory: int | None,
    timeout: int | None,
    variables: Sequence[str],
    role: str | None,
    description: str | None,
    wants_url: bool,
) -> int:
    """Build and deploy the function in DIRECTORY. What is not given here, its function.toml says or its files show."""
    given = Statement(name, runtime, handler, role, description, memory, timeout, _environment(variables))
    stated = given.over(read_statement(directory))
    deployment = Deployment(options, directory, stated)
    with step(f"deploying {deployment.name}") as progress:
        configuration, change = deployment.run(progress)
        if wants_url:
            configuration["FunctionUrl"] = public_url(options.client("lambda"), deployment.name)
    if options.wants_json:
        print_json({"change": change, **configuration})
    else:
        click.echo(configuration["FunctionArn"])
        if wants_url:
            click.echo(configuration["FunctionUrl"])
        made_of = f"{configuration['Runtime']}, {configuration['Handler']}"
        note(f"{change}: {made_of}. Call it: stoker invoke {deployment.name}")
    return 0


def _environment(variables: Sequence[str]) -> dict[str, str]:
    pairs = [variable.partition("=") for variable in variables]
    if wrong := next((name + mark for name, mark, _ in pairs if not (name and mark)), None):
        raise usage_error(f"--env {wrong!r} is not KEY=VALUE")
    return {name: value for name, _, value in pairs}


class Deployment:
    """One run of the command."""

    def __init__(self, options: Options, directory: Path, stated: Statement) -> None:
        self._directory = directory
        self._stated = stated
        self._account_id = options.load_settings().account_id
        self._client = options.client("lambda")
        self.name = stated.name or default_name(directory)

    def run(self, progress: Progress) -> tuple[dict[str, Any], str]:
        """The function's configuration when it can be called, and what was done: created, updated or unchanged."""
        existing = self._existing()
        runtime = self._stated.runtime or (existing or {}).get("Runtime")
        runtime = runtime or guess_runtime(self._directory, node_release())
        handler = self._stated.handler or (existing or {}).get("Handler") or guess_handler(self._directory, runtime)
        with tempfile.TemporaryDirectory(prefix="stoker-build-") as work:
            package = build(self._directory, runtime, Path(work), progress)
        progress(f"deploying {self.name} ({len(package):,} bytes)")
        members = self._configuration(runtime, handler)
        if existing is None:
            self._create(members, package)
            change = "created"
        else:
            change = "updated" if self._update(existing, members, package) else "unchanged"
        configuration = self._client.get_function_configuration(FunctionName=self.name)
        del configuration["ResponseMetadata"]
        return configuration, change

    def _existing(self) -> dict[str, Any] | None:
        try:
            configuration: dict[str, Any] = self._client.get_function_configuration(FunctionName=self.name)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        if configuration.get("PackageType", "Zip") != "Zip":
            raise CommandError(f"{self.name} is made from an image", f"delete it first: stoker rm {self.name}")
        return configuration

    def _configuration(self, runtime: str, handler: str) -> dict[str, Any]:
        """The members of CreateFunction and UpdateFunctionConfiguration that were stated."""
        stated = self._stated
        members = {
            "Runtime": runtime,
            "Handler": handler,
            "Role": stated.role,
            "Description": stated.description,
            "MemorySize": stated.memory_mb,
            "Timeout": stated.timeout_s,
            "Environment": {"Variables": dict(stated.environment)} if stated.environment else None,
        }
        return {member: value for member, value in members.items() if value is not None}

    def _create(self, members: dict[str, Any], package: bytes) -> None:
        role = f"arn:aws:iam::{self._account_id}:role/stoker"
        self._client.create_function(FunctionName=self.name, **{"Role": role, **members}, Code={"ZipFile": package})
        self._wait("function_active_v2")

    def _update(self, existing: dict[str, Any], members: dict[str, Any], package: bytes) -> bool:
        """Change what is different; whether anything is."""
        has_changed = False
        if base64.b64encode(hashlib.sha256(package).digest()).decode() != existing["CodeSha256"]:
            self._client.update_function_code(FunctionName=self.name, ZipFile=package)
            self._wait("function_updated_v2")
            has_changed = True
        if any(existing.get(member) != value for member, value in members.items()):
            self._client.update_function_configuration(FunctionName=self.name, **members)
            self._wait("function_updated_v2")
            has_changed = True
        return has_changed

    def _wait(self, waiter: str) -> None:
        delay = {"Delay": WAIT_DELAY_S, "MaxAttempts": WAIT_ATTEMPTS}
        self._client.get_waiter(waiter).wait(FunctionName=self.name, WaiterConfig=delay)
