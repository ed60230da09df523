"""Where the broker of an ARN is, and who logs in to it.

The setting `rabbitmq_brokers` comes first: it is what the node's owner says. Else Amazon MQ is asked (DescribeBroker),
as far as a neighbour answers for it; the embedded one tells endpoints at which nobody listens.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from stoker.arn import Arn
from stoker.config import SettingsError
from stoker.event_sources.rabbitmq.access import Access
from stoker.event_sources.rabbitmq.client import BrokerError
from stoker.event_sources.services import Services, call_for, texts_of_secret
from stoker.neighbours.errors import NeighbourError

_BROKER = re.compile(r"arn:aws[a-zA-Z-]*:mq:[a-z0-9-]+:\d{12}:broker:[^:]+:[^:]+")
_SCHEMES = ("amqp", "amqps")
_PORTS = {"amqp": 5672, "amqps": 5671}
_EXAMPLE = "'amqps://rabbit.example.org:5671' or 'amqp://127.0.0.1:5672'"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a RabbitMQ broker listens; `ca_file` is whom to trust beside the host's authorities, if anybody."""

    scheme: str
    host: str
    port: int
    ca_file: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, login: "Login") -> str:
        """With everything that the AMQP client needs to know."""
        user, password, virtual_host = (
            quote(text, safe="") for text in (login.user_name, login.password, login.virtual_host)
        )
        host = f"[{self.host}]" if ":" in self.host else self.host
        ca_file = f"?cafile={quote(self.ca_file, safe='')}" if self.ca_file else ""
        return f"{self.scheme}://{user}:{password}@{host}:{self.port}/{virtual_host}{ca_file}"


@dataclass(frozen=True, slots=True)
class Login:
    user_name: str
    password: str
    virtual_host: str

    def __repr__(self) -> str:
        return f"Login({self.user_name!r}, {self.virtual_host!r})"


class ActiveMqError(BrokerError):
    """The broker is one of ActiveMQ."""


class Brokers:
    """Those of the setting, and those that Amazon MQ knows."""

    def __init__(self, services: Services, declared: Mapping[str, Endpoint]) -> None:
        self._services = services
        self._declared = declared

    async def endpoint(self, arn: Arn) -> Endpoint:
        """Raises ActiveMqError, and BrokerError when nobody knows a RabbitMQ broker by that ARN."""
        if (declared := self._declared.get(str(arn))) is not None:
            return declared
        try:
            described = await call_for(
                self._services, "mq", arn, "DescribeBroker", BrokerId=arn.resource.split(":")[-1]
            )
        except (ClientError, BotoCoreError, NeighbourError) as error:
            raise BrokerError(
                f"Broker not found: {arn} (setting rabbitmq_brokers names none, and Amazon MQ: {error})"
            ) from error
        if str(described.get("EngineType", "")).upper() == "ACTIVEMQ":
            raise ActiveMqError(f"{arn} is a broker of Apache ActiveMQ")
        for url in _urls(described):
            try:
                return _endpoint(url)
            except ValueError:
                continue
        raise BrokerError(
            f"Broker not found: Amazon MQ tells no AMQP endpoint of {arn} (see the setting rabbitmq_brokers)"
        )

    async def login(self, arn: Arn, access: Access) -> Login:
        """Raises BrokerError for a secret of another form, and what Secrets Manager answers instead."""
        secret = await texts_of_secret(self._services, arn, access.secret)
        if not {"username", "password"} <= secret.keys():
            # Not what was found instead: it is a secret.
            raise BrokerError(f"The secret {access.secret} is not an object with username and password")
        return Login(secret["username"], secret["password"], access.virtual_host)


def declared_brokers(table: Mapping[str, str]) -> Mapping[str, Endpoint]:
    """The setting `rabbitmq_brokers`: endpoints by ARN. Raises SettingsError."""
    declared = {}
    for arn, url in table.items():
        if not _BROKER.fullmatch(arn):
            raise SettingsError(
                f"setting 'rabbitmq_brokers': {arn!r} is no broker; write "
                "arn:aws:mq:us-east-1:000000000000:broker:NAME:ID"
            )
        try:
            declared[arn] = _endpoint(url)
        except ValueError:
            raise SettingsError(
                f"setting 'rabbitmq_brokers': {url!r} is no endpoint of RabbitMQ; write {_EXAMPLE}, with "
                "?cafile=/path.pem for an authority of your own; who logs in is said by the mapping's secret"
            ) from None
    return declared


def _urls(described: Mapping[str, Any]) -> Iterator[str]:
    for instance in described.get("BrokerInstances") or ():
        yield from instance.get("Endpoints") or ()


def _endpoint(url: str) -> Endpoint:
    """Raises ValueError."""
    parts = urlsplit(url)
    further: dict[str, Any] = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    ca_file = further.pop("cafile", "")
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.port == 0 or parts.username is not None:
        raise ValueError(url)
    if parts.path not in ("", "/") or parts.fragment or further:
        raise ValueError(url)
    return Endpoint(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], ca_file)
