"""What the variables of expressions stand for: identity sources, parameter mapping and `$context`.

Source: Amazon API Gateway Developer Guide, "Transform API requests and responses for HTTP APIs" and "Variables for
access logging".
"""

import json
from urllib.parse import unquote_plus

from stoker.http_apis.mapping import Resolve, body_value
from stoker.http_apis.requests import ApiRequest, Arrival, Authorised
from stoker.http_events.format_2 import query_parameters
from stoker.http_events.records import HttpAnswer
from stoker.http_events.times import clf_time


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
