"""Function URLs as texts: what a configuration shows, and which URL a request is for.

A URL is known by its host, `<id>.lambda-url.<region>.<domain>`, or by a path of the node, for places where such names
do not resolve (decision 55).
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

PATH_PREFIX = "/_stoker/url/"
LOCAL_DOMAIN = "localhost"
# How long the host may take to say whether it knows names below `localhost`.
RESOLVE_LIMIT_S = 2.0
_HOST = re.compile(r"([a-z0-9]{32})\.lambda-url\.([a-z0-9-]{1,64})\.([^:]{1,253})(?::[0-9]{1,5})?")


class Addressed(NamedTuple):
    """A request for a function URL: `raw_path` is what is left of its path. `region` is None where nothing names it."""

    url_id: str
    region: str | None
    domain_name: str | None
    raw_path: str


class UrlAddresses:
    """Reads and writes them."""

    def __init__(self, domains: Sequence[str] = ()) -> None:
        """`domains` are those below which the node is found, the first of them the one to show."""
        self._domains = tuple(domain.lower() for domain in domains)
        self._known = {LOCAL_DOMAIN, *self._domains}
        self._resolves_local_names: bool | None = None

    def find(self, host: str, raw_path: str) -> Addressed | None:
        """Which URL a request with this Host and path is for; None if it is for none."""
        host = host.lower()
        if ".lambda-url." in host:
            found = _HOST.fullmatch(host)
            if found is not None and found[3] in self._known:
                return Addressed(found[1], found[2], host.partition(":")[0], raw_path or "/")
        if raw_path.startswith(PATH_PREFIX):
            url_id, _, rest = raw_path.removeprefix(PATH_PREFIX).partition("/")
            return Addressed(url_id[:64], None, None, f"/{rest}")
        return None

    async def url(self, url_id: str, region: str, endpoint: str) -> str:
        """The URL to show to who reached the node by `endpoint`: one that works for them as it is."""
        if self._domains:
            return _by_host(url_id, region, self._domains[0], endpoint)
        if _is_loopback(endpoint) and await self._local_names_resolve():
            return _by_host(url_id, region, LOCAL_DOMAIN, endpoint)
        return f"{endpoint}{PATH_PREFIX}{url_id}/"

    async def _local_names_resolve(self) -> bool:
        """Whether this host knows names below `localhost`, which RFC 6761 asks of it but not every resolver does."""
        if self._resolves_local_names is None:
            try:
                async with asyncio.timeout(RESOLVE_LIMIT_S):
                    name = f"a.lambda-url.a.{LOCAL_DOMAIN}"
                    found = await asyncio.get_running_loop().getaddrinfo(name, 80, type=socket.SOCK_STREAM)
                self._resolves_local_names = all(_is_loopback_address(str(entry[4][0])) for entry in found)
            except (OSError, TimeoutError):
                self._resolves_local_names = False
        return self._resolves_local_names


def local_domain_name(url_id: str, region: str) -> str:
    """The host that a URL has where a request does not name one."""
    return f"{url_id}.lambda-url.{region}.{LOCAL_DOMAIN}"


def _by_host(url_id: str, region: str, domain: str, endpoint: str) -> str:
    parts = urlsplit(endpoint)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{url_id}.lambda-url.{region}.{domain}{port}/"


def _is_loopback(endpoint: str) -> bool:
    try:
        name = urlsplit(endpoint).hostname or ""
    except ValueError:
        return False
    return name == LOCAL_DOMAIN or name.endswith(f".{LOCAL_DOMAIN}") or _is_loopback_address(name)


def _is_loopback_address(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
