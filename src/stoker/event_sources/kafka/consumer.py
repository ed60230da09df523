"""A member of a consumer group, by librdkafka: the only place that knows its library.

The library blocks, so that each consumer has one thread, in which its calls follow each other. While a topic is silent
the thread waits in the library, which a record ends at once.

Offsets are stored when the function has taken their records; the library commits what is stored, every
COMMIT_INTERVAL_S and when the consumer is closed. The member is a static one: a node that comes back after `kill -9`
has its partitions at once, without the group waiting for the one that is gone.
"""

import asyncio
import importlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stoker.event_sources.kafka.library import MISSING
from stoker.event_sources.kafka.problems import is_decisive, problem_of
from stoker.event_sources.kafka.records import KafkaRecord, Partition, record_of
from stoker.event_sources.services import SourceProblem

T = TypeVar("T")

COMMIT_INTERVAL_S = 0.5
SESSION_S = 10.0  # how long the group keeps partitions for a member that is silent
CALL_LIMIT_S = 10.0  # of one question to the brokers
LOOK_S = 1.0
PATIENCE_S = 5.0  # so long brokers may be away before that is a problem
NEW_PARTITIONS_LOOK_S = 60.0
_TIMESTAMP_TYPES = ("NO_TIMESTAMP_TYPE", "CREATE_TIME", "LOG_APPEND_TIME")


@dataclass(frozen=True, slots=True)
class Membership:
    """Of which group, as whom, and where to begin in partitions of which the group has read nothing."""

    group_id: str
    instance_id: str
    topics: tuple[str, ...]
    starting_position: str
    starting_s: float | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """`revoked` were taken away before `records` were read: what was read of them before may be another's by now."""

    records: Sequence[KafkaRecord] = ()
    revoked: Sequence[Partition] = ()
    problem: SourceProblem | None = None


@dataclass(slots=True)
class _Heard:
    """What the library tells while something else is asked of it."""

    messages: list[Any] = field(default_factory=list)
    revoked: list[Partition] = field(default_factory=list)
    problem: SourceProblem | None = None
    disconnected: SourceProblem | None = None


