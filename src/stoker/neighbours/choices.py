"""Who answers for which service: the setting `neighbours`, checked once at start.

Services are named as botocore's clients are (`s3`, `cloudwatch`, `stepfunctions`); requests name them by what they are
signed for (`s3`, `monitoring`, `states`), so the table is kept by signing names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.loaders import Loader

from stoker.config import SettingsError

DEFAULT = "default"
_OURS = frozenset({"lambda", "logs"})
# Ours as well, but another endpoint can be named for it.
_HERE = frozenset({"apigateway", "elasticloadbalancing", "sqs", "scheduler"})


@dataclass(frozen=True, slots=True)
class Embedded:
    """The moto that comes with the node."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another endpoint, by its base URL without a trailing slash."""

    url: str


@dataclass(frozen=True, slots=True)
class Here:
    """The node itself."""


@dataclass(frozen=True, slots=True)
class Off:
    """Nobody: requests are refused by name."""


Neighbour = Embedded | Elsewhere | Here | Off


@dataclass(frozen=True, slots=True)
class Choices:
    """Neighbours by signing name, and the one for all other services."""

    default: Neighbour = field(default_factory=Embedded)
    by_service: Mapping[str, Neighbour] = field(default_factory=dict)

    def of(self, signing_name: str) -> Neighbour:
        return self.by_service.get(signing_name, Here() if signing_name in _HERE else self.default)


def read_choices(table: Mapping[str, str]) -> Choices:
    """The setting `neighbours` as a table. Raises SettingsError for what cannot be meant."""
    default: Neighbour = Embedded()
    chosen: dict[str, Neighbour] = {}
    for service, value in table.items():
        neighbour = _neighbour(service, value)
        if service == DEFAULT:
            if isinstance(neighbour, Elsewhere):
                raise SettingsError("setting 'neighbours.default': must be 'embedded' or 'off'")
            default = neighbour
            continue
        if service in _OURS:
            raise SettingsError(f"setting 'neighbours.{service}': Stoker serves {service} itself")
        name = signing_name(service)
        if name in _HERE and isinstance(neighbour, Embedded):
            neighbour = Here()
        if chosen.setdefault(name, neighbour) != neighbour:
            raise SettingsError(
                f"setting 'neighbours.{service}': its requests cannot be told from those of another service in the "
                f"table (both are signed for {name}), so both need the same value"
            )
    return Choices(default, chosen)


def _neighbour(service: str, value: str) -> Neighbour:
    match value:
        case "embedded":
            return Embedded()
        case "off":
            return Off()
    try:
        parts = urlsplit(value)
        is_endpoint = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_endpoint = False
    if not is_endpoint or parts.query or parts.fragment or parts.username is not None:
        raise SettingsError(
            f"setting 'neighbours.{service}': {value!r} is neither 'embedded', 'off' nor a URL such as "
            "'https://s3.eu-central-1.amazonaws.com' or 'http://127.0.0.1:9000'"
        )
    return Elsewhere(value.rstrip("/"))


def signing_name(service: str) -> str:
    """What requests of botocore's client `service` are signed for. Raises SettingsError for an unknown service."""
    loader = Loader()
    if service not in loader.list_available_services("service-2"):
        raise SettingsError(f"setting 'neighbours.{service}': there is no such service; boto3 knows its name")
    metadata = loader.load_service_model(service, "service-2")["metadata"]
    name: str = metadata.get("signingName") or metadata["endpointPrefix"]
    return name
