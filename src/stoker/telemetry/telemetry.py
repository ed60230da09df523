"""All telemetry of one environment: what happened since its init began, and everybody who subscribed to it.

What comes in is synchronous, and on the path of invocations, if there is a subscriber at all: without one nothing is
listened to after init.
"""

import asyncio
import contextlib

from stoker.clock import Clock
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.platform_events import LogsDropped, PlatformEvent, TelemetrySubscription
from stoker.logs.platform_log import PlatformLog
from stoker.runtime_api.exchange import Reply
from stoker.runtime_api.extensions import Api
from stoker.telemetry.buffer import Buffer
from stoker.telemetry.delivery import Connect, Delivery
from stoker.telemetry.records import PlatformRecord, PrintedRecord, Record, encoded
from stoker.telemetry.subscription import Subscription, closed, subscription

# What happens in init before anybody subscribes is kept for those who will, up to so much.
KEPT_RECORDS_MAX = 1_000
KEPT_CHARACTERS_MAX = 1024 * 1024
_FELL_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
_SUBSCRIBED = Reply(200, b'"OK"')


class Telemetry:
    """Of one environment. `begin` with each init, `init_ended` after it, `end` before everything in it is killed."""

    def __init__(
        self,
        environment_log: EnvironmentLog,
        platform_log: PlatformLog,
        clock: Clock,
        connect: Connect,
        *,
        logs_json: bool,
    ) -> None:
        """`logs_json`: the function's LogFormat is JSON."""
        self._environment_log = environment_log
        self._platform_log = platform_log
        self._clock = clock
        self._connect = connect
        self._logs_json = logs_json
        self._runs = asyncio.Event()
        self._runs.set()
        self._subscribers: dict[str, _Subscriber] = {}
        self._former: set[_Subscriber] = set()
        self._kept: list[Record] | None = None
        self._kept_characters = 0

    def begin(self) -> None:
        """An init begins: whoever subscribes in it will get what happens from now on."""
        if self._kept is None and not self._subscribers:
            self._platform_log.listen(self._happened)
            self._environment_log.tee(self._printed)
        self._kept, self._kept_characters = [], 0

    def init_ended(self) -> None:
        """Nobody subscribes any more."""
        self._kept = None
        if not self._subscribers:
            self._listen_no_more()

    def subscribe(self, name: str, api: Api, body: bytes) -> Reply:
        """The extension `name` subscribes, perhaps anew."""
        if self._kept is None:
            return closed(api)
        wanted = subscription(api, body)
        if isinstance(wanted, Reply):
            return wanted
        self._give_up(name)
        subscriber = _Subscriber(name, wanted, Delivery(wanted, self._connect, self._runs), self._clock)
        for record in self._kept:
            subscriber.take(record)
        self._subscribers[name] = subscriber
        self._platform_log.emit_beside(TelemetrySubscription(name, wanted.types))
        return _SUBSCRIBED

    def freeze(self) -> None:
        self._runs.clear()

    def thaw(self) -> None:
        self._runs.set()

    def hurry(self) -> None:
        """The environment is about to end: let nothing wait for a batch to fill."""
        for subscriber in self._subscribers.values():
            subscriber.hurry()

    async def end(self) -> None:
        """Everything in the environment ended, and with it every subscription."""
        self._listen_no_more()
        self._kept = None
        for name in list(self._subscribers):
            self._give_up(name)
        while self._former:
            await self._former.pop().closed()

    def _give_up(self, name: str) -> None:
        former = self._subscribers.pop(name, None)
        if former is not None:
            former.close()
            self._former.add(former)

    def _listen_no_more(self) -> None:
        self._platform_log.listen_no_more(self._happened)
        self._environment_log.tee(None)

    def _happened(self, event: PlatformEvent, now_s: float) -> None:
        self._take(PlatformRecord(event, now_s), 100)

    def _printed(self, kind: str, text: str, timestamp_ms: int) -> None:
        self._take(PrintedRecord(kind, text, timestamp_ms / 1000, self._logs_json), len(text))

    def _take(self, record: Record, characters: int) -> None:
        for subscriber in self._subscribers.values():
            subscriber.take(record)
        if self._kept is not None and len(self._kept) < KEPT_RECORDS_MAX:
            self._kept_characters += characters
            if self._kept_characters <= KEPT_CHARACTERS_MAX:
                self._kept.append(record)


class _Subscriber:
    """One subscription: its buffer, and the task that empties it."""

    def __init__(self, name: str, wanted: Subscription, delivery: Delivery, clock: Clock) -> None:
        self._wanted = wanted
        self._delivery = delivery
        self._clock = clock
        self._buffer = Buffer(wanted)
        self._has_records = asyncio.Event()
        self._is_due = asyncio.Event()
        self._hurries = False
        self._task = asyncio.get_running_loop().create_task(self._deliver(), name=f"telemetry for {name}")

    def take(self, record: Record) -> None:
        data = encoded(record, self._wanted)
        if data is None:
            return
        self._buffer.add(data)
        self._has_records.set()
        if self._buffer.has_full_batch:
            self._is_due.set()

    def hurry(self) -> None:
        self._hurries = True
        self._is_due.set()

    def close(self) -> None:
        self._task.cancel()

    async def closed(self) -> None:
        await asyncio.wait([self._task])
        self._delivery.close()

    async def _deliver(self) -> None:
        while True:
            await self._has_records.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wanted.timeout_ms / 1000):
                    await self._is_due.wait()
            self._tell_dropped()
            batch = self._buffer.take()
            if not await self._delivery.send(batch):
                self._buffer.drop(batch)
            if not self._buffer:
                self._has_records.clear()
            if not self._buffer.has_full_batch and not self._hurries:
                self._is_due.clear()

    def _tell_dropped(self) -> None:
        """With the records that follow: a subscriber that is not there is not to be told for ever."""
        buffer = self._buffer
        if buffer.dropped_records:
            event = LogsDropped(_FELL_BEHIND, buffer.dropped_records, buffer.dropped_bytes)
            data = encoded(PlatformRecord(event, self._clock.now_s()), self._wanted)
            buffer.dropped_records = buffer.dropped_bytes = 0
            if data is not None:
                buffer.add_first(data)
