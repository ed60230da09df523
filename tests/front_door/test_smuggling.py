"""Requests that whoever checks before us, a proxy, might take for something else than we do.

Each has another request where the two readings part. Either the connection ends with a refusal, or what follows is
part of the body: what is hidden is never answered.
"""

import contextlib
import time

import pytest

from stoker.lambda_model.call import ApiAnswer

from .conftest import Door

START = b"POST /2015-03-31/functions/seen/invocations HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
HIDDEN = b"POST /2015-03-31/functions/hidden/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
REFUSED = [
    pytest.param(HOST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\n", id="CL.TE"),
    pytest.param(HOST + CHUNKED + b"Content-Length: 4\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="TE.CL"),
    pytest.param(HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", id="TE twice"),
    pytest.param(HOST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", id="TE, then another"),
    pytest.param(HOST + b"Transfer-Encoding: identity\r\n" + CHUNKED + b"\r\n0\r\n\r\n", id="another, then TE"),
    pytest.param(HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked, then another coding"),
    pytest.param(HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", id="vertical tab before chunked"),
    pytest.param(HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", id="folded TE"),
    pytest.param(HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="space before TE's colon"),
    pytest.param(HOST + b" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="space before TE"),
    pytest.param(HOST + b"Transfer\x00-Encoding: chunked\r\n\r\n0\r\n\r\n", id="zero in TE's name"),
    pytest.param(HOST + b"Transfer-Encoding: chun\x00ked\r\n\r\n0\r\n\r\n", id="zero in TE's value"),
    pytest.param(HOST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="TE behind a bare line feed"),
    pytest.param(HOST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="TE behind a bare return"),
    pytest.param(HOST + b"Content-Length: 0\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
    pytest.param(HOST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", id="one length twice"),
    pytest.param(HOST + b"Content-Length: 2, 2\r\n\r\n{}", id="list of lengths"),
    pytest.param(HOST + b"Content-Length : 2\r\n\r\n{}", id="space before length's colon"),
    pytest.param(HOST + b"Content-Length: 0x2\r\n\r\n{}", id="length in hexadecimal"),
    pytest.param(HOST + b"Content-Length: 2_0\r\n\r\n{}", id="length with an underscore"),
    pytest.param(HOST + b"Content-Length: -2\r\n\r\n{}", id="negative length"),
    pytest.param(HOST + b"Content-Length: 1 1\r\n\r\n{}", id="length of two words"),
    pytest.param(HOST + b"Content-Length: 18446744073709551618\r\n\r\n{}", id="length beyond 64 bits"),
    pytest.param(HOST + b"Content-Length:\r\n\r\n{}", id="empty length"),
    pytest.param(HOST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", id="chunk size with a prefix"),
    pytest.param(HOST + CHUNKED + b"\r\n 2\r\n{}\r\n0\r\n\r\n", id="space before a chunk's size"),
    pytest.param(HOST + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n", id="space behind a chunk's size"),
    pytest.param(HOST + CHUNKED + b"\r\n2\n{}\r\n0\r\n\r\n", id="bare line feed behind a chunk's size"),
    pytest.param(HOST + CHUNKED + b"\r\n2;a\n{}\r\n0\r\n\r\n", id="bare line feed in a chunk's extension"),
    pytest.param(HOST + CHUNKED + b"\r\n2\r\n{}XX0\r\n\r\n", id="chunk without its end"),
    pytest.param(HOST + CHUNKED + b"\r\n10000000000000002\r\n{}\r\n0\r\n\r\n", id="chunk size beyond 64 bits"),
    pytest.param(HOST + CHUNKED + b"\r\n\r\n0\r\n\r\n", id="chunk without a size"),
    pytest.param(b"Host: localhost\r\nHost: elsewhere\r\nContent-Length: 2\r\n\r\n{}", id="two hosts"),
    pytest.param(b" Host: localhost\r\nContent-Length: 2\r\n\r\n{}", id="space before the first header"),
    pytest.param(HOST + b": x\r\nContent-Length: 2\r\n\r\n{}", id="header without a name"),
    pytest.param(HOST + b"X(y): z\r\nContent-Length: 2\r\n\r\n{}", id="header's name that is none"),
    pytest.param(HOST + b"X: y\r\n\tz\r\nContent-Length: 2\r\n\r\n{}", id="folded header"),
]


@pytest.mark.parametrize("rest", REFUSED)
@pytest.mark.parametrize("comes", ["at once", "later"])
def test_what_could_be_read_in_two_ways_is_refused(door: Door, rest: bytes, comes: str) -> None:
    door.outcomes["Invoke"] = lambda call: ApiAnswer({"Payload": b"{}"})
    with door.connect() as connection:
        if comes == "at once":
            connection.sendall(START + rest + HIDDEN)
        else:
            connection.sendall(START + rest)
            time.sleep(0.05)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(HIDDEN)
        answers = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answers += chunk
    assert answers.startswith(b"HTTP/1.1 400 ") or not answers
    assert answers.count(b"HTTP/1.1 ") <= 1
    assert door.calls == []


@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param(b"POST\t/2015-03-31/functions/seen/invocations\tHTTP/1.1\r\n", id="tabs"),
        pytest.param(b"POST /2015-03-31/functions/seen/invocations HTTP/1.1 x\r\n", id="more behind it"),
        pytest.param(b"POST /2015-03-31/functions/seen/invocations\r\n", id="no version"),
        pytest.param(b"POST /2015-03-31/functions/seen/invocations HTTP/2.0\r\n", id="another version"),
        pytest.param(b"POST /2015-03-31/functions/seen/invocations http/1.1\r\n", id="version in lower case"),
        pytest.param(b"POST /2015-03-31/functions/se\x00en/invocations HTTP/1.1\r\n", id="zero in the path"),
        pytest.param(b"POST /2015-03-31/functions/se\ren/invocations HTTP/1.1\r\n", id="return in the path"),
        pytest.param(b"post /2015-03-31/functions/seen/invocations HTTP/1.1\r\n", id="method in lower case"),
    ],
)
def test_a_request_line_has_one_form(door: Door, request_line: bytes) -> None:
    answer = door.send(request_line + HOST + b"Content-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert door.calls == []


def test_a_request_of_the_older_http_has_no_chunks(door: Door) -> None:
    """RFC 9112, 6.1: who sends them is confused, and the connection ends."""
    line = START.replace(b"HTTP/1.1", b"HTTP/1.0")
    door.send(line + HOST + CHUNKED + b"Connection: keep-alive\r\n\r\n0\r\n\r\n" + HIDDEN)
    assert "hidden" not in [call.members["FunctionName"] for call in door.calls]


def test_a_body_that_nobody_read_is_not_the_next_request(door: Door) -> None:
    """A refusal before the body has come: what comes then is still the body."""
    body = HIDDEN * 3
    head = b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    with door.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(body + START + HOST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
        while connection.recv(65536):
            pass
    assert [call.members["FunctionName"] for call in door.calls] == ["seen"]
