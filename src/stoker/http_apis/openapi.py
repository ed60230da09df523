"""OpenAPI 3 documents as the members of operations that would make the same API. Pure functions.

Source: OpenAPI Specification 3.0.3; Amazon API Gateway Developer Guide, "OpenAPI definitions for HTTP APIs" and
"OpenAPI extensions for API Gateway".
"""

import importlib
import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stoker.http_apis.errors import invalid, refused

Members = Mapping[str, Any]
"""By the names that members have in requests (`integrationUri`)."""

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method")
_DISCOVERY = "/.well-known/openid-configuration"
# An integration's members that the extension calls otherwise.
_INTEGRATION_NAMES = {
    "type": "integrationType",
    "uri": "integrationUri",
    "httpMethod": "integrationMethod",
    "credentials": "credentialsArn",
    "subtype": "integrationSubtype",
}
_INTEGRATION_MEMBERS = (
    *("connectionId", "connectionType", "description", "integrationSubtype", "payloadFormatVersion"),
    *("requestParameters", "responseParameters", "timeoutInMillis", "tlsConfig"),
)
_AUTHORIZER_NAMES = {"authorizerCredentials": "authorizerCredentialsArn"}
_AUTHORIZER_MEMBERS = (
    *("authorizerPayloadFormatVersion", "authorizerResultTtlInSeconds", "authorizerUri", "enableSimpleResponses"),
    *("identityValidationExpression", "jwtConfiguration"),
)


@dataclass(frozen=True, slots=True)
class ImportedRoute:
    """`security` is the scheme that guards it, with scopes; None for none. `integration` is None where nothing is
    said."""

    key: str
    operation_name: str | None
    integration: Members | None
    security: tuple[str, tuple[str, ...]] | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What a document says. `iam` are the names of the schemes that stand for signatures."""

    api: Members
    routes: tuple[ImportedRoute, ...]
    authorizers: Mapping[str, Members]
    iam: frozenset[str]
    warnings: tuple[str, ...]


def parse_document(body: str) -> Mapping[str, Any]:
    """JSON or YAML. Raises BadRequestException."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = _yaml(body)
    if not isinstance(document, dict):
        raise invalid("The document is no OpenAPI definition")
    if not str(document.get("openapi", "")).startswith("3."):
        raise invalid("Only OpenAPI 3 definitions can be imported")
    return document


def _yaml(body: str) -> Any:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise invalid("The document is no JSON, and YAML needs what comes with: pip install 'stoker[apis]'") from None
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise invalid("The document is neither JSON nor YAML") from None


def read_document(document: Mapping[str, Any], base_path: str) -> Imported:
    """`base_path` says what becomes of the path in `servers`: `ignore` or `prepend`. Raises BadRequestException."""
    info = _object(document, "info")
    schemes = _object(_object(document, "components"), "securitySchemes")
    warnings: list[str] = []
    authorizers: dict[str, Members] = {}
    iam: set[str] = set()
    for name in schemes:
        scheme = _object(schemes, name)
        if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
            iam.add(name)
        elif "x-amazon-apigateway-authorizer" in scheme:
            authorizers[name] = _authorizer(name, scheme)
        else:
            warnings.append(f"The security scheme {name} has no x-amazon-apigateway-authorizer and guards nothing")
    prefix = _prefix(document, base_path)
    routes = tuple(_routes(document, prefix, authorizers.keys() | iam))
    api = {
        "name": info.get("title"),
        "description": info.get("description"),
        "version": info.get("version"),
        "corsConfiguration": document.get("x-amazon-apigateway-cors"),
        "tags": _tags(document),
        "protocolType": "HTTP",
    }
    present = {name: value for name, value in api.items() if value is not None}
    warnings += [f"The route {route.key} has no integration" for route in routes if route.integration is None]
    return Imported(present, routes, authorizers, frozenset(iam), tuple(warnings))


