"""What a stage does with requests: the documents of its deployment as records, made once for many requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stoker.functions.urls.records import Cors
from stoker.gateways.throttles import Rate
from stoker.http_apis.checks import split_route_key
from stoker.http_apis.records import DEPLOYED, Api, ApiKey, Document
from stoker.http_apis.routing import Router

# What an account has (Amazon API Gateway endpoints and quotas), for where only one of both is said.
_RATE_DEFAULT = Rate(10_000.0, 5_000)

PayloadFormat = Literal["1.0", "2.0"]


@dataclass(frozen=True, slots=True)
class Integration:
    """What a route leads to: a function (`AWS_PROXY`) or another server (`HTTP_PROXY`)."""

    kind: Literal["AWS_PROXY", "HTTP_PROXY"]
    uri: str
    method: str
    payload_format: PayloadFormat
    timeout_s: float
    role_arn: str | None
    request_parameters: Mapping[str, str]
    response_parameters: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Who is asked whether a client may: an issuer's token (`JWT`), or a function."""

    authorizer_id: str
    kind: Literal["JWT", "REQUEST"]
    identity_sources: tuple[str, ...]
    issuer: str
    audience: frozenset[str]
    uri: str
    role_arn: str | None
    payload_format: PayloadFormat
    is_simple: bool
    result_ttl_s: int


@dataclass(frozen=True, slots=True)
class Route:
    """`method` and `path` are `$default` for the route of that name. `rate` is None where nothing bounds it."""

    key: str
    method: str
    path: str
    authorization: Literal["NONE", "AWS_IAM", "JWT", "CUSTOM"]
    authorizer: Authorizer | None
    scopes: tuple[str, ...]
    integration: Integration | None
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class AccessLog:
    destination_arn: str
    form: str


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage of one API."""

    key: ApiKey
    name: str
    router: Router[Route]
    variables: Mapping[str, str]
    cors: Cors | None
    access_log: AccessLog | None


def stage_plan(api: Api, stage_name: str) -> StagePlan | None:
    """None for a stage that is not there. One that nothing was deployed to has no routes."""
    stage = api.all("stage").get(stage_name)
    if stage is None:
        return None
    deployment = api.all("deployment").get(stage.get("DeploymentId") or "", {})
    taken: Mapping[str, Any] = deployment.get(DEPLOYED) or {}
    integrations = {part_id: _integration(part) for part_id, part in taken.get("integration", {}).items()}
    authorizers = {part_id: _authorizer(part) for part_id, part in taken.get("authorizer", {}).items()}
    routes = [_route(part, integrations, authorizers, stage) for part in taken.get("route", {}).values()]
    logs = stage.get("AccessLogSettings")
    return StagePlan(
        key=api.key,
        name=stage_name,
        router=Router((route.method, route.path, route) for route in routes),
        variables=stage.get("StageVariables") or {},
        cors=_cors(taken.get("CorsConfiguration")),
        access_log=AccessLog(logs["DestinationArn"], logs["Format"]) if logs else None,
    )


def _route(
    part: Document, integrations: Mapping[str, Integration], authorizers: Mapping[str, Authorizer], stage: Document
) -> Route:
    method, path = split_route_key(part["RouteKey"])
    return Route(
        key=part["RouteKey"],
        method=method,
        path=path,
        authorization=part.get("AuthorizationType") or "NONE",
        authorizer=authorizers.get(part.get("AuthorizerId") or ""),
        scopes=tuple(part.get("AuthorizationScopes") or ()),
        integration=integrations.get((part.get("Target") or "").removeprefix("integrations/")),
        rate=_rate(part["RouteKey"], stage),
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


def _integration(part: Document) -> Integration:
    return Integration(
        kind=part["IntegrationType"],
        uri=part.get("IntegrationUri") or "",
        method=part.get("IntegrationMethod") or "ANY",
        payload_format=part["PayloadFormatVersion"],
        timeout_s=part["TimeoutInMillis"] / 1000,
        role_arn=part.get("CredentialsArn"),
        request_parameters=part.get("RequestParameters") or {},
        response_parameters=part.get("ResponseParameters") or {},
    )


def _authorizer(part: Document) -> Authorizer:
    jwt = part.get("JwtConfiguration") or {}
    return Authorizer(
        authorizer_id=part["AuthorizerId"],
        kind=part["AuthorizerType"],
        identity_sources=tuple(part.get("IdentitySource") or ()),
        issuer=jwt.get("Issuer") or "",
        audience=frozenset(jwt.get("Audience") or ()),
        uri=part.get("AuthorizerUri") or "",
        role_arn=part.get("AuthorizerCredentialsArn"),
        payload_format=part.get("AuthorizerPayloadFormatVersion") or "1.0",
        is_simple=bool(part.get("EnableSimpleResponses")),
        result_ttl_s=part.get("AuthorizerResultTtlInSeconds") or 0,
    )


def _cors(configuration: Document | None) -> Cors | None:
    if not configuration:
        return None

    def texts(name: str) -> tuple[str, ...] | None:
        values = configuration.get(name)
        return None if values is None else tuple(values)

    return Cors(
        allow_credentials=configuration.get("AllowCredentials"),
        allow_headers=texts("AllowHeaders"),
        allow_methods=texts("AllowMethods"),
        allow_origins=texts("AllowOrigins"),
        expose_headers=texts("ExposeHeaders"),
        max_age_s=configuration.get("MaxAge"),
    )
