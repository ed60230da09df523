"""What a connection does with clients that read slowly, go away, or speak the older HTTP."""

import asyncio
import socket
import time

from stoker.clock import SystemClock
from stoker.config import Settings
from stoker.front_door.server import FrontDoor
from stoker.lambda_model.call import ApiAnswer, ApiCall

from .conftest import Door

INVOKE = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
MIB = 1024 * 1024


def test_a_client_that_does_not_read_its_answers_is_not_answered_further(door: Door) -> None:
    door.outcomes["Invoke"] = lambda _: ApiAnswer({"Payload": b"x" * MIB})
    requests = 100
    with door.connect() as connection:
        connection.sendall(INVOKE * requests)
        _wait_still(door)
        assert 0 < len(door.calls) < requests / 2
        received = 0
        while received < requests * MIB:
            received += len(connection.recv(MIB))
    assert len(door.calls) == requests


def test_a_request_runs_to_its_end_although_its_client_has_gone(door: Door) -> None:
    ended = []

    async def slow(_: ApiCall) -> ApiAnswer:
        await asyncio.sleep(0.2)
        ended.append(True)
        return ApiAnswer()

    door.outcomes["Invoke"] = slow
    with door.connect() as connection:
        connection.sendall(INVOKE)
    time.sleep(0.5)
    assert ended == [True]


def test_what_a_gone_client_sent_behind_its_request_is_not_begun(door: Door) -> None:
    async def slow(_: ApiCall) -> ApiAnswer:
        await asyncio.sleep(0.2)
        return ApiAnswer()

    door.outcomes["Invoke"] = slow
    with door.connect() as connection:
        connection.sendall(INVOKE * 3)
    time.sleep(0.6)
    # How many began before the end of the connection was heard is a matter of the kernel's timing.
    assert len(door.calls) < 3


def test_the_older_http_gets_a_stream_without_chunks(door: Door) -> None:
    answer = door.send(b"GET /_stoker/stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == b"one,two"


def test_a_stream_that_breaks_is_told_by_its_missing_end(door: Door) -> None:
    answer = door.send(b"GET /_stoker/stream?fail HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.endswith(b"\r\n4\r\none,\r\n3\r\ntwo\r\n")


def test_the_answer_to_head_has_a_length_and_no_body(door: Door) -> None:
    head, _, body = door.send(b"HEAD /_stoker/health HTTP/1.1\r\nHost: localhost\r\n\r\n").partition(b"\r\n\r\n")
    assert b"content-length: 20" in head.lower()
    assert body == b""


async def test_stopping_does_not_wait_for_a_client_that_does_not_read() -> None:
    async def large(_: ApiCall) -> ApiAnswer:
        return ApiAnswer({"Payload": b"x" * 32 * MIB})

    listener = socket.create_server(("127.0.0.1", 0))
    door = FrontDoor(Settings(), {"Invoke": large}, {}, {}, listener, SystemClock())
    await door.start()
    _, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1], limit=1)
    writer.write(INVOKE * 3)
    await asyncio.sleep(0.3)
    async with asyncio.timeout(5):
        await door.stop(0.5)
    writer.close()


def _wait_still(door: Door) -> None:
    """Until no further call has been made for a while."""
    calls = -1
    deadline_s = time.monotonic() + 10
    while calls != len(door.calls) and time.monotonic() < deadline_s:
        calls = len(door.calls)
        time.sleep(0.3)
