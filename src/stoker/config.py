"""The settings of a node: one frozen record, built once from defaults, `stoker.toml` and `STOKER_*`, then passed in.

A setting that is not known is refused, so that a misspelt one never goes unnoticed. `docs/settings.md` has a line for
each; a test looks for it.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from stoker.limits import CONCURRENT_EXECUTIONS_DEFAULT, SCALE_OUT_ENVIRONMENTS_PER_10_S, Limits, limits_of

# Each holds memory while nobody uses it; a larger burst than this is spread over the processors anyway.
INTERPRETERS_AHEAD_MAX = 16

Isolation = Literal["auto", "namespaces", "gvisor", "microvm", "plain"]
NetworkMode = Literal["isolated", "internet"]


class SettingsError(Exception):
    """A setting cannot be used; the text names it and says what would do."""


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/stoker`, else `~/.local/share/stoker`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "stoker"


def default_runtimes_dir() -> Path:
    """`$XDG_CACHE_HOME/stoker/runtimes`, else `~/.cache/stoker/runtimes`: shared by every node of a user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stoker" / "runtimes"


@dataclass(frozen=True, slots=True)
class Settings:
    """Names carry their units; the reason for each default is in `docs/settings.md`."""

    host: str = "127.0.0.1"
    port: int = 4566
    data: Path = Path()
    runtimes_dir: Path = Path()
    interpreters: Mapping[str, str] = field(default_factory=dict)
    runtime_roots: Mapping[str, str] = field(default_factory=dict)
    debian_mirror: str = ""
    isolation: Isolation = "auto"
    runsc: str = ""
    fresh: bool = False
    interpreters_ahead: int = 2
    preload: str = ""
    account_id: str = "000000000000"
    region: str = "us-east-1"
    allowed_hosts: str = ""
    function_url_domains: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    access_key_id: str = ""
    secret_access_key: str = ""
    database_url: str = ""
    concurrent_executions: int = CONCURRENT_EXECUTIONS_DEFAULT
    scale_out_environments_per_10_s: int = SCALE_OUT_ENVIRONMENTS_PER_10_S
    limits: Limits = field(default_factory=Limits)
    idle_timeout_s: float = 600.0
    freeze_after_s: float = 0.25
    inactive_after_days: float = 30.0
    snapshots_inactive_after_days: float = 14.0
    snapshots_ready_max: int = 10
    memory_reserve_mb: int = 512
    stop_grace_s: float = 30.0
    log_retention_days: int = 0
    update_delay_s: float = 0.2
    network: NetworkMode = "isolated"
    function_networks: Mapping[str, str] = field(default_factory=dict)
    nameservers: str = ""
    internet_allow: str = ""
    internet_range: str = ""
    uplinks: str = ""
    subnets: Mapping[str, Any] = field(default_factory=dict)
    security_groups: Mapping[str, Any] = field(default_factory=dict)
    file_systems: Mapping[str, str] = field(default_factory=dict)
    async_retry_delay_s: float = 60.0
    async_concurrency_per_function: int = 100
    aws_in_functions: bool = True
    neighbours: Mapping[str, str] = field(default_factory=dict)
    kafka_brokers: Mapping[str, str] = field(default_factory=dict)
    rabbitmq_brokers: Mapping[str, str] = field(default_factory=dict)
    registries: Mapping[str, str] = field(default_factory=dict)
    images_dir: Path | None = None
    otlp_endpoint: str = ""

    @property
    def has_credentials(self) -> bool:
        """Whether requests must be signed with the one configured key pair."""
        return bool(self.access_key_id and self.secret_access_key)


