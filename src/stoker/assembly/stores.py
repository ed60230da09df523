"""The ground floor: everything that lies on disk."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from stoker.clock import Clock
from stoker.code.layer_trees import LayerTrees
from stoker.code.store import CodeStore
from stoker.config import Settings
from stoker.database.engine import Database, database_url
from stoker.images.credentials import Registries
from stoker.images.store import ImageStore
from stoker.layers.store import LayerStore
from stoker.logs.store import LogStore
from stoker.supervision import Background


@dataclass(frozen=True, slots=True)
class Stores:
    """Open, each of them."""

    database: Database
    logs: LogStore
    code: CodeStore
    layer_trees: LayerTrees
    layers: LayerStore
    images: ImageStore


async def open_stores(settings: Settings, clock: Clock, parts: AsyncExitStack, *, on_host: bool) -> Stores:
    """Raises DatabaseError. `on_host`: functions are ordinary processes, and images cannot run."""
    database = await parts.enter_async_context(Database(database_url(settings.database_url, settings.data)))
    background = await parts.enter_async_context(Background())
    logs = LogStore(database, clock, background, settings.log_retention_days)
    logs.start()
    parts.push_async_callback(logs.close)
    code = CodeStore(settings.data / "code", background, settings.limits.unzipped_bytes_max)
    await code.open()
    parts.push_async_callback(code.close)
    layer_trees = LayerTrees(code)
    await layer_trees.open()
    images = ImageStore(settings.data / "images", Registries(settings.registries), settings.images_dir, on_host=on_host)
    await images.open()
    parts.push_async_callback(images.close)
    return Stores(database, logs, code, layer_trees, LayerStore(database), images)
