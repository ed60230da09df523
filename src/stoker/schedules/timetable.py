"""Acts on what is due, one transaction after another, and waits for what is due next.

There is one timer, however many schedules there are, and nothing of them is kept in memory. Without any it waits for
the first.
"""

from collections.abc import Callable
from uuid import uuid4

from stoker.clock import Clock
from stoker.schedules.bell import Bell
from stoker.schedules.firing import Firing
from stoker.schedules.store import ScheduleStore


def _new_id() -> str:
    return str(uuid4())


class Timetable:
    """`run` it while the node runs. `has_fired` is called when there is something to deliver."""

    def __init__(
        self,
        store: ScheduleStore,
        clock: Clock,
        bell: Bell,
        has_fired: Callable[[], None],
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._store = store
        self._clock = clock
        self._bell = bell
        self._has_fired = has_fired
        self._new_id = new_id

    def note(self, due_s: float) -> None:
        """Something is due then that was not before."""
        self._bell.note(due_s)

    async def run(self) -> None:
        while True:
            self._bell.clear()
            next_s = await self._store.next_due_s()
            while next_s is not None and next_s <= self._clock.now_s():
                now_s = self._clock.now_s()
                firing = await self._store.fire(now_s, Firing(now_s, self._new_id).fire)
                if firing.deliveries:
                    self._has_fired()
                next_s = firing.next_due_s
            await self._bell.wait(next_s)
