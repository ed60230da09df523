"""Records on their way into batches, by partition: pure (reference: event sources, 1.1 and 4).

While a partition's records are with the function, nothing else of that partition is: that keeps its order. Batches of
other partitions may go beside it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stoker.event_sources.batches import BatchLimits
from stoker.event_sources.kafka.records import KafkaRecord, Partition

_GROUP_BYTES = len('"-2147483647":[],')


@dataclass(slots=True)
class _Queue:
    """Of one partition. `read_until` is the offset after the last record that was read, wanted or not."""

    waiting: deque[KafkaRecord] = field(default_factory=deque)
    size_bytes: int = 0  # of what waits
    first_s: float = 0.0
    read_until: int | None = None
    is_busy: bool = False
    is_lost: bool = False  # taken away while it was busy


class KafkaGathering:
    """`now_s` is any clock that only goes forward."""

    def __init__(self, limits: BatchLimits, overhead_bytes: int) -> None:
        """`overhead_bytes` is what each payload has besides its partitions and their records."""
        self._limits = limits
        self._room_bytes = limits.payload_bytes_max - overhead_bytes
        self._queues: dict[Partition, _Queue] = {}

    def add(self, records: Iterable[KafkaRecord], now_s: float) -> None:
        """Records that the function is to have."""
        for record in records:
            queue = self._queue(record.partition)
            if not queue.waiting:
                queue.first_s = now_s
            queue.waiting.append(record)
            queue.size_bytes += len(record.encoded) + 1

    def read_until(self, partition: Partition, offset: int) -> None:
        """Everything before `offset` was read, and is here or not wanted."""
        self._queue(partition).read_until = offset

    def waiting(self, *, without: Iterable[Partition] = ()) -> tuple[int, int]:
        """How many records wait, and their bytes."""
        left_out = set(without)
        counted = [queue for name, queue in self._queues.items() if name not in left_out]
        return sum(len(queue.waiting) for queue in counted), sum(queue.size_bytes for queue in counted)

    def due_s(self, now_s: float) -> float | None:
        """When the next batch closes at the latest: `now_s` if it may now, None while there is nothing to be in it."""
        free = [queue for queue in self._queues.values() if queue.waiting and not queue.is_busy]
        if not free:
            return None
        if sum(len(queue.waiting) for queue in free) >= self._limits.records_max or self._fills_payload(free):
            return now_s
        return min(queue.first_s for queue in free) + self._limits.window_s

    def take(self, now_s: float) -> list[KafkaRecord]:
        """The next batch; its partitions are busy until `release`. Who has waited longest comes first."""
        batch: list[KafkaRecord] = []
        room_bytes = self._room_bytes
        free = [(name, queue) for name, queue in self._queues.items() if queue.waiting and not queue.is_busy]
        for name, queue in sorted(free, key=lambda one: one[1].first_s):
            room_bytes -= _group_bytes(name)
            while queue.waiting and len(batch) < self._limits.records_max:
                size_bytes = len(queue.waiting[0].encoded) + 1
                room_bytes -= size_bytes
                if batch and room_bytes < 0:
                    return batch
                batch.append(queue.waiting.popleft())
                queue.size_bytes -= size_bytes
                queue.is_busy, queue.first_s = True, now_s
        return batch

    def release(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """These have no record with the function any more. The offsets to read on from, where they are known."""
        positions: dict[Partition, int] = {}
        for name in partitions:
            queue = self._queue(name)
            if not queue.is_lost:
                positions |= self._position(name, queue)
            queue.is_busy = queue.is_lost = False
        return positions

    def idle_positions(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offsets to read on from, of those that have no record with the function."""
        positions: dict[Partition, int] = {}
        for name in partitions:
            queue = self._queue(name)
            if not queue.is_busy:
                positions |= self._position(name, queue)
        return positions

    def still_ours(self, positions: dict[Partition, int]) -> dict[Partition, int]:
        """`positions` without those that another consumer may have by now."""
        return {name: offset for name, offset in positions.items() if not self._queue(name).is_lost}

    def forget(self, partitions: Iterable[Partition]) -> None:
        """These are another consumer's now, or will be read again."""
        for name in partitions:
            queue = self._queue(name)
            queue.waiting.clear()
            queue.size_bytes = 0
            queue.read_until = None
            queue.is_lost = queue.is_busy

    def _position(self, name: Partition, queue: _Queue) -> dict[Partition, int]:
        offset = queue.waiting[0].offset if queue.waiting else queue.read_until
        return {} if offset is None else {name: offset}

    def _fills_payload(self, queues: Sequence[_Queue]) -> bool:
        return sum(queue.size_bytes for queue in queues) > self._room_bytes

    def _queue(self, name: Partition) -> _Queue:
        return self._queues.setdefault(name, _Queue())


def _group_bytes(partition: Partition) -> int:
    return len(partition.topic) + _GROUP_BYTES


def positions_after(records: Iterable[KafkaRecord]) -> dict[Partition, int]:
    """The offsets to read on from when these are done."""
    return {record.partition: record.offset + 1 for record in records}
