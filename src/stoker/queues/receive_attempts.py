"""Receivings from FIFO queues that were named, so that a client that lost the answer gets the same one again."""

from collections import OrderedDict
from collections.abc import Sequence

# ReceiveMessage, "ReceiveRequestAttemptId".
KEPT_MS = 5 * 60_000
# Of one queue. AWS states no number.
KEPT_MAX = 1_000


class ReceiveAttempts:
    """Of one queue: the numbers of the messages that each attempt got."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, tuple[int, ...]]] = OrderedDict()

    def keep(self, attempt_id: str, numbers: Sequence[int], now_ms: int) -> None:
        self._kept.pop(attempt_id, None)
        self._kept[attempt_id] = (now_ms + KEPT_MS, tuple(numbers))
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def find(self, attempt_id: str | None, now_ms: int) -> Sequence[int]:
        """Nothing for an attempt that is not known, or too old."""
        until_ms, numbers = self._kept.get(attempt_id or "", (0, ()))
        return numbers if until_ms > now_ms else ()

    def clear(self) -> None:
        self._kept.clear()
