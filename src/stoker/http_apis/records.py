"""An API with all its parts, as the other rooms hold it.

Its documents have the members that AWS's model gives them, by AWS's names; members of our own have a colon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

Document = Mapping[str, Any]
Kind = Literal["route", "integration", "authorizer", "stage", "deployment"]
KINDS: tuple[Kind, ...] = ("route", "integration", "authorizer", "stage", "deployment")
DEFAULT = "$default"

# Members of our own. When an API, stage or deployment came to be is AWS's `CreatedDate`, in seconds since the epoch.
DEPLOYED = "stoker:Deployed"
# A route's responses by id: a part of the route, so that they are deployed with it.
RESPONSES = "stoker:RouteResponses"


class ApiKey(NamedTuple):
    """Whose it is, and where. The id alone says which API of the node it is."""

    account_id: str
    region: str
    api_id: str

    @property
    def arn(self) -> str:
        """As tags name it: without an account."""
        return f"arn:aws:apigateway:{self.region}::/apis/{self.api_id}"

    @property
    def execution_arn(self) -> str:
        """As policies name it."""
        return f"arn:aws:execute-api:{self.region}:{self.account_id}:{self.api_id}"


@dataclass(frozen=True, slots=True)
class Api:
    """`parts` are by kind and id; a stage's id is its name."""

    key: ApiKey
    document: Document
    parts: Mapping[Kind, Mapping[str, Document]] = field(default_factory=dict)

    @property
    def protocol(self) -> Literal["HTTP", "WEBSOCKET"]:
        protocol: Literal["HTTP", "WEBSOCKET"] = self.document["ProtocolType"]
        return protocol

    def all(self, kind: Kind) -> Mapping[str, Document]:
        """The parts of a kind by id."""
        return self.parts.get(kind, {})

    def with_part(self, kind: Kind, part_id: str, document: Document) -> "Api":
        return replace(self, parts={**self.parts, kind: {**self.all(kind), part_id: document}})

    def without_part(self, kind: Kind, part_id: str) -> "Api":
        left = {known: document for known, document in self.all(kind).items() if known != part_id}
        return replace(self, parts={**self.parts, kind: left})

    def with_members(self, members: Document) -> "Api":
        """With further members, or others; None takes one away."""
        changed = {**self.document, **members}
        return replace(self, document={name: value for name, value in changed.items() if value is not None})
