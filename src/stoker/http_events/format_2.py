"""Payload format 2.0: a request as an event, and a function's result as a response (reference: invocation, 5.1, 5.2).

Function URLs have it, and HTTP APIs of API Gateway, which name a route, path parameters and stage variables beside.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from stoker.http_events.bodies import event_body
from stoker.http_events.connection_headers import answer_headers, is_passed_to_function
from stoker.http_events.records import (
    CallContext,
    HttpAnswer,
    HttpCall,
    IamCaller,
    InvalidAnswerError,
    RouteContext,
)
from stoker.http_events.results import body_from_base64, decoded, scalar_text, status_of
from stoker.http_events.times import clf_time

JSON_TYPE = "application/json"
_ENCODER = msgspec.json.Encoder()
_DEFAULT = "$default"
# What a front end says of the connection: a client's own claims are not passed on.
_TLS_HEADERS = ("x-amzn-tls-version", "x-amzn-tls-cipher-suite")


def event_of(call: HttpCall, context: CallContext, route: RouteContext | None = None) -> bytes:
    """The event, as JSON with its keys in AWS's order. Without a route it is that of a function URL."""
    event = metadata_event(call, context, route)
    is_base64 = False
    if call.body:
        headers = event["headers"]
        content_type, encoding = headers.get("content-type", ""), headers.get("content-encoding", "")
        event["body"], is_base64 = event_body(call.body, content_type, encoding)
    event["isBase64Encoded"] = is_base64
    return _ENCODER.encode(event)


def metadata_event(call: HttpCall, context: CallContext, route: RouteContext | None = None) -> dict[str, Any]:
    """The event without a body, as authorizers get it."""
    headers, cookies = _event_headers(call, context)
    if route is None:
        _tell_tls(headers, call.tls)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": _DEFAULT if route is None else route.key,
        "rawPath": call.raw_path,
        "rawQueryString": call.raw_query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if parameters := query_parameters(call.raw_query):
        event["queryStringParameters"] = parameters
    event["requestContext"] = _request_context(call, context, route, headers.get("user-agent", ""))
    if route is not None:
        headers.setdefault("content-length", "0")
        if route.path_parameters:
            event["pathParameters"] = route.path_parameters
        if route.stage_variables:
            event["stageVariables"] = route.stage_variables
    return event


def query_parameters(raw_query: str) -> dict[str, str]:
    """Decoded; the values of a repeated name are joined with commas, in their order."""
    parameters: dict[str, str] = {}
    for pair in raw_query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            name, value = unquote_plus(name), unquote_plus(value)
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def answer_of(result: bytes, default_type: str = JSON_TYPE) -> HttpAnswer:
    """The response that a function's result is, whether it says so or only is a value. One that says so and has no
    content type has `default_type`.

    Raises InvalidAnswerError.
    """
    if not result:
        return _inferred(None)
    document = decoded(result)
    if not (isinstance(document, dict) and "statusCode" in document):
        return _inferred(document)
    answer = metadata_of(document)
    headers = answer.headers if "content-type" in answer.headers else {**answer.headers, "content-type": default_type}
    return answer._replace(headers=headers, body=_body(document))


def metadata_of(document: Mapping[str, Any]) -> HttpAnswer:
    """Status, headers and cookies alone; without `statusCode` the status is 200. Raises InvalidAnswerError."""
    return HttpAnswer(
        status_of(document.get("statusCode", 200)),
        _answer_headers(document.get("headers")),
        _cookies(document.get("cookies")),
        b"",
    )


def _event_headers(call: HttpCall, context: CallContext) -> tuple[dict[str, str], list[str]]:
    """In lower case, values of a repeated name joined with commas; cookies are apart."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name_bytes, value_bytes in call.headers:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name == "cookie":
            cookies += [cookie for part in value.split(";") if (cookie := part.strip())]
        elif name == "authorization" and context.caller is not None:
            continue  # a signature is the front end's, and no function's to use again
        elif is_passed_to_function(name):
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    if call.body:
        headers["content-length"] = str(len(call.body))
    forwarded = headers.get("x-forwarded-for")
    headers["x-amzn-trace-id"] = context.trace
    headers["x-forwarded-for"] = f"{forwarded}, {call.source_ip}" if forwarded else call.source_ip
    headers["x-forwarded-port"] = call.port
    headers["x-forwarded-proto"] = "http" if call.tls is None else "https"
    return headers, cookies


def _tell_tls(headers: dict[str, str], tls: tuple[str, str] | None) -> None:
    """As function URLs do, and no API."""
    for name in _TLS_HEADERS:
        headers.pop(name, None)
    if tls is not None:
        headers.update(zip(_TLS_HEADERS, tls, strict=True))


def _request_context(
    call: HttpCall, context: CallContext, route: RouteContext | None, user_agent: str
) -> dict[str, Any]:
    shown: dict[str, Any] = {"accountId": context.account_id, "apiId": context.api_id}
    if context.caller is not None:
        shown["authentication"] = None
        shown["authorizer"] = {"iam": iam_authorizer(context.caller)}
    elif route is not None and route.authorizer is not None:
        shown["authorizer"] = route.authorizer
    return shown | {
        "domainName": context.domain_name,
        "domainPrefix": context.domain_name.partition(".")[0],
        "http": {
            "method": call.method,
            "path": call.raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": call.source_ip,
            "userAgent": user_agent,
        },
        "requestId": context.request_id,
        "routeKey": _DEFAULT if route is None else route.key,
        "stage": _DEFAULT if route is None else route.stage,
        "time": clf_time(context.epoch_s),
        "timeEpoch": int(context.epoch_s * 1000),
    }


def iam_authorizer(caller: IamCaller) -> dict[str, Any]:
    """Who signed, as functions are told."""
    return {
        "accessKey": caller.access_key_id,
        "accountId": caller.account_id,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.user_id,
    }


def _inferred(document: Any) -> HttpAnswer:
    """A value that says nothing of HTTP: JSON, written anew without spaces; a string without its quotes."""
    return HttpAnswer(200, {"content-type": JSON_TYPE}, (), _text(document))


def _text(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")


def _answer_headers(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidAnswerError("headers is not an object")
    try:
        return answer_headers((name, scalar_text(value)) for name, value in given.items() if value is not None)
    except ValueError as error:
        raise InvalidAnswerError(str(error)) from None


def _cookies(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(cookie, str) for cookie in given):
        raise InvalidAnswerError("cookies is not a list of texts")
    return tuple(given)


def _body(document: Mapping[str, Any]) -> bytes:
    """What a string says, or decoded; other values become JSON (unverified)."""
    body = document.get("body")
    if body is None:
        return b""
    return body_from_base64(body) if document.get("isBase64Encoded") is True else _text(body)
