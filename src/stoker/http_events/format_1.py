"""Payload format 1.0: a request as an event, and a function's result as a response (reference: invocation, 6).

REST APIs have it, and HTTP APIs of API Gateway that ask for it. REST APIs are strict about results and leave it to an
API's binaryMediaTypes what is base64; HTTP APIs say the format's version and go by content types.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from stoker.http_events.bodies import event_body, is_one_of
from stoker.http_events.connection_headers import answer_headers, is_passed_to_function
from stoker.http_events.records import CallContext, HttpAnswer, HttpCall, IamCaller, InvalidAnswerError
from stoker.http_events.results import body_from_base64, decoded, scalar_text, status_of
from stoker.http_events.times import clf_time

ApiKind = Literal["REST", "HTTP"]

# An answer that says nothing of its type. Of REST APIs it is recorded, of HTTP APIs unverified.
_DEFAULT_TYPES: Mapping[ApiKind, str] = {"REST": "application/json", "HTTP": "text/plain; charset=utf-8"}
_RESULT_MEMBERS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})
_ENCODER = msgspec.json.Encoder()


class ProxyRoute(NamedTuple):
    """Where in an API a call goes, and what the API's front end found out about it.

    `path` is the request's below the API's stage, `request_path` with it; both are percent-encoded. `authorizer` is
    shown as it is, None for no such member, and so is `identity`, which is laid over what is known of the caller (an
    API key, a certificate).
    """

    stage: str
    resource_path: str
    resource_id: str | None
    path: str
    request_path: str
    path_parameters: Mapping[str, str]
    stage_variables: Mapping[str, str]
    extended_request_id: str
    deployment_id: str | None = None
    authorizer: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] = {}


def event_of(
    call: HttpCall, context: CallContext, route: ProxyRoute, kind: ApiKind, binary_media_types: Sequence[str] = ()
) -> bytes:
    """The event, as JSON. `context.account_id` is the API's owner; `binary_media_types` are REST APIs' alone."""
    event = metadata_event(call, context, route, kind)
    event["body"], event["isBase64Encoded"] = _event_body(call, kind, binary_media_types)
    return _ENCODER.encode(event)


def metadata_event(call: HttpCall, context: CallContext, route: ProxyRoute, kind: ApiKind) -> dict[str, Any]:
    """The event without a body, as authorizers get it."""
    headers = _event_headers(call, context, kind)
    query = query_values(call.raw_query)
    event: dict[str, Any] = {"version": "1.0"} if kind == "HTTP" else {}
    return event | {
        "resource": route.resource_path,
        "path": route.path,
        "httpMethod": call.method,
        "headers": _last(headers),
        "multiValueHeaders": headers or None,
        "queryStringParameters": _last(query),
        "multiValueQueryStringParameters": query or None,
        "pathParameters": route.path_parameters or None,
        "stageVariables": route.stage_variables or None,
        "requestContext": _request_context(call, context, route),
    }


def query_values(raw_query: str) -> dict[str, list[str]]:
    """Decoded; the values of each name in their order."""
    values: dict[str, list[str]] = {}
    for pair in raw_query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values


def answer_of(result: bytes, kind: ApiKind, *, decodes_base64: bool = True) -> HttpAnswer:
    """The response that a function's result is. A REST API decodes base64 only if it may (`decodes_base64`).

    Raises InvalidAnswerError. A REST API takes nothing but the format's own members, and no status for 200; an HTTP
    API ignores what it does not know, and wants a status.
    """
    document = decoded(result or b"null")
    if not isinstance(document, dict) or not document:
        raise InvalidAnswerError("the result is no object")
    if kind == "REST" and not document.keys() <= _RESULT_MEMBERS:
        raise InvalidAnswerError("the result has members that a response has not")
    # The absence of a status has a meaning; null is none.
    status = status_of(document.get("statusCode", 200 if kind == "REST" else None))
    headers, cookies = _answer_headers(document)
    if kind == "HTTP":
        cookies += _cookies(document.get("cookies"))
    return HttpAnswer(
        status,
        headers if "content-type" in headers else {**headers, "content-type": _DEFAULT_TYPES[kind]},
        tuple(cookies),
        _body(document, decodes_base64=decodes_base64 or kind == "HTTP"),
    )


def decodes_base64(binary_media_types: Sequence[str], accept: str) -> bool:
    """Whether a REST API decodes what a function says is base64: by the first type that the client accepts."""
    return is_one_of(binary_media_types, accept)


def _event_headers(call: HttpCall, context: CallContext, kind: ApiKind) -> dict[str, list[str]]:
    """Names in the case in which they came first; values in their order."""
    headers: dict[str, list[str]] = {}
    shown_as: dict[str, str] = {}
    for name_bytes, value_bytes in call.headers:
        name = name_bytes.decode("latin-1")
        lower = name.lower()
        if lower == "authorization" and context.caller is not None:
            continue  # a signature is the front end's, and no function's to use again
        if lower == "content-length" or not is_passed_to_function(lower):
            continue
        headers.setdefault(shown_as.setdefault(lower, name), []).append(value_bytes.decode("latin-1"))
    forwarded = headers.get(shown_as.get("x-forwarded-for", ""), [])
    added = {
        "X-Amzn-Trace-Id": context.trace,
        "X-Forwarded-For": ", ".join([*forwarded, call.source_ip]),
        "X-Forwarded-Port": call.port,
        "X-Forwarded-Proto": "http" if call.tls is None else "https",
    }
    if kind == "HTTP" and call.body:
        added["Content-Length"] = str(len(call.body))
    for name, value in added.items():
        headers.pop(shown_as.get(name.lower(), ""), None)
        headers[name] = [value]
    return headers


def _last(values: Mapping[str, list[str]]) -> dict[str, str] | None:
    return {name: all_of_it[-1] for name, all_of_it in values.items()} or None


def _event_body(call: HttpCall, kind: ApiKind, binary_media_types: Sequence[str]) -> tuple[str | None, bool]:
    if not call.body:
        return None, False
    content_type = _header(call, b"content-type")
    if kind == "HTTP":
        return event_body(call.body, content_type, _header(call, b"content-encoding"))
    if is_one_of(binary_media_types, content_type):
        return base64.b64encode(call.body).decode("ascii"), True
    # Text by definition: what is not loses its bytes, as on AWS.
    return call.body.decode(errors="replace"), False


def _header(call: HttpCall, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in call.headers if name.lower() == wanted), "")


def _request_context(call: HttpCall, context: CallContext, route: ProxyRoute) -> dict[str, Any]:
    shown: dict[str, Any] = {"accountId": context.account_id, "apiId": context.api_id}
    if route.authorizer is not None:
        shown["authorizer"] = route.authorizer
    if route.deployment_id is not None:
        shown["deploymentId"] = route.deployment_id
    return shown | {
        "domainName": context.domain_name,
        "domainPrefix": context.domain_name.partition(".")[0],
        "extendedRequestId": route.extended_request_id,
        "httpMethod": call.method,
        "identity": {**identity_of(call, context.caller), **route.identity},
        "path": route.request_path,
        "protocol": "HTTP/1.1",
        "requestId": context.request_id,
        "requestTime": clf_time(context.epoch_s),
        "requestTimeEpoch": int(context.epoch_s * 1000),
        "resourceId": route.resource_id,
        "resourcePath": route.resource_path,
        "stage": route.stage,
    }


def identity_of(call: HttpCall, caller: IamCaller | None) -> dict[str, str | None]:
    """Who calls, as far as a signature says."""
    return {
        "accessKey": caller and caller.access_key_id,
        "accountId": caller and caller.account_id,
        "caller": caller and caller.user_id,
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": None,
        "sourceIp": call.source_ip,
        "user": caller and caller.user_id,
        "userAgent": _header(call, b"user-agent") or None,
        "userArn": caller and caller.arn,
    }


def _answer_headers(document: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """A name in both maps has the values of both, those of `multiValueHeaders` first; cookies are apart."""
    values: dict[str, list[str]] = {}
    for name, value in _pairs(document):
        values.setdefault(name.lower(), []).append(value)
    cookies = values.pop("set-cookie", [])
    try:
        return answer_headers((name, ", ".join(found)) for name, found in values.items()), cookies
    except ValueError as error:
        raise InvalidAnswerError(str(error)) from None


def _pairs(document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, values in _map(document, "multiValueHeaders").items():
        if not isinstance(values, list):
            raise InvalidAnswerError("multiValueHeaders has a value that is no list")
        yield from ((name, scalar_text(value)) for value in values)
    for name, value in _map(document, "headers").items():
        if value is not None:
            yield name, scalar_text(value)


def _map(document: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    given = document.get(member)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidAnswerError(f"{member} is not an object")
    return given


def _cookies(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(cookie, str) for cookie in given):
        raise InvalidAnswerError("cookies is not a list of texts")
    return given


def _body(document: Mapping[str, Any], *, decodes_base64: bool) -> bytes:
    """A text; numbers and booleans become one, as they do in headers."""
    is_base64 = document.get("isBase64Encoded")
    if not (is_base64 is None or isinstance(is_base64, bool)):
        raise InvalidAnswerError("isBase64Encoded is no boolean")
    body = document.get("body")
    if body is None:
        return b""
    if is_base64 and decodes_base64:
        return body_from_base64(body)
    return scalar_text(body).encode(errors="replace")
