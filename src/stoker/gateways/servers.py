"""Other servers behind APIs: asked in threads, within a time; what they are asked and what they answer is held whole,
within the limit that APIs have.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import urllib3

from stoker.http_events.connection_headers import answer_headers, is_passed_to_function
from stoker.http_events.records import HttpAnswer, HttpCall
from stoker.limits import MIB

ANSWER_BYTES_MAX = 10 * MIB
PIECE_BYTES = 64 * 1024
THREADS_MAX = 32
CONNECTIONS_KEPT_MAX = 16  # for each server


class ServerFailedError(Exception):
    """It cannot be reached, or what it says is no answer that could be passed back."""


class Question(NamedTuple):
    """What a server is asked."""

    method: str
    url: str
    headers: urllib3.HTTPHeaderDict
    body: bytes


class Servers:
    """Asks them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, "http-integrations")
        self._http = urllib3.PoolManager(maxsize=CONNECTIONS_KEPT_MAX, retries=False)

    def close(self) -> None:
        """Start no further call. Those that run end by themselves, within their time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def ask(self, question: Question, timeout_s: float) -> HttpAnswer:
        """Redirects are passed back. Raises TimeoutError and ServerFailedError."""
        deadline_s = time.monotonic() + timeout_s
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question, deadline_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await running
        except urllib3.exceptions.HTTPError as error:
            # urllib3 takes a refused connection for a kind of timeout.
            is_late = isinstance(error, urllib3.exceptions.TimeoutError)
            if is_late and not isinstance(error, urllib3.exceptions.NewConnectionError):
                raise TimeoutError from None
            raise ServerFailedError(str(error)) from None

    def _ask(self, question: Question, deadline_s: float) -> HttpAnswer:
        """In a thread. Raises urllib3's HTTPError and TimeoutError."""
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        response = self._http.request(
            question.method,
            question.url,
            body=question.body or None,
            headers=question.headers,
            timeout=left_s,
            redirect=False,
            decode_content=False,
            preload_content=False,
        )
        try:
            body = bytearray()
            for piece in response.stream(PIECE_BYTES, decode_content=False):
                body += piece
                if len(body) > ANSWER_BYTES_MAX or time.monotonic() > deadline_s:
                    response.close()
                    raise urllib3.exceptions.HTTPError("the answer is too large, or takes too long")
        finally:
            response.release_conn()
        return _answer(response, bytes(body))


def forwarded_headers(call: HttpCall) -> urllib3.HTTPHeaderDict:
    """The request's own, with what a proxy says of the client; those of the connection stay behind."""
    headers = urllib3.HTTPHeaderDict()
    host = ""
    for name_bytes, value_bytes in call.headers:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name.lower() == "host":
            host = value
        elif name.lower() != "content-length" and is_passed_to_function(name.lower()):
            headers.add(name, value)
    forwarded = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{forwarded}, {call.source_ip}" if forwarded else call.source_ip
    headers["x-forwarded-port"] = call.port
    headers["x-forwarded-proto"] = "http"
    headers["forwarded"] = f"for={call.source_ip};host={host};proto=http"
    headers.setdefault("accept-encoding", "identity")  # else urllib3 asks for what the client may not know
    return headers


def _answer(response: urllib3.BaseHTTPResponse, body: bytes) -> HttpAnswer:
    """Raises urllib3's HTTPError for what cannot be passed back."""
    cookies = tuple(response.headers.getlist("set-cookie"))
    pairs = [
        (name, ", ".join(response.headers.getlist(name)))
        for name in response.headers
        if name.lower() not in ("set-cookie", "content-length", "connection")
    ]
    try:
        return HttpAnswer(response.status, answer_headers(pairs), cookies, body)
    except ValueError as error:
        raise urllib3.exceptions.HTTPError(str(error)) from None
