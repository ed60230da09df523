"""Every function of the node in memory, so that an invocation resolves its target without waiting for anything.

The registry is the one door for changes: a change is worked out on the record, committed, and only then shown. Changes
of one function follow each other; those of different functions run side by side.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from weakref import WeakValueDictionary

from stoker.code.layer_trees import LayerList, layer_list
from stoker.errors import LambdaError, ResourceNotFoundException
from stoker.functions.aliases.routing import Route, Split, routes
from stoker.functions.records import (
    LATEST,
    Function,
    FunctionKey,
    FunctionTarget,
    FunctionVersion,
    LastUpdateStatus,
    State,
)
from stoker.functions.store import FunctionStore
from stoker.supervision import Background

Verb = Callable[[Function | None], Function | None]
"""Works out a change: the function as it is (None if there is none) and as it shall be (None to delete it).

Answering the very record it was given changes nothing. It may raise any LambdaError, and may not wait.
"""

Follower = Callable[[FunctionKey, Function | None], None]
"""Is told what a function has become: None when it was deleted."""


class FunctionRegistry:
    """To be used from the event loop's thread only."""

    def __init__(
        self, store: FunctionStore, background: Background, chance: Callable[[], float] = random.random
    ) -> None:
        """`chance` draws evenly from 0 to 1, for aliases with weights."""
        self._store = store
        self._chance = chance
        self._background = background
        self._functions: dict[FunctionKey, Function] = {}
        # What invocations get, by qualifier: not always what the API shows, see `_runnable`.
        self._runnable: dict[FunctionKey, dict[str, Route]] = {}
        self._turns: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()
        self._listeners: list[Callable[[FunctionVersion], None]] = []
        self._followers: list[Follower] = []

    async def load(self) -> None:
        """Read everything from the database; once, at start."""
        for function in await self._store.load():
            self._show(function.key, None, function)

    def on_change(self, listener: Callable[[FunctionVersion], None]) -> None:
        """Call `listener` with each version whose environments have become useless: replaced or deleted."""
        self._listeners.append(listener)

    def follow(self, follower: Follower) -> None:
        """Tell `follower` of each function there is, and from now on of each that is new, changed or deleted."""
        self._followers.append(follower)
        for key, function in self._functions.items():
            follower(key, function)

    def resolve(self, target: FunctionTarget, *, names_latest: bool = True) -> FunctionVersion:
        """The version that an invocation of `target` runs; while an update is in progress, the one before it.

        Raises ResourceNotFoundException. Since 2024 AWS ends its text with `:$LATEST` for an unknown function without
        qualifier when it was invoked, and without when it was looked up: `names_latest`.
        """
        try:
            route = self._runnable[target.account_id, target.region, target.name][target.qualifier or LATEST]
        except KeyError:
            raise _not_found(target, names_latest) from None
        return route.choose(self._chance()) if isinstance(route, Split) else route

    def find(self, key: FunctionKey) -> Function | None:
        """The function as the API shows it."""
        return self._functions.get(key)

    def function(self, target: FunctionTarget) -> Function:
        """The function of `target`, whatever its qualifier. Raises ResourceNotFoundException."""
        function = self._functions.get(target.key)
        if function is None:
            raise _not_found(target, False)
        return function

    def version(self, target: FunctionTarget) -> FunctionVersion:
        """The version of `target` as the API shows it. Raises ResourceNotFoundException."""
        version = self.function(target).version(target.qualifier or LATEST)
        if version is None:
            raise _not_found(target, False)
        return version

    def functions_of(self, account_id: str, region: str) -> list[Function]:
        """The functions of one account in one region, by name."""
        here = [function for key, function in self._functions.items() if key[:2] == (account_id, region)]
        return sorted(here, key=lambda function: function.name)

    def all_functions(self) -> Collection[Function]:
        return tuple(self._functions.values())

    def packages_in_use(self) -> set[str]:
        """The digests of every package that some version needs, as code or as a layer."""
        versions = self._versions()
        return {package.sha256 for version in versions for package in version.packages}

    def images_in_use(self) -> set[str]:
        """The digests of every image that some version is made from."""
        return {version.image.digest for version in self._versions() if version.image is not None}

    def layers_in_use(self) -> set[LayerList]:
        """Every list of layers that some version has."""
        return {layer_list(version.layer_packages) for version in self._versions()}

    def _versions(self) -> list[FunctionVersion]:
        return [version for function in self._functions.values() for version in function.versions]

    async def change(self, key: FunctionKey, verb: Verb, *, alone_in_region: bool = False) -> Function | None:
        """Apply `verb` to the function of `key`; when this returns, the result is on disk and shown. Raises its errors.

        A caller that goes away does not stop a change half-way between the database and the memory. With
        `alone_in_region` no other such change runs in the same account and region: for rules about all its functions.
        """
        work = self._change_alone(key, verb) if alone_in_region else self._change(key, verb)
        change = self._background.start(work, f"change of the function {key[2]}")
        outcome = await asyncio.shield(change)
        if isinstance(outcome, LambdaError):
            raise outcome
        return outcome

    async def change_existing(
        self,
        key: FunctionKey,
        verb: Callable[[Function], Function],
        missing: LambdaError,
        *,
        alone_in_region: bool = False,
    ) -> Function:
        """As `change`, for a function that must exist: raises `missing` when it does not."""

        def change(function: Function | None) -> Function:
            if function is None:
                raise missing
            return verb(function)

        function = await self.change(key, change, alone_in_region=alone_in_region)
        assert function is not None
        return function

    async def _change_alone(self, key: FunctionKey, verb: Verb) -> Function | LambdaError | None:
        async with self._turn(key[:2]):
            return await self._change(key, verb)

    def _turn(self, key: tuple[str, ...]) -> asyncio.Lock:
        return self._turns.setdefault(key, asyncio.Lock())

    async def _change(self, key: FunctionKey, verb: Verb) -> Function | LambdaError | None:
        async with self._turn(key):
            before = self._functions.get(key)
            try:
                after = verb(before)
            except LambdaError as refusal:  # as a value: the background logs what it sees raised
                return refusal
            if after is not before:
                await self._store.replace(before, after)
                self._show(key, before, after)
            return after

    def _show(self, key: FunctionKey, before: Function | None, after: Function | None) -> None:
        old = self._runnable.pop(key, {})
        if after is None:
            del self._functions[key]
            new: dict[str, Route] = {}
        else:
            self._functions[key] = after
            versions = {LATEST: _runnable_latest(before, after, old.get(LATEST)), **after.published}
            new = self._runnable[key] = {**versions, **routes(after.aliases.values(), versions)}
        self._tell_useless(old, new)
        for follower in self._followers:
            follower(key, after)

    def _tell_useless(self, old: dict[str, Route], new: dict[str, Route]) -> None:
        useful = _by_build(new)
        for build_id, version in _by_build(old).items():
            if build_id not in useful:
                for listener in self._listeners:
                    listener(version)


def _by_build(runnable: dict[str, Route]) -> dict[str, FunctionVersion]:
    """Each version once: an alias's versions are there by their numbers too."""
    return {version.build_id: version for version in runnable.values() if not isinstance(version, Split)}


def _runnable_latest(before: Function | None, after: Function, old: Route | None) -> FunctionVersion:
    """Invocations go on with the old `$LATEST` until an update has succeeded (reference: control plane, 4.2)."""
    unfinished = after.latest.last_update_status in (LastUpdateStatus.IN_PROGRESS, LastUpdateStatus.FAILED)
    if before is not None and unfinished and isinstance(old, FunctionVersion) and old.state is State.ACTIVE:
        return old
    return after.latest


def _not_found(target: FunctionTarget, names_latest: bool) -> ResourceNotFoundException:
    suffix = f":{LATEST}" if names_latest and not target.qualifier else ""
    return ResourceNotFoundException(f"Function not found: {target.arn}{suffix}")
