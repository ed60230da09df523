"""Provisioned concurrency: environments that are initialised ahead of any call, and stay (reference: invocation, 3).

They belong to the version that a qualifier stands for, and calls through that qualifier run on one of them if it is
idle. When the qualifier comes to stand for another version, they are drained, and that version's are started. Other
calls are the pool's.
"""

from collections.abc import Callable

from stoker.environments.allocation import Allocation
from stoker.environments.pool import EnvironmentPool
from stoker.functions.provisioned_concurrency.allocations import shares
from stoker.functions.provisioned_concurrency.records import (
    AllocationState,
    AllocationStatus,
    ProvisionedConcurrencyConfig,
)
from stoker.functions.records import Function, FunctionKey, FunctionVersion
from stoker.supervision import Background

OnPlaces = Callable[[FunctionKey, int], None]
"""Is told how many places of a function are taken up by environments that were initialised ahead."""


class ProvisionedConcurrency:
    """All allocations of a node. It follows the functions, and answers calls that ask for an idle environment."""

    def __init__(self, pool: EnvironmentPool, background: Background, on_places: OnPlaces, settle_s: float) -> None:
        """`settle_s` is how long IN_PROGRESS can be observed at least."""
        self._pool = pool
        self._background = background
        self._on_places = on_places
        self._settle_s = settle_s
        # By qualifier and build, which is what calls know.
        self._allocations: dict[tuple[str | None, str], Allocation] = {}
        self._of_function: dict[FunctionKey, dict[tuple[str, str], Allocation]] = {}
        self._drained: dict[FunctionKey, set[Allocation]] = {}

    def idle(self, version: FunctionVersion, qualifier: str | None) -> Allocation | None:
        """Where a call of `version` through `qualifier` finds an environment that waits for it."""
        allocation = self._allocations.get((qualifier, version.build_id))
        return allocation if allocation is not None and allocation.idle else None

    def state(self, key: FunctionKey, qualifier: str) -> AllocationState:
        """How far what was configured for `qualifier` is: of an alias with weights, all its versions together."""
        of_function = self._of_function.get(key, {})
        allocations = [allocation for (name, _), allocation in of_function.items() if name == qualifier]
        if not allocations:
            return AllocationState()
        statuses = {allocation.status for allocation in allocations}
        worst = (AllocationStatus.FAILED, AllocationStatus.IN_PROGRESS, AllocationStatus.READY)
        return AllocationState(
            allocated=sum(allocation.allocated for allocation in allocations),
            available=sum(len(allocation.members) for allocation in allocations),
            status=next(status for status in worst if status in statuses),
            status_reason=next((allocation.failure for allocation in allocations if allocation.failure), None),
        )

    def follow(self, key: FunctionKey, function: Function | None) -> None:
        """Allocate what the function asks for now, and give up what it does not."""
        present = self._of_function.get(key, {})
        if not present and (function is None or not function.provisioned):
            return
        wanted = {} if function is None else _wanted(function)
        for name in present.keys() - wanted.keys():
            del self._allocations[name]
            self._drain(key, present.pop(name))
        for name, (version, places, config) in wanted.items():
            allocation = present.get(name)
            if allocation is None:
                allocation = Allocation(version, self._pool, self._background, lambda: self._count(key))
                self._allocations[name] = present[name] = allocation
            allocation.ask(version, places, config, self._settle_s)
        if present:
            self._of_function[key] = present
        else:
            self._of_function.pop(key, None)

    async def close(self) -> None:
        """Start nothing any more."""
        allocations = list(self._allocations.values())
        for key in list(self._of_function):
            self.follow(key, None)
        for allocation in allocations:
            await allocation.wait_still()

    def _drain(self, key: FunctionKey, allocation: Allocation) -> None:
        self._drained.setdefault(key, set()).add(allocation)
        allocation.drain()

    def _count(self, key: FunctionKey) -> None:
        drained = {allocation for allocation in self._drained.get(key, ()) if allocation.members}
        allocations = (*self._of_function.get(key, {}).values(), *drained)
        self._on_places(key, sum(allocation.allocated for allocation in allocations))
        self._drained[key] = drained
        if not drained:
            del self._drained[key]


_Wanted = dict[tuple[str, str], tuple[FunctionVersion, int, ProvisionedConcurrencyConfig]]


def _wanted(function: Function) -> _Wanted:
    return {
        (qualifier, version.build_id): (version, places, config)
        for qualifier, config in function.provisioned.items()
        for version, places in shares(function, qualifier)
    }
