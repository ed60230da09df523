"""One queue of a broker that is consumed from: AMQP 0-9-1, by aiormq (decision 51).

How much a node holds of a queue is bounded twice: by number through AMQP's prefetch, and by size, for which AMQP has no
such thing: a consumer that holds too much is cancelled until the function has taken some of it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from stoker.event_sources.rabbitmq.brokers import Endpoint, Login
from stoker.event_sources.rabbitmq.client import BrokerError, aiormq, broker_errors, failures, said_of
from stoker.event_sources.rabbitmq.messages import RabbitMessage, message_of

CONNECT_LIMIT_S = 10.0
REPLY_LIMIT_S = 30.0
CLOSE_LIMIT_S = 5.0
PREFETCH_MAX = 65_535  # AMQP has 16 bits for it


@dataclass(frozen=True, slots=True)
class Holding:
    """How much of a queue may be held at once; a message that is on its way comes all the same."""

    messages_max: int
    bytes_max: int


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
        self._held_bytes = 0
        self._consumer_tag: str | None = None
        self._is_steering = False
        self._end = ""

    async def open(self) -> None:
        """Begin to consume."""
        self._channel.closing.add_done_callback(self._closed)
        self._channel.on_consumer_cancel_callbacks.add(self._cancelled)
        with broker_errors(self._where):
            prefetch = min(self._holding.messages_max, PREFETCH_MAX)
            await self._channel.basic_qos(prefetch_count=prefetch, timeout=REPLY_LIMIT_S)
            await self._consume()

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
        self._held_bytes -= sum(len(message.encoded) for message in messages)
        await self._steer()

    async def _take(self, delivered: Any) -> None:
        delivery = delivered.delivery
        message = message_of(
            delivery.delivery_tag, delivery.redelivered, delivered.header.properties, bytes(delivered.body)
        )
        self._arrived.append(message)
        self._held_bytes += len(message.encoded)
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
            while self._has_room != (self._consumer_tag is not None) and not self._end:
                await (self._consume() if self._has_room else self._pause())
        finally:
            self._is_steering = False

    @property
    def _has_room(self) -> bool:
        return self._held_bytes < self._holding.bytes_max

    async def _consume(self) -> None:
        answer = await self._channel.basic_consume(self._queue, self._take, timeout=REPLY_LIMIT_S)
        self._consumer_tag = answer.consumer_tag

    async def _pause(self) -> None:
        consumer_tag, self._consumer_tag = self._consumer_tag, None
        await self._channel.basic_cancel(consumer_tag, timeout=REPLY_LIMIT_S)

    def _cancelled(self, frame: Any) -> None:
        self._ended(f"the queue {self._queue} is not there any more")

    def _closed(self, closing: "asyncio.Future[Any]") -> None:
        error = None if closing.cancelled() else closing.exception()
        self._ended(said_of(error) if error is not None else "the connection has ended")

    def _ended(self, why: str) -> None:
        self._end = self._end or why
        self._woken()
