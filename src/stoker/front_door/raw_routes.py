"""Paths under `/_stoker/` that belong to no AWS API: health, downloads of code, the console.

A route is found by the longest prefix and answers whatever it likes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from stoker.errors import AccessDeniedException, UnknownOperationException
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import ErrorStyle, rest_error
from stoker.lambda_model.call import Caller
from stoker.lambda_model.encoding import WireAnswer
from stoker.lambda_model.service import parse_query
from stoker.limits import CONTROL_REQUEST_BYTES_MAX

PREFIX = "/_stoker/"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """`path` is as it came, percent-encoded; header names are lower case; `query` is decoded.

    `caller` is as the request's signature says; who may ask anything without one is whoever the node takes them for.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An iterator as body is sent in chunks, as it yields."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""


@dataclass(frozen=True, slots=True)
class RawRoute:
    """`needs_signature` is false for what anybody may ask, even when the node has credentials."""

    answer: Callable[[RawRequest], Awaitable[RawResponse]]
    needs_signature: bool = True
    body_bytes_max: int = CONTROL_REQUEST_BYTES_MAX


class RawEndpoint:
    """All raw routes, by path prefix. A prefix that does not end in a slash is a path of its own."""

    error_style: ErrorStyle = staticmethod(rest_error)

    def __init__(self, routes: Mapping[str, RawRoute]) -> None:
        strays = [prefix for prefix in routes if not prefix.startswith(PREFIX)]
        if strays:
            raise ValueError(f"raw routes live under {PREFIX}: {', '.join(strays)}")
        self._routes = sorted(routes.items(), key=lambda item: len(item[0]), reverse=True)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises UnknownOperationException, and AccessDeniedException for who is in a sandbox: what is no API of AWS's
        and not for everybody is for whoever runs the node."""
        for prefix, route in self._routes:
            if request.raw_path == prefix or (prefix.endswith("/") and request.raw_path.startswith(prefix)):
                if route.needs_signature and request.sandbox_caller is not None:
                    raise AccessDeniedException("This is not for functions.")
                return Asked(
                    limit=BodyLimit(route.body_bytes_max, prefix),
                    answer=partial(self._answer, route),
                    needs_signature=route.needs_signature,
                )
        raise UnknownOperationException(f"There is nothing at {request.raw_path[:256]}", has_type=False)

    async def _answer(self, route: RawRoute, received: Received) -> WireAnswer:
        request = received.request
        response = await route.answer(
            RawRequest(
                request.method,
                request.raw_path,
                parse_query(request.query_string),
                request.headers,
                received.body,
                received.caller,
            )
        )
        return WireAnswer(response.status, response.headers, response.body)
