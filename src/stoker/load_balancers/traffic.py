"""What answers at a listener's port: from a request to the rule it meets, and to what that rule does."""

import asyncio
import random
from collections.abc import Callable
from typing import cast

from stoker.errors import LambdaError
from stoker.front_door.endpoints import Answering
from stoker.front_door.request import BodyLimit, HttpRequest, IncomingBody, RequestHead, http_request, read_body
from stoker.front_door.wire import answered, page_error, status_page
from stoker.http_events.load_balancer import BalancerAnswer, ForwardedFor, TargetForm, event_of, trace_of
from stoker.http_events.records import HttpCall
from stoker.lambda_model.encoding import WireAnswer
from stoker.limits import KIB
from stoker.load_balancers.attributes import (
    FORWARDED_FOR,
    IDLE_TIMEOUT,
    OF_LISTENERS,
    OF_LOAD_BALANCERS,
    SERVER_HEADER,
    value_of,
)
from stoker.load_balancers.conditions import Facts, are_met
from stoker.load_balancers.records import FixedResponse, Listener, LoadBalancer, Redirect, TargetGroup, WeightedGroup
from stoker.load_balancers.redirects import location
from stoker.load_balancers.registry import LoadBalancerRegistry
from stoker.load_balancers.targets import BODY_BYTES_MAX, TargetCalls, has_lists
from stoker.supervision import Background

# Quotas of Application Load Balancers: of a request's line, of one header, of all headers.
TARGET_BYTES_MAX = 16 * KIB
HEADER_BYTES_MAX = 16 * KIB
HEADERS_BYTES_MAX = 64 * KIB
_SERVER = "awselb/2.0"
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


class Traffic:
    """For all listeners. `chance` draws evenly from 0 to 1, for rules with weights."""

    def __init__(
        self,
        registry: LoadBalancerRegistry,
        calls: TargetCalls,
        background: Background,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._calls = calls
        self._background = background
        self._chance = chance
        self._limit = BodyLimit(BODY_BYTES_MAX, "InvokeFunction")

    def at(self, listener_arn: str) -> Answering:
        """Whoever answers at one of them."""
        return _AtListener(self, listener_arn)

    async def answer(self, listener_arn: str, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        """Raises ClientGoneError only."""
        answer = await answered(self._serve(listener_arn, head, body), page_error, request_id)
        listener = self._registry.find(Listener, listener_arn)
        if listener is None or value_of(OF_LISTENERS, listener.attributes, SERVER_HEADER) == "true":
            return answer._replace(headers={"server": _SERVER, **answer.headers})
        return answer._replace(headers={name: value for name, value in answer.headers.items() if name != "server"})

    async def _serve(self, listener_arn: str, head: RequestHead, body: IncomingBody) -> WireAnswer:
        """Raises what `http_request` and `read_body` raise."""
        listener = self._registry.find(Listener, listener_arn)
        if listener is None:  # deleted, while its connections go on to their end
            return status_page(503)
        refused = _refused(head)
        if refused is not None:
            return status_page(refused)
        request = http_request(head)
        facts = _facts(request)
        rules = self._registry.rules(listener_arn)
        action = next(rule.action for rule in rules if are_met(rule.conditions, facts))
        if action.redirect is not None:
            return _redirected(action.redirect, facts, listener)
        if action.fixed_response is not None:
            return _fixed(action.fixed_response)
        group = self._group(action.forward)
        if group is None or not group.targets:
            return status_page(503)
        if request.headers.get("upgrade", "").lower() == "websocket":
            return status_page(400)
        call = HttpCall(
            request.method,
            request.raw_path,
            facts.raw_query,
            head.headers,
            await read_body(request, body, self._limit),
            head.source_ip,
            str(listener.port),
            head.tls,
        )
        return await self._forward(listener, group, call, request.headers.get("x-amzn-trace-id", ""))

    def _group(self, groups: tuple[WeightedGroup, ...]) -> TargetGroup | None:
        """One of them by its weight; none when all weights are zero."""
        left = self._chance() * sum(group.weight for group in groups)
        for group in groups:
            left -= group.weight
            if left < 0:
                return self._registry.find(TargetGroup, group.target_group_arn)
        return None

    async def _forward(self, listener: Listener, group: TargetGroup, call: HttpCall, trace: str) -> WireAnswer:
        balancer = self._registry.find(LoadBalancer, listener.load_balancer_arn)
        assert balancer is not None
        mode = cast(ForwardedFor, value_of(OF_LOAD_BALANCERS, balancer.attributes, FORWARDED_FOR))
        limit_s = int(value_of(OF_LOAD_BALANCERS, balancer.attributes, IDLE_TIMEOUT))
        trace = trace_of(trace)
        event = event_of(call, TargetForm(group.arn, has_lists(group), mode), trace)
        running = self._background.start(self._calls.call(group, event, trace), "a call by a load balancer")
        try:
            async with asyncio.timeout(limit_s):
                # A function goes on when nobody waits any more, as on AWS.
                answer = await asyncio.shield(running)
        except TimeoutError:
            return status_page(504)
        return _wire(answer)


class _AtListener:
    """One listener's. Which one it is stays, whatever becomes of it."""

    shows_request_ids = False

    def __init__(self, traffic: Traffic, listener_arn: str) -> None:
        self._traffic = traffic
        self._listener_arn = listener_arn

    async def answer(self, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        return await self._traffic.answer(self._listener_arn, head, body, request_id)

    def refusal(self, status: int, message: str) -> WireAnswer:
        return status_page(400 if status == 431 else status)

    def stopped(self, request_id: str) -> WireAnswer:
        return status_page(504)


def _refused(head: RequestHead) -> int | None:
    """The status of a request that no balancer takes, whatever its rules say."""
    if len(head.raw_path) + len(head.query_string) > TARGET_BYTES_MAX:
        return 414
    sizes = [len(name) + len(value) for name, value in head.headers]
    if sum(sizes) > HEADERS_BYTES_MAX or (sizes and max(sizes) > HEADER_BYTES_MAX):
        return 400
    return 405 if head.method == "TRACE" else None


def _facts(request: HttpRequest) -> Facts:
    host = request.headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return Facts(
        request.method,
        name if colon and port.isdecimal() else host,
        request.raw_path,
        request.query_string.decode("latin-1"),
        request.head.headers,
        request.head.source_ip,
    )


def _redirected(redirect: Redirect, facts: Facts, listener: Listener) -> WireAnswer:
    parts = {
        "protocol": listener.protocol,
        "host": facts.host,
        "port": str(listener.port),
        "path": facts.raw_path.removeprefix("/"),
        "query": facts.raw_query,
    }
    page = status_page(redirect.status)
    return page._replace(headers={**page.headers, "location": location(redirect, parts)})


def _fixed(fixed: FixedResponse) -> WireAnswer:
    headers = {"content-type": f"{fixed.content_type}; charset=utf-8"}
    body = b"" if fixed.status in _STATUSES_WITHOUT_BODY else fixed.body.encode(errors="replace")
    return WireAnswer(fixed.status, headers, body)


def _wire(answer: BalancerAnswer | LambdaError) -> WireAnswer:
    if isinstance(answer, LambdaError):
        raise answer
    body = b"" if answer.status in _STATUSES_WITHOUT_BODY else answer.body
    return WireAnswer(answer.status, answer.headers, body, answer.cookies, answer.reason)
