"""Times at which something is due, in moto's process: one thread waits for the next of them."""

import heapq
import threading
import time
from collections.abc import Callable


class DueTimes:
    """`ring` is called in the thread, with what is due. A time set anew leaves the old one standing: who is rung
    looks whether it is still due. The thread is started with the first."""

    def __init__(self, ring: Callable[[object], None], now_s: Callable[[], float] = time.time) -> None:
        self._ring = ring
        self._now_s = now_s
        self._due: list[tuple[float, int, object]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def set(self, due_s: float, what: object) -> None:
        """`due_s` is seconds since the epoch."""
        with self._changed:
            self._count += 1  # what is due need not be comparable
            heapq.heappush(self._due, (due_s, self._count, what))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="due times", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            self._ring(self._wait_due())

    def _wait_due(self) -> object:
        with self._changed:
            while True:
                rest_s = self._due[0][0] - self._now_s() if self._due else None
                if rest_s is not None and rest_s <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(None if rest_s is None else min(rest_s, threading.TIMEOUT_MAX))
