"""Launchers whose zygote has imported more than the runtime's own (setting `preload`): no call waits for one.

As long as one is not there, or cannot be, what it would have imported is imported by the functions themselves.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.launcher_process import LauncherProcess
from stoker.sandbox.sandbox import SandboxError

log = logging.getLogger("stoker.sandbox")

# Each holds what it has imported: some 100 MB with pandas.
LAUNCHERS_MAX = 16
# What has to be free on the host, beyond its reserve, for one more.
ROOM_MB = 128


class PreloadedLaunchers:
    """Says of which build a sandbox is made."""

    def __init__(
        self, start: Callable[[RuntimeBuild], Awaitable[LauncherProcess]], has_room: Callable[[int], bool]
    ) -> None:
        """`start` gives the launcher of a build, started anew if it has ended; it raises SandboxError.

        `has_room` says whether the host has so many MB to spare.
        """
        self._start = start
        self._has_room = has_room
        self._tasks: dict[str, asyncio.Task[LauncherProcess | None]] = {}
        self._failed: set[str] = set()

    def usable(self, build: RuntimeBuild) -> RuntimeBuild:
        """`build`, or the same without its `preload` while no launcher has that."""
        if build.preload is None or _is_running(self._started(build)):
            return build
        return replace(build, preload=None)

    async def prepare(self, build: RuntimeBuild) -> RuntimeBuild:
        """As `usable`, but wait for the launcher."""
        task = self._started(build) if build.preload is not None else None
        if task is not None:
            await asyncio.shield(task)
        return self.usable(build)

    async def close(self) -> None:
        """Wait for none any longer. Those that run are the maker's to end."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _started(self, build: RuntimeBuild) -> asyncio.Task[LauncherProcess | None] | None:
        name = build.launcher_name
        task = self._tasks.get(name)
        if name in self._failed or (task is not None and (not task.done() or _is_running(task))):
            return task
        if not self._has_room(ROOM_MB):
            return None
        if task is None and len(self._tasks) >= LAUNCHERS_MAX:
            self._failed.add(name)
            log.warning("%s is not preloaded: %d interpreters have something preloaded", name, LAUNCHERS_MAX)
            return None
        self._tasks[name] = asyncio.get_running_loop().create_task(self._run(build), name=f"launcher of {name}")
        return self._tasks[name]

    async def _run(self, build: RuntimeBuild) -> LauncherProcess | None:
        try:
            return await self._start(build)
        except SandboxError as error:
            self._failed.add(build.launcher_name)
            log.warning("%s cannot be preloaded, so functions import it themselves: %s", build.launcher_name, error)
            return None


def _is_running(task: asyncio.Task[LauncherProcess | None] | None) -> bool:
    if task is None or not task.done() or task.cancelled():
        return False
    launcher = task.result()
    return launcher is not None and launcher.is_alive
