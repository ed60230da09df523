"""One stream of HTTP/2: a request, until its answer is written."""

import asyncio
from collections.abc import Callable

from stoker.front_door.request import IncomingBody, RequestHead


class Http2Stream:
    """`is_gone`: nobody reads its answer any more. `has_begun`: its headers have been sent."""

    __slots__ = ("_opened", "body", "has_begun", "has_ended", "head", "id", "is_gone", "task", "unread_bytes")

    def __init__(self, stream_id: int, head: RequestHead, on_wanted: "Callable[[Http2Stream], None]") -> None:
        self.id = stream_id
        self.head = head
        self.body = IncomingBody(lambda: on_wanted(self))
        # What arrived of the body and has not been taken: the client's window is smaller by so much.
        self.unread_bytes = 0
        self.has_begun = False
        self.has_ended = False
        self.is_gone = False
        self.task: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None

    def lose(self) -> None:
        """The client, or its interest, is gone."""
        self.is_gone = True
        self.body.lose()
        self.window_opened()

    def window_opened(self) -> None:
        """There may be room for more of the answer."""
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    async def wait_for_window(self) -> None:
        """Until `window_opened`, or the end of the client's interest."""
        self._opened = asyncio.get_running_loop().create_future()
        try:
            await self._opened
        finally:
            self._opened = None
