"""Tasks that outlive the call that started them, each with an owner who waits for its end.

A task group's block falls when a member raises, so a loop that should survive is wrapped once by `supervise`, and work
whose caller may go away is started by `Background`, which logs a failure that nobody is left to hear.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

log = logging.getLogger("stoker")
T = TypeVar("T")

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0


class Background:
    """The group of such tasks of one node. Leaving the block cancels what still runs and waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "Background":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run `work` as a task of this group; a failure is logged under `name` when nobody awaits the task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)

    async def stop(self) -> None:
        """Cancel every task and wait until all have ended."""
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def supervise(loop_body: Callable[[], Awaitable[None]], name: str) -> None:
    """Run an endless loop; when it fails, log it once and start it again after a growing pause."""
    backoff_s = BACKOFF_FIRST_S
    while True:
        try:
            await loop_body()
        except Exception:
            log.exception("%s failed, again in %.1f s", name, backoff_s)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
        else:
            return
