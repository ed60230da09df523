"""One client of a WebSocket API: its messages go to routes, and what comes of them comes back.

Messages of one client run side by side, as on AWS, up to a bound; beyond it the client is left unread.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from stoker.clock import Clock
from stoker.errors import GatewayRefusal
from stoker.front_door.connections import Connections
from stoker.front_door.request import new_request_id
from stoker.front_door.websocket import GOING_AWAY, SocketClosedError, SocketFullError, WebSocket
from stoker.gateways.access_logs import AccessLogs
from stoker.gateways.throttles import Throttles
from stoker.http_apis.selection import CONNECT_ROUTE, DEFAULT_ROUTE, DISCONNECT_ROUTE, selected
from stoker.http_events.records import InvalidAnswerError
from stoker.http_events.results import body_from_base64, decoded, scalar_text
from stoker.invocation import Invocation
from stoker.websocket_apis.connections import LiveConnections, new_id
from stoker.websocket_apis.events import Occasion, Peer, disconnect_event, message_event
from stoker.websocket_apis.function_routes import FAILED, FunctionRoutes
from stoker.websocket_apis.logging_lines import log_line
from stoker.websocket_apis.plans import SocketPlan, SocketRoute

RUNNING_MAX = 16
_ENCODER = msgspec.json.Encoder()
log = logging.getLogger("stoker.websocket_apis")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all conversations share."""

    live: LiveConnections
    functions: FunctionRoutes
    throttles: Throttles
    access_logs: AccessLogs
    clock: Clock


class Conversation:
    """The owner of one WebSocket. `plan` gives what its stage does now, None when it is gone."""

    def __init__(
        self, shared: Surroundings, peer: Peer, plan: Callable[[], SocketPlan | None], connections: Connections
    ) -> None:
        self.peer = peer
        self._shared = shared
        self._plan = plan
        self._connections = connections
        self._socket: WebSocket | None = None
        self._waiting: deque[str] = deque()
        self._running = 0
        self._is_paused = False

    # The socket's side

    def opened(self, socket: WebSocket) -> None:
        self._socket = socket
        self._shared.live.add(self)

    def received(self, text: str) -> None:
        self._waiting.append(text)
        self._go_on()

    def closed(self, code: int, reason: str) -> None:
        self._shared.live.remove(self)
        self._waiting.clear()
        self._start(self._disconnected(code, reason))

    # The management API's side

    @property
    def last_active_epoch_s(self) -> float:
        """When something came from the client, or was sent to it."""
        assert self._socket is not None
        return self._shared.clock.now_s() - (asyncio.get_running_loop().time() - self._socket.active_s)

    async def send(self, data: bytes) -> None:
        """Raises SocketClosedError and SocketFullError."""
        assert self._socket is not None
        await self._socket.send(data)

    def close(self) -> None:
        """Because somebody asks for it."""
        assert self._socket is not None
        self._socket.close()

    def check_stage(self) -> None:
        """Say goodbye when API or stage are gone."""
        if self._plan() is None and self._socket is not None:
            self._socket.close(GOING_AWAY, "Going away")

    # Messages

    def _go_on(self) -> None:
        assert self._socket is not None
        while self._waiting and self._running < RUNNING_MAX:
            self._running += 1
            self._start(self._message(self._waiting.popleft()))
        if bool(self._waiting) != self._is_paused:
            self._is_paused = bool(self._waiting)
            if self._is_paused:
                self._socket.pause()
            else:
                self._socket.resume()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Whoever stops the node waits for it, as for requests that are being answered."""
        task = asyncio.get_running_loop().create_task(work)
        self._connections.begun(task)
        task.add_done_callback(self._connections.ended)

    async def _message(self, text: str) -> None:
        try:
            await self._answer(text)
        except (SocketClosedError, SocketFullError):
            log.info("an answer for the connection %s was not taken", self.peer.connection_id)
        except Exception:
            log.exception("a message of the connection %s failed", self.peer.connection_id)
        finally:
            self._running -= 1
            self._go_on()

    async def _answer(self, text: str) -> None:
        plan, now_s = self._plan(), self._shared.clock.now_s()
        route = None if plan is None else _route(plan, text)
        key = DEFAULT_ROUTE if route is None else route.key
        occasion = Occasion("MESSAGE", key, new_id(), now_s, message_id=new_id())
        status, error = 200, ""
        try:
            if plan is None or route is None:
                raise GatewayRefusal(403, "Forbidden")
            result = await self._run(plan, route, message_event(self.peer, occasion, text))
            answer = _body(result) if route.is_two_way else None
        except GatewayRefusal as refusal:
            status, error = refusal.answer_status, str(refusal.message)
            answer = self._error(error, occasion)
        log_line(self._shared.access_logs, plan, self.peer, occasion, status, error)
        if answer is not None:
            await self.send(answer)

    async def _run(self, plan: SocketPlan, route: SocketRoute, event: bytes) -> bytes:
        """Raises GatewayRefusal."""
        shared = self._shared
        place = (plan.key.api_id, plan.stage, route.key)
        if route.rate is not None and not shared.throttles.take(place, route.rate):
            raise GatewayRefusal(429, "Too Many Requests")
        target = shared.functions.target(plan, route)
        trace = shared.functions.trace("", target)
        return await shared.functions.run(route, Invocation(new_request_id(), target, event, trace))

    def _error(self, message: str, occasion: Occasion) -> bytes:
        ids = {"connectionId": self.peer.connection_id, "requestId": occasion.request_id}
        return _ENCODER.encode({"message": message, **ids})

    async def _disconnected(self, code: int, reason: str) -> None:
        """Once, as well as it goes: nobody is left to be told of a failure."""
        plan = self._plan()
        occasion = Occasion("DISCONNECT", DISCONNECT_ROUTE, new_id(), self._shared.clock.now_s(), ends=(code, reason))
        route = None if plan is None else plan.routes.get(DISCONNECT_ROUTE)
        status, error = 200, ""
        try:
            if plan is not None and route is not None:
                await self._run(plan, route, disconnect_event(self.peer, occasion))
        except GatewayRefusal as refusal:
            status, error = refusal.answer_status, str(refusal.message)
        except Exception:
            log.exception("the end of the connection %s could not be told", self.peer.connection_id)
            return
        log_line(self._shared.access_logs, plan, self.peer, occasion, status, error)


def _route(plan: SocketPlan, text: str) -> SocketRoute | None:
    """Clients cannot select what connections begin and end with."""
    key = selected(plan.selection, text)
    if key is not None and key not in (CONNECT_ROUTE, DISCONNECT_ROUTE) and key in plan.routes:
        return plan.routes[key]
    return plan.routes.get(DEFAULT_ROUTE)


def _body(result: bytes) -> bytes | None:
    """What goes to the client of a function's result; None for nothing. Raises GatewayRefusal."""
    try:
        document = decoded(result or b"null")
        if not isinstance(document, dict):
            raise InvalidAnswerError("the result is no object")
        body = document.get("body")
        if body is None:
            return None
        if document.get("isBase64Encoded") is True:
            return body_from_base64(body)
        return scalar_text(body).encode(errors="replace")
    except InvalidAnswerError:
        raise GatewayRefusal(502, FAILED) from None
