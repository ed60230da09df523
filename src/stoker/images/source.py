"""Where images come from, for those who fetch them: a registry or a directory, asked for by tag and by digest.

Everything here blocks and runs in threads. Whoever asks verifies digests (`pull.py`); a source may lie.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from stoker.images.errors import UnreachableError
from stoker.images.manifest import Descriptor


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index, with what its source calls it."""

    media_type: str
    content: bytes


class Source(Protocol):
    """One repository of images."""

    def manifest(self, wanted: str) -> Document:
        """What a tag or `sha256:<hex>` stands for. Raises ImageError, TransientError."""

    def chunks(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a layer or configuration; never many more than it should have. Raises as `manifest` does."""


class TransientError(Exception):
    """It may go better in a while; `retry_after_s` is how long the source asked to be left alone."""

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a source, and how often: `pauses_s` lie between the tries.

    A blob has `blob_s` and the time that its size takes at `bytes_per_s_min`; everything else has `answer_s`.
    """

    connect_s: float = 5.0
    read_s: float = 10.0
    answer_s: float = 10.0
    blob_s: float = 60.0
    bytes_per_s_min: float = 100_000.0
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    retry_after_s_max: float = 10.0

    def blob_limit_s(self, size_bytes: int) -> float:
        return self.blob_s + size_bytes / self.bytes_per_s_min


class Stop:
    """Set once, when the node ends: every wait and every transfer of a thread then ends too."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise UnreachableError("the node is stopping")

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)
        self.check()


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of `time.monotonic`."""

    at_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def check(self) -> None:
        """Raise TransientError when it has passed."""
        if time.monotonic() > self.at_s:
            raise TransientError("it answers too slowly")
