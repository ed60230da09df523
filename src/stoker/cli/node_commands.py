"""`stoker up`, `down`, `status` and `env`: the node on this machine."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import click

from stoker.cli.failures import CommandError
from stoker.cli.node import (
    AUTHORITY,
    LOOK_EVERY_S,
    NodeRecord,
    find_running,
    make_authority,
    read_health,
    wait_for_end,
)
from stoker.cli.options import Options, credentials, pass_options, reachable_url, region, shared_options
from stoker.cli.output import note, print_json, print_members, step
from stoker.config import Isolation, Settings

START_TIMEOUT_S = 60.0
# Beyond the stop grace, in which running handlers may finish.
STOP_MARGIN_S = 5.0
LOG_NAME = "node.log"
LOG_LINES_SHOWN = 15


@click.command()
@shared_options
@click.option("--host", help="Address to listen on; anything but loopback needs credentials.")
@click.option("--port", type=int, help="Port to listen on (4566); 0 takes a free one.")
@click.option("--isolation", type=click.Choice(get_args(Isolation)), help="How functions are kept apart.")
@click.option("--fresh", is_flag=True, default=None, help="Start a new interpreter for every environment.")
@click.option("--detach", is_flag=True, help="Run in the background; return when it answers.")
@pass_options
def up(
    options: Options, host: str | None, port: int | None, isolation: str | None, fresh: bool | None, detach: bool
) -> int:
    """Run a node: here until Ctrl-C, or with --detach in the background."""
    settings = options.load_settings(host=host, port=port, isolation=isolation, fresh=fresh)
    if (record := find_running(settings.data)) is not None:
        raise CommandError(f"a node already runs at {record.endpoint} (process {record.pid})", "stop it: stoker down")
    if detach:
        return _start_detached(options, settings)
    from stoker.app import run

    return run(settings)


@click.command()
@shared_options
@pass_options
def down(options: Options) -> int:
    """Stop the node that runs here, and wait until it has ended."""
    settings = options.load_settings()
    record = _running(settings)
    timeout_s = settings.stop_grace_s + STOP_MARGIN_S
    with step(f"stopping the node at {record.endpoint}"):
        os.kill(record.pid, signal.SIGTERM)
        has_ended = wait_for_end(record.pid, timeout_s)
    if not has_ended:
        raise CommandError(f"process {record.pid} still runs after {timeout_s:.0f} s", f"end it: kill -9 {record.pid}")
    _print_record(options, record, "stopped")
    return 0


@click.command()
@shared_options
@pass_options
def status(options: Options) -> int:
    """Say whether a node runs, and how it is."""
    endpoint = options.endpoint()
    health = read_health(endpoint)
    if health is None:
        raise CommandError(f"no node answers at {endpoint}", "start one: stoker up")
    members = {"endpoint": endpoint, **health}
    if options.wants_json:
        print_json(members)
    else:
        print_members(members)
    return 0


@click.command()
@shared_options
@click.option("--tls", is_flag=True, help="By https, and which authority to trust for it.")
@pass_options
def env(options: Options, tls: bool) -> int:
    """Print what every AWS tool needs to use the node: eval "$(stoker env)"."""
    settings = options.load_settings()
    record = find_running(settings.data)
    if record is None:
        note("stoker: no node is running yet; these are the settings of the next one (start it: stoker up)")
    endpoint = options.endpoint_url or (record.endpoint if record else reachable_url(settings.host, settings.port))
    key_id, secret = credentials(settings)
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": region(settings),
    }
    if tls:
        variables |= _tls_variables(endpoint, settings)
    if options.wants_json:
        print_json(variables)
    else:
        click.echo("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
    return 0


def _tls_variables(endpoint: str, settings: Settings) -> dict[str, str]:
    """The endpoint with TLS, and for a certificate of the node's own the variables by which clients find its authority:
    those of AWS's SDKs and CLI, Node.js, and OpenSSL's and requests' users."""
    variables = {"AWS_ENDPOINT_URL": endpoint.replace("http://", "https://", 1)}
    if settings.tls_certificate is not None:
        return variables
    _running(settings)
    make_authority(endpoint)
    file = str(settings.data / AUTHORITY)
    names = ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    return variables | dict.fromkeys(names, file)


def _running(settings: Settings) -> NodeRecord:
    if (record := find_running(settings.data)) is None:
        raise CommandError(f"no node is running with the data directory {settings.data}", "start one: stoker up")
    return record


def _start_detached(options: Options, settings: Settings) -> int:
    settings.data.mkdir(parents=True, exist_ok=True)
    log = settings.data / LOG_NAME
    with log.open("wb") as output, step("starting a node"):
        process = subprocess.Popen(
            [sys.executable, "-m", "stoker", "up", *_arguments(options, settings)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        record = _wait_until_ready(process, settings.data)
    if record is None:
        click.echo(_last_lines(log), err=True)
        raise CommandError(f"the node did not start; above is the end of {log}", "see also: stoker doctor")
    _print_record(options, record, "started")
    return 0


def _arguments(options: Options, settings: Settings) -> list[str]:
    """What makes the new process come to the same settings; environment and ./stoker.toml it inherits."""
    arguments = ["--data", str(settings.data), "--host", settings.host, "--port", str(settings.port)]
    arguments += ["--isolation", settings.isolation]
    if settings.fresh:
        arguments.append("--fresh")
    if options.settings:
        arguments += ["--settings", str(options.settings)]
    return arguments


def _wait_until_ready(process: "subprocess.Popen[bytes]", data: Path) -> NodeRecord | None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline_s:
        record = find_running(data)
        if record is not None and record.pid == process.pid:
            # It outlives us, and nobody waits for it: without this, Popen complains about that.
            process.returncode = 0
            return record
        time.sleep(LOOK_EVERY_S)
    if process.poll() is None:
        process.terminate()
        process.wait()
    return None


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join(lines) or "(it is empty)"


def _print_record(options: Options, record: NodeRecord, what: str) -> None:
    if options.wants_json:
        members: dict[str, Any] = {"state": what, "endpoint": record.endpoint, "pid": record.pid}
        print_json({**members, "version": record.version, "isolation": record.isolation})
    else:
        click.echo(f"Stoker {record.version} at {record.endpoint} {what} (process {record.pid}, {record.isolation})")
