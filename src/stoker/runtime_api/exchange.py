"""Where a waiting invocation meets the polling runtime: the one rendezvous of an execution environment.

The node offers an event and awaits its answer; the runtime asks for the next event and posts the answer. Both sides are
plain calls on one object, in one thread, so nothing here waits or locks. A state and its legal moves live together in
`_MOVES`; an illegal move is refused by name, as AWS's own emulator words it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from stoker.runtime_api.streaming import ResponseSink, ResponseStream

# The end of a runtime in the middle of a streamed response is heard twice, from its connection and from its process, in
# either order. What the connection still holds is to be passed on, and how the process ended says more than that the
# connection did: whichever is first waits so long for the other.
END_HEARD_WITHIN_S = 0.25


class RuntimeState(StrEnum):
    """The runtime's life, with AWS's names (source: aws-lambda-runtime-interface-emulator, core/states.go)."""

    STARTED = "Started"
    INIT_ERROR = "InitError"
    RESTORE_READY = "RestoreReady"
    RESTORING = "Restoring"
    RESTORE_ERROR = "RestoreError"
    READY = "Ready"
    RUNNING = "Running"
    RESPONDING = "InvocationResponse"
    RESPONSE_SENT = "ResponseSent"
    EXITED = "RuntimeExited"


_MOVES = {
    RuntimeState.STARTED: {RuntimeState.READY, RuntimeState.INIT_ERROR, RuntimeState.RESTORE_READY},
    RuntimeState.INIT_ERROR: set(),
    RuntimeState.RESTORE_READY: {RuntimeState.RESTORE_READY, RuntimeState.RESTORING, RuntimeState.INIT_ERROR},
    RuntimeState.RESTORING: {RuntimeState.READY, RuntimeState.RESTORE_ERROR},
    RuntimeState.RESTORE_ERROR: set(),
    RuntimeState.READY: {RuntimeState.RUNNING, RuntimeState.READY},
    RuntimeState.RUNNING: {RuntimeState.RESPONDING, RuntimeState.RESPONSE_SENT},
    RuntimeState.RESPONDING: {RuntimeState.RESPONSE_SENT},
    RuntimeState.RESPONSE_SENT: {RuntimeState.READY},
    RuntimeState.EXITED: set(),
}


class Event(NamedTuple):
    """One invocation as the runtime gets it: `head` is the HTTP header block of the answer to `next`, body apart.

    `sink` takes the response while it is written, if the caller wants that.
    """

    request_id: str
    head: bytes
    payload: bytes
    sink: ResponseSink | None = None


class Responded(NamedTuple):
    """The handler's result, byte for byte."""

    payload: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Streamed:
    """The handler's result, all of which went to the event's sink; it took `duration_ms` from its beginning."""

    size_bytes: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Truncated:
    """A response broke off, although the runtime lives on."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An error document that the runtime posted, and the type it gave in the header ("" if none).

    `xray_cause` is the JSON that it gave for X-Ray, unread.
    """

    payload: bytes
    error_type: str
    xray_cause: bytes = b""


@dataclass(frozen=True, slots=True)
class ResponseTooLarge:
    """The runtime posted more than the `bytes_max` that a response may have."""

    bytes_max: int


@dataclass(frozen=True, slots=True)
class InvalidResponseMode:
    """The runtime asked for a response mode that does not exist."""


@dataclass(frozen=True, slots=True)
class RuntimeEnded:
    """The runtime's process ended: exit status `code`, or killed by `signal`; both None when the sandbox vanished."""

    code: int | None
    signal: int | None


@dataclass(frozen=True, slots=True)
class ExtensionFailed:
    """An extension failed, and the whole environment with it; `text` says how, in AWS's words."""

    error_type: str
    text: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The function's time was up."""


