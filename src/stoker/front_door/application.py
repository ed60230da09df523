"""The raw ASGI application: from a request's first line to its response, in the one order that is safe.

Choose the endpoint, find what is asked, check the signature's frame, read the body within its limit, verify the
signature, answer. A client that hangs up stops listening, but what it started runs to its end: an invocation is not
cancelled on AWS either (reference: invocation, 1).
"""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

from stoker.clock import Clock
from stoker.config import Settings
from stoker.errors import ServiceException, ServiceNotProvidedException
from stoker.front_door.endpoints import Asked, Endpoint, Received
from stoker.front_door.identity import CredentialScope, Identification, credential_scope
from stoker.front_door.json_services import JsonEndpoint, JsonService, target_prefix
from stoker.front_door.lambda_endpoint import LambdaEndpoint
from stoker.front_door.raw_routes import PREFIX, RawEndpoint, RawRoute
from stoker.front_door.request import ClientGoneError, HttpRequest, Receive, Scope, Send, http_request, read_body
from stoker.front_door.wire import ErrorStyle, answered, json_error, rest_error, send_answer, xml_error
from stoker.lambda_model.call import Operation
from stoker.lambda_model.encoding import WireAnswer

# Hashing a larger body takes more than a millisecond, which the event loop should not wait for.
HASHED_INLINE_BYTES_MAX = 1 << 20


class Application:
    """Everything that listens behind the one port."""

    def __init__(
        self,
        settings: Settings,
        operations: Mapping[str, Operation],
        json_services: Mapping[str, JsonService],
        raw_routes: Mapping[str, RawRoute],
        clock: Clock,
    ) -> None:
        self._identification = Identification(settings, clock)
        self._lambda = LambdaEndpoint(operations)
        self._json = {endpoint.target_prefix: endpoint for endpoint in map(JsonEndpoint, json_services.values())}
        self._raw = RawEndpoint(raw_routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request_id = str(uuid4())
        try:
            answer = await answered(self._serve(scope, receive, request_id), rest_error, request_id)
            await send_answer(answer, request_id, send)
        except ClientGoneError:
            return
        except asyncio.CancelledError:
            # Only a server that stops cancels a request, when its grace is over. Passed on, it would be logged as a
            # failure of ours, and the client would get a bare 500.
            stopped = rest_error(ServiceException("The node was stopped before the call ended."), request_id)
            await send_answer(stopped, request_id, send)

    async def _serve(self, scope: Scope, receive: Receive, request_id: str) -> WireAnswer:
        request = http_request(scope)
        credentials = credential_scope(request)
        endpoint = self._endpoint(request, credentials)
        return await answered(
            self._serve_at(endpoint, request, credentials, receive, request_id), endpoint.error_style, request_id
        )

    async def _serve_at(
        self,
        endpoint: Endpoint,
        request: HttpRequest,
        credentials: CredentialScope | None,
        receive: Receive,
        request_id: str,
    ) -> WireAnswer:
        asked = endpoint.ask(request)
        verify = self._identification.check(request, asked.service) if asked.needs_signature else None
        body = await read_body(request, receive, asked.limit)
        if verify is not None:
            if len(body) <= HASHED_INLINE_BYTES_MAX:
                verify(body)
            else:
                await asyncio.to_thread(verify, body)
        return await asked.answer(Received(request, body, self._identification.caller(credentials), request_id))

    def _endpoint(self, request: HttpRequest, credentials: CredentialScope | None) -> Endpoint:
        """Who answers: by path for our own, by target for JSON services, by what it is signed for, else Lambda."""
        if request.raw_path.startswith(PREFIX):
            return self._raw
        prefix = target_prefix(request)
        if prefix is not None:
            return self._json.get(prefix) or Absent(_service_name(credentials) or prefix, json_error)
        service = _service_name(credentials)
        if service in (None, "lambda"):
            return self._lambda
        return Absent(service, _style_of_stranger(request, service))


class Absent:
    """A service that Stoker does not provide: refused by name, in a form its clients can read."""

    def __init__(self, service: str, error_style: ErrorStyle) -> None:
        self._service = service
        self._error_style = error_style

    @property
    def error_style(self) -> ErrorStyle:
        """How the clients of that service expect errors."""
        return self._error_style

    def ask(self, request: HttpRequest) -> Asked:
        """Raises the refusal."""
        raise ServiceNotProvidedException(self._service)


def _service_name(credentials: CredentialScope | None) -> str | None:
    return credentials.service if credentials is not None else None


def _style_of_stranger(request: HttpRequest, service: str | None) -> ErrorStyle:
    """XML for S3 and for services that take forms (SNS, STS, IAM), JSON for the rest."""
    content_type = request.headers.get("content-type", "")
    if service in ("s3", "s3express") or content_type.startswith("application/x-www-form-urlencoded"):
        return xml_error
    return rest_error