def _routes(document: Mapping[str, Any], prefix: str, known: AbstractSet[str]) -> Iterator[ImportedRoute]:
    paths = _object(document, "paths")
    for path in paths:
        operations = _object(paths, path)
        for method in _METHODS:
            if method in operations:
                operation = _object(operations, method)
                yield ImportedRoute(
                    key=_route_key(method, path, prefix),
                    operation_name=operation.get("operationId"),
                    integration=_integration(document, operation),
                    security=_security(operation.get("security", document.get("security")), known),
                )


def _route_key(method: str, path: str, prefix: str) -> str:
    if path.strip("/") == "$default":
        return "$default"
    name = "ANY" if method.startswith("x-") else method.upper()
    return f"{name} {prefix}{path}"


def _integration(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Members | None:
    if "x-amazon-apigateway-integration" not in operation:
        return None
    given = _object(operation, "x-amazon-apigateway-integration")
    reference = given.get("$ref")
    if reference is not None:
        given = _referenced(document, str(reference))
    wire = {_INTEGRATION_NAMES[name]: value for name, value in given.items() if name in _INTEGRATION_NAMES}
    wire |= {name: value for name, value in given.items() if name in _INTEGRATION_MEMBERS}
    wire["integrationType"] = str(wire.get("integrationType", "")).upper()
    return wire


def _referenced(document: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    """Of `#/components/x-amazon-apigateway-integrations/name`."""
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not reference.startswith("#/"):
        raise invalid(f"The document has nothing at {reference[:256]}")
    return found


def _security(given: Any, known: AbstractSet[str]) -> tuple[str, tuple[str, ...]] | None:
    """The first of the schemes that guard something here."""
    for requirement in given if isinstance(given, list) else ():
        for name, scopes in requirement.items() if isinstance(requirement, dict) else ():
            if name in known:
                return name, tuple(str(scope) for scope in (scopes if isinstance(scopes, list) else ()))
    return None


def _authorizer(name: str, scheme: Mapping[str, Any]) -> Members:
    given = _object(scheme, "x-amazon-apigateway-authorizer")
    wire = {_AUTHORIZER_NAMES[member]: value for member, value in given.items() if member in _AUTHORIZER_NAMES}
    wire |= {member: value for member, value in given.items() if member in _AUTHORIZER_MEMBERS}
    kind = str(given.get("type", "")).upper()
    sources = given.get("identitySource") or []
    if isinstance(sources, str):
        sources = [source.strip() for source in sources.split(",")]
    if kind == "JWT":
        sources = sources or ["$request.header.Authorization"]
        wire["jwtConfiguration"] = _jwt(scheme, wire.get("jwtConfiguration"))
    return {**wire, "name": name, "authorizerType": kind, "identitySource": sources}


def _jwt(scheme: Mapping[str, Any], given: Any) -> Any:
    """An issuer that is not said is the one whose discovery the scheme names."""
    url = scheme.get("openIdConnectUrl")
    if isinstance(given, dict) and "issuer" not in given and isinstance(url, str):
        return {**given, "issuer": url.removesuffix(_DISCOVERY)}
    return given


def _prefix(document: Mapping[str, Any], base_path: str) -> str:
    if base_path == "ignore":
        return ""
    if base_path != "prepend":
        raise refused(f"the basepath {base_path[:64]} of imports; there are ignore and prepend")
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    if not isinstance(first, dict):
        return ""
    url = str(first.get("url", ""))
    variables = _object(first, "variables")
    for name in variables:
        url = url.replace(f"{{{name}}}", str(_object(variables, name).get("default", "")))
    try:
        path = urlsplit(url).path.strip("/")
    except ValueError:
        raise invalid(f"The server {url[:256]} is no URL") from None
    return f"/{path}" if path else ""


def _tags(document: Mapping[str, Any]) -> dict[str, Any] | None:
    given = document.get("tags")
    return {
        tag["name"]: tag["x-amazon-apigateway-tag-value"]
        for tag in (given if isinstance(given, list) else ())
        if isinstance(tag, dict) and isinstance(tag.get("name"), str) and "x-amazon-apigateway-tag-value" in tag
    } or None


def _object(document: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """A member that is an object, or not there. Raises BadRequestException."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"The document's {str(name)[:128]} is no object")
    return value
