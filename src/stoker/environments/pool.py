"""The environments of a node: which are idle, who waits for one, when to start, freeze and retire them.

One group for each build of a version. A caller takes the environment that was idle most recently, or waits while a new
one starts; whichever becomes free first serves the caller that waited longest. Environments that are initialised ahead
have an owner (`provisioned.py`): here they are only started, frozen and ended.
"""

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable

from stoker.environments.environment import Environment
from stoker.environments.group import Group
from stoker.environments.host_memory import HostMemory
from stoker.environments.maker import EnvironmentMaker, OnGone
from stoker.environments.scaling_rate import ScalingRate
from stoker.environments.variables import Initialization, may_fork, may_start_ahead
from stoker.errors import LambdaError, ServiceException, TooManyRequestsException
from stoker.functions.file_systems import mount_failure
from stoker.functions.records import FunctionVersion, VpcConfig
from stoker.sandbox.sandbox import FileSystemError, SandboxError
from stoker.supervision import Background, supervise

log = logging.getLogger("stoker.environments")

# A launcher that was killed takes its sandboxes in the making with it; the next one is a new launcher's.
START_TRIES = 2
EXPIRY_PACE = 0.02
NO_ENVIRONMENT = "An execution environment could not be started."

TakeReady = Callable[[FunctionVersion], Environment | None]
"""Gives up an environment of a version that was initialised ahead and is ready to be restored, if there is one."""
Fork = Callable[[FunctionVersion, OnGone], Awaitable[Environment | None]]
"""Makes one by a fork of the version's snapshot, if there is one, for the owner that OnGone tells."""


