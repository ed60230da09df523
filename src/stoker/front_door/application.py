"""From a request's head to its answer, in the one order that is safe.

Choose the endpoint, find what is asked, check the signature's frame, read the body within its limit, verify the
signature, answer. A client that hangs up stops listening, but what it started runs to its end: an invocation is not
cancelled on AWS either (reference: invocation, 1).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from stoker.clock import Clock
from stoker.config import Settings
from stoker.errors import ServiceException, ServiceNotProvidedException
from stoker.front_door.body_stream import BodyStream
from stoker.front_door.endpoints import Asked, Endpoint, Received, Sites
from stoker.front_door.identity import CredentialScope, Identification, credential_scope
from stoker.front_door.json_services import JsonEndpoint, JsonService, target_prefix
from stoker.front_door.lambda_endpoint import LambdaEndpoint
from stoker.front_door.neighbours import NeighbourEndpoint, Neighbours, asked_service, style_of
from stoker.front_door.query_services import QueryEndpoint, QueryService
from stoker.front_door.raw_routes import PREFIX, RawEndpoint, RawRoute
from stoker.front_door.request import HttpRequest, IncomingBody, RequestHead, http_request, read_body
from stoker.front_door.rest_services import RestEndpoint, RestService
from stoker.front_door.sigv4 import covers_unread_body, stated_hash
from stoker.front_door.wire import ErrorStyle, answered, rest_error, transport_error
from stoker.lambda_model.call import Operation
from stoker.lambda_model.encoding import WireAnswer
from stoker.role_sessions import RoleSessions

# Hashing a larger body takes more than a millisecond, which the event loop should not wait for.
HASHED_INLINE_BYTES_MAX = 1 << 20
# Of what a neighbour would take while it arrives, but whose signature needs the whole body: more than any service but
# S3, which says enough in a header, has in a request.
HASHED_BYTES_MAX = 32 << 20


class Application:
    """Everything that listens behind the one port."""

    shows_request_ids = True

    def __init__(
        self,
        settings: Settings,
        operations: Mapping[str, Operation],
        json_services: Mapping[str, JsonService],
        raw_routes: Mapping[str, RawRoute],
        clock: Clock,
        neighbours: Neighbours | None = None,
        rest_services: Collection[RestService] = (),
        query_services: Collection[QueryService] = (),
        role_sessions: RoleSessions | None = None,
        sites: Sequence[Sites] = (),
    ) -> None:
        self._identification = Identification(settings, clock, role_sessions)
        self._lambda = LambdaEndpoint(operations, settings.limits)
        self._json = {endpoint.target_prefix: endpoint for endpoint in map(JsonEndpoint, json_services.values())}
        self._rest = [RestEndpoint(service) for service in rest_services]
        self._query = {endpoint.signing_name: endpoint for endpoint in map(QueryEndpoint, query_services)}
        self._raw = RawEndpoint(raw_routes)
        self._neighbours = neighbours
        self._sites = sites

    async def answer(self, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        """The answer to one request, or its refusal. Raises ClientGoneError only."""
        return await answered(self._serve(head, body, request_id), rest_error, request_id)

    def refusal(self, status: int, message: str) -> WireAnswer:
        """What is said to what is no request, or comes too slowly."""
        return transport_error(status, message)

    def stopped(self, request_id: str) -> WireAnswer:
        """What is said when the node ends before the request does."""
        return rest_error(ServiceException("The node was stopped before the call ended."), request_id)

    async def _serve(self, head: RequestHead, body: IncomingBody, request_id: str) -> WireAnswer:
        request = http_request(head)
        credentials = credential_scope(request)
        endpoint = self._endpoint(request, credentials)
        return await answered(
            self._serve_at(endpoint, request, credentials, body, request_id), endpoint.error_style, request_id
        )

    async def _serve_at(
        self,
        endpoint: Endpoint,
        request: HttpRequest,
        credentials: CredentialScope | None,
        incoming: IncomingBody,
        request_id: str,
    ) -> WireAnswer:
        asked = endpoint.ask(request)
        caller = self._identification.caller(request, credentials)
        verify = self._identification.check(request, asked.service) if asked.needs_signature else None
        if asked.streams and (verify is None or covers_unread_body(request, asked.service)):
            if verify is not None:
                verify(None)
            stream = BodyStream(request, incoming, asked.limit, stated_hash(request) if verify is not None else None)
            return await asked.answer(Received(request, b"", caller, request_id, stream))
        limit = replace(asked.limit, bytes_max=HASHED_BYTES_MAX) if asked.streams else asked.limit
        body = await read_body(request, incoming, limit)
        if verify is not None:
            if len(body) <= HASHED_INLINE_BYTES_MAX:
                verify(body)
            else:
                await asyncio.to_thread(verify, body)
        return await asked.answer(Received(request, body, caller, request_id, client=incoming))

    def _endpoint(self, request: HttpRequest, credentials: CredentialScope | None) -> Endpoint:
        """Who answers: sites (function URLs, APIs), by path for our own, by target for JSON services, by what it is
        signed for, else Lambda.

        The same service may be asked in JSON and, by older clients, in forms.
        """
        for sites in self._sites:
            site = sites.find(request, credentials)
            if site is not None:
                return site
        if request.raw_path.startswith(PREFIX):
            return self._raw
        prefix = target_prefix(request)
        if prefix is not None and prefix in self._json:
            return self._json[prefix]
        service = asked_service(request, credentials)
        is_guess = credentials is None and self._neighbours is None
        if prefix is None and (service in (None, "lambda") or is_guess):
            return self._lambda
        for rest in self._rest if prefix is None else ():
            if rest.is_for(service, request.raw_path):
                return rest
        if prefix is None and service in self._query:
            return self._query[service]
        style = style_of(request, service)
        if self._neighbours is None or service in (None, "lambda", "logs"):
            return Absent(service or str(prefix), style)
        return NeighbourEndpoint(self._neighbours, service, credentials, style)


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
