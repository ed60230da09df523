"""Which API a request is for, and which URL to show for one.

An API is known by its host, `<id>.execute-api.<region>.<domain>`, or by a path of the node, for places where such names
do not resolve (decision 57).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from stoker.front_door.domains import LOCAL_DOMAIN, Domains, with_host

PATH_PREFIX = "/_stoker/api/"
_HOST = re.compile(r"([a-z0-9]{1,32})\.execute-api\.([a-z0-9-]{1,64})\.([^:]{1,253})(?::[0-9]{1,5})?")


class Addressed(NamedTuple):
    """A request for an API: `raw_path` is what is left of its path, percent-encoded, and begins with a slash.

    `region` and `domain_name` are None where the request names none. `stage` and `base_path` are what a mapping of a
    custom domain name decided: the stage, and the part of the path that led to it (`v1`).
    """

    api_id: str
    region: str | None
    domain_name: str | None
    raw_path: str
    stage: str | None = None
    base_path: str = ""


class ApiAddresses:
    """Reads and writes them."""

    def __init__(self, domains: Sequence[str] = ()) -> None:
        """`domains` are those below which the node is found, the first of them the one to show."""
        self._domains = Domains(domains)

    def find(self, host: str, raw_path: str) -> Addressed | None:
        """Which API a request with this Host and path is for; None if it is for none."""
        host = host.lower()
        if ".execute-api." in host:
            found = _HOST.fullmatch(host)
            if found is not None and self._domains.is_known(found[3]):
                return Addressed(found[1], found[2], host.partition(":")[0], raw_path or "/")
        if raw_path.startswith(PATH_PREFIX):
            api_id, _, rest = raw_path.removeprefix(PATH_PREFIX).partition("/")
            return Addressed(api_id[:64], None, None, f"/{rest}")
        return None

    async def url(self, api_id: str, region: str, endpoint: str) -> str:
        """The URL, without a slash at its end, that works for who reached the node by `endpoint`."""
        domain = await self._domains.shown(endpoint)
        if domain is None:
            return f"{endpoint}{PATH_PREFIX}{api_id}"
        return with_host(endpoint, f"{api_id}.execute-api.{region}.{domain}")


def local_domain_name(api_id: str, region: str) -> str:
    """The host that an API has where a request does not name one."""
    return f"{api_id}.execute-api.{region}.{LOCAL_DOMAIN}"
