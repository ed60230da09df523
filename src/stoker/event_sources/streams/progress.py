"""How far a shard has been worked on, while several batches of it are under way: pure bookkeeping."""

from collections import deque
from collections.abc import Iterable


class Progress:
    """Sequence numbers in their order, of which some are done before others."""

    def __init__(self) -> None:
        self._open: deque[str] = deque()
        self._done: set[str] = set()
        self.last_done: str | None = None

    @property
    def is_idle(self) -> bool:
        """Whether all that was taken is done."""
        return not self._open

    def taken(self, sequence_numbers: Iterable[str]) -> None:
        """These were read, after all before them."""
        self._open.extend(sequence_numbers)

    def done(self, sequence_numbers: Iterable[str]) -> bool:
        """These need not be read again. Whether `last_done`, up to which all are done, has moved."""
        self._done.update(sequence_numbers)
        before = self.last_done
        while self._open and self._open[0] in self._done:
            self.last_done = self._open.popleft()
            self._done.discard(self.last_done)
        return self.last_done != before
