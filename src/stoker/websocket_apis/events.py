"""The events of WebSocket APIs (reference: invocation, 6). Pure functions.

The order of members, and what `headers` of a disconnection hold, are those of AWS's sample events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from stoker.http_events.format_1 import ProxyRoute, metadata_event
from stoker.http_events.records import CallContext, HttpCall
from stoker.http_events.times import clf_time

EventType = Literal["CONNECT", "MESSAGE", "DISCONNECT"]
_ENCODER = msgspec.json.Encoder()
_MAPS = ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters")


@dataclass(frozen=True, slots=True)
class Peer:
    """A client, as all events of its connection show it. `identity` has its `sourceIp` and, if it says so, its
    `userAgent`; `authorizer` is what an authorizer said of it."""

    api_id: str
    stage: str
    connection_id: str
    domain_name: str
    identity: Mapping[str, str]
    connected_at_ms: int
    authorizer: Mapping[str, Any] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What an event is about. `ends` is the status and the reason of a connection's end."""

    event_type: EventType
    route_key: str
    request_id: str
    epoch_s: float
    message_id: str | None = None
    ends: tuple[int, str] | None = None


def request_context(peer: Peer, occasion: Occasion) -> dict[str, Any]:
    """What every event has."""
    disconnected = occasion.ends or (None, None)
    context = {
        "routeKey": occasion.route_key,
        "disconnectStatusCode": disconnected[0],
        "authorizer": peer.authorizer,
        "messageId": occasion.message_id,
        "eventType": occasion.event_type,
        "extendedRequestId": occasion.request_id,
        "requestTime": clf_time(occasion.epoch_s),
        "messageDirection": "IN",
        "disconnectReason": disconnected[1],
        "stage": peer.stage,
        "connectedAt": peer.connected_at_ms,
        "requestTimeEpoch": int(occasion.epoch_s * 1000),
        "identity": dict(peer.identity),
        "requestId": occasion.request_id,
        "domainName": peer.domain_name,
        "connectionId": peer.connection_id,
        "apiId": peer.api_id,
    }
    return {name: value for name, value in context.items() if value is not None}


def connect_event(peer: Peer, occasion: Occasion, call: HttpCall, trace: str) -> bytes:
    """`call` is the request that asks for the WebSocket, its headers' names as they were sent."""
    return _ENCODER.encode({**_request(peer, call, trace), **_rest(peer, occasion), "isBase64Encoded": False})


def authorizer_event(peer: Peer, occasion: Occasion, call: HttpCall, trace: str, method_arn: str) -> bytes:
    """What the authorizer function of `$connect` is asked."""
    maps = _request(replace(peer, authorizer=None), call, trace)
    shown = {name: maps.get(name, {}) for name in _MAPS}
    context = request_context(peer, occasion)
    document = {"type": "REQUEST", "methodArn": method_arn, **shown}
    return _ENCODER.encode({**document, "stageVariables": dict(peer.variables), "requestContext": context})


def message_event(peer: Peer, occasion: Occasion, body: str) -> bytes:
    return _ENCODER.encode({**_rest(peer, occasion), "body": body, "isBase64Encoded": False})


def disconnect_event(peer: Peer, occasion: Occasion) -> bytes:
    headers = {"Host": peer.domain_name, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    lists = {name: [value] for name, value in headers.items()}
    maps = {"headers": headers, "multiValueHeaders": lists}
    return _ENCODER.encode({**maps, **_rest(peer, occasion), "isBase64Encoded": False})


def _rest(peer: Peer, occasion: Occasion) -> dict[str, Any]:
    variables = {"stageVariables": dict(peer.variables)} if peer.variables else {}
    return {**variables, "requestContext": request_context(peer, occasion)}


def _request(peer: Peer, call: HttpCall, trace: str) -> dict[str, Any]:
    """Headers and query as REST APIs show them; what there is none of is left out."""
    context = CallContext("", peer.api_id, peer.domain_name, "", trace, 0.0)
    route = ProxyRoute(peer.stage, "", None, call.raw_path, call.raw_path, {}, {}, "")
    event = metadata_event(call, context, route, "REST")
    return {name: event[name] for name in _MAPS if event[name] is not None}
