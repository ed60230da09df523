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
from functools import lru_cache

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
from stoker.sandbox.sandbox import SandboxError, SandboxMaker, SandboxSpec
from stoker.supervision import Background

log = logging.getLogger("stoker.environments")

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
        self._known: dict[str, asyncio.Task[Preload | None]] = {}
        self._prepared: set[str] = set()

    def added(self, plan: EnvironmentPlan) -> EnvironmentPlan:
        """`plan` with its `preload`, as far as that is known by now."""
        task = self._task(plan)
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return plan
        if (preload := task.result()) is None:
            return plan
        build = replace(plan.build, preload=preload)
        return replace(plan, build=build, sandbox=replace(plan.sandbox, build=build))

    async def prepare(self, version: FunctionVersion, planner: Planner, sandboxes: SandboxMaker) -> None:
        """Do ahead what an environment of `version` takes: maybe fetch, compare, and start a zygote."""
        if version.build_id in self._prepared or version.image is not None:
            return
        self._prepared.add(version.build_id)
        try:
            task = self._task(await planner(version, "prepare", "", "on-demand"))
            if task is None or await asyncio.shield(task) is None:
                return
            plan = await planner(version, "prepare", "", "on-demand")
            await sandboxes.prepare(plan.build, fork=True, network=plan.sandbox.network)
        except (LambdaError, SandboxError) as error:
            log.warning("nothing could be preloaded for %s: %s", version.name, error)

    def _task(self, plan: EnvironmentPlan) -> asyncio.Task[Preload | None] | None:
        """Whoever finds out what is preloaded for `plan`; None if nothing can be."""
        if plan.process is None or not plan.process.fork or (store := self._catalogue.preloads(plan.build)) is None:
            return None
        build_id = plan.version.build_id
        if build_id not in self._known:
            while len(self._known) >= KNOWN_MAX:
                old = next(iter(self._known))
                del self._known[old]
                self._prepared.discard(old)
            self._known[build_id] = self._background.start(self._found(store, plan), f"preload of {plan.version.name}")
        return self._known[build_id]

    async def _found(self, store: PreloadStore, plan: EnvironmentPlan) -> Preload | None:
        name = plan.build.name
        if name not in self._packages:
            self._packages[name] = self._background.start(self._fetched(store), f"what is preloaded for {name}")
        packages = await asyncio.shield(self._packages[name])
        assert plan.process is not None
        suitable = tuple(it for it in packages if _finds_the_same(it, plan.build, plan.process.environment))
        if not suitable:
            return None
        return await asyncio.to_thread(_compared, store, suitable, plan.sandbox)

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


def _compared(store: PreloadStore, packages: tuple[PreloadPackage, ...], sandbox: SandboxSpec) -> Preload | None:
    assert sandbox.task is not None
    place, found = _found_at(packages, sandbox.task, sandbox.opt, store.build.name.removeprefix("python"))
    if not found:
        return None
    cores = min(visible_processors(sandbox.memory_mb), len(os.sched_getaffinity(0)))
    label = ", ".join(package.label for package in found)
    modules = tuple(dict.fromkeys(module for package in found for module in package.modules))
    return Preload(label, modules, store.joined(found), place, cores)


# Functions may share their code; whether they have the same files is asked once then.
_found_at = lru_cache(maxsize=1024)(found_at)
