"""The domains below which a node has names: those of the settings, and `localhost`, which every host has (RFC 6761).

Function URLs and APIs have a host of their own below them, and a path of the node where no such name resolves
(decision 55).
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

LOCAL_DOMAIN = "localhost"
# How long the host may take to say whether it knows names below `localhost`.
RESOLVE_LIMIT_S = 2.0


class Domains:
    """Which domains there are, and which of them to show."""

    def __init__(self, domains: Sequence[str] = ()) -> None:
        """`domains` are those below which the node is found, the first of them the one to show."""
        self._domains = tuple(domain.lower() for domain in domains)
        self._known = {LOCAL_DOMAIN, *self._domains}
        self._resolves_local_names: bool | None = None

    def is_known(self, domain: str) -> bool:
        """`domain` is in lower case, without a port."""
        return domain in self._known

    async def shown(self, endpoint: str) -> str | None:
        """The domain whose names work for who reached the node by `endpoint`; None if none is known to."""
        if self._domains:
            return self._domains[0]
        if _is_loopback(endpoint) and await self._local_names_resolve():
            return LOCAL_DOMAIN
        return None

    async def _local_names_resolve(self) -> bool:
        """Whether this host knows names below `localhost`, which RFC 6761 asks of it but not every resolver does."""
        if self._resolves_local_names is None:
            try:
                async with asyncio.timeout(RESOLVE_LIMIT_S):
                    name = f"a.b.{LOCAL_DOMAIN}"
                    found = await asyncio.get_running_loop().getaddrinfo(name, 80, type=socket.SOCK_STREAM)
                self._resolves_local_names = all(_is_loopback_address(str(entry[4][0])) for entry in found)
            except (OSError, TimeoutError):
                self._resolves_local_names = False
        return self._resolves_local_names


def with_host(endpoint: str, host: str) -> str:
    """`endpoint` by another name: its scheme and port stay."""
    parts = urlsplit(endpoint)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{host}{port}"


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
