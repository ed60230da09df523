"""What API Gateway does not take, beyond what its model says: pure functions that raise its errors.

Source: Amazon API Gateway Version 2 API Reference. Where AWS's words are not known they are our own.
"""

import re
from collections.abc import Mapping
from typing import Any

from stoker.gateways.access_logs import log_group_of
from stoker.gateways.functions import function_of
from stoker.http_apis.errors import invalid, refused
from stoker.http_apis.mapping import check_request_parameters, check_response_parameters
from stoker.http_apis.records import DEFAULT, Api, Document
from stoker.http_apis.websocket_checks import (
    check_websocket_api,
    check_websocket_authorizer,
    check_websocket_integration,
    check_websocket_route,
    check_websocket_settings,
)

METHODS = frozenset({"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
ROUTE_SELECTION = "$request.method $request.path"
_STAGE_NAME = re.compile(r"\$default|[A-Za-z0-9_-]{1,128}")
_SEGMENT = re.compile(r"\{[A-Za-z0-9._-]+\}|[^{}?#\s]*")
_GREEDY = re.compile(r"\{[A-Za-z0-9._-]+\+\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]+")
_URL = re.compile(r"https?://[^/?#\s]+(?:[/?#]\S*)?", re.IGNORECASE)
# Expressions that say where a client's identity is.
_IDENTITY = re.compile(
    r"\$request\.(?:header|querystring)\.[^\s.]+|\$context\.[A-Za-z0-9_.]+|\$stageVariables\.[A-Za-z0-9_]+"
)
# Of HTTP APIs, what WebSocket APIs alone have.
_ONLY_WEBSOCKET_ROUTE = (
    "ModelSelectionExpression",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
)
_ONLY_WEBSOCKET_INTEGRATION = (
    "ContentHandlingStrategy",
    "PassthroughBehavior",
    "RequestTemplates",
    "TemplateSelectionExpression",
)
_TIMEOUTS_MAX_MS = {"HTTP": 30_000, "WEBSOCKET": 29_000}


def check_api(document: Document) -> None:
    """Raises BadRequestException."""
    if document.get("IpAddressType") not in (None, "ipv4"):
        raise refused("an IpAddressType of dualstack")
    if document["ProtocolType"] == "WEBSOCKET":
        check_websocket_api(document)
        if document.get("CorsConfiguration"):
            raise invalid("CorsConfiguration is only supported for HTTP APIs")
        return
    if document.get("RouteSelectionExpression") not in (None, ROUTE_SELECTION, _with_braces(ROUTE_SELECTION)):
        raise invalid(f"RouteSelectionExpression must be {ROUTE_SELECTION} for HTTP APIs")
    if document.get("DisableSchemaValidation"):
        raise invalid("DisableSchemaValidation is only supported for WEBSOCKET APIs")
    cors = document.get("CorsConfiguration") or {}
    if cors.get("AllowCredentials") and "*" in (cors.get("AllowOrigins") or ()):
        raise invalid("AllowCredentials is not supported when AllowOrigins is set to *")


def _with_braces(expression: str) -> str:
    return " ".join(f"${{{part.removeprefix('$')}}}" for part in expression.split())


def check_route(api: Api, document: Document) -> None:
    """Raises BadRequestException."""
    if api.protocol == "HTTP":
        split_route_key(document["RouteKey"])
        for name in _ONLY_WEBSOCKET_ROUTE:
            if document.get(name):
                raise invalid(f"{name} is not supported for HTTP APIs")
        if document.get("ApiKeyRequired"):
            raise invalid("ApiKeyRequired is not currently supported for HTTP APIs")
    else:
        check_websocket_route(document)
    target = document.get("Target")
    if target and target.removeprefix("integrations/") not in api.all("integration"):
        raise invalid(f"Invalid integration identifier specified in target {target}")
    _check_authorization(api, document)


def _check_authorization(api: Api, document: Document) -> None:
    kind = document.get("AuthorizationType") or "NONE"
    authorizer_id = document.get("AuthorizerId")
    wanted = {"JWT": "JWT", "CUSTOM": "REQUEST"}.get(kind)
    if wanted is not None:
        authorizer = api.all("authorizer").get(authorizer_id or "")
        if authorizer is None:
            raise invalid(f"Invalid authorizer identifier {authorizer_id} for the authorization type {kind}")
        if authorizer["AuthorizerType"] != wanted:
            raise invalid(f"The authorizer {authorizer_id} is not of the type {wanted}")
    elif authorizer_id:
        raise invalid(f"An authorizer cannot be set for the authorization type {kind}")
    if document.get("AuthorizationScopes") and kind != "JWT":
        raise invalid("Authorization scopes are only supported for JWT authorizers")


def split_route_key(key: str) -> tuple[str, str]:
    """The method and the path of `GET /pets/{id}`; both are `$default` for the route of that name.

    Raises BadRequestException.
    """
    if key == DEFAULT:
        return DEFAULT, DEFAULT
    method, _, path = key.partition(" ")
    segments = path.split("/")[1:]
    is_known = method in METHODS and path.startswith("/")
    if not is_known or not all(_SEGMENT.fullmatch(segment) for segment in segments[:-1]):
        raise _bad_route_key(key)
    if segments and not (_SEGMENT.fullmatch(segments[-1]) or _GREEDY.fullmatch(segments[-1])):
        raise _bad_route_key(key)
    names = [segment.strip("{+}") for segment in segments if segment.startswith("{")]
    if len(names) != len(set(names)):
        raise _bad_route_key(key)
    return method, path


def _bad_route_key(key: str) -> Exception:
    return invalid(
        f"The provided route key is not formatted properly for HTTP protocol. Format should be "
        f'"<HTTP METHOD> /<RESOURCE PATH>" or "$default", not {key[:256]}'
    )


def check_integration(api: Api, document: Document) -> None:
    """Raises BadRequestException."""
    timeout_ms, most_ms = document.get("TimeoutInMillis"), _TIMEOUTS_MAX_MS[api.protocol]
    if timeout_ms is not None and timeout_ms > most_ms:
        raise invalid(f"TimeoutInMillis must be from 50 to {most_ms}")
    if document.get("ConnectionType") == "VPC_LINK" or document.get("ConnectionId"):
        raise refused("VPC links")
    if document.get("TlsConfig"):
        raise refused("TlsConfig")
    if document.get("IntegrationSubtype"):
        raise refused("integrations with other services of AWS (IntegrationSubtype)")
    if api.protocol == "WEBSOCKET":
        check_websocket_integration(document)
        return
    for name in _ONLY_WEBSOCKET_INTEGRATION:
        if document.get(name):
            raise invalid(f"{name} is not supported for HTTP APIs")
    _check_http_integration(document)


def _check_http_integration(document: Document) -> None:
    check_request_parameters(document.get("RequestParameters") or {})
    check_response_parameters(document.get("ResponseParameters") or {})
    kind, uri = document["IntegrationType"], document.get("IntegrationUri") or ""
    version = document.get("PayloadFormatVersion")
    if kind == "AWS_PROXY":
        if not _may_be_function(uri):
            raise invalid(f"IntegrationUri should be a valid function ARN: {uri[:256]}")
        if version not in ("1.0", "2.0"):
            raise invalid("PayloadFormatVersion must be 1.0 or 2.0 for integrations with Lambda functions")
    elif kind == "HTTP_PROXY":
        if _URL.fullmatch(uri) is None:
            raise invalid(f"IntegrationUri should be a valid HTTP URL: {uri[:256]}")
        if version != "1.0":
            raise invalid("PayloadFormatVersion must be 1.0 for HTTP integrations")
        if (document.get("IntegrationMethod") or "") not in METHODS:
            raise invalid("HTTP integrations need an IntegrationMethod, such as ANY")
    else:
        raise invalid(f"IntegrationType {kind} is not supported for HTTP APIs")


def _may_be_function(uri: str) -> bool:
    """Stage variables may stand for any part of it: then it is known with the stage only."""
    return uri.startswith("arn:") if "${stageVariables." in uri else function_of(uri) is not None


def check_authorizer(api: Api, document: Document) -> None:
    """Raises BadRequestException."""
    sources = document.get("IdentitySource") or []
    if document.get("IdentityValidationExpression"):
        raise invalid("IdentityValidationExpression is not supported")
    if document["AuthorizerType"] == "JWT":
        _check_jwt(api, document, sources)
        return
    if not _may_be_function(document.get("AuthorizerUri") or ""):
        raise invalid(f"AuthorizerUri should be a valid function ARN: {(document.get('AuthorizerUri') or '')[:256]}")
    if api.protocol == "WEBSOCKET":
        check_websocket_authorizer(document)
        return
    version = document.get("AuthorizerPayloadFormatVersion")
    if version not in ("1.0", "2.0"):
        raise invalid("AuthorizerPayloadFormatVersion must be 1.0 or 2.0 for REQUEST authorizers of HTTP APIs")
    if document.get("EnableSimpleResponses") and version != "2.0":
        raise invalid("EnableSimpleResponses is only supported for the payload format 2.0")
    if not all(_IDENTITY.fullmatch(source) for source in sources):
        raise invalid(f"Invalid identity source: {', '.join(sources)[:256]}")
    if document.get("AuthorizerResultTtlInSeconds") and not sources:
        raise invalid("An identity source is required when the authorizer's results are cached")


def _check_jwt(api: Api, document: Document, sources: list[str]) -> None:
    if api.protocol != "HTTP":
        raise invalid("JWT authorizers are only supported for HTTP APIs")
    configuration: Mapping[str, Any] = document.get("JwtConfiguration") or {}
    issuer = configuration.get("Issuer") or ""
    if _URL.fullmatch(issuer) is None:
        raise invalid(f"Invalid issuer: {issuer[:256]}. Issuer must have a valid URL format.")
    if not configuration.get("Audience"):
        raise invalid("JWT authorizers need an audience")
    if len(sources) != 1 or not re.fullmatch(r"\$request\.(?:header|querystring)\.\S+", sources[0]):
        raise invalid("JWT authorizers need one identity source, a header or a parameter of the query string")
    for name in (
        "AuthorizerUri",
        "AuthorizerPayloadFormatVersion",
        "EnableSimpleResponses",
        "AuthorizerCredentialsArn",
    ):
        if document.get(name):
            raise invalid(f"{name} is not supported for JWT authorizers")


def check_stage(api: Api, document: Document) -> None:
    """Raises BadRequestException."""
    if _STAGE_NAME.fullmatch(document["StageName"]) is None:
        raise invalid("Stage name must be $default or only have letters, digits, hyphens and underscores")
    if api.protocol == "WEBSOCKET" and document["StageName"] == DEFAULT:
        raise invalid("The stage $default is only supported for HTTP APIs")
    if document.get("ClientCertificateId"):
        raise refused("client certificates of stages")
    for name, value in (document.get("StageVariables") or {}).items():
        if not _VARIABLE_NAME.fullmatch(name) or not _VARIABLE_VALUE.fullmatch(value):
            raise invalid(f"Invalid stage variable {name[:64]}: names have letters, digits and underscores")
    _check_route_settings(api, document)
    if api.protocol == "WEBSOCKET":
        check_websocket_settings(document)
    logs = document.get("AccessLogSettings")
    if logs:
        try:
            log_group_of(logs.get("DestinationArn") or "")
        except ValueError as error:
            raise invalid(str(error)) from None
        if not logs.get("Format"):
            raise invalid("Access logs need a format")


def _check_route_settings(api: Api, document: Document) -> None:
    named = document.get("RouteSettings") or {}
    keys = {route["RouteKey"] for route in api.all("route").values()}
    for key, settings in [*named.items(), ("", document.get("DefaultRouteSettings") or {})]:
        if key and key not in keys:
            raise invalid(f"Unable to find Route by key {key[:256]} within the provided RouteSettings")
        burst, rate = settings.get("ThrottlingBurstLimit"), settings.get("ThrottlingRateLimit")
        if (burst is not None and burst < 0) or (rate is not None and rate < 0):
            raise invalid("Throttling limits are not negative")
        if api.protocol == "HTTP" and (
            settings.get("DataTraceEnabled") or settings.get("LoggingLevel") not in (None, "OFF")
        ):
            raise invalid("Execution logs are not supported for HTTP APIs")
