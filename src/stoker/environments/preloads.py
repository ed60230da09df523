"""Environments whose modules were imported ahead, by a zygote of their own (setting `preload`, decision 0045).

No call waits for this: what is not known yet is found out beside it, for the next environment.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from stoker.config import Settings
from stoker.environments.maker import Planner
from stoker.environments.records import EnvironmentPlan
from stoker.environments.same_files import found_at
from stoker.errors import LambdaError
from stoker.functions.records import FunctionVersion
from stoker.limits import visible_processors
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.python.preload import PreloadPackage, PreloadStore
from stoker.runtimes.records import Preload, RuntimeBuild
from stoker.sandbox.namespace_sandbox import RUNTIME_API
from stoker.sandbox.recipe import BASE_ENVIRONMENT
from stoker.sandbox.sandbox import SandboxError, SandboxMaker
from stoker.supervision import Background

log = logging.getLogger("stoker.environments")
T = TypeVar("T")

# A runtime, a function's package and layers, and what of the packages its variables allow.
_Key = tuple[str, Path, Path | None, tuple[PreloadPackage, ...]]
# What is known of more functions is found out anew.
KNOWN_MAX = 10_000
# What libraries in machine code look at when they are loaded, which no survey sees.
_READ_BY_LIBRARIES = (
    "OPENBLAS_",
    "GOTO_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "BLIS_",
    "NPY_",
    "ARROW_",
    "RUST_",
    "TOKIO_",
)


class Preloads:
    """Adds to plans what is to be preloaded for them. To be used from the event loop's thread."""

    def __init__(self, settings: Settings, catalogue: RuntimeCatalogue, background: Background) -> None:
        """`catalogue` knows what the settings want; `settings` are for the program that fetches it."""
        self._settings = settings
        self._catalogue = catalogue
        self._background = background
        self._packages: dict[str, asyncio.Task[tuple[PreloadPackage, ...]]] = {}
        self._known: dict[_Key, asyncio.Task[Preload | None]] = {}

    def added(self, plan: EnvironmentPlan) -> EnvironmentPlan:
        """`plan` with its `preload`, as far as that is known by now."""
        task = self._known_of(plan)
        preload = None if task is None else _result(task)
        if preload is None:
            return plan
        cores = min(visible_processors(plan.version.memory_mb), len(os.sched_getaffinity(0)))
        build = replace(plan.build, preload=replace(preload, cores=cores))
        return replace(plan, build=build, sandbox=replace(plan.sandbox, build=build))

    async def prepare(self, version: FunctionVersion, planner: Planner, sandboxes: SandboxMaker) -> None:
        """Do ahead what an environment of `version` takes: maybe fetch, compare, and start a zygote."""
        if not version.runtime.startswith("python"):
            return
        try:
            plan = await planner(version, "prepare", "", "on-demand")
            if (store := self._store(plan)) is None:
                return
            await asyncio.shield(self._packages_of(store))
            if (task := self._known_of(plan)) is None or await asyncio.shield(task) is None:
                return
            build = self.added(plan).build
            await sandboxes.prepare(build, fork=True, network=plan.sandbox.network)
        except (LambdaError, SandboxError) as error:
            log.warning("nothing could be preloaded for %s: %s", version.name, error)

    def _store(self, plan: EnvironmentPlan) -> PreloadStore | None:
        """None if nothing can be preloaded for it."""
        return self._catalogue.preloads(plan.build) if plan.process is not None and plan.process.fork else None

    def _packages_of(self, store: PreloadStore) -> asyncio.Task[tuple[PreloadPackage, ...]]:
        name = store.build.name
        if name not in self._packages:
            self._packages[name] = self._background.start(self._fetched(store), f"what is preloaded for {name}")
        return self._packages[name]

    def _known_of(self, plan: EnvironmentPlan) -> asyncio.Task[Preload | None] | None:
        """Whoever finds out what is preloaded for it; None if nothing is, or can be told yet."""
        if (store := self._store(plan)) is None or (packages := _result(self._packages_of(store))) is None:
            return None
        assert plan.process is not None
        assert plan.sandbox.task is not None
        environment = plan.process.environment
        suitable = tuple(package for package in packages if _finds_the_same(package, plan.build, environment))
        if not suitable:
            return None
        key = plan.build.name, plan.sandbox.task, plan.sandbox.opt, suitable
        if key not in self._known:
            while len(self._known) >= KNOWN_MAX:
                del self._known[next(iter(self._known))]
            work = asyncio.to_thread(_compared, store, *key[1:])
            self._known[key] = self._background.start(work, f"comparing {plan.version.name} with what is preloaded")
        return self._known[key]

    async def _fetched(self, store: PreloadStore) -> tuple[PreloadPackage, ...]:
        if missing := await asyncio.to_thread(store.missing):
            log.info("fetching what is preloaded for %s: %s", store.build.name, ", ".join(map(str, missing)))
            await self._fetch(store.build.name)
        return tuple(await asyncio.to_thread(store.ready))

    async def _fetch(self, name: str) -> None:
        """By a program of its own, which ends with the node and not when pip is done."""
        told = {"DATA": self._settings.data, "RUNTIMES_DIR": self._settings.runtimes_dir}
        environment = {f"STOKER_{name}": str(value) for name, value in told.items()}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stoker", "runtimes", "install", name),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **environment, "STOKER_PRELOAD": self._settings.preload},
            start_new_session=True,
        )
        try:
            _, told_error = await process.communicate()
            for line in told_error.decode(errors="replace").splitlines():
                log.warning("%s", line)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.shield(process.wait())


def _finds_the_same(package: PreloadPackage, build: RuntimeBuild, environment: Mapping[str, str]) -> bool:
    """Whether the package would see the function's variables as it sees a zygote's (`sandbox/namespaces.py`)."""
    of_zygote = {**BASE_ENVIRONMENT, **build.environment, "AWS_LAMBDA_RUNTIME_API": RUNTIME_API}
    if any(environment.get(name) != of_zygote.get(name) for name in package.variables):
        return False
    return not any(name.startswith(_READ_BY_LIBRARIES) for name in environment)


def _compared(
    store: PreloadStore, task: Path, opt: Path | None, packages: tuple[PreloadPackage, ...]
) -> Preload | None:
    place, found = found_at(packages, task, opt, store.build.name.removeprefix("python"))
    if not found:
        return None
    label = ", ".join(package.label for package in found)
    modules = tuple(dict.fromkeys(module for package in found for module in package.modules))
    return Preload(label, modules, store.joined(found), place, cores=1)


def _result(task: asyncio.Task[T]) -> T | None:
    """What it has brought, if it has."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
