"""Deleting packages, merged layers and images that nobody uses any more."""

import asyncio
from dataclasses import dataclass

from stoker.code.layer_trees import LayerTrees, layer_list
from stoker.code.store import CodeStore
from stoker.environments.pool import EnvironmentPool
from stoker.functions.registry import FunctionRegistry
from stoker.images.store import ImageStore
from stoker.layers.store import LayerStore

EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class CodeSweep:
    """Knows everybody who may use one: functions, published layers, and environments that still have it mounted."""

    code_store: CodeStore
    layer_trees: LayerTrees
    layer_store: LayerStore
    images: ImageStore
    registry: FunctionRegistry
    environments: EnvironmentPool

    async def run(self) -> None:
        """At once and then every hour. Endless."""
        while True:
            published = await self.layer_store.packages()
            mounted = self.environments.versions()
            await self.layer_trees.delete_unused(
                self.registry.layers_in_use() | {layer_list(version.layer_packages) for version in mounted}
            )
            await self.code_store.delete_unused(
                published
                | self.registry.packages_in_use()
                | {package.sha256 for version in mounted for package in version.packages}
            )
            await self.images.delete_unused(
                self.registry.images_in_use() | {version.image.digest for version in mounted if version.image}
            )
            await asyncio.sleep(EVERY_S)
