"""The records that wait for one subscriber, and how they are cut into batches; nothing here waits."""

from collections import deque

from stoker.telemetry.subscription import Subscription

# What a subscriber that does not keep up may leave with the node; more is dropped, and told.
WAITING_BYTES_MAX = 8 * 1024 * 1024


class Buffer:
    """In order. `dropped_records` and `dropped_bytes` count what there was no room for, or was given up."""

    def __init__(self, subscription: Subscription) -> None:
        self._max_items = subscription.max_items
        self._max_bytes = subscription.max_bytes
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self.dropped_records = 0
        self.dropped_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_full_batch(self) -> bool:
        return len(self._waiting) >= self._max_items or self._waiting_bytes >= self._max_bytes

    def add(self, record: bytes) -> None:
        """Take a record, or count it as dropped."""
        if self._waiting_bytes + len(record) > WAITING_BYTES_MAX:
            self.drop([record])
        else:
            self._waiting.append(record)
            self._waiting_bytes += len(record)

    def add_first(self, record: bytes) -> None:
        """Take a short record before all others."""
        self._waiting.appendleft(record)
        self._waiting_bytes += len(record)

    def take(self) -> list[bytes]:
        """The next batch: at least one record, if there is one, and no more than the subscriber wants at once."""
        batch: list[bytes] = []
        size_bytes = 0
        while self._waiting and len(batch) < self._max_items:
            # With the comma, or a bracket, that comes with it.
            size_bytes += len(self._waiting[0]) + 1
            if batch and size_bytes >= self._max_bytes:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= len(batch[-1])
        return batch

    def drop(self, records: list[bytes]) -> None:
        """These never reach the subscriber."""
        self.dropped_records += len(records)
        self.dropped_bytes += sum(map(len, records))
