"""The environments of one version with SnapStart that were initialised ahead, and wait, frozen, to be restored.

One call takes one, for good; behind it another is made. They need no promise to be kept, unlike provisioned ones: when
none is ready a call initialises its own, and the host's memory is for calls first.
"""

import asyncio
import contextlib
import logging

from stoker.environments.demand import Demand
from stoker.environments.environment import Environment
from stoker.environments.group import Group
from stoker.environments.maker import OnGone
from stoker.environments.outcomes import FailedInit
from stoker.environments.pool import EnvironmentPool
from stoker.errors import TooManyRequestsException
from stoker.functions.records import FunctionVersion
from stoker.sandbox.sandbox import SandboxError
from stoker.supervision import Background

log = logging.getLogger("stoker.environments")

# The calls of a burst that found none ready are initialising now: let them have the processors first.
REFILL_AFTER_S = 0.2
# After a start that failed, and after an environment that soon ended by itself; each time twice as long.
PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 60.0
SOON_S = 5.0
# How many snapshots that cannot be copied are made; then each environment is initialised for itself.
FAILED_COPIES_MAX = 2


class ReadyEnvironments(Group):
    """Those of one version: `idle`, until they are taken."""

    gives_way = True

    def __init__(
        self,
        version: FunctionVersion,
        pool: EnvironmentPool,
        background: Background,
        turns: asyncio.Semaphore,
        ready_max: int,
    ) -> None:
        """`turns` bounds how many are being made ahead on the whole node."""
        super().__init__(version)
        self._pool = pool
        self._background = background
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._demand = Demand(ready_max)
        self._due_s = 0.0
        self._pause_s = PAUSE_FIRST_S
        self._changed = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        # What the others are copies of, while that can be.
        self._snapshot: Environment | None = None
        self._snapshot_turn = asyncio.Lock()
        self._failed_copies = 0
        self._failed_snapshot: Environment | None = None
        pool.keep(self)

    @property
    def _missing(self) -> int:
        return 0 if self.is_drained else self._demand.wanted(self._loop.time()) - len(self.idle) - self.starting

    async def make_first(self) -> FailedInit | None:
        """Initialise one now, whoever waits; a failure is the function's. Raises as `EnvironmentPool.start_ahead`."""
        self.starting += 1
        try:
            async with self._snapshot_turn:
                environment = await self._pool.start_ahead(self.version, "snap-start", self._gone, is_snapshot=True)
                is_held = self._keeps_snapshot(environment)
        finally:
            self.starting -= 1
        if is_held:
            self.ensure_kept()
        else:
            self._join(environment)
        return environment.init_failure

    def take(self) -> Environment | None:
        """One of them, for good; None if none is ready."""
        now_s = self._loop.time()
        if self._missing <= 0:
            self._due_s = max(self._due_s, now_s + REFILL_AFTER_S)
        self._demand.note(now_s)
        environment = self.idle.pop() if self.idle else None
        self.ensure_kept()
        return environment

    async def copy(self, on_gone: OnGone, *, evicts: bool = True) -> Environment | None:
        """A copy of the snapshot; None if there is no snapshot, or none that can be copied. Raises LambdaError."""
        original = self._snapshot
        if original is None:
            return None
        try:
            environment = await self._pool.copy(original, on_gone, evicts=evicts)
        except SandboxError as error:
            self._not_copied(original, error)
            return None
        self._failed_copies = 0
        return environment

    def ensure_kept(self) -> None:
        """See to it that as many are ready as are wanted, and no more."""
        self._changed.set()
        if not self.is_drained and (self._keeping is None or self._keeping.done()):
            name = f"environments ready for {self.version.version_arn}"
            self._keeping = self._background.start(self._keep(), name)

    def drain(self) -> None:
        """End them; make no more."""
        self.is_drained = True
        self._pool.forget(self)
        if self._keeping is not None:
            self._keeping.cancel()
        while self.idle:
            self._pool.retire(self.idle.popleft())
        self._forget_snapshot()

    async def wait_still(self) -> None:
        """After `drain`: until nothing starts any more."""
        if self._keeping is not None:
            await asyncio.gather(self._keeping, return_exceptions=True)

    # Keeping

    async def _keep(self) -> None:
        """Until nothing is left to do but to wait for calls."""
        while True:
            self._changed.clear()
            self._give_up_surplus()
            now_s = self._loop.time()
            if self._missing > 0 and self._due_s <= now_s:
                await self._fill()
                continue
            due_s = self._due_s if self._missing > 0 else self._demand.falls_s
            if due_s is None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._changed.wait()

    def _give_up_surplus(self) -> None:
        while self._missing < 0 and self.idle:
            self._pool.retire(self.idle.popleft())

    async def _fill(self) -> None:
        async with asyncio.TaskGroup() as starts:
            for _ in range(self._missing):
                self.starting += 1
                starts.create_task(self._fill_one())

    async def _fill_one(self) -> None:
        try:
            async with self._turns:
                environment = await self._new()
        except TooManyRequestsException:  # no memory: calls come first
            self._pause()
        except Exception as error:
            log.error("no environment ahead for %s: %s", self.version.version_arn, error)
            self._pause()
        else:
            self._join(environment)
        finally:
            self.starting -= 1

    # The snapshot (decision 0044)

    async def _new(self) -> Environment:
        if self._failed_copies < FAILED_COPIES_MAX:
            async with self._snapshot_turn:
                if self._snapshot is None:
                    environment = await self._started(is_snapshot=True)
                    if not self._keeps_snapshot(environment):
                        return environment
            copy = await self.copy(self._gone, evicts=False)
            if copy is not None:
                return copy
        return await self._started(is_snapshot=False)

    async def _started(self, *, is_snapshot: bool) -> Environment:
        return await self._pool.start_ahead(
            self.version, "snap-start", self._gone, evicts=False, is_snapshot=is_snapshot
        )

    def _keeps_snapshot(self, environment: Environment) -> bool:
        """Whether it is one. Where init was well and it is none, the next would be none either."""
        if not environment.is_snapshot:
            if environment.is_initialised:
                self._failed_copies = FAILED_COPIES_MAX
            return False
        if self.is_drained:
            self._pool.retire(environment)
            return False
        self._snapshot = environment
        return True

    def _not_copied(self, original: Environment, error: SandboxError) -> None:
        log.warning("no copy of the snapshot of %s: %s", self.version.version_arn, error)
        if original is not self._failed_snapshot:  # those that fail together count once
            self._failed_snapshot = original
            self._failed_copies += 1
            if self._failed_copies >= FAILED_COPIES_MAX:
                log.warning("%s is initialised for each environment anew", self.version.version_arn)
        if original is self._snapshot:
            self._forget_snapshot()

    def _forget_snapshot(self) -> None:
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            self._pool.retire(snapshot)

    def _join(self, environment: Environment) -> None:
        if self.is_drained or not environment.is_initialised:
            self._pool.retire(environment)
            self._pause()
        else:
            self._pause_s = PAUSE_FIRST_S
            self._pool.rest(self, environment)

    def _gone(self, environment: Environment) -> None:
        """It ended by itself. One that was taken is the pool's."""
        if environment.is_snapshot:
            if environment is self._snapshot:
                self._forget_snapshot()
            return
        if environment not in self.idle:
            self._pool.gone(environment)
            return
        self.idle.remove(environment)
        if self._loop.time() - environment.idle_since_s < SOON_S:
            self._pause()  # or it would do so again and again
        self._pool.retire(environment)
        self.ensure_kept()

    def _pause(self) -> None:
        now_s = self._loop.time()
        if self._due_s <= now_s:  # those that fail together count once
            self._due_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, PAUSE_MAX_S)
