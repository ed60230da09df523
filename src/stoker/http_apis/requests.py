"""A request that has found its route: everything that is known of it, for authorizers, integrations and logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from stoker.front_door.request import HttpRequest
from stoker.gateways.addresses import Addressed, local_domain_name
from stoker.http_apis.plans import Route, StagePlan
from stoker.http_events.records import IamCaller


class Arrival(NamedTuple):
    """A request that has found its stage. `path` is what routes are chosen by: without stage and mapping.

    `api_request_id` is what clients are told.
    """

    plan: StagePlan
    addressed: Addressed
    request: HttpRequest
    path: str
    api_request_id: str
    begun_s: float

    @property
    def domain_name(self) -> str:
        return self.addressed.domain_name or local_domain_name(self.plan.key.api_id, self.plan.key.region)

    @property
    def raw_path(self) -> str:
        """As functions are told: decoded, although AWS calls it raw; with a named stage, and without what a domain
        name's mapping took away."""
        if self.addressed.stage is None:
            return unquote(self.addressed.raw_path)
        return unquote(self.path if self.plan.name == "$default" else f"/{self.plan.name}{self.path}")

    @property
    def sent_path(self) -> str:
        """As the client sent it, decoded."""
        return unquote(self.addressed.raw_path if self.addressed.stage is None else self.request.raw_path)

    @property
    def raw_query(self) -> str:
        return self.request.query_string.decode("latin-1")


@dataclass(slots=True)
class Trail:
    """What has come of a request so far, for its line in the log. Times are milliseconds."""

    authorised: "Authorised | None" = None
    authorizer_error: str | None = None
    integration_error: str | None = None
    integration_status: int | None = None
    integration_ms: int | None = None


class ApiRequest(NamedTuple):
    """A request that has found its route. `request_id` is the node's, and that of the invocation."""

    arrival: Arrival
    route: Route
    path_parameters: Mapping[str, str]
    trail: Trail
    request_id: str = ""
    body: bytes = b""

    @property
    def plan(self) -> StagePlan:
        return self.arrival.plan

    @property
    def request(self) -> HttpRequest:
        return self.arrival.request

    @property
    def route_arn(self) -> str:
        """As authorizers and their policies name what is asked for: decoded, as routes are matched, so that no other
        spelling of a path passes a policy by."""
        return f"{self.plan.key.execution_arn}/{self.plan.name}/{self.request.method}{unquote(self.arrival.path)}"

    @property
    def source_arn(self) -> str:
        """As functions' policies name who invokes them."""
        route = self.route.path if self.route.path == "$default" else f"{self.request.method}{self.route.path}"
        return f"{self.plan.key.execution_arn}/{self.plan.name}/{route}"


class Authorised(NamedTuple):
    """What is known of a client that may. `authorizer` is as format 2.0 shows it, `flat` as format 1.0 and the
    variables `$context.authorizer.…` do."""

    authorizer: Mapping[str, Any] | None = None
    flat: Mapping[str, Any] | None = None
    caller: IamCaller | None = None
