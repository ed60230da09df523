"""What functions ask of images: which one a name means now, and to have it ready to run.

An image that was fetched stays usable when its registry has lost it, as on AWS.
"""

import asyncio
import errno
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from stoker import limits
from stoker.errors import AccessDeniedException, InvalidParameterValueException, LambdaError
from stoker.functions.records import Image
from stoker.images.credentials import Registries
from stoker.images.errors import ImageError, UnsupportedImageError, invalid
from stoker.images.files import ImageFiles
from stoker.images.manifest import Descriptor, ImageSettings
from stoker.images.pull import Sources
from stoker.images.reference import Reference, parse_reference
from stoker.images.source import Patience, Stop

log = logging.getLogger("stoker.images")
T = TypeVar("T")

FETCHING_AT_ONCE = 2
LOOKING_UP_AT_ONCE = 8
FRESH_S = 600.0  # far longer than a deployment takes from its image to its record
# What no file system takes, as opposed to what this one has no room for.
_HOSTILE_ERRNOS = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ})


@dataclass(frozen=True, slots=True)
class ImageRoot:
    """An image that is ready to run. `name` is another one each time the tree is made: launchers hold on to theirs."""

    name: str
    tree: Path
    settings: ImageSettings


class ImageStore:
    """To be used from the event loop's thread; files and registries are used in threads of its own."""

    def __init__(
        self,
        root: Path,
        registries: Registries,
        images_dir: Path | None,
        *,
        on_host: bool = False,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        """`images_dir` is where `localhost/…` lies. `on_host` is for plain isolation, which cannot run images."""
        self._stop = Stop()
        self._files = ImageFiles(root, self._stop)
        self._sources = Sources(registries, images_dir, patience, self._stop)
        self._on_host = on_host
        # Apart, so that nobody who merely looks something up waits for gigabytes.
        self._fetchers = ThreadPoolExecutor(FETCHING_AT_ONCE, "stoker-images")
        self._threads = ThreadPoolExecutor(LOOKING_UP_AT_ONCE, "stoker-image-lookups")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ready: dict[str, ImageRoot] = {}
        self._last_used_s: dict[str, float] = {}
        self._wanted: Counter[str] = Counter()

    async def open(self) -> None:
        """Make the directories and sweep what a crash left behind."""
        await self._run(self._files.recover)

    async def close(self) -> None:
        """End the transfers and wait for the threads."""
        self._stop.set()
        for threads in (self._fetchers, self._threads):
            await asyncio.to_thread(threads.shutdown)

    # What functions ask

    async def resolve(self, uri: str, account_id: str, region: str, architecture: str) -> Image:
        """The image that `uri` means now. Raises InvalidParameterValueException, AccessDeniedException.

        Accounts and regions share all registries: what they may use is the registries' business.
        """
        if self._on_host:
            raise InvalidParameterValueException(
                "Stoker does not support PackageType Image with isolation 'plain'. See docs/compatibility.md."
            )
        reference = parse_reference(uri)
        if reference is None:
            raise InvalidParameterValueException(f"Source image {uri} is not valid. Provide a valid source image.")
        try:
            digest = await self._run(lambda: self._sources.pull(reference).resolve(reference, architecture))
        except ImageError as error:
            raise _refusal(uri, error) from None
        self._last_used_s[digest] = asyncio.get_running_loop().time()
        return Image(uri, str(reference.pinned(digest)), digest)

    async def fetch(self, image: Image) -> None:
        """Make `image` ready to run, unless it is. Raises ImageError."""
        self._last_used_s[image.digest] = asyncio.get_running_loop().time()
        async with self._turn(image.digest):
            if await self.find(image) is None:
                try:
                    await self._fetch(image)
                except OSError as error:
                    raise _disk_error(error) from error

    async def find(self, image: Image) -> ImageRoot | None:
        """The image, if it was fetched: asked of the disk once, and then of memory."""
        if image.digest not in self._ready:
            settings = await self._run(self._files.settings, image.digest)
            if settings is None:
                return None
            name = f"image-{image.digest[:12]}-{secrets.token_hex(4)}"
            self._ready.setdefault(image.digest, ImageRoot(name, self._files.tree(image.digest), settings))
        return self._ready[image.digest]

    def found(self, image: Image) -> ImageRoot | None:
        """As `find`, of what is in memory: no waiting, for the path of an invocation."""
        return self._ready.get(image.digest)

    async def delete_unused(self, in_use: Collection[str]) -> int:
        """Delete the images whose digest is not in `in_use`, then the layers that none has, and say how many images.

        Those that somebody asked for a short while ago stay: their functions may not have been written down yet.
        """
        deleted = 0
        for digest in await self._run(self._files.roots) - set(in_use):
            async with self._turn(digest):
                if not self._is_fresh(digest):
                    self._ready.pop(digest, None)
                    await self._run_long(self._files.delete_root, digest)
                    deleted += 1
        for diff_id in await self._run(self._files.unused_layers):
            async with self._turn(diff_id):
                if not self._wanted[diff_id]:
                    await self._run_long(self._files.delete_layer, diff_id)
        return deleted

    # Fetching

    async def _fetch(self, image: Image) -> None:
        reference = parse_reference(image.resolved_uri)
        if reference is None:
            raise invalid("its name is not valid")
        pulled = await self._run(lambda: self._sources.pull(reference).image(image.digest))
        diff_ids = pulled.configuration.diff_ids
        self._wanted.update(diff_ids)
        try:
            left_bytes = limits.IMAGE_BYTES_MAX
            for number, (layer, diff_id) in enumerate(zip(pulled.manifest.layers, diff_ids, strict=True), 1):
                async with self._turn(diff_id):
                    size_bytes = await self._run_long(self._ensure_layer, reference, layer, diff_id, left_bytes)
                left_bytes -= size_bytes
                log.info("%s: layer %d of %d is there, %d bytes", image.uri, number, len(diff_ids), size_bytes)
            await self._run_long(self._files.make_root, image.digest, pulled.document, diff_ids)
        finally:
            self._wanted.subtract(diff_ids)
        await self.find(image)

    def _ensure_layer(self, reference: Reference, layer: Descriptor, diff_id: str, limit_bytes: int) -> int:
        """The size of the layer, uncompressed, when it is there; in a thread."""
        fetch = self._sources.pull(reference).save
        return self._files.ensure_layer(layer, diff_id, limit_bytes, fetch)

    def _is_fresh(self, digest: str) -> bool:
        used_s = self._last_used_s.get(digest)
        if used_s is not None and asyncio.get_running_loop().time() - used_s <= FRESH_S:
            return True
        self._last_used_s.pop(digest, None)
        return False

    def _turn(self, digest: str) -> asyncio.Lock:
        return self._turns.setdefault(digest, asyncio.Lock())

    async def _run_long(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._fetchers, work, *args)

    async def _run(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


def _refusal(uri: str, error: ImageError) -> LambdaError:
    """In AWS's words (recorded from its answers), with a reason where they have none."""
    match error:
        case UnsupportedImageError():
            return InvalidParameterValueException(
                f"The image manifest, config or layer media type for the source image {uri} is not supported. "
                f"In detail: {error.text}."
            )
        case ImageError(fault="ImageDeleted"):
            return InvalidParameterValueException(f"Source image {uri} does not exist. Provide a valid source image.")
        case ImageError(fault="ImageAccessDenied"):
            return AccessDeniedException(
                "Lambda does not have permission to access the ECR image. Check the ECR permissions."
            )
        case _:
            return InvalidParameterValueException(
                f"Source image {uri} is not valid. Provide a valid source image. In detail: {error.text}."
            )


def _disk_error(error: OSError) -> ImageError:
    if error.errno in _HOSTILE_ERRNOS:
        return invalid(f"a layer holds what cannot be unpacked ({error.strerror})")
    return ImageError("InternalError", f"it cannot be unpacked: {error.strerror}")
