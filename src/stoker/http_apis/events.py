"""Requests of HTTP APIs as events: for the functions behind routes, and for authorizers, in both payload formats."""

from typing import Any

import msgspec

from stoker.http_apis.mapping import mapped_call
from stoker.http_apis.plans import Integration, PayloadFormat
from stoker.http_apis.requests import ApiRequest, Authorised
from stoker.http_apis.variables import mapping_values
from stoker.http_events import format_1, format_2
from stoker.http_events.format_1 import ProxyRoute
from stoker.http_events.records import CallContext, HttpCall, RouteContext


def integration_event(asked: ApiRequest, authorised: Authorised, integration: Integration, trace: str) -> bytes:
    """What the function behind a route is given."""
    context = _context(asked, authorised, trace)
    is_2 = integration.payload_format == "2.0"
    call = _call_2(asked) if is_2 else _call_1(asked)
    call = mapped_call(call, integration.request_parameters, mapping_values(asked))
    if is_2:
        return format_2.event_of(call, context, _route_2(asked, authorised))
    route = _route_1(asked, authorised)._replace(path=call.raw_path)
    return format_1.event_of(call, context, route, "HTTP")


def mapped_request(asked: ApiRequest, integration: Integration) -> HttpCall:
    """The request as the integration's parameters make it, for another server."""
    return mapped_call(_call_2(asked), integration.request_parameters, mapping_values(asked))


def authorizer_event(
    asked: ApiRequest, identities: tuple[str, ...], payload_format: PayloadFormat, trace: str
) -> bytes:
    """What an authorizer function is given; `identities` are the values of its identity sources."""
    nobody = Authorised()
    context = _context(asked, nobody, trace)
    if payload_format == "2.0":
        event = format_2.metadata_event(_call_2(asked), context, _route_2(asked, nobody))
        found: dict[str, Any] = {"routeArn": asked.route_arn, "identitySource": list(identities) or None}
    else:
        event = format_1.metadata_event(_call_1(asked), context, _route_1(asked, nobody), "HTTP")
        token = ",".join(identities) or None
        found = {"methodArn": asked.route_arn, "identitySource": token, "authorizationToken": token}
    return msgspec.json.encode({"version": event.pop("version"), "type": "REQUEST", **found, **event})


def _context(asked: ApiRequest, authorised: Authorised, trace: str) -> CallContext:
    return CallContext(
        account_id=asked.plan.key.account_id,
        api_id=asked.plan.key.api_id,
        domain_name=asked.arrival.domain_name,
        request_id=asked.arrival.api_request_id,
        trace=trace.partition(";")[0],
        epoch_s=asked.arrival.begun_s,
        caller=authorised.caller,
    )


def _call_2(asked: ApiRequest) -> HttpCall:
    head = asked.request.head
    return HttpCall(
        asked.request.method,
        asked.arrival.raw_path,
        asked.arrival.raw_query,
        head.headers,
        asked.body,
        head.source_ip,
        head.address.rpartition(":")[2],
        head.tls,
    )


def _call_1(asked: ApiRequest) -> HttpCall:
    head = asked.request.head
    named = [(name, value) for name, (_, value) in zip(head.header_names, head.headers, strict=True)]
    return _call_2(asked)._replace(raw_path=asked.arrival.sent_path, headers=named)


def _route_2(asked: ApiRequest, authorised: Authorised) -> RouteContext:
    return RouteContext(
        asked.route.key, asked.plan.name, asked.path_parameters, asked.plan.variables, authorised.authorizer
    )


def _route_1(asked: ApiRequest, authorised: Authorised) -> ProxyRoute:
    return ProxyRoute(
        stage=asked.plan.name,
        resource_path=asked.route.path,
        resource_id=asked.route.key,
        path=asked.arrival.sent_path,
        request_path=asked.arrival.sent_path,
        path_parameters=asked.path_parameters,
        stage_variables=asked.plan.variables,
        extended_request_id=asked.arrival.api_request_id,
        authorizer=authorised.flat,
    )
