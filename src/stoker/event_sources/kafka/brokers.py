"""Which brokers a mapping speaks to: its own, those that the setting `kafka_brokers` puts in their place, or those that
Amazon MSK names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from stoker.arn import split_arn
from stoker.config import SettingsError
from stoker.event_sources.kafka.access import Access
from stoker.event_sources.records import EventSource
from stoker.event_sources.services import Services, SourceProblem, call_for
from stoker.neighbours.errors import NeighbourError

SETTING = "kafka_brokers"
_SERVER = re.compile(r"[^\s,/@]+:\d{1,5}")
_SCHEMES = {"plaintext://": False, "tls://": True}


@dataclass(frozen=True, slots=True)
class Brokers:
    """`servers` are `host:port`. `uses_tls` is None where nobody said: then the credentials decide, as on AWS."""

    servers: tuple[str, ...]
    uses_tls: bool | None = None


def read_brokers(table: Mapping[str, str]) -> dict[str, Brokers]:
    """The setting `kafka_brokers`. Raises SettingsError for what cannot be meant."""
    brokers = {}
    for name, value in table.items():
        arn = split_arn(name)
        if (arn is None or arn.service != "kafka") and not _SERVER.fullmatch(name):
            raise SettingsError(
                f"setting '{SETTING}': {name!r} is neither the ARN of a cluster of Amazon MSK nor a server such as "
                "'broker.example.com:9092'"
            )
        scheme = next((scheme for scheme in _SCHEMES if value.startswith(scheme)), "")
        servers = value.removeprefix(scheme).split(",")
        if not all(_SERVER.fullmatch(server) for server in servers):
            raise SettingsError(
                f"setting '{SETTING}': {value!r} is not like 'host:9092,other:9092', with 'plaintext://' or 'tls://' "
                "before it or neither"
            )
        brokers[name] = Brokers(tuple(servers), _SCHEMES.get(scheme))
    return brokers


class KafkaBrokers:
    """Finds them anew with each connection."""

    def __init__(self, services: Services, instead: Mapping[str, Brokers]) -> None:
        """`instead` is the setting `kafka_brokers`, read."""
        self._services = services
        self._instead = instead

    async def of(self, source: EventSource, access: Access) -> Brokers:
        """Raises SourceProblem when nobody knows any."""
        if source.arn is None:
            return self._replaced(source.bootstrap_servers)
        if (brokers := self._instead.get(source.arn)) is not None:
            return brokers
        return await self._managed(source.arn, access)

    def _replaced(self, servers: Sequence[str]) -> Brokers:
        known = [self._instead.get(server, Brokers((server,))) for server in servers]
        uses_tls = next((one.uses_tls for one in known if one.uses_tls is not None), None)
        return Brokers(tuple(dict.fromkeys(server for one in known for server in one.servers)), uses_tls)

    async def _managed(self, cluster_arn: str, access: Access) -> Brokers:
        arn = split_arn(cluster_arn)
        assert arn is not None  # it was split when the mapping was created
        try:
            answer = await call_for(self._services, "kafka", arn, "GetBootstrapBrokers", ClusterArn=cluster_arn)
        except (ClientError, NeighbourError) as error:
            raise SourceProblem(f"Connection error. {_how_to_say(cluster_arn)} GetBootstrapBrokers: {error}") from None
        for member, uses_tls in _wanted(access):
            if servers := answer.get(member):
                return Brokers(tuple(servers.split(",")), uses_tls)
        raise SourceProblem(f"Connection error. {_how_to_say(cluster_arn)}")


def _how_to_say(cluster_arn: str) -> str:
    return f"The brokers of {cluster_arn} are not known: the setting {SETTING} can say them."


def _wanted(access: Access) -> Sequence[tuple[str, bool]]:
    """Members of GetBootstrapBrokers' answer that fit, the best first, and whether they are spoken to by TLS."""
    if access.sasl is not None:
        return [("BootstrapBrokerStringSaslScram", True)]
    if access.client_certificate is not None:
        return [("BootstrapBrokerStringTls", True)]
    return [("BootstrapBrokerString", False), ("BootstrapBrokerStringTls", True)]
