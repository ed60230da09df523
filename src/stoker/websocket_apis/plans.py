"""What a stage of a WebSocket API does: the documents of its deployment as records, made once for many messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stoker.gateways.throttles import Rate
from stoker.http_apis.plans import AccessLog
from stoker.http_apis.records import DEPLOYED, RESPONSES, Api, ApiKey, Document

# What an account has (Amazon API Gateway endpoints and quotas), for where only one of both is said.
_RATE_DEFAULT = Rate(10_000.0, 5_000)


@dataclass(frozen=True, slots=True)
class FunctionIntegration:
    """The function behind a route."""

    uri: str
    timeout_s: float
    role_arn: str | None


@dataclass(frozen=True, slots=True)
class RequestAuthorizer:
    """The function that is asked whether a client may connect."""

    authorizer_id: str
    identity_sources: tuple[str, ...]
    uri: str
    role_arn: str | None


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """`is_two_way`: what the function returns goes to the client. `rate` is None where nothing bounds it."""

    key: str
    authorization: Literal["NONE", "AWS_IAM", "CUSTOM"]
    authorizer: RequestAuthorizer | None
    integration: FunctionIntegration | None
    is_two_way: bool
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class SocketPlan:
    """One stage of one API; `routes` are by their keys."""

    key: ApiKey
    stage: str
    selection: str
    routes: Mapping[str, SocketRoute]
    variables: Mapping[str, str]
    access_log: AccessLog | None


def socket_plan(api: Api, stage_name: str) -> SocketPlan | None:
    """None for a stage that is not there. One that nothing was deployed to has no routes."""
    stage = api.all("stage").get(stage_name)
    if stage is None:
        return None
    deployment = api.all("deployment").get(stage.get("DeploymentId") or "", {})
    taken: Mapping[str, Any] = deployment.get(DEPLOYED) or {}
    logs = stage.get("AccessLogSettings")
    return SocketPlan(
        key=api.key,
        stage=stage_name,
        selection=api.document["RouteSelectionExpression"],
        routes={part["RouteKey"]: _route(part, taken, stage) for part in taken.get("route", {}).values()},
        variables=stage.get("StageVariables") or {},
        access_log=AccessLog(logs["DestinationArn"], logs["Format"]) if logs else None,
    )


def _route(part: Document, taken: Mapping[str, Any], stage: Document) -> SocketRoute:
    integration = taken["integration"].get((part.get("Target") or "").removeprefix("integrations/"))
    authorizer = taken["authorizer"].get(part.get("AuthorizerId") or "")
    return SocketRoute(
        key=part["RouteKey"],
        authorization=part.get("AuthorizationType") or "NONE",
        authorizer=None if authorizer is None else _authorizer(authorizer),
        integration=None if integration is None else _integration(integration),
        is_two_way=bool(part.get("RouteResponseSelectionExpression") and part.get(RESPONSES)),
        rate=_rate(part["RouteKey"], stage),
    )


def _integration(part: Document) -> FunctionIntegration:
    return FunctionIntegration(part["IntegrationUri"], part["TimeoutInMillis"] / 1000, part.get("CredentialsArn"))


def _authorizer(part: Document) -> RequestAuthorizer:
    return RequestAuthorizer(
        part["AuthorizerId"],
        tuple(part.get("IdentitySource") or ()),
        part["AuthorizerUri"],
        part.get("AuthorizerCredentialsArn"),
    )


def _rate(route_key: str, stage: Document) -> Rate | None:
    """What is said of the route counts before what is said of all."""
    of_all = stage.get("DefaultRouteSettings") or {}
    of_route = (stage.get("RouteSettings") or {}).get(route_key) or {}
    per_s = of_route.get("ThrottlingRateLimit", of_all.get("ThrottlingRateLimit"))
    burst = of_route.get("ThrottlingBurstLimit", of_all.get("ThrottlingBurstLimit"))
    if per_s is None and burst is None:
        return None
    return Rate(_RATE_DEFAULT.per_s if per_s is None else per_s, _RATE_DEFAULT.burst if burst is None else burst)
