"""One queue of a broker that is consumed from: AMQP 0-9-1, by aiormq (decision 51).

How much a node holds of a queue is bounded by number and by size. A broker sends as many messages as a consumer's
prefetch says, at once, whatever their size; so the prefetch is small and by the sizes that were seen, and a consumer
that has used it up is replaced by another while there is room: what the former one brought does not count against it.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from stoker.event_sources.rabbitmq.brokers import Endpoint, Login
from stoker.event_sources.rabbitmq.client import BrokerError, aiormq, broker_errors, failures, said_of
from stoker.event_sources.rabbitmq.messages import RabbitMessage, message_of

CONNECT_LIMIT_S = 10.0
REPLY_LIMIT_S = 30.0
CLOSE_LIMIT_S = 5.0
PREFETCH_FIRST = 10
PREFETCH_MAX = 200  # what may still come while there is room for one message


@dataclass(frozen=True, slots=True)
class Holding:
    """How much of a queue may be held at once; what is on its way, a prefetch at most, comes all the same."""

    messages_max: int
    bytes_max: int

    def prefetch(self, messages: int, size_bytes: int, largest_bytes: int) -> int:
        """How many messages may be asked for beside those that are held; 0 when there is no room.

        `largest_bytes` is the size of the largest that came lately, 0 if none has come.
        """
        if messages >= self.messages_max or size_bytes >= self.bytes_max:
            return 0
        if not largest_bytes:
            return min(PREFETCH_FIRST, self.messages_max - messages)
        fitting = max(1, (self.bytes_max - size_bytes) // largest_bytes)
        return min(PREFETCH_MAX, self.messages_max - messages, fitting)


@dataclass(slots=True)
class _Consumer:
    """`held_bytes` are the sizes of the messages that it has brought and that are still held, by delivery tag."""

    tag: str
    prefetch: int
    held_bytes: dict[int, int] = field(default_factory=dict)


@asynccontextmanager
async def consumed_queue(
    endpoint: Endpoint, login: Login, queue: str, holding: Holding, woken: Callable[[], None]
) -> AsyncIterator["RabbitQueue"]:
    """The queue within the block; `woken` is called whenever something has come, or the end. Raises BrokerError.

    What has not been acknowledged by the end of the block goes back to the queue.
    """
    client = aiormq()
    with broker_errors(f"RabbitMQ at {endpoint}, user {login.user_name}"):
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                connection = await client.connect(endpoint.url(login))
        except client.exceptions.InvalidFrameError as error:
            # The client does not read the refusal here, which can only be of the virtual host.
            raise BrokerError(f"{endpoint} does not open the virtual host {login.virtual_host} to the user") from error
    try:
        where = f"RabbitMQ at {endpoint}, queue {queue}"
        with broker_errors(where):
            channel = await connection.channel(publisher_confirms=False, timeout=REPLY_LIMIT_S)
        consumed = RabbitQueue(channel, queue, holding, woken, where)
        await consumed.open()
        yield consumed
    finally:
        with suppress(*failures()):
            await connection.close(timeout=CLOSE_LIMIT_S)


class RabbitQueue:
    """To be made by `consumed_queue`. All methods raise BrokerError."""

    def __init__(self, channel: Any, queue: str, holding: Holding, woken: Callable[[], None], where: str) -> None:
        self._channel = channel
        self._queue = queue
        self._holding = holding
        self._woken = woken
        self._where = where
        self._arrived: deque[RabbitMessage] = deque()
        self._held = 0
        self._held_bytes = 0
        self._consumer: _Consumer | None = None
        self._largest_bytes = 0
        self._is_steering = False
        self._end = ""

    async def open(self) -> None:
        """Begin to consume."""
        self._channel.closing.add_done_callback(self._closed)
        self._channel.on_consumer_cancel_callbacks.add(self._cancelled)
        with broker_errors(self._where):
            await self._steer()

    def arrived(self) -> list[RabbitMessage]:
        """What has come since it was asked last. Raises BrokerError when nothing can come any more."""
        if self._end:
            raise BrokerError(f"{self._where}: {self._end}")
        messages = list(self._arrived)
        self._arrived.clear()
        return messages

    async def acknowledge(self, batch: Sequence[RabbitMessage]) -> None:
        """Take the oldest messages that are held off the queue."""
        with broker_errors(self._where):
            await self._channel.basic_ack(batch[-1].delivery_tag, multiple=True)
            await self._let_go(batch)

    async def acknowledge_each(self, messages: Sequence[RabbitMessage]) -> None:
        """Take some messages off the queue, whatever is held besides."""
        with broker_errors(self._where):
            for message in messages:
                await self._channel.basic_ack(message.delivery_tag, wait=False)
            await self._let_go(messages)

    async def drop(self, message: RabbitMessage) -> None:
        """Nobody will get it, unless the queue has a dead-letter exchange."""
        with broker_errors(self._where):
            await self._channel.basic_reject(message.delivery_tag, requeue=False)
            await self._let_go([message])

    async def give_back(self, batch: Sequence[RabbitMessage]) -> None:
        """Let the queue hand out the oldest messages that are held once more, as redelivered."""
        with broker_errors(self._where):
            await self._channel.basic_nack(batch[-1].delivery_tag, multiple=True, requeue=True)
            await self._let_go(batch)

    async def _let_go(self, messages: Sequence[RabbitMessage]) -> None:
        self._held -= len(messages)
        self._held_bytes -= sum(len(message.encoded) for message in messages)
        if self._consumer is not None:
            for message in messages:
                self._consumer.held_bytes.pop(message.delivery_tag, None)
        await self._steer()

    async def _take(self, consumer: "_Consumer", delivered: Any) -> None:
        delivery = delivered.delivery
        message = message_of(
            delivery.delivery_tag, delivery.redelivered, delivered.header.properties, bytes(delivered.body)
        )
        self._arrived.append(message)
        self._held += 1
        self._held_bytes += len(message.encoded)
        consumer.held_bytes[message.delivery_tag] = len(message.encoded)
        self._woken()
        try:
            await self._steer()
        except failures() as error:
            self._ended(said_of(error))

    async def _steer(self) -> None:
        """Consume while there is room; one caller at a time, who looks again before leaving."""
        if self._is_steering:
            return
        self._is_steering = True
        try:
            while not self._end and await self._is_changed():
                pass
        finally:
            self._is_steering = False

    async def _is_changed(self) -> bool:
        """Begin or end to consume, if it is time to."""
        consumer = self._consumer
        if consumer is None:
            prefetch = self._holding.prefetch(self._held, self._held_bytes, self._largest_bytes)
            if prefetch:
                await self._consume(prefetch)
            return prefetch > 0
        if not self._is_full and not self._is_used_up(consumer):
            return False
        await self._channel.basic_cancel(consumer.tag, timeout=REPLY_LIMIT_S)
        # What was under way has come before the answer.
        self._largest_bytes = max(consumer.held_bytes.values(), default=self._largest_bytes)
        self._consumer = None
        return True

    @property
    def _is_full(self) -> bool:
        return self._held_bytes >= self._holding.bytes_max

    def _is_used_up(self, consumer: "_Consumer") -> bool:
        """Whether nothing more comes by it, while as much again could be held."""
        if len(consumer.held_bytes) < consumer.prefetch:
            return False
        largest_bytes = max(consumer.held_bytes.values())
        return self._holding.prefetch(self._held, self._held_bytes, largest_bytes) >= consumer.prefetch

    async def _consume(self, prefetch: int) -> None:
        consumer = self._consumer = _Consumer(uuid.uuid4().hex, prefetch)
        await self._channel.basic_qos(prefetch_count=prefetch, timeout=REPLY_LIMIT_S)
        take = partial(self._take, consumer)
        await self._channel.basic_consume(self._queue, take, consumer_tag=consumer.tag, timeout=REPLY_LIMIT_S)

    def _cancelled(self, frame: Any) -> None:
        self._ended(f"the queue {self._queue} is not there any more")

    def _closed(self, closing: "asyncio.Future[Any]") -> None:
        error = None if closing.cancelled() else closing.exception()
        self._ended(said_of(error) if error is not None else "the connection has ended")

    def _ended(self, why: str) -> None:
        self._end = self._end or why
        self._woken()
