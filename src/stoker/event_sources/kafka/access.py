"""How a mapping proves to its brokers who it is, and they to it: its SourceAccessConfigurations.

Source: AWS Lambda Developer Guide, "Configuring cluster authentication and network access"; texts of refusals are ours,
since AWS's are not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stoker.arn import split_arn
from stoker.errors import InvalidParameterValueException
from stoker.event_sources.records import SourceKind

BASIC_AUTH = "BASIC_AUTH"
CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE_TLS_AUTH"
ROOT_CERTIFICATE = "SERVER_ROOT_CA_CERTIFICATE"
# The node itself speaks to the brokers, with its own way out, so that these have nothing to act on.
WITHOUT_EFFECT = frozenset({"VPC_SUBNET", "VPC_SECURITY_GROUP"})
MECHANISMS: Mapping[str, str] = {
    BASIC_AUTH: "PLAIN",
    "SASL_SCRAM_256_AUTH": "SCRAM-SHA-256",
    "SASL_SCRAM_512_AUTH": "SCRAM-SHA-512",
}
_KNOWN: Mapping[SourceKind, frozenset[str]] = {
    SourceKind.MSK: frozenset({"SASL_SCRAM_512_AUTH", CLIENT_CERTIFICATE}),
    SourceKind.SELF_MANAGED_KAFKA: frozenset({*MECHANISMS, CLIENT_CERTIFICATE, ROOT_CERTIFICATE, *WITHOUT_EFFECT}),
}


@dataclass(frozen=True, slots=True)
class Sasl:
    """`mechanism` is by Kafka's name; the secret has `username` and `password`."""

    mechanism: str
    secret_arn: str


@dataclass(frozen=True, slots=True)
class Access:
    """Each but `sasl` is the ARN of a secret. A client has a name and password, or a certificate, or neither."""

    sasl: Sasl | None = None
    client_certificate: str | None = None
    root_certificate: str | None = None

    @property
    def needs_tls(self) -> bool:
        return (self.sasl or self.client_certificate or self.root_certificate) is not None


def access_of(settings: Mapping[str, Any]) -> Access:
    """That of a mapping's settings, which were checked."""
    given = {one["Type"]: one["URI"] for one in settings.get("SourceAccessConfigurations") or ()}
    sasl = [Sasl(mechanism, given[name]) for name, mechanism in MECHANISMS.items() if name in given]
    return Access(sasl[0] if sasl else None, given.get(CLIENT_CERTIFICATE), given.get(ROOT_CERTIFICATE))


def check_access(kind: SourceKind, given: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidParameterValueException for what this kind of cluster does not have, or what cannot be meant."""
    types = [one.get("Type") for one in given]
    for one in given:
        name, uri = one.get("Type"), one.get("URI") or ""
        if name not in _KNOWN[kind]:
            raise InvalidParameterValueException(
                f"Unsupported source access configuration type for {kind.value}: {name}."
            )
        arn = split_arn(uri)
        if name not in WITHOUT_EFFECT and (arn is None or arn.service != "secretsmanager"):
            raise InvalidParameterValueException(
                f"The URI of {name} must be the ARN of a secret in AWS Secrets Manager."
            )
        if name not in WITHOUT_EFFECT and types.count(name) > 1:
            raise InvalidParameterValueException(f"{name} can be given once only.")
    if len({*types} & {*MECHANISMS, CLIENT_CERTIFICATE}) > 1:
        raise InvalidParameterValueException("Only one type of authentication can be given.")
