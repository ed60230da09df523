"""From what happens to whoever gets it, without anybody waiting."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from stoker.supervision import Background
from stoker.traces.collector import WAITING_BYTES_MAX, WAITING_MAX, TraceCollector
from stoker.traces.kept_traces import KeptTraces
from stoker.traces.records import Segment
from stoker.traces.sending import BATCH_MAX, Sender, SendError
from stoker.traces.sending import WAITING_MAX as SENDER_WAITING_MAX
from tests.traces.segments import ACCOUNT, REGION, TRACE_ID, document, segment

DATAGRAM = b'{"format":"json","version":1}\n' + document().encode()


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    async with Background() as background:
        yield background


async def test_what_was_received_before_a_read_is_there_and_rubbish_is_not(background: Background) -> None:
    kept = KeptTraces()
    collector = TraceCollector([kept], background)
    collector.received(ACCOUNT, REGION, b"rubbish")
    collector.received(ACCOUNT, REGION, DATAGRAM)
    await collector.flush()
    trace = kept.find(ACCOUNT, REGION, TRACE_ID)
    assert trace is not None
    assert list(trace.segments.values()) == [segment()]


async def test_it_works_by_itself_once_started(background: Background) -> None:
    received: asyncio.Queue[Sequence[Segment]] = asyncio.Queue()

    class Receiver:
        def offer(self, segments: Sequence[Segment]) -> None:
            received.put_nowait(segments)

        async def close(self) -> None:
            received.put_nowait([])

    collector = TraceCollector([Receiver()], background)
    collector.start()
    for _ in range(2):
        collector.received(ACCOUNT, REGION, DATAGRAM)
        assert await asyncio.wait_for(received.get(), 5) == [segment()]
    await collector.close()
    assert received.get_nowait() == []


@pytest.mark.parametrize("size", [1, 60_000])
async def test_what_waits_is_bounded_in_number_and_bytes(background: Background, size: int) -> None:
    collector = TraceCollector([], background)
    sent = WAITING_MAX + 10
    for _ in range(sent):
        collector.received(ACCOUNT, REGION, b"x" * size)
    assert collector.dropped >= 10
    assert (sent - collector.dropped) * size <= WAITING_BYTES_MAX
    await collector.flush()


async def test_segments_are_sent_in_batches(background: Background) -> None:
    batches: asyncio.Queue[Sequence[Segment]] = asyncio.Queue()

    async def send(segments: Sequence[Segment]) -> None:
        batches.put_nowait(segments)

    sender = Sender("test", send)
    segments = [segment(number) for number in range(BATCH_MAX + 7)]
    background.start(sender.run(), "sender")
    sender.offer(segments)
    sizes = [len(await asyncio.wait_for(batches.get(), 5)) for _ in range(2)]
    assert sizes == [BATCH_MAX, 7]


async def test_a_receiver_that_is_down_costs_segments_and_says_how_many(
    background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    async def send(_: Sequence[Segment]) -> None:
        raise SendError("nobody is there")

    sender = Sender("OTLP", send)
    sender.offer([segment()] * (SENDER_WAITING_MAX + 5))
    assert sender.dropped == 5
    await sender.close()
    assert sender.dropped == 5 + BATCH_MAX
    assert f"OTLP: nobody is there; {5 + BATCH_MAX} segments dropped so far" in caplog.text


async def test_at_the_end_what_waits_is_sent(background: Background) -> None:
    sent: list[Segment] = []

    async def send(segments: Sequence[Segment]) -> None:
        sent.extend(segments)

    sender = Sender("test", send)
    sender.offer([segment(1), segment(2)])
    await sender.close()
    assert sent == [segment(1), segment(2)]
