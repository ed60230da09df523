"""Other servers behind routes (`HTTP_PROXY`): the request is passed on, and what comes back is passed back.

Both are held whole, within the limit that APIs have. Source: Amazon API Gateway Developer Guide, "Create HTTP proxy
integrations for HTTP APIs".
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import urllib3

from stoker.errors import GatewayRefusal
from stoker.gateways.functions import with_stage_variables
from stoker.http_apis.events import mapped_request
from stoker.http_apis.plans import Integration
from stoker.http_apis.requests import ApiRequest
from stoker.http_events.connection_headers import answer_headers, is_passed_to_function
from stoker.http_events.records import HttpAnswer, HttpCall
from stoker.limits import MIB

log = logging.getLogger("stoker.http_apis")

ANSWER_BYTES_MAX = 10 * MIB
PIECE_BYTES = 64 * 1024
THREADS_MAX = 32
CONNECTIONS_KEPT_MAX = 16  # for each server


class HttpCalls:
    """Asks them, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, "http-integrations")
        self._http = urllib3.PoolManager(maxsize=CONNECTIONS_KEPT_MAX, retries=False)

    def close(self) -> None:
        """Start no further call. Those that run end by themselves, within their time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._http.clear()

    async def answer(self, asked: ApiRequest, integration: Integration) -> HttpAnswer:
        """Raises GatewayRefusal."""
        if asked.request.sandbox_caller is not None:
            # A function whose sandbox has no way out does not get one by an API.
            asked.trail.integration_error = "Functions reach no other servers by APIs"
            raise GatewayRefusal(403, "Forbidden")
        call = mapped_request(asked, integration)
        url = _url(asked, integration, call)
        deadline_s = time.monotonic() + integration.timeout_s
        running = asyncio.get_running_loop().run_in_executor(
            self._threads, self._ask, url, integration.method, call, deadline_s
        )
        try:
            async with asyncio.timeout(integration.timeout_s):
                return await running
        except (TimeoutError, urllib3.exceptions.HTTPError) as error:
            asked.trail.integration_error = f"{url[:256]}: {error or 'it took too long'}"
            log.info("an HTTP integration of %s failed: %s", asked.plan.key.api_id, asked.trail.integration_error)
            raise GatewayRefusal(503, "Service Unavailable") from None

    def _ask(self, url: str, method: str, call: HttpCall, deadline_s: float) -> HttpAnswer:
        """In a thread. Raises urllib3's HTTPError and TimeoutError."""
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        response = self._http.request(
            call.method if method == "ANY" else method,
            url,
            body=call.body or None,
            headers=_headers(call),
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


def _url(asked: ApiRequest, integration: Integration, call: HttpCall) -> str:
    """With the path's variables and the stage's, and the query of the request."""
    url = with_stage_variables(integration.uri, asked.plan.variables)
    for name, value in asked.path_parameters.items():
        url = url.replace(f"{{{name}}}", quote(value, safe="/"))
    if "overwrite:path" in integration.request_parameters:
        parts = urllib3.util.parse_url(url)
        url = f"{parts.scheme}://{parts.netloc}{call.raw_path}"
    if call.raw_query:
        url += f"{'&' if '?' in url else '?'}{call.raw_query}"
    return url


def _headers(call: HttpCall) -> urllib3.HTTPHeaderDict:
    headers = urllib3.HTTPHeaderDict()
    host = ""
    for name_bytes, value_bytes in call.headers:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        if name == "host":
            host = value
        elif name != "content-length" and is_passed_to_function(name):
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
