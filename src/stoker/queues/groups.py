"""The message groups of a FIFO queue: each hands out its messages in order, and nothing while one of them is away."""

import heapq
from collections import deque
from collections.abc import Iterator

from stoker.queues.flights import Flight
from stoker.queues.records import Message
from stoker.queues.store import Outline


class Entry:
    """A message that waits; `message` is the whole of it where that is in memory."""

    __slots__ = ("message", "outline")

    def __init__(self, outline: Outline, message: Message | None = None) -> None:
        self.outline = outline
        self.message = message

    @property
    def number(self) -> int:
        return self.outline.number


class Group:
    """`waiting` is in order; `away` counts the messages that are with receivers."""

    __slots__ = ("away", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Entry] = deque()
        self.away = 0


class Groups:
    """Those of one queue that have messages in memory."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        # Numbers of first messages, with entries of groups that are blocked now or begin with another message.
        self._heads: list[tuple[int, str]] = []
        self.waiting = 0

    def add(self, entry: Entry) -> None:
        """The last one of its group."""
        group_id = entry.outline.group_id or ""
        group = self._groups.setdefault(group_id, Group())
        group.waiting.append(entry)
        self.waiting += 1
        if len(group.waiting) == 1 and not group.away:
            self._push(group_id, group)

    def add_away(self, group_id: str) -> None:
        """One that is with a receiver."""
        self._groups.setdefault(group_id, Group()).away += 1

    def back(self, flight: Flight) -> None:
        """It waits again, in its old place, and its group is freed when no other is away."""
        group_id = flight.group_id or ""
        group = self._groups[group_id]
        self._insert(group.waiting, Entry(flight.outline))
        self.waiting += 1
        self.free(group_id)

    def free(self, group_id: str) -> None:
        """One that was away is no more."""
        group = self._groups[group_id]
        group.away -= 1
        if group.away:
            return
        if group.waiting:
            self._push(group_id, group)
        else:
            del self._groups[group_id]

    def first(self, of: str | None = None) -> Entry | None:
        """The first message of all that may be handed out, or of the group `of`, whoever has its other messages."""
        if of is not None:
            waiting = self._groups[of].waiting if of in self._groups else None
            return waiting[0] if waiting else None
        while self._heads:
            number, group_id = self._heads[0]
            if self._is_head(number, group_id):
                return self._groups[group_id].waiting[0]
            heapq.heappop(self._heads)
        return None

    def take(self, entry: Entry) -> None:
        """The first message of its group goes to a receiver."""
        group = self._groups[entry.outline.group_id or ""]
        assert group.waiting[0] is entry
        group.waiting.popleft()
        group.away += 1
        self.waiting -= 1

    def drop(self, entry: Entry) -> None:
        """A message that is not there any more."""
        group_id = entry.outline.group_id or ""
        group = self._groups[group_id]
        group.waiting.remove(entry)
        self.waiting -= 1
        if not group.away:
            group.away = 1
            self.free(group_id)

    def candidates(self, wanted: int) -> list[Entry]:
        """The messages that would be handed out next, to one receiver."""
        found: list[Entry] = []
        looked_at = []
        while len(found) < wanted and (entry := self.first()) is not None:
            looked_at.append(heapq.heappop(self._heads))
            found += _some(self._groups[entry.outline.group_id or ""].waiting, wanted - len(found))
        for head in looked_at:
            heapq.heappush(self._heads, head)
        return found

    def clear(self) -> None:
        self._groups.clear()
        self._heads.clear()
        self.waiting = 0

    def _push(self, group_id: str, group: Group) -> None:
        heapq.heappush(self._heads, (group.waiting[0].number, group_id))
        if len(self._heads) > 2 * len(self._groups) + 100:
            self._heads = sorted({head for head in self._heads if self._is_head(*head)})

    def _is_head(self, number: int, group_id: str) -> bool:
        group = self._groups.get(group_id)
        return group is not None and not group.away and bool(group.waiting) and group.waiting[0].number == number

    @staticmethod
    def _insert(waiting: deque[Entry], entry: Entry) -> None:
        """Among those of the group that came back before it; they are few, and the first."""
        place = 0
        while place < len(waiting) and waiting[place].number < entry.number:
            place += 1
        waiting.insert(place, entry)


def _some(waiting: deque[Entry], count: int) -> Iterator[Entry]:
    for number, entry in enumerate(waiting):
        if number == count:
            return
        yield entry
