"""Registries, image stores and images for the tests of this room."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from stoker.images.credentials import Registries
from stoker.images.source import Patience
from stoker.images.store import ImageStore
from tests.images.building import Image, Layer, bash_base, files, image, layer
from tests.images.registry import Registry, running_registry

IMPATIENT = Patience(
    connect_s=2.0,
    read_s=0.4,
    answer_s=1.0,
    blob_s=0.4,
    bytes_per_s_min=10_000_000.0,
    pauses_s=(0.01, 0.02),
    retry_after_s_max=0.05,
)

OpenStore = Callable[..., Any]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as registry:
        yield registry


@pytest.fixture
async def open_store(tmp_path: Path) -> AsyncIterator[OpenStore]:
    """`await open_store(urls, images_dir=…, docker_config=…)`: an image store in `tmp_path / "images"`."""
    async with AsyncExitStack() as opened:

        async def open_one(
            urls: dict[str, str] | None = None, images_dir: Path | None = None, docker_config: Path | None = None
        ) -> ImageStore:
            registries = Registries(urls or {}, docker_config or tmp_path / "no-config.json")
            store = ImageStore(tmp_path / "images", registries, images_dir, patience=IMPATIENT)
            await store.open()
            opened.push_async_callback(store.close)
            return store

        yield open_one


@pytest.fixture
async def store(open_store: OpenStore) -> ImageStore:
    opened: ImageStore = await open_store()
    return opened


@pytest.fixture(scope="session")
def bash() -> Layer:
    return bash_base()


@pytest.fixture
def small() -> Image:
    """Two layers of a file each."""
    return image(layer(files({"a": "lower"})), layer(files({"b": "upper"})), Entrypoint=["/a"])
