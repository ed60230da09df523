"""Finds the function URL that a request is for, and checks what can be checked before its body is read."""

from functools import partial
from typing import NamedTuple

from stoker.errors import AccessDeniedException, LambdaError
from stoker.front_door.endpoints import Asked, Received
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import BodyLimit, HttpRequest
from stoker.front_door.wire import URL_FORBIDDEN, url_error
from stoker.function_urls.calls import UrlCall, UrlCalls
from stoker.functions.records import Function, FunctionKey, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.urls.addresses import Addressed, UrlAddresses, local_domain_name
from stoker.functions.urls.records import FunctionUrl
from stoker.http_events.cors import CORS_HEADERS, answer_headers, is_preflight, preflight_headers
from stoker.invocations.authorisation import Authorisation
from stoker.lambda_model.encoding import WireAnswer


class _Place(NamedTuple):
    """Where a URL's configuration is kept."""

    key: FunctionKey
    qualifier: str


class FunctionUrls:
    """All function URLs of a node, by id."""

    def __init__(
        self,
        registry: FunctionRegistry,
        addresses: UrlAddresses,
        authorisation: Authorisation,
        calls: UrlCalls,
        body_bytes_max: int,
    ) -> None:
        self._registry = registry
        self._addresses = addresses
        self._authorisation = authorisation
        self._calls = calls
        self._limit = BodyLimit(body_bytes_max, "InvokeFunction")
        self._places: dict[str, _Place] = {}
        self._ids: dict[FunctionKey, tuple[str, ...]] = {}
        registry.follow(self._note)

    def find(self, request: HttpRequest, credentials: CredentialScope | None) -> "UrlEndpoint | None":
        """Whoever answers for the function URL that `request` is for, whether or not there is such a URL; None for
        every other request."""
        addressed = self._addresses.find(request.headers.get("host", ""), request.raw_path)
        if addressed is None:
            return None
        place = self._places.get(addressed.url_id)
        function = None if place is None else self._registry.find(place.key)
        if place is None or function is None or addressed.region not in (None, place.key[1]):
            return UrlEndpoint(self, addressed, None, credentials)
        url = function.urls[place.qualifier]
        target = FunctionTarget(*place.key, place.qualifier or None)
        return UrlEndpoint(self, addressed, (target, url), credentials)

    def _note(self, key: FunctionKey, function: Function | None) -> None:
        """The follower of every change of a function."""
        for url_id in self._ids.pop(key, ()):
            del self._places[url_id]
        if function is not None and function.urls:
            self._ids[key] = tuple(url.url_id for url in function.urls.values())
            for qualifier, url in function.urls.items():
                self._places[url.url_id] = _Place(key, qualifier)

    # For its endpoints.

    @property
    def limit(self) -> BodyLimit:
        return self._limit

    @property
    def calls(self) -> UrlCalls:
        return self._calls

    def check(self, account_id: str | None, auth_type: str, target: FunctionTarget) -> None:
        """Raises AccessDeniedException."""
        try:
            self._authorisation.check_url(account_id, auth_type, target)
        except AccessDeniedException:
            raise AccessDeniedException(URL_FORBIDDEN) from None


class UrlEndpoint:
    """One URL for one request. `found` is None for a URL that does not exist."""

    def __init__(
        self,
        urls: FunctionUrls,
        addressed: Addressed,
        found: tuple[FunctionTarget, FunctionUrl] | None,
        credentials: CredentialScope | None,
    ) -> None:
        self._urls = urls
        self._addressed = addressed
        self._found = found
        self._credentials = credentials
        self._cors_headers: dict[str, str] = {}

    def error_style(self, error: LambdaError, request_id: str) -> WireAnswer:
        """A page of another site may read errors of the function's, but not that it is not let in."""
        answer = url_error(error, request_id)
        if answer.status == 403:
            return answer
        return answer._replace(headers={**answer.headers, **self._cors_headers})

    def ask(self, request: HttpRequest) -> Asked:
        """Raises AccessDeniedException."""
        if self._found is None:
            raise AccessDeniedException  # with AWS's null for a text
        target, url = self._found
        if url.cors is not None and is_preflight(request.method, request.headers):
            headers = preflight_headers(url.cors, request.headers)
            return Asked(self._urls.limit, partial(_preflight_answer, headers), needs_signature=False)
        if url.cors is not None:
            self._cors_headers = answer_headers(url.cors, request.headers)
        if url.auth_type == "NONE":
            # Before its body is read: a stranger who is not let in shall not make us read one.
            self._urls.check(None, "NONE", target)
        elif self._credentials is None:
            raise AccessDeniedException(URL_FORBIDDEN)
        return Asked(
            self._urls.limit,
            partial(self._answer, target, url),
            needs_signature=url.auth_type == "AWS_IAM",
            service="lambda",
        )

    async def _answer(self, target: FunctionTarget, url: FunctionUrl, received: Received) -> WireAnswer:
        credentials = None
        if url.auth_type == "AWS_IAM":
            self._urls.check(received.caller.account_id, "AWS_IAM", target)
            credentials = self._credentials
        domain_name = self._addressed.domain_name or local_domain_name(url.url_id, target.region)
        call = UrlCall(received, target, url, self._addressed.raw_path, domain_name, credentials)
        answer = await self._urls.calls.answer(call)
        if url.cors is None:
            return answer
        own = {name: value for name, value in answer.headers.items() if name not in CORS_HEADERS}
        if "vary" in own and "vary" in self._cors_headers:
            own["vary"] = f"{own['vary']}, {self._cors_headers['vary']}"
            return answer._replace(headers={**self._cors_headers, **own})
        return answer._replace(headers={**own, **self._cors_headers})


async def _preflight_answer(headers: dict[str, str], _: Received) -> WireAnswer:
    return WireAnswer(200, headers, b"")
