"""What a node tells about itself: its record in the data directory, its health, and downloads of code."""

import asyncio
import json
import logging
import os
import socket
from typing import Any

from stoker import __version__
from stoker.code.download import ROUTE as CODE_ROUTE
from stoker.code.download import CodeDownload
from stoker.config import Settings
from stoker.environments.pool import EnvironmentPool
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute

log = logging.getLogger("stoker")

PLAIN_WARNING = (
    "isolation is PLAIN: functions run as mere processes of this user and can read and change everything it can. "
    "Use it for code you trust. See: stoker doctor"
)


def url_of(listener: socket.socket) -> str:
    """The node's own URL, as tools on this host may call it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Node:
    """`announce` once it answers, `withdraw` at its end; `state` is what its health says."""

    def __init__(
        self, settings: Settings, isolation: str, environments: EnvironmentPool, code_download: CodeDownload
    ) -> None:
        self.state = "running"
        self._settings = settings
        self._isolation = isolation
        self._environments = environments
        self._code_download = code_download
        self._record = settings.data / "node.json"
        self._endpoint = ""

    def raw_routes(self) -> dict[str, RawRoute]:
        return {
            "/_stoker/health": RawRoute(self._health, needs_signature=False),
            # The link itself is signed, like S3's.
            CODE_ROUTE: RawRoute(self._code, needs_signature=False),
        }

    def announce(self, listener: socket.socket) -> None:
        """Tell the person in front of it, and the command line, where it is."""
        self._endpoint = url_of(listener)
        record = {
            "pid": os.getpid(),
            "endpoint": self._endpoint,
            "version": __version__,
            "isolation": self._isolation,
        }
        new = self._record.with_suffix(".new")
        new.write_text(json.dumps(record))
        new.rename(self._record)
        log.info("Stoker %s at %s, isolation %s. Ctrl-C stops it.", __version__, self._endpoint, self._isolation)
        if self._isolation == "plain":
            log.warning(PLAIN_WARNING)

    def withdraw(self) -> None:
        self._record.unlink(missing_ok=True)

    async def _health(self, request: RawRequest) -> RawResponse:
        body: dict[str, Any] = {
            "state": self.state,
            "version": __version__,
            "isolation": self._isolation,
            "pid": os.getpid(),
            "endpoint": self._endpoint,
            "data": str(self._settings.data),
            "environments": {"all": self._environments.count, "idle": self._environments.idle_count},
        }
        if self._isolation == "plain":
            body["warning"] = PLAIN_WARNING
        return RawResponse(200, {"content-type": "application/json"}, json.dumps(body).encode())

    async def _code(self, request: RawRequest) -> RawResponse:
        query = {name: values[0] for name, values in request.query.items()}
        file = await self._code_download.find(request.path, query)
        body = await asyncio.to_thread(file.read_bytes)
        return RawResponse(200, {"content-type": "application/octet-stream"}, body)
