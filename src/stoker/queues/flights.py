"""Messages that were received and not yet deleted: who holds them, and until when nobody else sees them."""

import heapq
from collections.abc import Iterator

from stoker.queues.store import Outline

# Of a standard queue and of a FIFO queue (Amazon SQS Developer Guide, "Message quotas").
IN_FLIGHT_MAX = 120_000
VISIBILITY_MAX_S = 43_200


class Flight:
    """One message in flight. `received_ms` is when its present receipt was given."""

    __slots__ = (
        *("first_received_ms", "group_id", "is_changed", "number", "received_ms", "receives", "receives_before"),
        *("sent_ms", "visible_ms"),
    )

    def __init__(self, outline: Outline, received_ms: int) -> None:
        self.number = outline.number
        self.sent_ms = outline.sent_ms
        self.visible_ms = outline.visible_ms
        self.group_id = outline.group_id
        self.receives = outline.receives
        self.receives_before = outline.receives_before
        self.first_received_ms = outline.first_received_ms
        self.received_ms = received_ms
        # Whether its visibility was changed since.
        self.is_changed = False

    @property
    def outline(self) -> Outline:
        """What is to be known of it when it waits again."""
        return Outline(
            self.number,
            self.sent_ms,
            self.visible_ms,
            self.group_id,
            self.receives,
            self.receives_before,
            self.first_received_ms,
        )


class Flights:
    """All of one queue."""

    def __init__(self) -> None:
        self._by_number: dict[int, Flight] = {}
        # By when they end, with entries of flights that ended before or were given another end.
        self._ends: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def get(self, number: int) -> Flight | None:
        return self._by_number.get(number)

    def add(self, flight: Flight) -> None:
        self._by_number[flight.number] = flight
        self.ends_at(flight, flight.visible_ms)

    def ends_at(self, flight: Flight, visible_ms: int) -> None:
        """Give it another end."""
        flight.visible_ms = visible_ms
        heapq.heappush(self._ends, (visible_ms, flight.number))
        if len(self._ends) > 2 * len(self._by_number) + 100:
            self._ends = [(flight.visible_ms, flight.number) for flight in self._by_number.values()]
            heapq.heapify(self._ends)

    def remove(self, number: int) -> Flight | None:
        return self._by_number.pop(number, None)

    def ended(self, now_ms: int) -> Iterator[Flight]:
        """Those whose time is over; they are taken out."""
        while self._ends and self._ends[0][0] <= now_ms:
            visible_ms, number = heapq.heappop(self._ends)
            flight = self._by_number.get(number)
            if flight is not None and flight.visible_ms == visible_ms:
                del self._by_number[number]
                yield flight

    def next_end_ms(self) -> int | None:
        """When the next one ends, or earlier."""
        return self._ends[0][0] if self._ends else None

    def clear(self) -> None:
        self._by_number.clear()
        self._ends.clear()
