"""The options that every command takes, before or after its name, and what follows from them: settings and clients."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from stoker.cli.failures import CommandError
from stoker.cli.node import find_running
from stoker.config import Settings, is_loopback, load_settings
from stoker.limits import Limits

C = TypeVar("C", bound=Callable[..., Any])

# Beyond a function's own time; botocore would give up after one minute and send the invocation again.
READ_MARGIN_S = 30
CONNECT_TIMEOUT_S = 5


@dataclass
class Options:
    """What was given, wherever it was given."""

    output: str = "text"
    endpoint_url: str | None = None
    data: Path | None = None
    settings: Path | None = None
    debug: bool = False

    @property
    def wants_json(self) -> bool:
        return self.output == "json"

    def load_settings(self, **overrides: Any) -> Settings:
        """The node's settings, as `stoker up` would find them. Raises SettingsError."""
        return load_settings(self.settings, os.environ, {"data": self.data, **overrides})

    def endpoint(self) -> str:
        """Given by option or AWS_ENDPOINT_URL, else the running node's. Raises CommandError."""
        if given := self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"):
            return given
        data = self.load_settings().data
        if (record := find_running(data)) is None:
            raise CommandError(f"no node is running with the data directory {data}", "start one: stoker up")
        return record.endpoint

    def client(self, service: str) -> Any:
        """A boto3 client of the node. Raises CommandError."""
        endpoint = self.endpoint()
        settings = self.load_settings()
        import boto3
        from botocore.config import Config

        key_id, secret = credentials(settings)
        return boto3.session.Session(
            aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=region(settings)
        ).client(
            service,
            endpoint_url=endpoint,
            config=Config(
                read_timeout=max(settings.limits.timeout_s_max, Limits().timeout_s_max) + READ_MARGIN_S,
                connect_timeout=CONNECT_TIMEOUT_S,
                retries={"total_max_attempts": 1},
                # A proxy for the way out (HTTP_PROXY) does not know this machine's loopback; None lets it be used.
                proxies={} if is_loopback(urlsplit(endpoint).hostname or "") else None,
            ),
        )


def credentials(settings: Settings) -> tuple[str, str]:
    """The configured key pair, else the caller's own, else any: a node without credentials takes every key."""
    if settings.has_credentials:
        return settings.access_key_id, settings.secret_access_key
    return os.environ.get("AWS_ACCESS_KEY_ID", "stoker"), os.environ.get("AWS_SECRET_ACCESS_KEY", "stoker")


def region(settings: Settings) -> str:
    """The caller's region, else the node's."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or settings.region


def reachable_url(host: str, port: int) -> str:
    """A URL by which this machine reaches a node that listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    options = context.ensure_object(Options)
    if value is not None and parameter.name is not None:
        setattr(options, parameter.name, value)


def _shared(name: str, help_text: str, **attributes: Any) -> Callable[[C], C]:
    return click.option(name, help=help_text, default=None, expose_value=False, callback=_keep, **attributes)


def shared_options(command: C) -> C:
    """Let `command` take the options of `Options`; what is given after its name counts more."""
    path = click.Path(path_type=Path)
    for option in (
        _shared("--debug", "Show the details of an unexpected failure.", is_flag=True),
        _shared("--settings", "Settings file (else ./stoker.toml, if there is one).", type=path),
        _shared("--data", "Data directory of the node.", type=path),
        _shared("--endpoint-url", "Where the node is (else AWS_ENDPOINT_URL, else the one that runs here)."),
        _shared("--output", "How results are printed.", type=click.Choice(["text", "json"])),
    ):
        command = option(command)
    return command


pass_options = click.make_pass_decorator(Options, ensure=True)
