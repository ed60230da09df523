"""When a batch is full, and what it looks like on its way to the function: pure (reference: event sources, 1.1).

A batch closes when its window has elapsed, it has as many records as it may, or one more would make its payload too
large. Records are encoded once, when they arrive, so that the size of a payload is known exactly.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

_ENVELOPE_BYTES = len(b'{"Records":[]}')


class Encoded(Protocol):
    """A record with its JSON, as the function gets it."""

    @property
    def encoded(self) -> bytes: ...


Record = TypeVar("Record", bound=Encoded)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """`window_s` counts from a batch's first record. `payload_bytes_max` holds for all but a batch of one."""

    records_max: int
    window_s: float
    payload_bytes_max: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], payload_bytes_max: int) -> "BatchLimits":
        """Those of a mapping's settings."""
        return cls(settings["BatchSize"], settings.get("MaximumBatchingWindowInSeconds", 0), payload_bytes_max)


class Gathering(Generic[Record]):
    """Records on their way into batches, in their order. `now_s` is any clock that only goes forward."""

    def __init__(self, limits: BatchLimits, overhead_bytes: int = 0) -> None:
        """`overhead_bytes` is what each payload has besides its records."""
        self._limits = limits
        self._room_bytes = limits.payload_bytes_max - _ENVELOPE_BYTES - overhead_bytes
        self._waiting: deque[Record] = deque()
        self._size_bytes = 0
        self._first_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Record | None:
        """The oldest record, if there is one."""
        return self._waiting[0] if self._waiting else None

    @property
    def size_bytes(self) -> int:
        """Of all that waits."""
        return self._size_bytes

    @property
    def missing(self) -> int:
        """How many more records fit into the next batch by number."""
        return max(0, self._limits.records_max - len(self._waiting))

    @property
    def is_full(self) -> bool:
        """Whether the next batch cannot grow any more."""
        return not self.missing or self._size_bytes > self._room_bytes

    def add(self, records: Sequence[Record], now_s: float) -> None:
        if records and not self._waiting:
            self._first_s = now_s
        self._waiting.extend(records)
        self._size_bytes += sum(len(record.encoded) + 1 for record in records)

    def due_s(self, now_s: float) -> float | None:
        """When the next batch closes at the latest: `now_s` if it may now, None while there is nothing."""
        if not self._waiting:
            return None
        return now_s if self.is_full else self._first_s + self._limits.window_s

    def take(self, now_s: float, belongs: Callable[[Record, Record], bool] | None = None) -> list[Record]:
        """The next batch, at least one record; what stays begins a new window.

        `belongs` says of the batch's first record and another whether both may be in it.
        """
        batch: list[Record] = []
        size_bytes = 0
        while self._waiting and len(batch) < self._limits.records_max:
            record = self._waiting[0]
            size_bytes += len(record.encoded) + 1
            if batch and (size_bytes > self._room_bytes or (belongs is not None and not belongs(batch[0], record))):
                break
            batch.append(self._waiting.popleft())
        self._size_bytes -= sum(len(record.encoded) + 1 for record in batch)
        self._first_s = now_s
        return batch

    def take_all(self) -> list[Record]:
        """Everything, in its order, for whoever does not want batches."""
        everything = list(self._waiting)
        self._waiting.clear()
        self._size_bytes = 0
        return everything


def event_of(records: Sequence[Encoded], further: Mapping[str, Any] | None = None) -> bytes:
    """The function's event: `Records`, and further members beside them."""
    event = b'{"Records":[' + b",".join(record.encoded for record in records) + b"]"
    if further:
        event += b"," + msgspec.json.encode(further)[1:-1]
    return event + b"}"