def load_settings(file: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> Settings:
    """Defaults, then `file` (or `./stoker.toml` if there is one), then `STOKER_*`, then `overrides` (None is skipped).

    Raises SettingsError.
    """
    settings = Settings(data=default_data_dir(), runtimes_dir=default_runtimes_dir())
    settings = _apply(settings, _read_file(file), "in the settings file")
    named = {
        key.removeprefix("STOKER_").lower(): value for key, value in environment.items() if key.startswith("STOKER_")
    }
    settings = _apply(settings, named, "in the environment (STOKER_…)")
    settings = _apply(settings, {k: v for k, v in overrides.items() if v is not None}, "on the command line")
    return _checked(settings)


def _read_file(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        file = Path("stoker.toml")
        if not file.exists():
            return {}
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None


def _apply(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    hints = get_type_hints(Settings)
    known = {field.name for field in fields(Settings)}
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"unknown setting {name!r} {where}; known: {', '.join(sorted(known))}")
        changes[name] = _converted(name, value, hints[name], where)
    return replace(settings, **changes)


def _converted(name: str, value: Any, hint: Any, where: str) -> Any:
    try:
        if get_origin(hint) is Literal:
            if value not in get_args(hint):
                raise ValueError(f"must be one of {', '.join(get_args(hint))}")
            return value
        if hint is bool:
            return _boolean(value)
        if get_origin(hint) is Mapping:
            return _table(value, get_args(hint)[1])
        if hint is Limits:
            return limits_of(_object(value, "integers"))
        if hint in (Path, Path | None):
            return Path(value).expanduser().absolute()
        if isinstance(value, bool):
            raise ValueError(f"must be of type {hint.__name__}")
        return hint(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"setting {name!r} {where}: {error}") from None


def _table(value: Any, kind: Any) -> Mapping[str, Any]:
    """A table of the file, or the text of a JSON object, with texts as values, or tables of the setting's own."""
    kind, name = (str, "texts") if kind is str else (Mapping, "tables")
    members = _object(value, name)
    if not all(isinstance(member, kind) for member in members.values()):
        raise _no_table(name)
    return members


def _object(value: Any, of: str) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise _no_table(of)
    return dict(value)


def _no_table(of: str) -> ValueError:
    return ValueError(f"must be a table of {of}; in the environment, a JSON object")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _checked(settings: Settings) -> Settings:
    if not 0 <= settings.port <= 65535:
        raise SettingsError(f"setting 'port': {settings.port} is not between 0 and 65535")
    if not (len(settings.account_id) == 12 and settings.account_id.isdecimal()):
        raise SettingsError("setting 'account_id': must be 12 digits")
    if bool(settings.access_key_id) != bool(settings.secret_access_key):
        raise SettingsError("settings 'access_key_id' and 'secret_access_key' go together")
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingsError("settings 'tls_certificate' and 'tls_key' go together")
    for name in ("concurrent_executions", "idle_timeout_s", "stop_grace_s", "freeze_after_s"):
        if getattr(settings, name) < 0:
            raise SettingsError(f"setting {name!r}: must not be negative")
    if settings.otlp_endpoint and not settings.otlp_endpoint.startswith(("http://", "https://")):
        raise SettingsError("setting 'otlp_endpoint': must be a URL such as 'http://127.0.0.1:4318', or empty")
    if settings.scale_out_environments_per_10_s < 1:
        raise SettingsError("setting 'scale_out_environments_per_10_s': must be at least 1")
    if settings.snapshots_ready_max < 1:
        raise SettingsError("setting 'snapshots_ready_max': must be at least 1")
    if not 0 <= settings.interpreters_ahead <= INTERPRETERS_AHEAD_MAX:
        raise SettingsError(f"setting 'interpreters_ahead': must be between 0 and {INTERPRETERS_AHEAD_MAX}")
    if settings.async_retry_delay_s < 0:
        raise SettingsError("setting 'async_retry_delay_s': must not be negative")
    if settings.async_concurrency_per_function < 1:
        raise SettingsError("setting 'async_concurrency_per_function': must be at least 1")
    if not is_loopback(settings.host) and not settings.has_credentials:
        raise SettingsError(
            f"listening on {settings.host} needs credentials: set access_key_id and secret_access_key "
            "(or STOKER_ACCESS_KEY_ID and STOKER_SECRET_ACCESS_KEY), or listen on 127.0.0.1"
        )
    return settings


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine only."""
    return host in ("localhost", "::1") or host.startswith("127.")
