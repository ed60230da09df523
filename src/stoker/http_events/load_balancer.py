"""The events of Application Load Balancers, and the responses they take (reference: invocation, 7).

Target groups have one of two forms: with each header's and parameter's last value, or with lists of all of them.
"""

import base64
import binascii
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from stoker.http_events.connection_headers import is_passed_to_function
from stoker.http_events.records import HttpCall, InvalidAnswerError

ForwardedFor = Literal["append", "preserve", "remove"]

# What AWS sends when the function names no type (unverified).
DEFAULT_TYPE = "application/octet-stream"
_ENCODER = msgspec.json.Encoder()
_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
# What the balancer says itself. Elastic Load Balancing, "Lambda functions as targets": hop-by-hop headers are dropped.
_OWN = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class BalancerAnswer(NamedTuple):
    """A response, as `HttpAnswer` is one. `reason` is what the status line says after the number ("": HTTP's words)."""

    status: int
    headers: Mapping[str, str]
    cookies: Sequence[str]
    body: bytes
    reason: str


class TargetForm(NamedTuple):
    """How a target group's function is spoken to. `has_lists` is the attribute `lambda.multi_value_headers.enabled`."""

    target_group_arn: str
    has_lists: bool
    forwarded_for: ForwardedFor = "append"


def event_of(call: HttpCall, form: TargetForm, trace: str) -> bytes:
    """The event, as JSON with its keys in AWS's order. `trace` is the value of X-Amzn-Trace-Id."""
    headers = _event_headers(call, form.forwarded_for, trace)
    last = {name: values[-1] for name, values in headers.items()}
    body, is_base64 = _event_body(call.body, last.get("content-type", ""), "content-encoding" in last)
    parameters = _raw_parameters(call.raw_query)
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": form.target_group_arn}},
        "httpMethod": call.method,
        "path": call.raw_path,
    }
    if form.has_lists:
        event |= {"multiValueQueryStringParameters": parameters, "multiValueHeaders": headers}
    else:
        event |= {
            "queryStringParameters": {name: values[-1] for name, values in parameters.items()},
            "headers": last,
        }
    return _ENCODER.encode(event | {"body": body, "isBase64Encoded": is_base64})


def health_check_event(path: str, form: TargetForm) -> bytes:
    """What a function is asked when its health is looked at."""
    agent = "ELB-HealthChecker/2.0"
    values: dict[str, Any] = (
        {"multiValueQueryStringParameters": {}, "multiValueHeaders": {"user-agent": [agent]}}
        if form.has_lists
        else {"queryStringParameters": {}, "headers": {"user-agent": agent}}
    )
    return _ENCODER.encode(
        {
            "requestContext": {"elb": {"targetGroupArn": form.target_group_arn}},
            "httpMethod": "GET",
            "path": path,
            **values,
            "body": "",
            "isBase64Encoded": False,
        }
    )


def trace_of(incoming: str) -> str:
    """The trace header that a balancer gives on: begun here, or what came with the balancer's own mark in front.

    Source: Elastic Load Balancing, "Request tracing for your Application Load Balancer".
    """
    own = f"1-{int(time.time()):08x}-{os.urandom(12).hex()}"
    parts = [part.strip() for part in incoming.split(";") if part.strip()]
    if not any(part.startswith("Root=") for part in parts):
        return ";".join([f"Root={own}", *(part for part in parts if not part.startswith("Self="))])
    return ";".join([f"Self={own}", *(part for part in parts if not part.startswith("Self="))])


def answer_of(result: bytes, *, has_lists: bool) -> BalancerAnswer:
    """The response that a function's result is. Raises InvalidAnswerError: a balancer infers nothing."""
    try:
        document = msgspec.json.decode(result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidAnswerError("the result is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidAnswerError("the result is no object")
    status = document.get("statusCode")
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise InvalidAnswerError("statusCode is not a status")
    headers, cookies = _answer_headers(_pairs(document, has_lists=has_lists))
    headers.setdefault("content-type", DEFAULT_TYPE)
    return BalancerAnswer(status, headers, cookies, _answer_body(document), _reason(status, document))


def _event_headers(call: HttpCall, forwarded_for: ForwardedFor, trace: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name_bytes, value_bytes in call.headers:
        name = name_bytes.decode("latin-1")
        if is_passed_to_function(name):
            headers.setdefault(name, []).append(value_bytes.decode("latin-1"))
    if forwarded_for == "append":
        headers["x-forwarded-for"] = [", ".join([*headers.get("x-forwarded-for", ()), call.source_ip])]
    elif forwarded_for == "remove":
        headers.pop("x-forwarded-for", None)
    headers["x-amzn-trace-id"] = [trace]
    headers["x-forwarded-port"] = [call.port]
    headers["x-forwarded-proto"] = ["http" if call.tls is None else "https"]
    return headers


def _raw_parameters(raw_query: str) -> dict[str, list[str]]:
    """As they were sent: a balancer leaves decoding to the function."""
    parameters: dict[str, list[str]] = {}
    for pair in raw_query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            parameters.setdefault(name, []).append(value)
    return parameters


def _event_body(body: bytes, content_type: str, has_encoding: bool) -> tuple[str, bool]:
    """The body as an event has it, and whether that is base64: what is encoded, or of no known type of text, is."""
    if not body:
        return "", False
    kind = content_type.partition(";")[0].strip().lower()
    if not has_encoding and (kind.startswith("text/") or kind in _TEXT_TYPES):
        try:
            return body.decode(), False
        except UnicodeDecodeError:  # it could not come back as it was
            pass
    return base64.b64encode(body).decode("ascii"), True


def _pairs(document: Mapping[str, Any], *, has_lists: bool) -> list[tuple[str, str]]:
    """The headers of the form that the target group has; those of the other form are not read."""
    given = document.get("multiValueHeaders" if has_lists else "headers")
    if given is None:
        return []
    if not isinstance(given, dict):
        raise InvalidAnswerError("the headers are no object")
    pairs = []
    for name, value in given.items():
        values = value if has_lists else [value]
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise InvalidAnswerError(f"the header {name[:64]} is not text")
        pairs += [(name.lower(), each) for each in values]
    return pairs


def _answer_headers(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Values of one name are joined with commas; each cookie is a header of its own."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in pairs:
        if not name or not _NAME_CHARACTERS.issuperset(name):
            raise InvalidAnswerError(f"{name[:64]!r} is not the name of a header")
        if name == "set-cookie":
            cookies.append(value)
        elif name not in _OWN:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers, cookies


def _answer_body(document: Mapping[str, Any]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidAnswerError("body is not text")
    if document.get("isBase64Encoded") is not True:
        return body.encode(errors="replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAnswerError("body is not base64") from None


def _reason(status: int, document: Mapping[str, Any]) -> str:
    """What `statusDescription` ("200 OK") says after the number."""
    description = document.get("statusDescription")
    if description is None:
        return ""
    if not isinstance(description, str):
        raise InvalidAnswerError("statusDescription is not text")
    return description.removeprefix(str(status)).strip()
