import re
import struct

from stoker.logs.environment_log import EnvironmentLog, new_stream_name
from stoker.logs.store import LogStore

from .conftest import GROUP, NOON_S, Logs, StillClock

STREAM = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"


async def events_of(logs: Logs) -> list[tuple[int, str]]:
    answer = await logs("FilterLogEvents", logGroupName=GROUP.name)
    return [(event["timestamp"], event["message"]) for event in answer["events"]]


async def test_an_invocation_is_logged_in_order(store: LogStore, clock: StillClock, logs: Logs) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    log.platform_lines("START RequestId: 1 Version: $LATEST\n")
    log.write(b"hello\nunfinished")
    log.write(struct.pack(">IIQ", 0xA55A0003, 3, int(NOON_S * 1_000_000)) + b"log")
    log.platform_lines("END RequestId: 1\n")
    messages = [message for _, message in await events_of(logs)]
    assert messages == [
        "START RequestId: 1 Version: $LATEST\n",
        "hello\n",
        "unfinished\n",
        "log\n",
        "END RequestId: 1\n",
    ]


async def test_a_line_is_one_event_whatever_is_logged_while_it_is_written(
    store: LogStore, clock: StillClock, logs: Logs
) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    log.write(b"one")
    log.lines_beside("EXTENSION\tName: beside\tState: Ready\n")
    log.write(b" line\nprinted")
    log.platform_lines("END RequestId: 1\n")
    log.write(b"\n\nlater\n")
    assert [message for _, message in await events_of(logs)] == [
        "EXTENSION\tName: beside\tState: Ready\n",
        "one line\n",
        "printed\n",
        "END RequestId: 1\n",
        "\n",
        "later\n",
    ]


async def test_a_frame_with_an_unbelievable_time_gets_ours(store: LogStore, clock: StillClock, logs: Logs) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    for microseconds in (int((NOON_S - 60) * 1_000_000), 0, 2**64 - 1):
        log.write(struct.pack(">IIQ", 0xA55A0003, 1, microseconds) + b"x")
    now_ms = int(NOON_S * 1000)
    assert sorted(time for time, _ in await events_of(logs)) == [now_ms - 60_000, now_ms, now_ms]


async def test_nul_and_broken_text_are_stored_readably(store: LogStore, clock: StillClock, logs: Logs) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    log.write(b"a\0b\xffc\n")
    assert [message for _, message in await events_of(logs)] == ["a\ufffdb\ufffdc\n"]


async def test_the_tail_is_the_last_4096_bytes_since_it_was_asked_for(store: LogStore, clock: StillClock) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    log.platform_lines("before\n")
    assert log.end_tail() == b""
    log.begin_tail()
    log.platform_lines("START\n")
    log.platform_lines("REPORT\n")
    assert log.end_tail() == b"START\nREPORT\n"
    log.begin_tail()
    for number in range(50_000):
        log.write(f"{number:08d}\n".encode())
    tail = log.end_tail()
    assert len(tail) == 4096
    assert tail.endswith(b"00049998\n00049999\n")


def test_stream_names_say_day_version_and_in_a_shared_group_the_function() -> None:
    own = new_stream_name(NOON_S, "f", "$LATEST", "/aws/lambda/f")
    assert re.fullmatch(r"2026/01/01/\[\$LATEST\][0-9a-f]{32}", own)
    shared = new_stream_name(NOON_S, "f", "7", "/company/all")
    assert re.fullmatch(r"2026/01/01/f\[7\][0-9a-f]{32}", shared)


async def test_events_keep_the_order_in_which_they_were_written(store: LogStore, clock: StillClock, logs: Logs) -> None:
    log = EnvironmentLog(store, clock, GROUP, STREAM)
    # Printed, then logged: the frame was made a moment before the first line was read.
    frame = struct.pack(">IIQ", 0xA55A0003, 6, int((NOON_S - 0.005) * 1_000_000)) + b"logged"
    log.write(b"printed\n" + frame + b"printed again\n")
    assert [message for _, message in await events_of(logs)] == ["printed\n", "logged\n", "printed again\n"]
