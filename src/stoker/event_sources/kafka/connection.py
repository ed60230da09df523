"""All that a client needs to know of a mapping's brokers, in librdkafka's words.

Source: librdkafka, "Configuration properties".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from stoker.arn import split_arn
from stoker.event_sources.kafka.access import Access, access_of
from stoker.event_sources.kafka.brokers import KafkaBrokers
from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.services import Services, SourceProblem, error_code, texts_of_secret


@dataclass(frozen=True, slots=True)
class Connection:
    """`properties` hold secrets: they are made for one client and kept nowhere."""

    bootstrap_servers: tuple[str, ...]
    properties: Mapping[str, str]


class Connections:
    """Finds brokers and secrets anew each time, so that a rotated password works with the next try."""

    def __init__(self, services: Services, brokers: KafkaBrokers) -> None:
        self._services = services
        self._brokers = brokers

    async def to(self, mapping: EventSourceMapping) -> Connection:
        """Raises SourceProblem, and what other services answer instead."""
        access = access_of(mapping.settings)
        brokers = await self._brokers.of(mapping.source, access)
        uses_tls = access.needs_tls if brokers.uses_tls is None else brokers.uses_tls
        properties = {
            "bootstrap.servers": ",".join(brokers.servers),
            "security.protocol": f"{'SASL_' if access.sasl else ''}{'SSL' if uses_tls else 'PLAINTEXT'}",
            **await self._credentials(access),
        }
        return Connection(mapping.source.bootstrap_servers or brokers.servers, properties)

    async def _credentials(self, access: Access) -> dict[str, str]:
        properties = {}
        if access.sasl is not None:
            secret = await self._secret(access.sasl.secret_arn, "username", "password")
            properties["sasl.mechanism"] = access.sasl.mechanism
            properties["sasl.username"], properties["sasl.password"] = secret["username"], secret["password"]
        if access.client_certificate is not None:
            secret = await self._secret(access.client_certificate, "certificate", "privateKey")
            properties["ssl.certificate.pem"], properties["ssl.key.pem"] = secret["certificate"], secret["privateKey"]
            if "privateKeyPassword" in secret:
                properties["ssl.key.password"] = secret["privateKeyPassword"]
        if access.root_certificate is not None:
            properties["ssl.ca.pem"] = (await self._secret(access.root_certificate, "certificate"))["certificate"]
        return properties

    async def _secret(self, secret_arn: str, *names: str) -> Mapping[str, str]:
        arn = split_arn(secret_arn)
        assert arn is not None  # it was checked when the mapping was created
        try:
            secret = await texts_of_secret(self._services, arn, secret_arn)
        except ClientError as error:
            raise SourceProblem(f"The secret {secret_arn} cannot be read: {error_code(error)}") from None
        missing = [name for name in names if name not in secret]
        if missing:
            raise SourceProblem(f"The secret {secret_arn} is not a JSON object with the text {missing[0]}")
        return secret
