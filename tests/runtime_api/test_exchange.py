"""The rendezvous: which move is legal in which state, and who gets what when things end early."""

import asyncio
import json
from collections.abc import Callable

import pytest

from stoker.invocations.streaming_pipe import ResponsePipe
from stoker.runtime_api.exchange import (
    Answer,
    Event,
    Exchange,
    Failed,
    InvalidResponseMode,
    Reply,
    Responded,
    ResponseTooLarge,
    RuntimeEnded,
    RuntimeState,
)

EVENT = Event("r1", b"HTTP/1.1 200 OK", b"{}")
RESPONSE_BYTES_MAX = 6_291_556
Delivered = list[Event]


def in_state(state: RuntimeState) -> tuple[Exchange, Delivered]:
    """An exchange that came to `state` by legal moves, and the events that its runtime got."""
    exchange, delivered = Exchange(RESPONSE_BYTES_MAX), []
    match state:
        case RuntimeState.INIT_ERROR:
            exchange.fail_init(b"{}", "")
        case RuntimeState.RESTORE_READY | RuntimeState.RESTORING | RuntimeState.RESTORE_ERROR:
            exchange.restore_next(lambda: None)
        case RuntimeState.READY | RuntimeState.RUNNING | RuntimeState.RESPONDING | RuntimeState.RESPONSE_SENT:
            exchange.next(delivered.append)
    if state in (RuntimeState.RESTORING, RuntimeState.RESTORE_ERROR):
        exchange.restore()
    if state is RuntimeState.RESTORE_ERROR:
        exchange.fail_restore(b"{}", "")
    if state in (RuntimeState.RUNNING, RuntimeState.RESPONDING, RuntimeState.RESPONSE_SENT):
        exchange.offer(EVENT._replace(sink=ResponsePipe(RESPONSE_BYTES_MAX)))
    if state is RuntimeState.RESPONDING:
        exchange.open_stream("r1", "", lambda: None)
    if state is RuntimeState.RESPONSE_SENT:
        exchange.respond("r1", b"1", "", "")
    if state is RuntimeState.EXITED:
        exchange.ended(RuntimeEnded(0, None))
    assert exchange.state is state
    return exchange, delivered


MOVES: dict[str, Callable[[Exchange], Reply | None]] = {
    "next": lambda exchange: exchange.next(lambda event: None),
    "response": lambda exchange: exchange.respond("r1", b"1", "", ""),
    "error": lambda exchange: exchange.fail("r1", b"{}", ""),
    "response to another": lambda exchange: exchange.respond("r2", b"1", "", ""),
    "error to another": lambda exchange: exchange.fail("r2", b"{}", ""),
    "init error": lambda exchange: exchange.fail_init(b"{}", ""),
    "restore next": lambda exchange: exchange.restore_next(lambda: None),
    "restore error": lambda exchange: exchange.fail_restore(b"{}", ""),
}
ANSWERS = {"response", "error", "response to another", "error to another"}
# The status of the answer; None: the runtime is let wait. What is not listed is 403, but see below.
LEGAL = {
    RuntimeState.STARTED: {"next": None, "init error": 202, "restore next": None},
    RuntimeState.RESTORE_READY: {"restore next": None, "init error": 202},
    RuntimeState.RESTORING: {"next": None, "restore error": 202},
    RuntimeState.READY: {"next": None},
    RuntimeState.RUNNING: {"response": 202, "error": 202},
    # The next event may be asked for while the end of the stream is on its way.
    RuntimeState.RESPONDING: {"next": None},
    RuntimeState.RESPONSE_SENT: {"next": None},
}


