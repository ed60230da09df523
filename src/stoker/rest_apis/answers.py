"""The way of a request through an API: may it, is it well formed, and what does what is behind say to it."""

from stoker.front_door.endpoints import Received
from stoker.front_door.identity import CredentialScope
from stoker.http_events.records import HttpAnswer
from stoker.lambda_model.encoding import WireAnswer
from stoker.rest_apis.admission import Admission
from stoker.rest_apis.authorization import Authorization
from stoker.rest_apis.function_calls import FunctionCalls, failed, shown_trace
from stoker.rest_apis.large_bodies import worked
from stoker.rest_apis.mapping import Mappings
from stoker.rest_apis.requests import ApiRequest
from stoker.rest_apis.server_calls import ServerCalls
from stoker.rest_apis.validation import check_request

# Without a body by definition (RFC 9110, 6.4.1): one that was sent would be taken for the next answer.
_STATUSES_WITHOUT_BODY = frozenset({204, 304})


class Answers:
    """Of all REST APIs."""

    def __init__(
        self,
        authorization: Authorization,
        admission: Admission,
        functions: FunctionCalls,
        servers: ServerCalls,
        mappings: Mappings,
    ) -> None:
        self._authorization = authorization
        self._admission = admission
        self._functions = functions
        self._servers = servers
        self._mappings = mappings

    async def answer(self, asked: ApiRequest, received: Received, credentials: CredentialScope | None) -> WireAnswer:
        """Raises RequestRefusedError."""
        authorised = await self._authorization.check(asked, received, credentials)
        asked = asked._replace(authorised=authorised)
        asked = asked._replace(authorised=self._admission.admit(asked))
        return await self.integrated(asked)

    async def integrated(self, asked: ApiRequest) -> WireAnswer:
        """What is behind says, to a request that may. Raises RequestRefusedError."""
        await worked(len(asked.body), check_request, asked)
        integration = asked.method.method_integration
        if integration is None:
            raise failed(500)
        if integration.type == "AWS_PROXY":
            answer, trace = await self._functions.proxied(asked, integration)
            return _wire(answer, {"x-amzn-trace-id": shown_trace(trace)})
        if integration.type == "HTTP_PROXY":
            return _wire(await self._servers.proxied(asked, integration), {})
        return await self._mappings.answer(asked, integration)


def _wire(answer: HttpAnswer, headers: dict[str, str]) -> WireAnswer:
    body = b"" if answer.status in _STATUSES_WITHOUT_BODY else answer.body
    return WireAnswer(answer.status, {**answer.headers, **headers}, body, answer.cookies)
