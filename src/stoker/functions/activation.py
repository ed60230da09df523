"""What happens between accepting a function, or a change of one, and its being ready.

That is bytecode or, of an image, everything; then the new state.

The work belongs to the node, not to the request. It is found again in the database after a restart.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from stoker.code.layer_trees import LayerTrees
from stoker.code.store import CodeStore
from stoker.functions.records import Function, FunctionVersion, Image, Reason
from stoker.functions.registry import FunctionRegistry
from stoker.functions.update import awaits_snapshot, is_settled, settled, with_snapshot
from stoker.images.errors import ImageError
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeNotReadyError
from stoker.supervision import Background

log = logging.getLogger("stoker.functions")


class ImageFetcher(Protocol):
    """Where images come from."""

    async def fetch(self, image: Image) -> None:
        """Make `image` ready to run, unless it is. Raises ImageError."""


class Snapshots(Protocol):
    """Who initialises published versions with SnapStart."""

    async def make(self, version: FunctionVersion) -> Reason | None:
        """Initialise the first environment of `version`; why it cannot become Active, None if it can."""


class Activation:
    """Starts that work and sees to its end."""

    def __init__(
        self,
        registry: FunctionRegistry,
        code_store: CodeStore,
        layer_trees: LayerTrees,
        runtimes: RuntimeCatalogue,
        images: ImageFetcher,
        snapshots: Snapshots,
        background: Background,
        delay_s: float,
    ) -> None:
        """`delay_s` is how long Pending and InProgress can be observed at least, as clients of AWS expect to."""
        self._registry = registry
        self._code_store = code_store
        self._layer_trees = layer_trees
        self._runtimes = runtimes
        self._images = images
        self._snapshots = snapshots
        self._snapped: set[str] = set()  # builds, while that is being done
        self._background = background
        self._delay_s = delay_s

    def start(self, function: Function) -> None:
        """Activate what the last change of `function` left pending."""
        self._background.start(self._activate(function), f"activation of the function {function.name}")

    def resume(self) -> None:
        """After a restart: finish what was pending, compile what has no bytecode (an upgraded runtime, say), and fetch
        images that are missing."""
        functions = self._registry.all_functions()
        for function in functions:
            if not is_settled(function):
                self.start(function)
        self._background.start(self._compile_missing(functions), "compilation of missing bytecode")

    async def _activate(self, function: Function) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(self._delay_s))
            prepared = group.create_task(self._prepare(function.latest))
        failure = prepared.result()

        def settle(present: Function | None) -> Function | None:
            # Another function of the same name has an activation of its own.
            return settled(present, failure) if present is not None and present.id == function.id else present

        await self._registry.change(function.key, settle)
        async with asyncio.TaskGroup() as group:
            for version in function.published.values():
                if awaits_snapshot(version):
                    group.create_task(self._snap(function, version))

    async def _snap(self, function: Function, version: FunctionVersion) -> None:
        """An earlier activation may be at it already, or its version be gone."""
        present = self._registry.find(function.key)
        if version.build_id in self._snapped or present is None or present.id != function.id:
            return
        self._snapped.add(version.build_id)
        try:
            failure = await self._prepare(version) or await self._snapshots.make(version)
        finally:
            self._snapped.discard(version.build_id)
        await self._registry.change(
            function.key, lambda present: None if present is None else with_snapshot(present, version, failure)
        )

    async def _prepare(self, version: FunctionVersion) -> Reason | None:
        """Why the version cannot become active, None if it can."""
        try:
            if version.image is not None:
                return await self._fetched(version.image)
            build = await asyncio.to_thread(self._runtimes.find, version.runtime)
            await self._code_store.compile_bytecode(version.code, build)
            await self._layer_trees.compile_bytecode(version.layer_packages, build)
        except RuntimeNotReadyError as error:
            return Reason(str(error), "InvalidRuntime")
        except Exception:
            log.exception("activation of %s failed", version.version_arn)
            return Reason("Stoker failed to activate the function; its log says why.", "InternalError")
        return None

    async def _fetched(self, image: Image) -> Reason | None:
        try:
            await self._images.fetch(image)
        except ImageError as error:
            return Reason(f"The image {image.uri} cannot be used: {error}.", error.fault)
        return None

    async def _compile_missing(self, functions: Collection[Function]) -> None:
        versions = [version for function in functions for version in function.versions]
        for version in {(v.packages, v.runtime, v.image): v for v in versions}.values():
            if (failure := await self._prepare(version)) is not None:
                log.warning("%s cannot run: %s", version.version_arn, failure.text)
