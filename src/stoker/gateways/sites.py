"""The APIs of a node as the front door asks for them: first whose API it is, then its kind answers."""

from collections.abc import Callable, Sequence
from typing import Protocol

from stoker.errors import AccessDeniedException
from stoker.front_door.endpoints import Asked, Endpoint
from stoker.front_door.identity import CredentialScope
from stoker.front_door.request import HttpRequest
from stoker.front_door.wire import ErrorStyle, gateway_error
from stoker.gateways.addresses import Addressed, ApiAddresses

ByHost = Callable[[str, str], Addressed | None]
"""From a Host and a raw path to the API that a custom domain name leads to."""


class ApiKind(Protocol):
    """APIs of one kind: HTTP APIs, say."""

    def find(self, addressed: Addressed, request: HttpRequest, credentials: CredentialScope | None) -> Endpoint | None:
        """Whoever answers for that API; None when it is none of this kind."""
        ...


class ApiSites:
    """All APIs of a node, whatever their kind."""

    def __init__(self, addresses: ApiAddresses, kinds: Sequence[ApiKind], by_host: ByHost) -> None:
        """`by_host` is asked when neither host nor path are an API's own."""
        self._addresses = addresses
        self._kinds = kinds
        self._by_host = by_host

    def find(self, request: HttpRequest, credentials: CredentialScope | None) -> Endpoint | None:
        """Whoever answers for the API that `request` is for, whether or not there is such an API; None for every other
        request."""
        host = request.headers.get("host", "")
        addressed = self._addresses.find(host, request.raw_path) or self._by_host(host, request.raw_path)
        if addressed is None:
            return None
        for kind in self._kinds:
            endpoint = kind.find(addressed, request, credentials)
            if endpoint is not None:
                return endpoint
        return _NoApi()


class _NoApi:
    """AWS's names lead somewhere for every id; whoever answers there knows no such API."""

    error_style: ErrorStyle = staticmethod(gateway_error)

    def ask(self, request: HttpRequest) -> Asked:
        """Raises AccessDeniedException."""
        raise AccessDeniedException