End = RuntimeEnded | ExtensionFailed
Answer = Responded | Streamed | Truncated | Failed | ResponseTooLarge | InvalidResponseMode | TimedOut | End
InitResult = Failed | End | None
RestoreResult = Failed | End | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What an HTTP request is answered with. `head` holds further headers, each with its line end."""

    status: int
    body: bytes
    head: bytes = b""
    content_type: bytes = b"application/json"


def json_reply(status: int, document: object, head: bytes = b"") -> Reply:
    """As Go's encoder writes JSON, which AWS's own server uses: nothing between the members, and a line end."""
    return Reply(status, json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n", head)


ACCEPTED = json_reply(202, {"status": "OK"})
_TEXT = b"text/plain; charset=utf-8"
NOT_FOUND = Reply(404, b"404 page not found\n", content_type=_TEXT)
PONG = Reply(200, b"pong", content_type=_TEXT)


def refusal(status: int, error_type: str, message: str) -> Reply:
    return json_reply(status, {"errorMessage": message, "errorType": error_type})


_INVALID_REQUEST_ID = refusal(400, "InvalidRequestID", "Invalid request ID")
_INVALID_MODE = refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")


class Exchange:
    """One environment's rendezvous. At most one invocation at a time."""

    def __init__(self, response_bytes_max: int) -> None:
        self.response_bytes_max = response_bytes_max
        self.state = RuntimeState.STARTED
        self._loop = asyncio.get_running_loop()
        self._poll: Callable[[Event], None] | None = None
        self._event: Event | None = None
        self._request_id: str | None = None
        # Also after it was answered: a second answer is another mistake than one to something else.
        self._last_request_id: str | None = None
        # Its response broke off, and nobody knows yet whether the runtime ended.
        self._is_broken = False
        self._answer: asyncio.Future[Answer] | None = None
        self._sink: ResponseSink | None = None
        self._stream: ResponseStream | None = None
        self._init: asyncio.Future[InitResult] = self._loop.create_future()
        self._resume: Callable[[], None] | None = None
        self._restore: asyncio.Future[RestoreResult] | None = None
        # Told when the runtime asks for its next event, or ends; made for those who wait.
        self._idle: asyncio.Future[None] | None = None

    # The node's side.

    def restart(self) -> None:
        """A new runtime process starts: forget the former one's state."""
        self.state = RuntimeState.STARTED
        self._is_broken = False
        self._poll = self._resume = self._restore = None
        self._init = self._loop.create_future()

    async def wait_init(self) -> InitResult:
        """None when the runtime asked for its first event, or to be restored; otherwise what ended its init."""
        return await asyncio.shield(self._init)

    @property
    def awaits_restore(self) -> bool:
        """Whether the runtime has been initialised for a snapshot, and waits to be restored."""
        return self.state is RuntimeState.RESTORE_READY

    def hold(self) -> bool:
        """The runtime has been initialised for a snapshot, and does not go on: copies of it will be restored.

        False if it has asked for something before: then it is no such runtime.
        """
        if self.state is not RuntimeState.STARTED or self._init.done():
            return False
        self.state = RuntimeState.RESTORE_READY
        self._init.set_result(None)
        return True

    def restore(self) -> asyncio.Future[RestoreResult]:
        """Let a runtime that `awaits_restore` go on. The result is None when it asks for its first event."""
        assert self.awaits_restore
        self._restore = self._loop.create_future()
        self._go_on()
        return self._restore

    async def wait_idle(self) -> None:
        """Until the runtime, which has answered, asks for its next event, or ends."""
        if self.state in (RuntimeState.READY, RuntimeState.EXITED):
            return
        self._idle = self._loop.create_future()
        await self._idle

    def offer(self, event: Event) -> asyncio.Future[Answer]:
        """Give the runtime its next event, at once or when it asks; the future is the answer."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answer = answer
        if self._poll is not None and self.state is RuntimeState.READY:
            self._deliver(event)
        else:
            self._event = event
        return answer

    def time_out(self) -> None:
        """The time of the present event is up: that is its answer, and whatever the runtime says to it is refused."""
        answer = self._answer
        self.withdraw()
        if answer is not None and not answer.done():
            answer.set_result(TimedOut())

    def withdraw(self) -> None:
        """Nobody waits for the present answer any longer: whatever comes for it is refused."""
        self._event = None
        self._request_id = self._last_request_id = None
        self._answer = None
        self._is_broken = False
        self._detach()

    @property
    def has_undelivered_event(self) -> bool:
        """Whether an offered event never reached the runtime, so that it may be run elsewhere."""
        return self._event is not None

    @property
    def streams(self) -> bool:
        """Whether the present response is wanted piece by piece."""
        return self._sink is not None

    def ended(self, end: End) -> None:
        """The runtime's process is gone, or must go: whoever waits for it is told."""
        self.state = RuntimeState.EXITED
        self._poll = self._resume = None
        if not self._init.done():
            self._init.set_result(end)
        self._restored(end)
        self._settle(end)
        self._tell_idle()

    # The runtime's side; each returns the HTTP answer.

    def next(self, poll: Callable[[Event], None]) -> Reply | None:
        """The runtime wants its next event. `poll` is called with it, now or later; a Reply is a refusal."""
        if self.state is RuntimeState.RESPONDING:
            # Node.js's client asks as soon as its stream's end is on its way, on another connection.
            self._poll = poll
            return None
        if self._is_broken:
            self.state = RuntimeState.RESPONSE_SENT
            self._truncate(self._answer)
        refused = self._move(RuntimeState.READY)
        if refused is not None:
            return refused
        self._poll = poll
        if not self._init.done():
            self._init.set_result(None)
        self._restored(None)
        if self._idle is not None:
            self._tell_idle()
        if self._event is not None:
            event, self._event = self._event, None
            self._deliver(event)
        return None

    def forget_poll(self, poll: Callable[[Event], None]) -> None:
        """The connection on which the runtime waited is gone."""
        if self._poll is poll:
            self._poll = None

    def respond(self, request_id: str, payload: bytes | None, content_type: str, mode: str) -> Reply:
        """The runtime posts a result; `payload` is None when it was longer than is allowed."""
        if request_id != self._request_id:
            return self._wrong_request(request_id, "InvocationResponse")
        if mode not in ("", "streaming"):
            self._move(RuntimeState.RESPONSE_SENT)
            self._settle(InvalidResponseMode())
            return _INVALID_MODE
        refused = self._move(RuntimeState.RESPONSE_SENT)
        if refused is not None:
            return refused
        if payload is None:
            self._settle(ResponseTooLarge(self.response_bytes_max))
            return _too_large(self.response_bytes_max)
        if self._sink is not None:
            stream = ResponseStream(self._sink, content_type, _go_on_with_nothing)
            stream.write(payload)
            self._settle(Streamed(stream.size_bytes, stream.duration_ms))
        else:
            self._settle(Responded(payload, content_type))
        return ACCEPTED

    def open_stream(self, request_id: str, content_type: str, go_on: Callable[[], None]) -> ResponseStream | None:
        """The runtime begins a streamed response. None: it is to be gathered and handed to `respond`, either because
        nobody wants it piece by piece, or to be refused. `go_on` is the sink's word that it wants more."""
        if self._sink is None or request_id != self._request_id or self.state is not RuntimeState.RUNNING:
            return None
        self.state = RuntimeState.RESPONDING
        self._request_id = None
        self._stream = ResponseStream(self._sink, content_type, go_on)
        return self._stream

    def close_stream(self, stream: ResponseStream, failure: Failed | None) -> Reply:
        """The streamed response is complete; `failure` is what its trailers say went wrong in its middle."""
        if stream is not self._stream:
            return _INVALID_REQUEST_ID
        self.state = RuntimeState.RESPONSE_SENT if self._poll is None else RuntimeState.READY
        if failure is not None:
            self._settle(failure)
        elif stream.is_too_large:
            self._settle(ResponseTooLarge(stream.bytes_max))
            return _too_large(stream.bytes_max)
        else:
            self._settle(Streamed(stream.size_bytes, stream.duration_ms))
        return ACCEPTED

    def break_stream(self, stream: ResponseStream) -> None:
        """The connection ended in the middle of the response. The caller is told when it is known why."""
        if stream is self._stream:
            self._detach()
            self._loop.call_later(END_HEARD_WITHIN_S, self._truncate, self._answer)

    def break_response(self, request_id: str) -> None:
        """The same of a response that nobody wants piece by piece. Until the caller is told it may be posted again."""
        if request_id == self._request_id:
            self._is_broken = True
            self._loop.call_later(END_HEARD_WITHIN_S, self._truncate, self._answer)

    def fail(self, request_id: str, payload: bytes, error_type: str, xray_cause: bytes = b"") -> Reply:
        """The runtime posts an error for the present event."""
        if request_id != self._request_id:
            return self._wrong_request(request_id, "InvocationErrorResponse")
        refused = self._move(RuntimeState.RESPONSE_SENT)
        if refused is not None:
            return refused
        self._settle(Failed(payload, error_type, xray_cause))
        return ACCEPTED

    def fail_init(self, payload: bytes, error_type: str) -> Reply:
        """The runtime could not start; it is to exit now."""
        refused = self._move(RuntimeState.INIT_ERROR)
        if refused is not None:
            return refused
        if not self._init.done():
            self._init.set_result(Failed(payload, error_type))
        return ACCEPTED

    def restore_next(self, resume: Callable[[], None]) -> Reply | None:
        """The runtime is ready for a snapshot. `resume` is called when it is restored; a Reply is a refusal."""
        refused = self._move(RuntimeState.RESTORE_READY)
        if refused is not None:
            return refused
        self._resume = resume
        if not self._init.done():
            self._init.set_result(None)
        if self._restore is not None:  # it lost the connection on which it waited
            self._go_on()
        return None

    def forget_resume(self, resume: Callable[[], None]) -> None:
        """The connection on which the runtime waited is gone."""
        if self._resume is resume:
            self._resume = None

    def fail_restore(self, payload: bytes, error_type: str) -> Reply:
        """What was to be done after the restore failed; the runtime is to exit now."""
        refused = self._move(RuntimeState.RESTORE_ERROR)
        if refused is not None:
            return refused
        self._restored(Failed(payload, error_type))
        return ACCEPTED

    def _go_on(self) -> None:
        if self._resume is not None:
            self.state = RuntimeState.RESTORING
            resume, self._resume = self._resume, None
            resume()

    def _restored(self, result: RestoreResult) -> None:
        if self._restore is not None and not self._restore.done():
            self._restore.set_result(result)

    def _tell_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)

    def _deliver(self, event: Event) -> None:
        assert self._poll is not None
        self.state = RuntimeState.RUNNING
        self._request_id = self._last_request_id = event.request_id
        self._sink = event.sink
        poll, self._poll = self._poll, None
        poll(event)

    def _wrong_request(self, request_id: str, wanted: str) -> Reply:
        return self._illegal(wanted) if request_id == self._last_request_id else _INVALID_REQUEST_ID

    def _move(self, to: RuntimeState) -> Reply | None:
        if to not in _MOVES[self.state]:
            return self._illegal(to)
        self.state = to
        return None

    def _illegal(self, wanted: str) -> Reply:
        return refusal(
            403,
            "InvalidStateTransition",
            f"State transition from {self.state} to {wanted} failed for runtime. "
            "Error: State transition is not allowed",
        )

    def _settle(self, answer: Answer) -> None:
        waiting, self._answer = self._answer, None
        self._is_broken = False
        self._request_id = None
        self._detach()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _truncate(self, broken: asyncio.Future[Answer] | None) -> None:
        if broken is not None and broken is self._answer:
            self._settle(Truncated())

    def _detach(self) -> None:
        self._sink = None
        if self._stream is not None:
            self._stream.detach()
            self._stream = None


def _too_large(bytes_max: int) -> Reply:
    return refusal(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({bytes_max} bytes).")


def _go_on_with_nothing() -> None:
    """A response that came in one piece has no more."""
