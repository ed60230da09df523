"""The daemon's socket, whoever writes to it."""

import asyncio
import socket

from stoker.traces.daemon import BATCH_MAX, PAUSE_S, TraceDaemon


def pair() -> tuple[int, socket.socket]:
    """A receiver's descriptor, and a sender."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    return receiver.detach(), sender


async def test_datagrams_are_taken_and_the_last_of_them_at_the_end() -> None:
    receiver, sender = pair()
    taken: asyncio.Queue[bytes] = asyncio.Queue()
    daemon = TraceDaemon(receiver, taken.put_nowait)
    with sender:
        sender.send(b"one")
        assert await asyncio.wait_for(taken.get(), 5) == b"one"
        sender.send(b"two")
        daemon.close()
        assert taken.get_nowait() == b"two"
        daemon.close()


async def test_a_flood_is_read_in_batches_with_pauses_between() -> None:
    receiver, sender = pair()
    taken: list[bytes] = []
    daemon = TraceDaemon(receiver, taken.append)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with sender:
        while loop.time() - began_s < 4 * PAUSE_S:
            for _ in range(100):
                sender.send(b"x")
            await asyncio.sleep(0)
    batches = (loop.time() - began_s) / PAUSE_S + 1
    assert BATCH_MAX <= len(taken) <= batches * BATCH_MAX
    daemon.close()
