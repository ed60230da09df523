"""How lines become chunks, and chunks events, whatever their times are."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.logs.chunks import CHUNK_CHARACTERS, CHUNK_SPAN_MS, EVENTS_MAX, NewChunk, StoredChunk, in_order
from stoker.logs.records import LogGroupName, LogLine
from stoker.logs.waiting import WaitingLines

from .conftest import GROUP

OTHER = LogGroupName(GROUP.account_id, GROUP.region, "other")
batches = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4 * CHUNK_SPAN_MS), st.text(max_size=3)), max_size=30),
    max_size=6,
)


def chunks_of(lines: list[LogLine]) -> list[NewChunk]:
    """As they wait to be written."""
    waiting = WaitingLines()
    for line in lines:
        waiting.add(*line)
    return waiting.first(len(lines))


def stored(batches_of_lines: list[list[LogLine]]) -> list[StoredChunk]:
    """As the database keeps what was written, a batch after another."""
    made = [chunk for lines in batches_of_lines for chunk in chunks_of(lines)]
    return [StoredChunk(number, it.stream, it.first_ms, 0, it.document()) for number, it in enumerate(made, 1)]


@given(batches)
def test_events_come_back_by_time_and_those_of_a_stream_as_they_came(said: list[list[tuple[str, int, str]]]) -> None:
    chunks = stored([[LogLine(GROUP, *line) for line in batch] for batch in said])
    rows = sorted(chunks, key=lambda chunk: (chunk.first_ms, chunk.id))
    events = list(in_order(rows, newest_first=False))
    assert [event.position for event in events] == sorted({event.position for event in events})
    came: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for stream, timestamp_ms, message in (line for batch in said for line in batch):
        came[stream].append((timestamp_ms, message))
    for stream, lines in came.items():
        of_stream = [(it.position.timestamp_ms, it.message) for it in events if it.stream == stream]
        assert of_stream == sorted(lines, key=lambda line: line[0])
    assert list(in_order(rows[::-1], newest_first=True)) == events[::-1]


def test_a_chunk_has_one_stream_and_the_events_of_a_moment() -> None:
    lines = [LogLine(GROUP, "a", 1_000, "1"), LogLine(OTHER, "a", 1_000, "2"), LogLine(GROUP, "b", 1_000, "3")]
    lines += [LogLine(GROUP, "a", 1_000 + CHUNK_SPAN_MS, "4"), LogLine(GROUP, "a", 999, "5")]
    chunks = chunks_of(lines)
    assert [(it.group, it.stream, it.first_ms, it.last_ms) for it in chunks] == [
        (GROUP, "a", 1_000, 1_000 + CHUNK_SPAN_MS),
        (OTHER, "a", 1_000, 1_000),
        (GROUP, "b", 1_000, 1_000),
        (GROUP, "a", 999, 999),
    ]


def test_a_chunk_is_bounded_in_characters_and_in_events() -> None:
    large = chunks_of([LogLine(GROUP, "a", 0, "x" * CHUNK_CHARACTERS)] * 2)
    assert [len(chunk.events) for chunk in large] == [1, 1]
    many = chunks_of([LogLine(GROUP, "a", 0, "")] * (EVENTS_MAX + 1))
    assert [len(chunk.events) for chunk in many] == [EVENTS_MAX, 1]


def test_no_more_chunks_are_read_than_the_events_that_are_taken_ask_for() -> None:
    chunks = stored([[LogLine(GROUP, "a", second * 1_000, f"{second}")] for second in range(100)])
    read: list[int] = []

    def rows(order: list[StoredChunk]) -> object:
        for chunk in order:
            read.append(chunk.id)
            yield chunk

    assert next(in_order(rows(chunks), newest_first=False)).message == "0"  # type: ignore[arg-type]
    assert next(in_order(rows(chunks[::-1]), newest_first=True)).message == "99"  # type: ignore[arg-type]
    assert read == [1, 2, 100, 99]


@pytest.mark.parametrize("message", ["\0", "\ud800", "\N{SNOWMAN}", "\0 \ud800 \N{SNOWMAN}", '"\\\t\x7f\x1b'])
def test_what_no_database_stores_as_text_is_kept(message: str) -> None:
    (chunk,) = stored([[LogLine(GROUP, "a", 0, message)]])
    assert chunk.events.isascii()
    assert "\0" not in chunk.events
    assert next(in_order([chunk], newest_first=False)).message == message
