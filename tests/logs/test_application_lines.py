"""What passes an application log level (reference: runtime side, 6.3)."""

import struct

import pytest

from stoker.logs.application_lines import ApplicationLines
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.store import LogStore

from .conftest import GROUP, NOON_S, StillClock

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('{"level":"TRACE"}', "TRACE"),
        ('{"level":"debug","msg":"x"}', "DEBUG"),
        ('{"level":"Info"}', "INFO"),
        ('{"level":"WARNING"}', "WARN"),
        ('{"level":"error"}', "ERROR"),
        ('{"level":"CRITICAL"}', "FATAL"),
        ('{"msg":"no level"}', "INFO"),
        ('{"level":"loud"}', "INFO"),
        ('{"level":17}', "INFO"),
        ('{"level":"ERROR","timestamp":"2026-01-01T12:00:00Z"}', "ERROR"),
        ('{"level":"ERROR","timestamp":"yesterday"}', "INFO"),
        ('{"level":"DEBUG","timestamp":1767225600}', "INFO"),
    ],
)
def test_a_printed_object_passes_up_to_its_own_level(line: str, level: str) -> None:
    passed = [threshold for threshold in LEVELS if ApplicationLines(threshold).judge(line)[0]]
    assert passed == list(LEVELS[: LEVELS.index(level) + 1])


@pytest.mark.parametrize(
    "line", ["plain", "{broken", "[1]", '"DEBUG"', "{" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, ""]
)
def test_what_is_no_object_always_passes(line: str) -> None:
    assert ApplicationLines("FATAL").judge(line) == (True, None)


@pytest.mark.parametrize(
    ("text", "timestamp_ms"),
    [
        ("2024-11-02T16:51:31.587199Z", 1730566291587),
        ("2024-11-02T17:51:31.587+01:00", 1730566291587),
        ("2024-11-02T16:51:31", None),
        ("2024-11-02", None),
    ],
)
def test_a_line_tells_its_own_time_in_the_form_of_rfc_3339(text: str, timestamp_ms: int | None) -> None:
    assert ApplicationLines("TRACE").judge(f'{{"timestamp":"{text}"}}')[1] == timestamp_ms


async def test_frames_are_the_clients_business_and_printed_lines_are_judged(store: LogStore, clock: StillClock) -> None:
    log = EnvironmentLog(store, clock, GROUP, "stream", ApplicationLines("WARN"))
    log.begin_tail()
    framed = b'{"level":"DEBUG"}'
    log.write(struct.pack(">IIQ", 0xA55A000A, len(framed), int(NOON_S * 1_000_000)) + framed)
    log.write(b'{"level":"INFO"}\n{"level":"ERROR"}\nTraceback\n')
    assert log.end_tail() == b'{"level":"DEBUG"}\n{"level":"ERROR"}\nTraceback\n'
