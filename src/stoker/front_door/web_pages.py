"""Keeps web pages out: a node without credentials trusts whoever can reach its loopback port, and a browser can.

A page of another site may send simple requests (their `Origin` tells), or point a name of its own at 127.0.0.1 and then
send any (DNS rebinding: their `Host` tells). Tools send no `Origin`, and call the node by an address or a local name.
"""

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from stoker.errors import AccessDeniedException
from stoker.front_door.request import HttpRequest

# Answers about so many names are kept, of none that is longer than a name of DNS with a port.
KEPT_NAMES_MAX = 256
KEPT_NAME_LENGTH_MAX = 270


class WebPageGuard:
    """For nodes without credentials; with them, a signature is what a page cannot make."""

    def __init__(self, host: str, allowed_hosts: Collection[str], domains: Collection[str] = ()) -> None:
        """`host` is where the node listens; `allowed_hosts` are further names by which it is called, and all names
        below `domains`."""
        self._names = {"localhost", host.lower(), *(name.lower() for name in allowed_hosts)}
        self._suffixes = (".localhost", *(f".{domain.lower()}" for domain in domains))
        self._is_known_local = lru_cache(KEPT_NAMES_MAX)(self._looks_local)

    def check(self, request: HttpRequest) -> None:
        """Raises AccessDeniedException."""
        host = request.headers.get("host")
        if host is not None and not self._is_local(f"//{host}"):
            raise AccessDeniedException(
                f"This node has no credentials, so it does not answer as {host[:256]}. Call it as localhost or by its "
                "address, or put the name into the setting allowed_hosts."
            )
        origin = request.headers.get("origin")
        if origin is not None and not self._is_local(origin):
            raise AccessDeniedException("This node has no credentials, so it does not answer web pages of other sites.")

    def _is_local(self, url: str) -> bool:
        return self._is_known_local(url) if len(url) <= KEPT_NAME_LENGTH_MAX else self._looks_local(url)

    def _looks_local(self, url: str) -> bool:
        try:
            name = urlsplit(url).hostname
        except ValueError:
            return False
        if name is None:
            return False
        if name in self._names or name.endswith(self._suffixes):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        # As a host an address is safe, since nobody can point it elsewhere; as an origin it must be this machine's.
        return url.startswith("//") or ipaddress.ip_address(name).is_loopback
