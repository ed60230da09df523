"""SnapStart: for each published version that has it, environments that were initialised ahead and wait to be restored.

Each is a snapshot of its own: it has run the function's init and its before-snapshot hooks, and stands at the point
where AWS would copy it (decision 0030). The first one is made while the version is published, and decides whether it
becomes Active; others follow the calls.
"""

import asyncio
import logging

from stoker.environments.environment import Environment
from stoker.environments.maker import OnGone
from stoker.environments.pool import EnvironmentPool
from stoker.environments.ready import ReadyEnvironments
from stoker.functions.records import Function, FunctionKey, FunctionVersion, Reason, State
from stoker.supervision import Background

log = logging.getLogger("stoker.environments")

# How many are being made ahead at once, all versions together: they wait for the kernel now and then, and calls shall
# find a processor.
STARTS_AT_ONCE = 4
NO_SNAPSHOT = Reason("Stoker could not start an environment for the snapshot; its log says why.", "InternalError")
# As AWS's users report it, for instance from CloudFormation.
INIT_FAILED = Reason("An error occurred during function initialization.", "FunctionError")


class Snapshots:
    """All of a node. It follows the functions, and gives the pool what is ready."""

    def __init__(self, pool: EnvironmentPool, background: Background, ready_max: int) -> None:
        """`ready_max` is how many may be ready for one version."""
        self._pool = pool
        self._background = background
        self._ready_max = ready_max
        self._turns = asyncio.Semaphore(STARTS_AT_ONCE)
        # By build, which is what calls know.
        self._ready: dict[str, ReadyEnvironments] = {}
        self._of_function: dict[FunctionKey, set[str]] = {}
        self._making: set[asyncio.Task[Reason | None]] = set()
        pool.ask_first(self._take, self._copy)

    async def make(self, version: FunctionVersion) -> Reason | None:
        """Initialise the first environment of a Pending version; why it cannot become Active, None if it can."""
        making = self._background.start(self._made(version), f"snapshot of {version.version_arn}")
        self._making.add(making)
        making.add_done_callback(self._making.discard)
        return await making

    def follow(self, key: FunctionKey, function: Function | None) -> None:
        """Keep environments ready for what is Active, and give up what is not there any more."""
        versions = () if function is None else function.versions
        snapped = {version.build_id: version for version in versions if version.is_snap_started}
        kept = {build_id for build_id, version in snapped.items() if version.state in (State.ACTIVE, State.PENDING)}
        for build_id in self._of_function.get(key, set()) - kept:
            self._ready.pop(build_id).drain()
            self._of_function[key].discard(build_id)
        for version in snapped.values():
            if version.state is State.ACTIVE:
                self._of(version).ensure_kept()
        if not self._of_function.get(key):
            self._of_function.pop(key, None)

    async def close(self) -> None:
        """Start nothing any more. What is being made is given up, not failed: the next node makes it."""
        for making in list(self._making):
            making.cancel()
        await asyncio.gather(*self._making, return_exceptions=True)
        ready = list(self._ready.values())
        for key in list(self._of_function):
            self.follow(key, None)
        for environments in ready:
            await environments.wait_still()

    async def _made(self, version: FunctionVersion) -> Reason | None:
        try:
            failure = await self._of(version).make_first()
        except Exception as error:
            log.warning("no snapshot of %s: %s", version.version_arn, error)
            return NO_SNAPSHOT
        return None if failure is None else INIT_FAILED

    def _take(self, version: FunctionVersion) -> Environment | None:
        ready = self._ready.get(version.build_id)
        return None if ready is None else ready.take()

    async def _copy(self, version: FunctionVersion, on_gone: OnGone) -> Environment | None:
        ready = self._ready.get(version.build_id)
        return None if ready is None else await ready.copy(on_gone)

    def _of(self, version: FunctionVersion) -> ReadyEnvironments:
        ready = self._ready.get(version.build_id)
        if ready is None:
            ready = ReadyEnvironments(version, self._pool, self._background, self._turns, self._ready_max)
            self._ready[version.build_id] = ready
            self._of_function.setdefault((version.account_id, version.region, version.name), set()).add(
                version.build_id
            )
        ready.version = version
        return ready