class EnvironmentPool:
    """`lease` is the way in. `run_housekeeping` must run beside it; `close` ends every environment."""

    def __init__(
        self,
        maker: EnvironmentMaker,
        background: Background,
        host_memory: HostMemory,
        scaling_rate: ScalingRate,
        idle_timeout_s: float,
        freeze_after_s: float,
        give_way: Callable[[], None] | None = None,
    ) -> None:
        """`give_way` frees memory of the host's that no environment has; called before any is ended for its memory."""
        self._maker = maker
        self._background = background
        self._host_memory = host_memory
        self._scaling_rate = scaling_rate
        self._idle_timeout_s = idle_timeout_s
        self._freeze_after_s = freeze_after_s
        self._give_way = give_way
        self._groups: dict[str, Group] = {}
        self._kept: set[Group] = set()
        self._starting_ahead = 0
        self._all: set[Environment] = set()
        self._prepared: set[tuple[str, tuple[bool, bool], VpcConfig | None, int, int]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._idle_changed = asyncio.Event()
        # When each became idle, in that order: those that are to be frozen soon, unless they are called before.
        self._resting: deque[tuple[float, Group, Environment]] = deque()
        self._expiry_due_s = math.inf
        self._take_ready: TakeReady = _nothing_ready
        self._fork: Fork = _nothing_to_fork
        # Held to be copied: no environments that could serve a call.
        self._snapshots: list[Environment] = []

    @property
    def count(self) -> int:
        """How many environments there are, busy, idle and starting."""
        return len(self._all)

    @property
    def idle_count(self) -> int:
        return sum(len(group.idle) for group in (*self._groups.values(), *self._kept))

    def versions(self) -> list[FunctionVersion]:
        """What the environments run: their packages are mounted somewhere."""
        return [environment.version for environment in (*self._all, *self._snapshots)]

    def lease(self, version: FunctionVersion) -> "Lease":
        """An environment of `version`, for one invocation, in an `async with` block.

        Entering it raises TooManyRequestsException and ServiceException.
        """
        return Lease(self, self._group(version))

    async def take(self, group: Group) -> Environment:
        """For a lease: what was idle last, or what becomes free or is started for it."""
        return self._take_idle(group) or await self._wait(group)

    def prepare(self, version: FunctionVersion) -> None:
        """Start ahead, once, what `version`'s runtime, network and memory need for their first environment."""
        runtime = version.runtime if version.image is None else version.image.digest
        starts = may_fork(version), may_start_ahead(version)
        # What waits for one handler waits for all whose names are as long, or for any (`Cover.command`).
        key = (runtime, starts, version.vpc, version.memory_mb, len(version.handler))
        if key not in self._prepared:
            self._prepared.add(key)
            self._background.start(self._maker.prepare(version), f"preparation of {version.runtime or 'an image'}")

    def drain(self, version: FunctionVersion) -> None:
        """`version` was replaced or deleted: its idle environments end now, busy ones after their invocation."""
        group = self._groups.pop(version.build_id, None)
        if group is None:
            return
        group.is_drained = True
        while group.idle:
            self.retire(group.idle.popleft())

    def ask_first(self, take_ready: TakeReady, fork: Fork) -> None:
        """Before an environment is started for a call, ask `take_ready`, then `fork`: what they give is the pool's."""
        self._take_ready = take_ready
        self._fork = fork

    async def start_ahead(
        self,
        version: FunctionVersion,
        initialization: Initialization,
        on_gone: OnGone,
        *,
        evicts: bool = True,
        is_snapshot: bool = False,
    ) -> Environment:
        """An environment for an owner, who is told when it or its runtime is gone, and retires it in the end.

        Its init may have failed. Raises SandboxError, and LambdaError when it cannot be. Unless it `evicts`, no idle
        environment is ended to make room for it. One that is asked for as a snapshot may have become an ordinary one.
        """
        self._make_room_for(version, evicts=evicts)
        self._starting_ahead += 1
        try:
            environment = await self._started(version, initialization, on_gone, is_snapshot=is_snapshot)
        finally:
            self._starting_ahead -= 1
        if environment.is_snapshot and environment in self._all:
            self._all.discard(environment)
            self._snapshots.append(environment)
        return environment

    async def copy(self, original: Environment, on_gone: OnGone, *, evicts: bool = True) -> Environment:
        """A copy of a snapshot, for an owner as with `start_ahead`. Raises SandboxError and LambdaError."""
        version = original.version
        self._make_room_for(version, evicts=evicts)
        self._starting_ahead += 1
        try:
            return await self._started_once(version, original.plan.initialization, on_gone, original=original)
        finally:
            self._starting_ahead -= 1

    def keep(self, group: Group) -> None:
        """`group` has an owner. What is idle in it counts, and may have to give way."""
        self._kept.add(group)

    def forget(self, group: Group) -> None:
        self._kept.discard(group)

    def rest(self, group: Group, environment: Environment) -> None:
        """`environment` has nothing to do."""
        environment.idle_since_s = now_s = asyncio.get_running_loop().time()
        group.idle.append(environment)
        self._resting.append((now_s, group, environment))
        self._expiry_due_s = min(self._expiry_due_s, now_s + self._idle_timeout_s)
        self._idle_changed.set()

    def retire(self, environment: Environment) -> None:
        """End it. Doing it twice is fine."""
        if environment in self._snapshots:
            self._snapshots.remove(environment)
        elif environment in self._all:
            self._all.discard(environment)
        else:
            return
        task = self._background.start(environment.close(), "end of an environment")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End every environment and wait until nothing is left of it."""
        for environment in (*self._all, *self._snapshots):
            self.retire(environment)
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def run_housekeeping(self) -> None:
        """Freeze what has been idle for a moment, end what has been idle for long. Endless."""
        await supervise(self._keep_house, "environment housekeeping")

    # Taking and giving back

    def _group(self, version: FunctionVersion) -> Group:
        group = self._groups.get(version.build_id)
        if group is None:
            group = self._groups[version.build_id] = Group(version)
        return group

    def _take_idle(self, group: Group) -> Environment | None:
        while group.idle:
            environment = group.idle.pop()
            if environment.is_usable:
                return environment
            self.retire(environment)
        return None

    async def _wait(self, group: Group) -> Environment:
        future: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        group.waiting.append(future)
        # Not one for each caller: those that are on their way already may be enough.
        if group.starting < sum(not waiting.done() for waiting in group.waiting):
            try:
                self._start_one(group)
            except TooManyRequestsException:
                group.waiting.remove(future)
                raise
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give_back(group, future.result())
            raise

    def _start_one(self, group: Group) -> None:
        version = group.version
        function = (version.account_id, version.region, version.name)
        if not self._scaling_rate.take(function, asyncio.get_running_loop().time()):
            # What AWS says then is not known: this, or FunctionInvocationRateLimitExceeded.
            raise TooManyRequestsException("ConcurrentInvocationLimitExceeded")
        ready = self._take_ready(version)
        if ready is not None:
            self._offer(group, ready)
            return
        self._make_room_for(version)
        group.starting += 1
        self._background.start(self._start(group), f"start of an environment of {group.version.name}")

    def _make_room_for(self, version: FunctionVersion, *, evicts: bool = True) -> None:
        starting = self._starting_ahead + sum(group.starting for group in self._groups.values())
        if self._give_way is not None and not self._host_memory.has_room_for(version.memory_mb, starting):
            self._give_way()
        while not self._host_memory.has_room_for(version.memory_mb, starting):
            if not evicts or not self._retire_longest_idle():
                # AWS has no reason for a full host: to a caller this is the account's limit.
                raise TooManyRequestsException("ConcurrentInvocationLimitExceeded")

    async def _start(self, group: Group) -> None:
        try:
            environment = await self._fork(group.version, self.gone) or await self._started(
                group.version, _initialization(group.version), self.gone
            )
        except Exception as error:
            log.error("no environment for %s: %s", group.version.version_arn, error)
            waiting = group.next_waiting()
            if waiting is not None:
                waiting.set_exception(_told(error, group.version))
            return
        finally:
            group.starting -= 1
        self._offer(group, environment)

    async def _started(
        self,
        version: FunctionVersion,
        initialization: Initialization,
        on_gone: OnGone,
        *,
        is_snapshot: bool = False,
    ) -> Environment:
        for _ in range(START_TRIES - 1):
            try:
                return await self._started_once(version, initialization, on_gone, is_snapshot=is_snapshot)
            except SandboxError as error:
                log.warning("%s; trying again", error)
        return await self._started_once(version, initialization, on_gone, is_snapshot=is_snapshot)

    async def _started_once(
        self,
        version: FunctionVersion,
        initialization: Initialization,
        on_gone: OnGone,
        *,
        is_snapshot: bool = False,
        original: Environment | None = None,
    ) -> Environment:
        environment = await self._maker.make(
            version, initialization, on_gone, is_snapshot=is_snapshot, original=original
        )
        self._all.add(environment)
        try:
            await environment.start()
        except BaseException:
            self._all.discard(environment)
            await environment.close()
            raise
        return environment

    def give_back(self, group: Group, environment: Environment) -> None:
        """The end of a lease."""
        if environment.is_unfinished:
            self._background.start(self._finish(group, environment), "end of an invocation")
        elif not environment.is_usable:
            self.retire(environment)
        elif environment.needs_recovery:
            # Counts as starting: the next caller shall wait for it and find its /tmp, not get another environment.
            group.starting += 1
            self._background.start(self._recover(group, environment), "recovery of an environment")
        else:
            self._offer(group, environment)

    async def _finish(self, group: Group, environment: Environment) -> None:
        """Its caller has the answer, but the extensions go on: it is nobody's until they are done."""
        try:
            await environment.finish()
        finally:
            self.give_back(group, environment)

    async def _recover(self, group: Group, environment: Environment) -> None:
        try:
            await environment.recover()
        finally:
            group.starting -= 1
        if environment.is_usable:
            self._offer(group, environment)
            return
        self.retire(environment)
        waiting = group.next_waiting()
        if waiting is not None:
            group.waiting.appendleft(waiting)
            try:
                self._start_one(group)
            except TooManyRequestsException as refusal:
                group.waiting.remove(waiting)
                waiting.set_exception(refusal)

    def _offer(self, group: Group, environment: Environment) -> None:
        if environment not in self._all:
            return
        waiting = group.next_waiting()
        if waiting is not None:
            waiting.set_result(environment)
        elif group.is_drained:
            self.retire(environment)
        else:
            self.rest(group, environment)

    # Ending

    def gone(self, environment: Environment) -> None:
        """Its sandbox ended by itself: nobody shall get it any more. A busy one is seen to when it is given back.

        If only its runtime ended, the next invocation starts that again.
        """
        if environment.is_usable:
            return
        group = self._groups.get(environment.version.build_id)
        if group is not None and environment in group.idle:
            group.idle.remove(environment)
            self.retire(environment)

    def _retire_longest_idle(self) -> bool:
        groups = [group for group in self._groups.values() if group.idle]
        groups = groups or [group for group in self._kept if group.gives_way and group.idle]
        if not groups:
            return self._retire_oldest_snapshot()
        oldest = min(groups, key=lambda group: group.idle[0].idle_since_s)
        self.retire(oldest.idle.popleft())
        return True

    def _retire_oldest_snapshot(self) -> bool:
        """Without it, its version is initialised for each environment."""
        if not self._snapshots:
            return False
        self.retire(self._snapshots[0])
        return True

    # Housekeeping

    async def _keep_house(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._idle_changed.clear()
            due_s = self._house_kept(loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._idle_changed.wait()
                    # One pause serves all that become idle in it: under load this loop runs rarely.
                    await asyncio.sleep(self._freeze_after_s)

    def _house_kept(self, now_s: float) -> float | None:
        """Freeze and retire what is due at `now_s`; returns when something next will be, in loop time.

        There may be thousands of groups: they are looked at when one of them has something to retire, and no oftener
        than in `EXPIRY_PACE` of the time that environments may be idle.
        """
        while self._resting and self._resting[0][0] + self._freeze_after_s <= now_s:
            since_s, group, environment = self._resting.popleft()
            if environment.idle_since_s == since_s and environment in group.idle:
                environment.freeze()
        if self._expiry_due_s <= now_s:
            self._expiry_due_s = max(self._expired(now_s), now_s + EXPIRY_PACE * self._idle_timeout_s)
        due_s = min(self._expiry_due_s, self._resting[0][0] + self._freeze_after_s if self._resting else math.inf)
        return None if due_s == math.inf else due_s

    def _expired(self, now_s: float) -> float:
        """Retire what has been idle for too long; returns when something next will have been."""
        next_s = math.inf
        in_use = {environment.version.build_id for environment in self._all}
        for key, group in list(self._groups.items()):
            while group.idle and group.idle[0].idle_since_s + self._idle_timeout_s <= now_s:
                self.retire(group.idle.popleft())
            if group.idle:
                next_s = min(next_s, group.idle[0].idle_since_s + self._idle_timeout_s)
            elif not group.waiting and not group.starting and key not in in_use:
                del self._groups[key]
        return next_s


class Lease:
    """Of one environment, which goes back to its pool at the end of the block."""

    __slots__ = ("_environment", "_group", "_pool")

    def __init__(self, pool: EnvironmentPool, group: Group) -> None:
        self._pool = pool
        self._group = group
        self._environment: Environment | None = None

    async def __aenter__(self) -> Environment:
        self._environment = environment = await self._pool.take(self._group)
        return environment

    async def __aexit__(self, *_: object) -> None:
        assert self._environment is not None
        self._pool.give_back(self._group, self._environment)


def _told(error: Exception, version: FunctionVersion) -> LambdaError:
    """What the caller hears of an environment that could not be started."""
    match error:
        case LambdaError():
            return error
        case FileSystemError():
            return mount_failure(version.file_systems)
        case _:
            return ServiceException(NO_ENVIRONMENT)


async def _nothing_to_fork(_: FunctionVersion, __: OnGone) -> Environment | None:
    return None


def _nothing_ready(_: FunctionVersion) -> Environment | None:
    return None


def _initialization(version: FunctionVersion) -> Initialization:
    """Of an environment that is started because a call waits for it."""
    return "snap-start" if version.is_snap_started else "on-demand"
