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

from stoker.limits import RESPONSE_PAYLOAD_BYTES_MAX


class RuntimeState(StrEnum):
    """The runtime's life, with AWS's names (source: aws-lambda-runtime-interface-emulator, core/states.go)."""

    STARTED = "Started"
    INIT_ERROR = "InitError"
    READY = "Ready"
    RUNNING = "Running"
    RESPONSE_SENT = "ResponseSent"
    EXITED = "RuntimeExited"


_MOVES = {
    RuntimeState.STARTED: {RuntimeState.READY, RuntimeState.INIT_ERROR},
    RuntimeState.INIT_ERROR: set(),
    RuntimeState.READY: {RuntimeState.RUNNING, RuntimeState.READY},
    RuntimeState.RUNNING: {RuntimeState.RESPONSE_SENT},
    RuntimeState.RESPONSE_SENT: {RuntimeState.READY},
    RuntimeState.EXITED: set(),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One invocation as the runtime gets it: `head` is the HTTP header block of the answer to `next`, body apart."""

    request_id: str
    head: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Responded:
    """The handler's result, byte for byte."""

    payload: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An error document that the runtime posted, and the type it gave in the header ("" if none)."""

    payload: bytes
    error_type: str


@dataclass(frozen=True, slots=True)
class ResponseTooLarge:
    """The runtime posted more than a response may have."""


@dataclass(frozen=True, slots=True)
class InvalidResponseMode:
    """The runtime asked for a response mode that does not exist."""


@dataclass(frozen=True, slots=True)
class RuntimeEnded:
    """The runtime's process ended: exit status `code`, or killed by `signal`; both None when the sandbox vanished."""

    code: int | None
    signal: int | None


Answer = Responded | Failed | ResponseTooLarge | InvalidResponseMode | RuntimeEnded
InitResult = Failed | RuntimeEnded | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the runtime's HTTP request is answered with; the body is JSON."""

    status: int
    body: bytes


ACCEPTED = Reply(202, b'{"status":"OK"}\n')


def refusal(status: int, error_type: str, message: str) -> Reply:
    return Reply(status, json.dumps({"errorMessage": message, "errorType": error_type}).encode())


_INVALID_REQUEST_ID = refusal(400, "InvalidRequestID", "Invalid request ID")
_TOO_LARGE = refusal(
    413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES_MAX} bytes)."
)
_INVALID_MODE = refusal(400, "InvalidFunctionResponseMode", "Invalid function response mode")


class Exchange:
    """One environment's rendezvous. At most one invocation at a time."""

    def __init__(self) -> None:
        self.state = RuntimeState.STARTED
        self._loop = asyncio.get_running_loop()
        self._poll: Callable[[Event], None] | None = None
        self._event: Event | None = None
        self._request_id: str | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._init: asyncio.Future[InitResult] = self._loop.create_future()

    # The node's side.

    def restart(self) -> None:
        """A new runtime process starts: forget the former one's state."""
        self.state = RuntimeState.STARTED
        self._poll = None
        self._init = self._loop.create_future()

    async def wait_init(self) -> InitResult:
        """None when the runtime asked for its first event; otherwise what ended its init."""
        return await asyncio.shield(self._init)

    def offer(self, event: Event) -> asyncio.Future[Answer]:
        """Give the runtime its next event, at once or when it asks; the future is the answer."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answer = answer
        if self._poll is not None and self.state is RuntimeState.READY:
            self._deliver(event)
        else:
            self._event = event
        return answer

    def withdraw(self) -> None:
        """Nobody waits for the present answer any longer (timeout): whatever comes for it is refused."""
        self._event = None
        self._request_id = None
        self._answer = None

    @property
    def has_undelivered_event(self) -> bool:
        """Whether an offered event never reached the runtime, so that it may be run elsewhere."""
        return self._event is not None

    def ended(self, end: RuntimeEnded) -> None:
        """The runtime's process is gone: whoever waits for it is told."""
        self.state = RuntimeState.EXITED
        self._poll = None
        if not self._init.done():
            self._init.set_result(end)
        self._settle(end)

    # The runtime's side; each returns the HTTP answer.

    def next(self, poll: Callable[[Event], None]) -> Reply | None:
        """The runtime wants its next event. `poll` is called with it, now or later; a Reply is a refusal."""
        refused = self._move(RuntimeState.READY)
        if refused is not None:
            return refused
        self._poll = poll
        if not self._init.done():
            self._init.set_result(None)
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
            return self._wrong_request("InvocationResponse")
        if mode not in ("", "streaming"):
            self._move(RuntimeState.RESPONSE_SENT)
            self._settle(InvalidResponseMode())
            return _INVALID_MODE
        refused = self._move(RuntimeState.RESPONSE_SENT)
        if refused is not None:
            return refused
        if payload is None:
            self._settle(ResponseTooLarge())
            return _TOO_LARGE
        self._settle(Responded(payload, content_type))
        return ACCEPTED

    def fail(self, request_id: str, payload: bytes, error_type: str) -> Reply:
        """The runtime posts an error for the present event."""
        if request_id != self._request_id:
            return self._wrong_request("InvocationErrorResponse")
        refused = self._move(RuntimeState.RESPONSE_SENT)
        if refused is not None:
            return refused
        self._settle(Failed(payload, error_type))
        return ACCEPTED

    def fail_init(self, payload: bytes, error_type: str) -> Reply:
        """The runtime could not start; it is to exit now."""
        refused = self._move(RuntimeState.INIT_ERROR)
        if refused is not None:
            return refused
        if not self._init.done():
            self._init.set_result(Failed(payload, error_type))
        return ACCEPTED

    def _deliver(self, event: Event) -> None:
        assert self._poll is not None
        self.state = RuntimeState.RUNNING
        self._request_id = event.request_id
        poll, self._poll = self._poll, None
        poll(event)

    def _wrong_request(self, wanted: str) -> Reply:
        if self.state is RuntimeState.RUNNING or self._request_id is not None:
            return _INVALID_REQUEST_ID
        return self._illegal(wanted)

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
        self._request_id = None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