class KafkaConsumer:
    """From `open` to `close`. To be used from the event loop's thread."""

    def __init__(self, membership: Membership, properties: Mapping[str, str]) -> None:
        """`properties` say how the brokers are reached. Raises SourceProblem for a certificate that is none."""
        self._kafka = _library()
        self._membership = membership
        self._heard = _Heard()
        self._is_member = False
        self._paused: frozenset[Partition] = frozenset()
        try:
            self._client = self._kafka.Consumer({**self._properties(membership), **properties})
        except self._kafka.KafkaException as error:
            raise problem_of(error.args[0], membership.topics) from None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka")

    async def open(self) -> None:
        """Join the group. Raises SourceProblem when the brokers or the topic cannot be reached."""
        await self._in_thread(self._open)

    async def poll(self, wait_s: float, records_max: int, paused: frozenset[Partition]) -> Polled:
        """What comes within `wait_s`, of all partitions but those that are `paused`."""
        return await self._in_thread(lambda: self._poll(wait_s, records_max, paused))

    async def keep(self) -> Polled:
        """Stay in the group while nothing more can be taken."""
        return await self._in_thread(lambda: self._poll(0, 1, frozenset(self._assignment())))

    def store(self, positions: Mapping[Partition, int]) -> None:
        """Records before these offsets need not be read again."""
        for name, offset in positions.items():
            try:
                self._client.store_offsets(offsets=[self._place(name, offset)])
            except self._kafka.KafkaException:  # another consumer's by now, who reads them again
                continue

    async def close(self) -> None:
        """Commit what is stored, if somebody is there to take it, and end the thread."""
        await self._in_thread(self._close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _properties(self, membership: Membership) -> dict[str, Any]:
        return {
            "client.id": "stoker",
            "group.id": membership.group_id,
            "group.instance.id": membership.instance_id,
            "session.timeout.ms": int(SESSION_S * 1000),
            "enable.auto.offset.store": False,
            "auto.commit.interval.ms": int(COMMIT_INTERVAL_S * 1000),
            # Where to begin is worked out when partitions are assigned. This is for offsets that are gone already.
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": int(NEW_PARTITIONS_LOOK_S * 1000),
            "reconnect.backoff.max.ms": 2_000,
            "log_level": 0,  # what it would log comes to `_failed`
            "error_cb": self._failed,
        }

    # Everything from here on happens in the thread.

    def _open(self) -> None:
        self._look(PATIENCE_S)
        self._is_member = True
        self._client.subscribe(
            list(self._membership.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def _close(self) -> None:
        """Without brokers the library waits for its last commit until the session is over: nobody waits for that here.

        The next consumer of the mapping has the same name, so that what this one still says is refused.
        """
        if not self._is_member or self._can_reach_brokers():
            self._client.close()
        else:
            threading.Thread(target=self._client.close, name="kafka-close", daemon=True).start()

    def _can_reach_brokers(self) -> bool:
        try:
            self._client.list_topics(self._membership.topics[0], timeout=LOOK_S)
        except self._kafka.KafkaException:
            return False
        return True

    def _poll(self, wait_s: float, records_max: int, paused: frozenset[Partition]) -> Polled:
        try:
            self._pause(paused)
            if (message := self._client.poll(wait_s)) is not None:
                self._heard.messages.append(message)
                if records_max > 1:
                    more = self._client.consume(records_max - 1, 0)  # `_revoked` may take its turn in here
                    self._heard.messages.extend(more)
            if self._heard.disconnected is not None:
                self._look(PATIENCE_S)
        except self._kafka.KafkaException as error:
            self._heard.problem = problem_of(error.args[0], self._membership.topics)
        except SourceProblem as problem:
            self._heard.problem = problem
        heard, self._heard = self._heard, _Heard()
        records = [record for message in heard.messages if (record := self._record(message, heard)) is not None]
        return Polled(records, heard.revoked, heard.problem)

    def _record(self, message: Any, heard: _Heard) -> KafkaRecord | None:
        if (error := message.error()) is not None:
            if error.code() != self._kafka.KafkaError._MAX_POLL_EXCEEDED:
                heard.problem = problem_of(error, self._membership.topics)
            return None
        timestamp_type, timestamp_ms = message.timestamp()
        return record_of(
            Partition(message.topic(), message.partition()),
            message.offset(),
            (_TIMESTAMP_TYPES[timestamp_type], timestamp_ms),
            message.key(),
            message.value(),
            message.headers() or (),
        )

    def _look(self, within_s: float) -> None:
        """Return when the brokers tell of the topics. Raises SourceProblem after a while, or when it is of no use."""
        deadline_s = time.monotonic() + within_s
        while True:
            self._heard.disconnected = None
            try:
                for topic in self._membership.topics:
                    known = self._client.list_topics(topic, timeout=LOOK_S).topics[topic]
                    if known.error is not None:
                        raise problem_of(known.error, self._membership.topics)
                return
            except self._kafka.KafkaException as error:
                said = problem_of(error.args[0], self._membership.topics)
            # What is behind it is heard while polling, where a record may come along.
            if (message := self._client.poll(0)) is not None:
                self._heard.messages.append(message)
            if self._heard.problem is not None:
                raise self._heard.problem
            if time.monotonic() > deadline_s:
                raise self._heard.disconnected or said
            time.sleep(0.1)

    def _pause(self, paused: frozenset[Partition]) -> None:
        assigned = self._assignment()
        if more := [self._place(name) for name in paused - self._paused if name in assigned]:
            self._client.pause(more)
        if fewer := [self._place(name) for name in self._paused - paused if name in assigned]:
            self._client.resume(fewer)
        self._paused = paused & assigned

    def _assignment(self) -> frozenset[Partition]:
        return frozenset(Partition(one.topic, one.partition) for one in self._client.assignment())

    def _failed(self, error: Any) -> None:
        if is_decisive(error):
            self._heard.problem = problem_of(error, self._membership.topics)
        else:
            self._heard.disconnected = self._heard.disconnected or problem_of(error, self._membership.topics)

    def _revoked(self, _client: Any, places: Iterable[Any]) -> None:
        revoked = {Partition(one.topic, one.partition) for one in places}
        kept = [one for one in self._heard.messages if (one.topic(), one.partition()) not in revoked]
        self._heard.messages = kept
        self._heard.revoked.extend(revoked)
        self._paused -= revoked

    def _assigned(self, client: Any, places: Sequence[Any]) -> None:
        try:
            committed = client.committed(list(places), timeout=CALL_LIMIT_S)
            client.assign(self._begun(committed) if any(one.offset < 0 for one in committed) else committed)
        except self._kafka.KafkaException as error:
            client.assign([])
            self._heard.problem = problem_of(error.args[0], self._membership.topics)

    def _begun(self, committed: Sequence[Any]) -> list[Any]:
        """Where to begin, committed before anything is read, so that LATEST is the same for whoever comes after us.

        Partitions that a topic got since the group began are read from their first record on.
        """
        position = "TRIM_HORIZON" if self._has_begun() else self._membership.starting_position
        first = [one if one.offset >= 0 else self._start(one, position) for one in committed]
        self._client.commit(offsets=first, asynchronous=False)
        return first

    def _has_begun(self) -> bool:
        places = [
            self._kafka.TopicPartition(topic, number)
            for topic in self._membership.topics
            for number in self._client.list_topics(topic, timeout=CALL_LIMIT_S).topics[topic].partitions
        ]
        return any(one.offset >= 0 for one in self._client.committed(places, timeout=CALL_LIMIT_S))

    def _start(self, place: Any, position: str) -> Any:
        name = Partition(place.topic, place.partition)
        if position == "AT_TIMESTAMP":
            since_ms = int((self._membership.starting_s or 0) * 1000)
            (found,) = self._client.offsets_for_times([self._place(name, since_ms)], timeout=CALL_LIMIT_S)
            if found.offset >= 0:
                return found
        oldest, newest = self._client.get_watermark_offsets(place, timeout=CALL_LIMIT_S)
        return self._place(name, oldest if position == "TRIM_HORIZON" else newest)

    def _place(self, name: Partition, *offset: int) -> Any:
        return self._kafka.TopicPartition(name.topic, name.number, *offset)


def _library() -> Any:
    """Imported with the first mapping that needs it, and there only if it was asked for."""
    try:
        return importlib.import_module("confluent_kafka")
    except ImportError:
        raise SourceProblem(MISSING) from None
