"""Where a version's code, layers and runtime lie, joined into the plan of an environment."""

import asyncio

from stoker.code.layer_trees import LayerTrees
from stoker.code.store import CodeStore
from stoker.environments.environment import EnvironmentPlan
from stoker.environments.plan import plan_environment
from stoker.environments.variables import Initialization
from stoker.errors import InvalidRuntimeException
from stoker.functions.records import FunctionVersion
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeNotReadyError


class Planner:
    """Asks those who know; what was asked once is at hand the next time."""

    def __init__(
        self,
        code_store: CodeStore,
        layer_trees: LayerTrees,
        runtimes: RuntimeCatalogue,
        *,
        fresh: bool,
        on_host: bool,
    ) -> None:
        """`fresh` and `on_host` are `plan_environment`'s."""
        self._code_store = code_store
        self._layer_trees = layer_trees
        self._runtimes = runtimes
        self._fresh = fresh
        self._on_host = on_host

    async def plan(
        self, version: FunctionVersion, name: str, log_stream: str, initialization: Initialization = "on-demand"
    ) -> EnvironmentPlan:
        """Raises InvalidRuntimeException when the runtime is no longer there."""
        try:
            build = self._runtimes.found(version.runtime)
            if build is None:
                build = await asyncio.to_thread(self._runtimes.find, version.runtime)
        except RuntimeNotReadyError as error:
            raise InvalidRuntimeException(str(error)) from None
        return plan_environment(
            version,
            build,
            self._code_store.tree(version.code),
            await self._layer_trees.tree(version.layer_packages),
            name,
            log_stream,
            initialization,
            fresh=self._fresh,
            on_host=self._on_host,
        )
