"""Makes the deliveries that are due, again after a while what is refused, and gives up as the target's policy says.

Source: Amazon EventBridge User Guide, "Event retry policy" and "Using dead-letter queues to process undelivered
events"; Amazon EventBridge Scheduler User Guide, "Configuring a dead-letter queue".
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from stoker.clock import Clock
from stoker.database.group_commit import GroupCommit
from stoker.errors import LambdaError
from stoker.neighbours.pushes.records import DeadLetter
from stoker.neighbours.pushes.times import iso_s
from stoker.schedules.bell import Bell
from stoker.schedules.records import Queued
from stoker.schedules.store import ScheduleStore
from stoker.schedules.targets import Outcome, Refusal
from stoker.supervision import Background

log = logging.getLogger("stoker.schedules")

PLACES = 64
BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 600.0
# Amazon EventBridge User Guide: why an event went to the dead-letter queue.
_RULE_REASONS = {
    "AccessDeniedException": "NO_PERMISSIONS",
    "AccessDenied": "NO_PERMISSIONS",
    "ResourceNotFoundException": "NO_RESOURCE",
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "QueueDoesNotExist": "NO_RESOURCE",
    "NotFound": "NO_RESOURCE",
}
AGE, RETRIES = "MaximumEventAgeInSeconds", "MaximumRetryAttempts"


class Letters(Protocol):
    """Sends dead letters; one that is lost is told in the log."""

    async def send(self, letter: DeadLetter, refusal: LambdaError) -> None: ...


class Sending(Protocol):
    """The targets."""

    async def send(self, queued: Queued) -> Outcome:
        """One attempt."""
        ...


@dataclass(frozen=True, slots=True)
class _End:
    """Of a delivery, by its number."""

    size_bytes: ClassVar[int] = 0
    id: int


class Deliveries:
    """`run` it while the node runs, then `stop`. What is not done by then is for the next node."""

    def __init__(
        self,
        store: ScheduleStore,
        targets: Sending,
        letters: Letters,
        background: Background,
        clock: Clock,
        bell: Bell,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._targets = targets
        self._letters = letters
        self._background = background
        self._clock = clock
        self._bell = bell
        self._jitter = jitter
        # Many end at once, where many are due at once.
        self._ends: GroupCommit[_End, None] = GroupCommit(self._end, background, "ends of deliveries")
        self._in_flight: set[int] = set()
        self._is_full = False

    def wake(self) -> None:
        """There is something new."""
        self._bell.ring()

    async def run(self) -> None:
        while True:
            self._bell.clear()
            await self._bell.wait(await self._start_due())

    async def _start_due(self) -> float | None:
        """Start what there is room for; when to look again, or None: when something ends or comes."""
        places = PLACES - len(self._in_flight)
        self._is_full = places == 0
        if self._is_full:
            return None
        page = await self._store.due_deliveries(self._clock.now_s(), self._in_flight, places)
        for queued in page.items:
            self._in_flight.add(queued.id)
            self._background.start(self._make(queued), "a delivery of a schedule")
        self._is_full = len(self._in_flight) >= PLACES
        return None if self._is_full else page.next_due_s

    async def _end(self, ends: Sequence[_End]) -> Sequence[None]:
        await self._store.end([end.id for end in ends])
        return [None] * len(ends)

    async def _make(self, queued: Queued) -> None:
        try:
            await self._try(queued)
        finally:
            self._in_flight.discard(queued.id)
            if self._is_full and len(self._in_flight) <= PLACES // 2:
                self._bell.ring()

    async def _try(self, queued: Queued) -> None:
        delivery = queued.delivery
        if not queued.attempts and self._clock.now_s() > delivery.due_s + delivery.age_max_s:
            late = Refusal("EventAgeExceeded", "The node was away when this was due.", is_final=True)
            await self._give_up(queued, late, AGE)
            return
        outcome = await self._targets.send(queued)
        if outcome.refusal is not None:
            await self._refused(queued, outcome.refusal)
        elif not outcome.is_ended:
            await self._ends.commit(_End(queued.id))

    async def _refused(self, queued: Queued, refusal: Refusal) -> None:
        delivery = queued.delivery
        again_s = self._clock.now_s() + self._backoff_s(queued.attempts)
        if refusal.is_final:
            await self._give_up(queued, refusal, "")
        elif queued.attempts >= delivery.retries_max:
            await self._give_up(queued, refusal, RETRIES)
        elif again_s > delivery.due_s + delivery.age_max_s:
            await self._give_up(queued, refusal, AGE)
        else:
            await self._store.postpone(queued, again_s)
            self._bell.note(again_s)

    def _backoff_s(self, attempts: int) -> float:
        longest_s = min(BACKOFF_FIRST_S * 2.0 ** min(attempts, 16), BACKOFF_MAX_S)
        return longest_s * (0.5 + self._jitter() / 2)

    async def _give_up(self, queued: Queued, refusal: Refusal, exhausted: str) -> None:
        """The letter first: if the node dies between the two, there are two letters rather than none."""
        delivery = queued.delivery
        if delivery.dead_letter_arn:
            letter = DeadLetter(delivery.dead_letter_arn, delivery.input, _attributes(queued, refusal, exhausted))
            await self._letters.send(letter, LambdaError(refusal.message, code=refusal.code))
        else:
            told = (delivery.source_arn, delivery.target_arn, refusal.code, refusal.message)
            log.warning("%s: %s was given nothing: %s: %s", *told)
        await self._ends.commit(_End(queued.id))


def _attributes(queued: Queued, refusal: Refusal, exhausted: str) -> dict[str, str]:
    """What AWS says of a dead letter; what is empty is left out."""
    delivery = queued.delivery
    said = {
        "TARGET_ARN": delivery.target_arn,
        "ERROR_MESSAGE": refusal.message,
        "EXHAUSTED_RETRY_CONDITION": exhausted,
        "RETRY_ATTEMPTS": str(queued.attempts),
    }
    if delivery.kind == "rule":
        return said | {
            "RULE_ARN": delivery.source_arn,
            "ERROR_CODE": _RULE_REASONS.get(refusal.code, "SDK_CLIENT_ERROR"),
        }
    return said | {
        "SCHEDULE_ARN": delivery.source_arn,
        "SCHEDULED_TIME": iso_s(delivery.nominal_s),
        "EXECUTION_ID": delivery.execution_id,
        "IS_PAYLOAD_TRUNCATED": "false",
        "ERROR_CODE": refusal.code,
    }
