"""What happens between accepting a function, or a change of one, and its being ready: bytecode, then the new state.

The work belongs to the node, not to the request. It is found again in the database after a restart.
"""

import asyncio
import logging
from collections.abc import Collection

from stoker.code.layer_trees import LayerTrees
from stoker.code.store import CodeStore
from stoker.functions.records import Function, FunctionVersion, Reason
from stoker.functions.registry import FunctionRegistry
from stoker.functions.update import is_settled, settled
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeNotReadyError
from stoker.supervision import Background

log = logging.getLogger("stoker.functions")


class Activation:
    """Starts that work and sees to its end."""

    def __init__(
        self,
        registry: FunctionRegistry,
        code_store: CodeStore,
        layer_trees: LayerTrees,
        runtimes: RuntimeCatalogue,
        background: Background,
        delay_s: float,
    ) -> None:
        """`delay_s` is how long Pending and InProgress can be observed at least, as clients of AWS expect to."""
        self._registry = registry
        self._code_store = code_store
        self._layer_trees = layer_trees
        self._runtimes = runtimes
        self._background = background
        self._delay_s = delay_s

    def start(self, function: Function) -> None:
        """Activate what the last change of `function` left pending."""
        self._background.start(self._activate(function), f"activation of the function {function.name}")

    def resume(self) -> None:
        """After a restart: finish what was pending, and compile what has no bytecode (an upgraded runtime, say)."""
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

    async def _prepare(self, version: FunctionVersion) -> Reason | None:
        """Why the version cannot become active, None if it can."""
        try:
            build = await asyncio.to_thread(self._runtimes.find, version.runtime)
            await self._code_store.compile_bytecode(version.code, build)
            await self._layer_trees.compile_bytecode(version.layer_packages, build)
        except RuntimeNotReadyError as error:
            return Reason(str(error), "InvalidRuntime")
        except Exception:
            log.exception("activation of %s failed", version.version_arn)
            return Reason("Stoker failed to activate the function; its log says why.", "InternalError")
        return None

    async def _compile_missing(self, functions: Collection[Function]) -> None:
        for version in {(v.packages, v.runtime): v for function in functions for v in function.versions}.values():
            if (failure := await self._prepare(version)) is not None:
                log.warning("%s cannot run: %s", version.version_arn, failure.text)
