"""Where a redirect leads. Source: Elastic Load Balancing, "Redirect actions"."""

import re
from collections.abc import Mapping

from stoker.load_balancers.records import Redirect

_PLACE = re.compile(r"#\{(protocol|host|port|path|query)\}")


def location(redirect: Redirect, request: Mapping[str, str]) -> str:
    """The URL; `request` has the parts of the one that was asked for, its path without the first slash."""

    def filled(template: str) -> str:
        return _PLACE.sub(lambda place: request[place[1]], template)

    query = filled(redirect.query)
    url = (
        f"{filled(redirect.protocol).lower()}://{filled(redirect.host)}:{filled(redirect.port)}{filled(redirect.path)}"
    )
    return f"{url}?{query}" if query else url