@pytest.mark.parametrize("state", RuntimeState)
@pytest.mark.parametrize("move", MOVES)
async def test_a_move_is_legal_in_its_states_and_refused_in_all_others(state: RuntimeState, move: str) -> None:
    """Reference: runtime side, 2.2: the texts of the refusals."""
    exchange, _ = in_state(state)
    reply = MOVES[move](exchange)
    saw_event = state in (RuntimeState.RUNNING, RuntimeState.RESPONDING, RuntimeState.RESPONSE_SENT)
    is_to_nothing = move in ANSWERS and (move.endswith("another") or not saw_event)
    expected = LEGAL.get(state, {}).get(move, 400 if is_to_nothing else 403)
    assert (reply and reply.status) == expected
    if expected in (400, 403):
        assert reply is not None
        document = json.loads(reply.body)
        assert exchange.state is state
        if expected == 400:
            assert document == {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
        else:
            assert document["errorType"] == "InvalidStateTransition"
            assert document["errorMessage"].startswith(f"State transition from {state} to ")
            assert document["errorMessage"].endswith(" failed for runtime. Error: State transition is not allowed")


@pytest.mark.parametrize(
    ("answer", "move"),
    [
        (Responded(b"1", "application/json"), lambda exchange: exchange.respond("r1", b"1", "application/json", "")),
        (Responded(b"1", ""), lambda exchange: exchange.respond("r1", b"1", "", "streaming")),
        (Failed(b"{}", "Runtime.X"), lambda exchange: exchange.fail("r1", b"{}", "Runtime.X")),
        (ResponseTooLarge(RESPONSE_BYTES_MAX), lambda exchange: exchange.respond("r1", None, "", "")),
        (InvalidResponseMode(), lambda exchange: exchange.respond("r1", b"1", "", "slowly")),
        (RuntimeEnded(3, None), lambda exchange: exchange.ended(RuntimeEnded(3, None))),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Answer) else "",
)
async def test_the_caller_gets_the_runtimes_answer(answer: Answer, move: Callable[[Exchange], object]) -> None:
    exchange = Exchange(RESPONSE_BYTES_MAX)
    exchange.next(lambda event: None)
    waiting = exchange.offer(EVENT)
    move(exchange)
    assert await waiting == answer


@pytest.mark.parametrize(
    ("move", "status", "body"),
    [
        (
            lambda exchange: exchange.respond("r1", None, "", ""),
            413,
            {
                "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
                "errorType": "RequestEntityTooLarge",
            },
        ),
        (
            lambda exchange: exchange.respond("r1", b"1", "", "slowly"),
            400,
            {"errorMessage": "Invalid function response mode", "errorType": "InvalidFunctionResponseMode"},
        ),
    ],
    ids=["too large", "response mode"],
)
async def test_a_response_that_cannot_be_is_refused(
    move: Callable[[Exchange], Reply], status: int, body: dict[str, str]
) -> None:
    """Reference: runtime side, 2.2."""
    exchange, _ = in_state(RuntimeState.RUNNING)
    reply = move(exchange)
    assert (reply.status, json.loads(reply.body)) == (status, body)
    # It was an answer all the same: the runtime goes on with the next event.
    assert exchange.next(lambda event: None) is None


async def test_an_event_waits_for_a_runtime_that_has_not_asked_yet() -> None:
    exchange, delivered = Exchange(RESPONSE_BYTES_MAX), []
    exchange.offer(EVENT)
    assert exchange.has_undelivered_event
    exchange.next(delivered.append)
    assert delivered == [EVENT]
    assert not exchange.has_undelivered_event


async def test_the_first_next_ends_the_init_phase() -> None:
    exchange = Exchange(RESPONSE_BYTES_MAX)
    waiting = asyncio.ensure_future(exchange.wait_init())
    await asyncio.sleep(0)
    assert not waiting.done()
    exchange.next(lambda event: None)
    assert await waiting is None


async def test_an_init_that_fails_or_ends_is_told_to_whoever_waits() -> None:
    failed, ended = Exchange(RESPONSE_BYTES_MAX), Exchange(RESPONSE_BYTES_MAX)
    failed.fail_init(b"why", "Runtime.X")
    ended.ended(RuntimeEnded(None, 9))
    assert await failed.wait_init() == Failed(b"why", "Runtime.X")
    assert await ended.wait_init() == RuntimeEnded(None, 9)
    failed.restart()
    assert failed.state is RuntimeState.STARTED
    failed.next(lambda event: None)
    assert await failed.wait_init() is None


async def test_after_a_timeout_the_late_answer_is_refused() -> None:
    """Reference: runtime side, 2.2: an expired request id."""
    exchange, _ = in_state(RuntimeState.READY)
    waiting = exchange.offer(EVENT)
    exchange.withdraw()
    reply = exchange.respond("r1", b"1", "", "")
    assert (reply.status, json.loads(reply.body)["errorType"]) == (400, "InvalidRequestID")
    assert not waiting.done()


async def test_a_runtime_that_dies_before_it_asked_leaves_the_event_undelivered() -> None:
    exchange, _ = in_state(RuntimeState.READY)
    exchange.forget_poll(lambda event: None)
    exchange.ended(RuntimeEnded(1, None))
    waiting = exchange.offer(EVENT)
    assert exchange.has_undelivered_event
    assert not waiting.done()


async def test_only_the_connection_that_waits_is_forgotten() -> None:
    exchange, former, present = Exchange(RESPONSE_BYTES_MAX), [], []
    polls = [former.append, present.append]
    for poll in polls:
        exchange.next(poll)
    exchange.forget_poll(polls[0])
    exchange.offer(EVENT)
    assert (former, present) == ([], [EVENT])
