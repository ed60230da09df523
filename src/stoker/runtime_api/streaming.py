"""A response that is passed on while the runtime writes it (reference: runtime side, 2.4).

The runtime's connection writes into a `ResponseStream`, which counts and hands over to the caller's `ResponseSink`.
Nothing here waits: a sink that has enough says so, and the connection is not read until the sink calls back. So what
the runtime writes faster than the caller reads stays in the runtime.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Protocol


class ResponseSink(Protocol):
    """Where the response of one invocation goes, for a caller who wants it piece by piece. Nothing here waits."""

    @property
    def bytes_max(self) -> int:
        """How long the response may be."""

    def run_by(self, version: str) -> None:
        """The version that runs the invocation; called before anything else."""

    def start(self, content_type: str, go_on: Callable[[], None]) -> None:
        """The response begins; `content_type` is the runtime's, "" if it gave none. `go_on` may be called at any time,
        and must be after `write` returned False."""

    def write(self, chunk: bytes) -> bool:
        """Take the next bytes. False: that was enough for now, although more would be taken too."""


class ResponseStream:
    """One response on its way from the runtime's connection to a sink."""

    def __init__(self, sink: ResponseSink, content_type: str, go_on: Callable[[], None]) -> None:
        self.bytes_max = sink.bytes_max
        self.size_bytes = 0
        self._sink: ResponseSink | None = sink
        self._began_s = perf_counter()
        sink.start(content_type, go_on)

    @property
    def is_too_large(self) -> bool:
        return self.size_bytes > self.bytes_max

    @property
    def duration_ms(self) -> float:
        """Since it began."""
        return (perf_counter() - self._began_s) * 1000

    def write(self, chunk: bytes) -> bool:
        """Pass it on as far as the limit allows. False: read no more until `go_on` is called.

        What is beyond the limit, or comes after `detach`, is read and dropped, so that the runtime gets its answer.
        """
        room_bytes = self.bytes_max - self.size_bytes
        self.size_bytes += len(chunk)
        if self._sink is None or room_bytes <= 0:
            return True
        return self._sink.write(chunk if len(chunk) <= room_bytes else chunk[:room_bytes])

    def detach(self) -> None:
        """Nobody waits for it any longer."""
        self._sink = None
