"""The connections that are open, by their ids."""

import base64
import os
from typing import Protocol

from stoker.websocket_apis.events import Peer


def new_id() -> str:
    """As API Gateway's ids look; of connections they stand in paths, where neither + nor / would do."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


class Client(Protocol):
    """Whoever is at the other end of a connection."""

    @property
    def peer(self) -> Peer: ...

    @property
    def last_active_epoch_s(self) -> float:
        """When something came from it, or was sent to it."""
        ...

    async def send(self, data: bytes) -> None:
        """Raises SocketClosedError and SocketFullError."""
        ...

    def close(self) -> None:
        """Because somebody asks for it."""
        ...

    def check_stage(self) -> None:
        """Say goodbye when API or stage are gone."""
        ...


class LiveConnections:
    """All of them, from the moment a client is told that it is connected."""

    def __init__(self) -> None:
        self._open: dict[str, Client] = {}

    def add(self, client: Client) -> None:
        self._open[client.peer.connection_id] = client

    def remove(self, client: Client) -> None:
        self._open.pop(client.peer.connection_id, None)

    def find(self, connection_id: str) -> Client | None:
        return self._open.get(connection_id)

    def check_stages(self, api_id: str) -> None:
        """Of the clients of an API that has changed."""
        for client in [client for client in self._open.values() if client.peer.api_id == api_id]:
            client.check_stage()
