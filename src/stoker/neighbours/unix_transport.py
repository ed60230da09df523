"""botocore's requests over the embedded neighbours' unix socket, which botocore itself cannot dial."""

import socket
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from urllib3.connection import HTTPConnection

from stoker.neighbours.errors import UnknownServiceError
from stoker.neighbours.process import ACCOUNT_HEADER, SERVICE_HEADER, UNKNOWN_SERVICE_HEADER

_CONNECTIONS_KEPT = 256  # the neighbours close each after its answer; beyond that, urllib3 warns


class UnixTransport:
    """Sends what a client of one service and account has signed."""

    def __init__(self, address: str, account_id: str, service: str, read_limit_s: float) -> None:
        self._pool = _pool(address, read_limit_s)
        self._headers = {ACCOUNT_HEADER: account_id, SERVICE_HEADER: service}
        self._service = service

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """A handler of botocore's event before-send: what it returns is the answer.

        Raises botocore's own errors of the wire, so that its retries know them, and UnknownServiceError.
        """
        parts = urlsplit(request.url)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = {name: _text(value) for name, value in request.headers.items()} | self._headers
        try:
            answer = self._pool.urlopen(
                request.method,
                path,
                body=request.body,
                headers=headers,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            response = AWSResponse(request.url, answer.status, answer.headers, answer)
            if not request.stream_output:
                response.content  # noqa: B018 - read here, where what goes wrong gets its name
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except urllib3.exceptions.NewConnectionError as error:
            raise EndpointConnectionError(endpoint_url=request.url, error=error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error) from error
        if UNKNOWN_SERVICE_HEADER in answer.headers:
            raise UnknownServiceError(f"The embedded neighbours do not have the service {self._service}.")
        return response


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _pool(address: str, read_limit_s: float) -> urllib3.HTTPConnectionPool:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(read_limit_s)
            try:
                connection.connect(address)
            except OSError as error:
                connection.close()
                raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
            return connection

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool("localhost", maxsize=_CONNECTIONS_KEPT, timeout=read_limit_s)
