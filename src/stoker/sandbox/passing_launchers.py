"""When launchers may go that are not a runtime's own: those of container images, of which there may be thousands, and
those that hold preloaded modules. Runtimes are a few, and their launchers stay.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.launcher_process import LauncherProcess

log = logging.getLogger("stoker.sandbox")

# Some time after the last sandbox: a launcher starts in a fraction of a second. One that preloads takes seconds, in
# which calls do without it.
IMAGE_IDLE_S = 120.0
PRELOADED_IDLE_S = 3600.0
# How many may be started before anybody calls: a node that starts may know thousands of images.
AHEAD_MAX = 8


class PassingLaunchers:
    """Told of every use of a launcher, it calls for the end of those that had none for so long."""

    def __init__(self, end_if_unused: Callable[[RuntimeBuild], Awaitable[None]]) -> None:
        """`end_if_unused` ends the launcher of a build, unless something still runs in it: its end is a use, too."""
        self._end_if_unused = end_if_unused
        self._builds: dict[LauncherProcess, RuntimeBuild] = {}
        self._timers: dict[str, tuple[RuntimeBuild, asyncio.TimerHandle]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def may_prepare(self, build: RuntimeBuild) -> bool:
        """Whether a launcher of `build` is worth having before it is needed."""
        return not build.is_image or sum(image.is_image for image, _ in self._timers.values()) < AHEAD_MAX

    def started(self, build: RuntimeBuild, launcher: LauncherProcess) -> None:
        """A launcher of `build` has started; those of runtimes are none of our business."""
        if _passes(build):
            self._builds = {known: other for known, other in self._builds.items() if known.is_alive}
            self._builds[launcher] = build

    def released(self, launcher: LauncherProcess | None) -> None:
        """One of its sandboxes is gone."""
        if launcher is not None and launcher in self._builds:
            self.used(self._builds[launcher])

    def used(self, build: RuntimeBuild) -> None:
        """A sandbox of `build` was wanted, or is gone."""
        if not _passes(build) or self._is_closed:
            return
        if build.launcher_name in self._timers:
            self._timers[build.launcher_name][1].cancel()
        idle_s = IMAGE_IDLE_S if build.is_image else PRELOADED_IDLE_S
        timer = asyncio.get_running_loop().call_later(idle_s, self._is_due, build)
        self._timers[build.launcher_name] = build, timer

    def give_way(self) -> None:
        """Memory is needed: call for the end of those that hold preloaded modules now."""
        for build, timer in list(self._timers.values()):
            if build.preload is not None:
                timer.cancel()
                self._is_due(build)

    async def close(self) -> None:
        """Call for nothing any more, and wait for what was called for."""
        self._is_closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _is_due(self, build: RuntimeBuild) -> None:
        name = build.launcher_name
        del self._timers[name]
        task = asyncio.get_running_loop().create_task(self._end(build), name=f"end of the launcher of {name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, build: RuntimeBuild) -> None:
        try:
            await self._end_if_unused(build)
        except Exception:
            log.exception("the launcher of %s could not be ended", build.launcher_name)


def _passes(build: RuntimeBuild) -> bool:
    return build.is_image or build.preload is not None
