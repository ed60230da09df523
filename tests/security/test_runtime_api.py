"""The Runtime API survives whatever a function sends it, and keeps to its states."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Answer, Invoke, Neighbour

GARBAGE = {
    "no request at all": b"\x00\xff\xfe\x80" * 1000,
    "a request line without end": b"GET /" + b"a" * 2_000_000,
    "a header without end": b"GET /2018-06-01/ping HTTP/1.1\r\nX: " + b"a" * 2_000_000,
    "very many headers": b"GET /2018-06-01/ping HTTP/1.1\r\n" + b"X: y\r\n" * 300_000,
    "bad chunking": b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "a chunk of monstrous size": b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n",
    "a negative length": b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a length of monstrous size": b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n"
    b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "two lengths": b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n"
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a path outside": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is none": b"EXPLODE /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
}


class Abuse:
    """One function that does what the event says."""

    def __init__(self, name: str, invoke: Invoke, neighbour: Neighbour) -> None:
        self._name, self._invoke, self._neighbour = name, invoke, neighbour

    def answer(self, do: str, **event: Any) -> Answer:
        return self._neighbour.answers_during(lambda: self._invoke(self._name, {"do": do, **event}))


@pytest.fixture
def abuse(hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour) -> Abuse:
    return Abuse(hostile("runtime_api.dispatch", Timeout=10, MemorySize=1769), invoke, neighbour)


@pytest.mark.parametrize("claim", GARBAGE)
def test_garbage_is_refused_and_the_next_invocation_works(claim: str, abuse: Abuse) -> None:
    if len(GARBAGE[claim]) > 1_000_000:
        abuse.answer("exchange", request=base64.b64encode(b"GET / HTTP/1.1\r\n\r\n").decode()).value  # noqa: B018
    answer = abuse.answer("exchange", request=base64.b64encode(GARBAGE[claim][:3_000_000]).decode()).value
    assert answer.get("closed") or answer.get("silent") or 400 <= answer["status"] < 600, answer
    assert abuse.answer("next_while_busy").value["status"] == 403


def test_next_while_an_invocation_runs_is_an_illegal_state(abuse: Abuse) -> None:
    answer = abuse.answer("next_while_busy").value
    assert answer["status"] == 403
    assert json.loads(answer["body"])["errorType"] == "InvalidStateTransition"


def test_a_wrong_request_id_is_refused(abuse: Abuse) -> None:
    answer = abuse.answer("answer_another", id="3b1f0d1e-0000-4000-8000-000000000000").value
    assert answer["status"] == 400
    assert json.loads(answer["body"]) == {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}


def test_the_first_of_several_responses_is_the_callers(abuse: Abuse) -> None:
    assert abuse.answer("answer_first").body == b'"first"'
    first, second = abuse.answer("read_notes").value
    assert first["status"] == 202
    assert second["status"] in (400, 403)


def test_an_init_error_after_init_is_an_illegal_state(abuse: Abuse) -> None:
    assert abuse.answer("report_init_error_late").value["status"] == 403


def test_bytes_that_are_no_text_reach_the_caller_as_they_are(abuse: Abuse) -> None:
    body = bytes(range(256))
    answer = abuse.answer("answer_bytes", body=base64.b64encode(body).decode())
    assert (answer.status, answer.error, answer.body) == (200, None, body)


def test_silent_connections_keep_nobody_waiting(abuse: Abuse) -> None:
    answer = abuse.answer("flood", connections=400).value
    assert answer.get("status", 404) == 404, "a flood may shut its own function out, and only that"
    assert abuse.answer("next_while_busy").value["status"] == 403
