"""A request that has found its route: everything that is known of it, for authorizers, integrations and logs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from stoker.front_door.request import HttpRequest
from stoker.gateways.addresses import Addressed, local_domain_name
from stoker.http_apis.mapping import Resolve, body_value
from stoker.http_apis.plans import Route, StagePlan
from stoker.http_events.format_2 import query_parameters
from stoker.http_events.records import HttpAnswer, IamCaller
from stoker.http_events.times import clf_time


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
        """As functions are told: with a named stage, and without what a domain name's mapping took away."""
        if self.addressed.stage is None:
            return self.addressed.raw_path
        return self.path if self.plan.name == "$default" else f"/{self.plan.name}{self.path}"

    @property
    def sent_path(self) -> str:
        """As the client sent it."""
        return self.addressed.raw_path if self.addressed.stage is None else self.request.raw_path

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
        """As authorizers and their policies name what is asked for."""
        return f"{self.plan.key.execution_arn}/{self.plan.name}/{self.request.method}{self.arrival.path}"

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


def identity_value(expression: str, asked: ApiRequest) -> str | None:
    """What `$request.header.Name`, `$request.querystring.name`, `$context.name` or `$stageVariables.name` stands for;
    None when it is not there, or empty."""
    parts = expression.split(".", 2)
    match parts:
        case ["$request", "header", name]:
            found = asked.request.headers.get(name.lower())
        case ["$request", "querystring", name]:
            found = query_parameters(asked.arrival.raw_query).get(unquote_plus(name))
        case ["$stageVariables", name]:
            found = asked.plan.variables.get(name)
        case ["$context", *_]:
            found = _context_value(expression.removeprefix("$context."), asked)
        case _:
            found = None
    return found or None


def mapping_values(asked: ApiRequest) -> Resolve:
    """What the variables of an integration's request parameters stand for."""

    def value_of(variable: str) -> str | None:
        match variable.split(".", 2):
            case ["request", "body", path]:
                return body_value(asked.body, path)
            case ["request", "path"]:
                return asked.arrival.path
            case ["request", "path", name]:
                return asked.path_parameters.get(name)
            case ["context", "authorizer", path]:
                return _authorizer_value(asked.trail.authorised, path)
            case _:
                return identity_value(f"${variable}", asked)

    return value_of


def response_values(asked: ApiRequest, answer: HttpAnswer) -> Resolve:
    """And those of its response parameters."""

    def value_of(variable: str) -> str | None:
        match variable.split(".", 2):
            case ["response", "header", name]:
                return answer.headers.get(name.lower())
            case ["response", "body", path]:
                return body_value(answer.body, path)
            case ["request", *_]:
                return None
            case _:
                return mapping_values(asked)(variable)

    return value_of


def _authorizer_value(authorised: Authorised | None, path: str) -> str | None:
    flat = (authorised and authorised.flat) or {}
    first, _, name = path.partition(".")
    value = (flat.get("claims") or {}).get(name) if first == "claims" else flat.get(path)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _context_value(name: str, asked: ApiRequest) -> str | None:
    if name == "routeKey":
        return asked.route.key
    value = arrival_variables(asked.arrival).get(name)
    return None if value is None else str(value)


def arrival_variables(arrival: Arrival) -> dict[str, object]:
    """The `$context` variables that are known as soon as a request has found its stage."""
    key, request = arrival.plan.key, arrival.request
    return {
        "accountId": key.account_id,
        "apiId": key.api_id,
        "customDomain.basePathMatched": arrival.addressed.base_path or None,
        "domainName": arrival.domain_name,
        "domainPrefix": arrival.domain_name.partition(".")[0],
        "extendedRequestId": arrival.api_request_id,
        "httpMethod": request.method,
        "identity.sourceIp": request.head.source_ip,
        "identity.userAgent": request.headers.get("user-agent"),
        "path": arrival.sent_path,
        "protocol": "HTTP/1.1",
        "requestId": arrival.api_request_id,
        "requestTime": clf_time(arrival.begun_s),
        "requestTimeEpoch": int(arrival.begun_s * 1000),
        "stage": arrival.plan.name,
    }
