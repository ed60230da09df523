"""So many environments of one version, all initialised: filled, leased, replaced when they crash, and drained.

None is retired for being idle. A start that fails is tried again, alone and after a pause, for as long as the places
are wanted: what is said meanwhile is that the allocation failed, and why.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stoker.environments.environment import Environment
from stoker.environments.group import Group
from stoker.environments.pool import EnvironmentPool
from stoker.errors import TooManyRequestsException
from stoker.functions.provisioned_concurrency.records import AllocationStatus, ProvisionedConcurrencyConfig
from stoker.functions.records import FunctionVersion, State
from stoker.supervision import Background

log = logging.getLogger("stoker.environments")

# How many of one allocation start side by side: one alone mostly waits for the kernel (decision 0020); more than these
# are not ready sooner, and calls would wait longer for a processor.
STARTS_AT_ONCE = 8
# After a start that failed, and after an environment that soon ended by itself; each time twice as long.
PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 60.0
SOON_S = 5.0

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
NO_ROOM = "The host has no memory for another execution environment."
NO_SANDBOX = "An execution environment could not be started; the node's log says why."


class Allocation(Group):
    """The places of one qualifier on one version. `members` fill them, each initialised, idle or busy; `lost` ones
    have to be filled again."""

    def __init__(
        self, version: FunctionVersion, pool: EnvironmentPool, background: Background, on_change: Callable[[], None]
    ) -> None:
        super().__init__(version)
        self.members: set[Environment] = set()
        self.failure: str | None = None
        self._places = 0
        self._lost = 0
        self._config: ProvisionedConcurrencyConfig | None = None
        self._pool = pool
        self._background = background
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._settles_s = self._due_s = 0.0
        self._pause_s = PAUSE_FIRST_S
        self._asked = asyncio.Event()
        self._filling: asyncio.Task[None] | None = None
        pool.keep(self)

    @property
    def allocated(self) -> int:
        """Places that have been filled, and are kept free for their environment while it is replaced."""
        return len(self.members) + self._lost

    @property
    def missing(self) -> int:
        if self.is_drained or self.version.state is not State.ACTIVE:
            return 0
        return self._places - len(self.members) - self.starting

    @property
    def status(self) -> AllocationStatus:
        if self.failure is not None:
            return AllocationStatus.FAILED
        if len(self.members) < self._places or self._loop.time() < self._settles_s:
            return AllocationStatus.IN_PROGRESS
        return AllocationStatus.READY

    def ask(self, version: FunctionVersion, places: int, config: ProvisionedConcurrencyConfig, settle_s: float) -> None:
        """Have `places`. Nothing happens for `settle_s` when that is new; asking for the same again changes nothing."""
        self.version = version
        if (places, config) != (self._places, self._config):
            self._places, self._config = places, config
            self.failure = None
            self._pause_s = PAUSE_FIRST_S
            self._settles_s = self._due_s = self._loop.time() + settle_s
            self._asked.set()
            self._give_up_surplus()
        if version.state is State.FAILED:
            self.failure = INIT_FAILURE
        self._ensure_filled()

    @contextmanager
    def lease(self) -> Iterator[Environment]:
        """The environment that was idle last, for one invocation; there must be one."""
        environment = self.idle.pop()
        try:
            yield environment
        finally:
            self._give_back(environment)

    def drain(self) -> None:
        """End what is idle now, and what is busy after its invocation."""
        self.is_drained = True
        self._lost = 0
        if self._filling is not None:
            self._filling.cancel()
        self._give_up_surplus()
        if not self.members:
            self._pool.forget(self)
        self._on_change()

    async def wait_still(self) -> None:
        """After `drain`: until nothing starts any more."""
        if self._filling is not None:
            await asyncio.gather(self._filling, return_exceptions=True)

    # Losing

    def _give_back(self, environment: Environment) -> None:
        if environment.is_unfinished:
            self._background.start(self._finish(environment), "end of an invocation")
        elif environment in self.members and environment.is_initialised and not self._has_surplus():
            self._pool.rest(self, environment)
        else:
            self._lose(environment)

    async def _finish(self, environment: Environment) -> None:
        try:
            await environment.finish()
        finally:
            self._give_back(environment)

    def _gone(self, environment: Environment) -> None:
        """It ended by itself. A busy one is seen to when it is given back."""
        if environment in self.idle:
            self.idle.remove(environment)
            if self._loop.time() - environment.idle_since_s < SOON_S:
                self._pause()  # or it would do so again and again
            self._lose(environment)

    def _has_surplus(self) -> bool:
        return self.is_drained or len(self.members) > self._places

    def _give_up_surplus(self) -> None:
        while self._has_surplus() and self.idle:
            self._lose(self.idle.popleft())
        self._lost = max(0, min(self._lost, self._places - len(self.members)))

    def _lose(self, environment: Environment) -> None:
        if not self._has_surplus():
            self._lost += 1
        self.members.discard(environment)
        self._pool.retire(environment)
        if self.is_drained and not self.members:
            self._pool.forget(self)
        self._on_change()
        self._ensure_filled()

    # Filling

    def _ensure_filled(self) -> None:
        if self.missing > 0 and (self._filling is None or self._filling.done()):
            name = f"provisioned concurrency of {self.version.version_arn}"
            self._filling = self._background.start(self._fill(), name)

    async def _fill(self) -> None:
        while self.missing > 0:
            await self._wait_due()
            if self.failure is not None:
                await self._fill_one()  # alone, until it works again
                continue
            async with asyncio.TaskGroup() as starts:
                for _ in range(min(self.missing, STARTS_AT_ONCE)):
                    starts.create_task(self._fill_several())

    async def _wait_due(self) -> None:
        while self._due_s > self._loop.time():
            self._asked.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._due_s):
                    await self._asked.wait()

    async def _fill_several(self) -> None:
        while self.missing > 0 and self.failure is None:
            await self._fill_one()

    async def _fill_one(self) -> None:
        self.starting += 1
        try:
            environment = await self._pool.start_ahead(self.version, "provisioned-concurrency", self._gone)
        except TooManyRequestsException:
            self._fail(NO_ROOM)
        except Exception as error:
            log.error("no environment ahead for %s: %s", self.version.version_arn, error)
            self._fail(NO_SANDBOX)
        else:
            self._join(environment)
        finally:
            self.starting -= 1

    def _join(self, environment: Environment) -> None:
        if not environment.is_initialised:
            self._pool.retire(environment)
            self._fail(INIT_FAILURE)
            return
        self.failure = None
        self.members.add(environment)
        self._lost = max(0, self._lost - 1)
        self._pool.rest(self, environment)
        self._give_up_surplus()
        self._on_change()

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._pause()

    def _pause(self) -> None:
        now_s = self._loop.time()
        if now_s - self._due_s > PAUSE_MAX_S:
            self._pause_s = PAUSE_FIRST_S
        if self._due_s <= now_s:  # those that fail together count once
            self._due_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, PAUSE_MAX_S)
