"""Receivers that wait at an empty queue: woken one for each message that comes, in the order in which they came."""

import asyncio
from collections import deque

from stoker.lambda_model.call import Client


class Waiting:
    """Of one queue. Who is woken and does not go on wakes the next one."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def __bool__(self) -> bool:
        return any(not future.done() for future in self._waiting)

    async def wait(self, deadline_s: float, client: Client | None) -> bool:
        """Whether to look again: false when `deadline_s`, of the loop's time, has come or the client has hung up."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if client is not None:
            client.when_gone(lambda: _settle(future, False))
        timer = asyncio.get_running_loop().call_at(deadline_s, _settle, future, False)
        try:
            is_woken = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.result():
                self.wake(1)
            raise
        finally:
            timer.cancel()
            if future in self._waiting:
                self._waiting.remove(future)
        return is_woken

    def wake(self, count: int) -> None:
        """That many of them look again."""
        while count > 0 and self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(True)
                count -= 1

    def end(self) -> None:
        """All of them go away with nothing."""
        for future in self._waiting:
            _settle(future, False)


def _settle(future: asyncio.Future[bool], is_woken: bool) -> None:
    if not future.done():
        future.set_result(is_woken)
