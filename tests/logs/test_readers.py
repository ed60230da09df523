import os
import random
import struct

import pytest

from stoker.logs.readers import EVENT_BYTES_MAX, FRAME_BYTES_MAX, FramedReader, LineReader, split_text

TEXT, JSON, ERROR = 0xA55A0003, 0xA55A0002, 0xA55A0017


class Events(list[str]):
    """What a reader emitted."""

    def __init__(self) -> None:
        self.times: list[int | None] = []

    def __call__(self, text: str, timestamp_ms: int | None) -> None:
        self.append(text)
        self.times.append(timestamp_ms)


def frame(text: str, kind: int = TEXT, timestamp_us: int = 1_767_225_600_123_456) -> bytes:
    payload = text.encode()
    return struct.pack(">IIQ", kind, len(payload), timestamp_us) + payload


@pytest.mark.parametrize(
    ("reads", "events"),
    [
        ([b"one\ntwo\n"], ["one\n", "two\n"]),
        ([b"o", b"ne", b"\n"], ["one\n"]),
        ([b"no newline"], ["no newline\n"]),
        ([b"\n\n"], ["\n", "\n"]),
        ([b"windows\r\nline\r\n"], ["windows\n", "line\n"]),
        ([b"[ERROR] Exception: x\rTraceback:\r  File\n"], ["[ERROR] Exception: x\nTraceback:\n  File\n"]),
        (["gr\u00fc\u00df".encode()[:3], "gr\u00fc\u00df\n".encode()[3:]], ["gr\u00fc\u00df\n"]),
        ([b"bad \xff\xfe\n"], ["bad \ufffd\ufffd\n"]),
    ],
)
def test_a_pipe_is_read_as_lines(reads: list[bytes], events: list[str]) -> None:
    seen = Events()
    reader = LineReader(seen)
    for data in reads:
        reader.feed(data)
    reader.flush()
    assert seen == events


def test_an_endless_line_is_cut_without_cutting_a_character_and_without_holding_it() -> None:
    seen = Events()
    reader = LineReader(seen)
    for _ in range(20):
        reader.feed("€".encode() * 20_000)
        assert len(reader._partial) <= EVENT_BYTES_MAX
    reader.flush()
    assert len(seen) > 3
    assert all(len(text.encode()) <= EVENT_BYTES_MAX + 1 for text in seen)
    assert "".join(text.removesuffix("\n") for text in seen) == "€" * 400_000


def test_a_frame_is_one_event_with_its_own_time() -> None:
    seen = Events()
    reader = FramedReader(seen)
    reader.feed(frame("line 1\nline 2") + frame('{"level":"INFO"}', JSON) + frame("bad\n", ERROR))
    assert seen == ["line 1\nline 2\n", '{"level":"INFO"}\n', "bad\n"]
    assert seen.times == [1_767_225_600_123] * 3


def test_frames_arrive_in_any_pieces() -> None:
    data = b"".join(frame(f"record {n}") for n in range(50))
    whole = [f"record {n}\n" for n in range(50)]
    chance = random.Random(1)
    for size in (1, 2, 3, 15, 16, 17, 100):
        seen = Events()
        reader = FramedReader(seen)
        place = 0
        while place < len(data):
            step = chance.randint(1, size)
            reader.feed(data[place : place + step])
            place += step
        assert seen == whole


def test_a_long_record_becomes_several_events() -> None:
    seen = Events()
    reader = FramedReader(seen)
    data = frame("é" * 500_000) + frame("after")
    for place in range(0, len(data), 65_536):
        reader.feed(data[place : place + 65_536])
    assert "".join(seen[:-1]).replace("\n", "") == "é" * 500_000
    assert "\ufffd" not in "".join(seen)
    assert seen[-1] == "after\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"printed straight into the descriptor\n",
        b"\xa5\x5a",
        b"\xa5\x5a\x00\xff12345678901234567890",
        b"\xa5" * 100,
        struct.pack(">IIQ", TEXT, FRAME_BYTES_MAX + 1, 0),
        struct.pack(">IIQ", TEXT, 0xFFFFFFFF, 2**64 - 1) + b"and then nothing like it",
        os.urandom(5_000),
    ],
    ids=["text", "half a type", "wrong type", "magic bytes", "too long", "longest", "noise"],
)
def test_what_follows_garbage_is_not_lost(garbage: bytes) -> None:
    seen = Events()
    reader = FramedReader(seen)
    reader.feed(garbage)
    reader.feed(frame("after"))
    reader.feed(frame("and later"))
    reader.flush()
    assert seen[-2:] == ["after\n", "and later\n"]


def test_a_frame_that_promises_more_than_it_brings_ends_with_the_invocation() -> None:
    seen = Events()
    reader = FramedReader(seen)
    reader.feed(struct.pack(">IIQ", TEXT, 1_000, 0) + b"only this")
    reader.flush()
    reader.feed(frame("next invocation"))
    assert seen == ["only this\n", "next invocation\n"]


def test_hostile_bytes_never_fill_the_memory() -> None:
    chance = random.Random(2)
    reader = FramedReader(lambda text, timestamp_ms: None)
    pieces = [b"\xa5\x5a\x00\x03", b"\xa5\x5a", b"\x00\x00\xff\xff", b"x" * 5_000, b"\n", bytes(64)]
    for _ in range(20_000):
        reader.feed(chance.choice(pieces))
        assert len(reader._buffer) <= EVENT_BYTES_MAX + 5_016


def test_splitting_keeps_every_byte_of_text_and_of_noise() -> None:
    for data in (b"", b"short", "😀".encode() * 200_000, b"\x80" * 600_000):
        pieces = split_text(data)
        assert b"".join(pieces) == data
        assert max(len(piece) for piece in pieces) <= EVENT_BYTES_MAX
