"""Function URLs as texts: what a configuration shows, and which URL a request is for.

A URL is known by its host, `<id>.lambda-url.<region>.<domain>`, or by a path of the node, for places where such names
do not resolve (decision 55).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stoker.front_door.domains import LOCAL_DOMAIN, Domains, with_host

PATH_PREFIX = "/_stoker/url/"
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
        self._domains = Domains(domains)

    def find(self, host: str, raw_path: str) -> Addressed | None:
        """Which URL a request with this Host and path is for; None if it is for none."""
        host = host.lower()
        if ".lambda-url." in host:
            found = _HOST.fullmatch(host)
            if found is not None and self._domains.is_known(found[3]):
                return Addressed(found[1], found[2], host.partition(":")[0], raw_path or "/")
        if raw_path.startswith(PATH_PREFIX):
            url_id, _, rest = raw_path.removeprefix(PATH_PREFIX).partition("/")
            return Addressed(url_id[:64], None, None, f"/{rest}")
        return None

    async def url(self, url_id: str, region: str, endpoint: str) -> str:
        """The URL to show to who reached the node by `endpoint`: one that works for them as it is."""
        domain = await self._domains.shown(endpoint)
        if domain is None:
            return f"{endpoint}{PATH_PREFIX}{url_id}/"
        return f"{with_host(endpoint, f'{url_id}.lambda-url.{region}.{domain}')}/"


def local_domain_name(url_id: str, region: str) -> str:
    """The host that a URL has where a request does not name one."""
    return f"{url_id}.lambda-url.{region}.{LOCAL_DOMAIN}"
