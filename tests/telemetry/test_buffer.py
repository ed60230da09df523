"""How waiting records become batches."""

from stoker.telemetry.buffer import WAITING_BYTES_MAX, Buffer
from stoker.telemetry.subscription import Subscription


def buffer(max_items: int = 1_000, max_bytes: int = 262_144) -> Buffer:
    return Buffer(Subscription("Telemetry", "2022-12-13", ("function",), max_items, max_bytes, 1_000, 8080, "/"))


def test_a_batch_has_no_more_records_than_are_wanted() -> None:
    waiting = buffer(max_items=3)
    for number in range(7):
        waiting.add(b"%d" % number)
    assert waiting.has_full_batch
    assert [waiting.take(), waiting.take()] == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]
    assert not waiting.has_full_batch
    assert waiting.take() == [b"6"]
    assert waiting.take() == []


def test_a_batch_has_no_more_bytes_than_are_wanted_unless_one_record_has() -> None:
    waiting = buffer(max_bytes=10)
    for record in (b"aaaa", b"bbb", b"cc", b"d" * 20, b"e"):
        waiting.add(record)
    batches = []
    while batch := waiting.take():
        batches.append(batch)
    assert batches == [[b"aaaa", b"bbb"], [b"cc"], [b"d" * 20], [b"e"]]
    assert all(len(b"[" + b",".join(batch) + b"]") <= 10 for batch in batches if len(batch) > 1)


def test_what_has_no_room_is_counted() -> None:
    waiting = buffer()
    record = b"x" * 1024 * 1024
    for _ in range(WAITING_BYTES_MAX // len(record) + 2):
        waiting.add(record)
    assert (waiting.dropped_records, waiting.dropped_bytes) == (2, 2 * len(record))
