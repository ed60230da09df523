"""The node's end: takes pushes as they come, and answers each when it is done."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable

import msgspec

from stoker.neighbours.pushes.records import LENGTH_BYTES, Answer, Push, Pushed, Question, frame_bytes, framed

log = logging.getLogger("stoker.neighbours")

Answering = Callable[[Push], Awaitable[Pushed]]


class PushReceiver:
    """One for the node, whatever processes come and go."""

    def __init__(self) -> None:
        self._answering: Answering | None = None

    def answer_with(self, answering: Answering) -> None:
        """From now on pushes can be answered: there is nobody to push before the node takes requests."""
        self._answering = answering

    async def serve(self, connection: socket.socket) -> None:
        """Until the other end is closed. Pushes that run then are given up, for nobody waits for them.

        There are as many at a time as moto has threads that wait for an answer: requests (the forwarder bounds them),
        rotations and executions.
        """
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        try:
            async with asyncio.TaskGroup() as pushes:
                while True:
                    head = await reader.readexactly(LENGTH_BYTES)
                    question = msgspec.json.decode(await reader.readexactly(frame_bytes(head)), type=Question)
                    pushes.create_task(self._answer(question, writer))
        except* (asyncio.IncompleteReadError, ConnectionError):
            """The process has ended."""
        finally:
            writer.close()

    async def _answer(self, question: Question, writer: asyncio.StreamWriter) -> None:
        try:
            if self._answering is None:
                pushed = Pushed(503, error="ServiceException", message="The node is starting.")
            else:
                pushed = await self._answering(question.push)
        except Exception:
            log.exception("a push to %s failed", question.push.function)
            pushed = Pushed(500, error="ServiceException", message="The node failed; its log says how.")
        try:
            frame = framed(Answer(question.number, pushed))
        except ValueError as error:
            frame = framed(Answer(question.number, Pushed(500, error="ServiceException", message=str(error))))
        writer.write(frame)
        await writer.drain()
