"""Functions that nobody has called for weeks: what they hold outside of themselves is let go, and made again later.

AWS does so with functions in a VPC, those made from images and versions with SnapStart (their network interfaces, their
optimised images, their snapshots): they become Inactive, the next invocation fails and starts the way back through
Pending. Other functions hold nothing, and stay Active. Source: reference, control plane, 4.2; Developer Guide, "Lambda
function states" and "Improving startup performance with Lambda SnapStart".
"""

import asyncio
from dataclasses import replace
from uuid import uuid4

from stoker.clock import Clock
from stoker.functions.activation import Activation
from stoker.functions.idleness.store import UseStore, VersionKey
from stoker.functions.records import Function, FunctionKey, FunctionVersion, Reason, State
from stoker.functions.registry import FunctionRegistry
from stoker.supervision import Background

CHECK_EVERY_S = 3600.0
DAY_S = 86_400.0
# The reference has the codes; the texts are ours.
IDLE = Reason("The function has not been invoked for a long time.", "Idle")
RESTORING = Reason("The function is being restored.", "Restoring")


class Idleness:
    """Notes which versions are called, and moves those that are not."""

    def __init__(
        self,
        registry: FunctionRegistry,
        activation: Activation,
        store: UseStore,
        background: Background,
        clock: Clock,
        inactive_after_days: float,
        snapshots_after_days: float,
    ) -> None:
        """`snapshots_after_days` is for versions with SnapStart."""
        self._registry = registry
        self._activation = activation
        self._store = store
        self._background = background
        self._clock = clock
        self._inactive_after_s = inactive_after_days * DAY_S
        self._snapshots_after_s = snapshots_after_days * DAY_S
        self._used_since: set[VersionKey] = set()

    def note(self, version: FunctionVersion) -> None:
        """An invocation of `version` begins. On the way of every one of them: waits for nothing, writes nothing."""
        if _holds_something(version):
            self._used_since.add(_key(version))

    def wake(self, version: FunctionVersion) -> None:
        """Begin to restore an inactive version."""
        self._background.start(self._restore(version), f"restoring {version.version_arn}")

    async def _restore(self, version: FunctionVersion) -> None:
        def restoring(function: Function | None) -> Function | None:
            return _with_state(function, version, State.INACTIVE, State.PENDING, RESTORING)

        function = await self._registry.change(_function_key(version), restoring)
        if function is not None:
            self._activation.start(function)

    async def run(self) -> None:
        """Look after them for ever."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_EVERY_S)

    async def check(self) -> None:
        """Write down what was used, and make inactive what was not used for long enough."""
        now_s = self._clock.now_s()
        used, self._used_since = self._used_since, set()
        held = {
            _key(version): version
            for function in self._registry.all_functions()
            for version in function.versions
            if version.state is State.ACTIVE and _holds_something(version)
        }
        last_uses = await self._store.note(used & held.keys(), held.keys(), now_s)
        for key, version in held.items():
            limit_s = self._snapshots_after_s if version.is_snap_started else self._inactive_after_s
            if now_s - last_uses[key] >= limit_s:
                await self._make_inactive(version)

    async def _make_inactive(self, version: FunctionVersion) -> None:
        if _key(version) in self._used_since:  # called while others were looked at
            return

        def inactive(function: Function | None) -> Function | None:
            return _with_state(function, version, State.ACTIVE, State.INACTIVE, IDLE)

        await self._registry.change(_function_key(version), inactive)


def _holds_something(version: FunctionVersion) -> bool:
    in_vpc = version.vpc is not None and bool(version.vpc.subnet_ids)
    return version.image is not None or in_vpc or version.is_snap_started


def _function_key(version: FunctionVersion) -> FunctionKey:
    return (version.account_id, version.region, version.name)


def _key(version: FunctionVersion) -> VersionKey:
    return (*_function_key(version), version.version)


def _with_state(
    function: Function | None, version: FunctionVersion, old: State, new: State, reason: Reason
) -> Function | None:
    """`function` with `version` in another state; the very same one when that is in `old` no longer."""
    present = function.version(version.version) if function is not None else None
    if function is None or present is None or present.state is not old or present.build_id != version.build_id:
        return function
    changed = replace(present, state=new, state_reason=reason, revision_id=str(uuid4()))
    if present is function.latest:
        return replace(function, latest=changed)
    return replace(function, published={**function.published, changed.version: changed})
