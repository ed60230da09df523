"""The plainest client of HTTP there is: it sends what it is told, and nothing by itself but a length."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

LIMIT_S = 60
Headers = dict[str, str] | list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `pairs` are its headers in lower case, each as it came."""

    status: int
    pairs: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.pairs)

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def begin(
    address: str, host: str | None, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
) -> http.client.HTTPConnection:
    """A request to `address` (host:port). Without `host` there is the Host header of `headers`, if any."""
    connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    if host is not None:
        connection.putheader("Host", host)
    for name, value in headers.items() if isinstance(headers, dict) else headers or []:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    return connection


def end(connection: http.client.HTTPConnection) -> Reply:
    """The whole answer."""
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return Reply(response.status, [(name.lower(), value) for name, value in response.getheaders()], content)
