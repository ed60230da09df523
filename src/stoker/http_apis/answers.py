"""From a request that has found its route to its answer: who asks, then what the route leads to."""

import time
from collections.abc import Callable

from stoker.errors import GatewayRefusal
from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.http_apis.authorization import Authorization
from stoker.http_apis.function_calls import FunctionCalls
from stoker.http_apis.http_calls import HttpCalls
from stoker.http_apis.mapping import mapped_answer
from stoker.http_apis.requests import ApiRequest
from stoker.http_apis.variables import response_values
from stoker.http_events.records import HttpAnswer
from stoker.lambda_model.encoding import WireAnswer

# Without a body by definition (RFC 9110, 6.4.1): one that was sent would be taken for the next answer.
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


class Answers:
    """Of all HTTP APIs."""

    def __init__(
        self,
        authorization: Authorization,
        functions: FunctionCalls,
        servers: HttpCalls,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._authorization = authorization
        self._functions = functions
        self._servers = servers

    async def answer(self, asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> WireAnswer:
        """Raises GatewayRefusal, AccessDeniedException and RequestTooLargeException."""
        authorised = await self._authorization.check(asked, received, credentials)
        integration = asked.route.integration
        if integration is None:
            raise GatewayRefusal(500, "Internal Server Error")
        asked.trail.authorised = authorised
        begun_s = self._now_s()
        try:
            if integration.kind == "AWS_PROXY":
                answer = await self._functions.answer(asked, authorised, integration)
            else:
                answer = await self._servers.answer(asked, integration)
            asked.trail.integration_status = answer.status
        finally:
            asked.trail.integration_ms = int((self._now_s() - begun_s) * 1000)
        return _wire(mapped_answer(answer, integration.response_parameters, response_values(asked, answer)))


def _wire(answer: HttpAnswer) -> WireAnswer:
    body = b"" if answer.status in _STATUSES_WITHOUT_BODY else answer.body
    return WireAnswer(answer.status, answer.headers, body, answer.cookies)
