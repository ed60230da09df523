"""What API Gateway does not take of WebSocket APIs, and what Stoker does not: pure functions that raise its errors.

Source: Amazon API Gateway Developer Guide, "Working with WebSocket APIs".
"""

import re

from stoker.gateways.functions import function_of
from stoker.http_apis.errors import invalid, refused
from stoker.http_apis.records import DEFAULT, Document
from stoker.http_apis.selection import CONNECT_ROUTE, DISCONNECT_ROUTE, BadExpressionError, parsed

_ROUTE_MEMBERS = ("ModelSelectionExpression", "RequestModels", "RequestParameters")
_INTEGRATION_MEMBERS = ("RequestParameters", "RequestTemplates", "ResponseParameters", "TemplateSelectionExpression")
_AUTHORIZER_MEMBERS = ("AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "EnableSimpleResponses")
_IDENTITY = re.compile(
    r"route\.request\.(?:header|querystring)\.[^\s.]+|context\.[A-Za-z0-9_.]+|stageVariables\.[A-Za-z0-9_]+"
)


def check_websocket_api(document: Document) -> None:
    """Raises BadRequestException."""
    expression = document.get("RouteSelectionExpression")
    if not expression:
        raise invalid("RouteSelectionExpression is required for WEBSOCKET APIs")
    try:
        parsed(expression)
    except BadExpressionError:
        raise invalid(
            f"The route selection expression {expression[:256]} cannot be evaluated: it names parts of the message, "
            "such as $request.body.action or ${request.body.service}/${request.body.action}"
        ) from None
    if document.get("IpAddressType") not in (None, "ipv4"):
        raise refused("an IpAddressType of dualstack")


def check_websocket_route(document: Document) -> None:
    """Raises BadRequestException."""
    for name in _ROUTE_MEMBERS:
        if document.get(name):
            raise refused(f"{name} of routes of WebSocket APIs")
    if document.get("ApiKeyRequired"):
        raise refused("API keys of WebSocket APIs")
    kind, key = document.get("AuthorizationType") or "NONE", document["RouteKey"]
    if kind == "JWT":
        raise invalid("JWT authorizers are only supported for HTTP APIs")
    if kind != "NONE" and key != CONNECT_ROUTE:
        raise invalid("Currently, authorization is restricted to the $connect route only")
    selection = document.get("RouteResponseSelectionExpression")
    if selection not in (None, "", DEFAULT):
        raise invalid("RouteResponseSelectionExpression must be $default")
    if selection and key in (CONNECT_ROUTE, DISCONNECT_ROUTE):
        raise refused(f"route responses of {key}")


def check_websocket_integration(document: Document) -> None:
    """Raises BadRequestException."""
    kind, uri = document["IntegrationType"], document.get("IntegrationUri") or ""
    if kind != "AWS_PROXY":
        raise refused(f"integrations of the type {kind} of WebSocket APIs")
    if not (uri.startswith("arn:") if "${stageVariables." in uri else function_of(uri) is not None):
        raise invalid(f"IntegrationUri should be a valid function ARN: {uri[:256]}")
    for name in _INTEGRATION_MEMBERS:
        if document.get(name):
            raise refused(f"{name} of WebSocket APIs")
    if document.get("ContentHandlingStrategy") == "CONVERT_TO_BINARY":
        raise refused("the ContentHandlingStrategy CONVERT_TO_BINARY")
    if document.get("PassthroughBehavior") not in (None, "WHEN_NO_MATCH"):
        raise refused("another PassthroughBehavior than WHEN_NO_MATCH")
    if document.get("PayloadFormatVersion") != "1.0":
        raise invalid("PayloadFormatVersion must be 1.0 for WEBSOCKET APIs")


def check_websocket_authorizer(document: Document) -> None:
    """Raises BadRequestException."""
    for name in _AUTHORIZER_MEMBERS:
        if document.get(name):
            raise invalid(f"{name} is not supported for WEBSOCKET APIs")
    sources = document.get("IdentitySource") or ()
    if not all(_IDENTITY.fullmatch(source) for source in sources):
        raise invalid(f"Invalid identity source: {', '.join(sources)[:256]}")


def check_websocket_settings(document: Document) -> None:
    """Of a stage. Raises BadRequestException."""
    of_routes = [*(document.get("RouteSettings") or {}).values(), document.get("DefaultRouteSettings") or {}]
    for settings in of_routes:
        if settings.get("LoggingLevel") not in (None, "OFF"):
            raise refused("execution logs of WebSocket APIs (LoggingLevel)")
        if settings.get("DataTraceEnabled"):
            raise refused("execution logs of WebSocket APIs (DataTraceEnabled)")
