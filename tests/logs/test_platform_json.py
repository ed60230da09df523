"""Expected documents: reference, runtime side, 6.3 and 8."""

import pytest

from stoker.logs import platform_events as events
from stoker.logs.environment_log import EnvironmentLog
from stoker.logs.platform_events import PlatformEvent, Report, RuntimeDone, Span, Start, Tracing
from stoker.logs.platform_json import SystemLevel, json_line, system_level
from stoker.logs.platform_log import PlatformLog
from stoker.logs.store import LogStore

from .conftest import GROUP, NOON_S, StillClock

TIME = '{"time":"2026-01-01T12:00:00.000Z",'
TRACING = Tracing("1-66d978e5-56c7378e556e94b5461da07c", "29c3839e6ecb5895", "Root=r;Parent=p;Sampled=1")
TRACING_JSON = '"tracing":{"spanId":"29c3839e6ecb5895","type":"X-Amzn-Trace-Id","value":"Root=r;Parent=p;Sampled=1"}'


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Start("r1", "$LATEST"), '"type":"platform.start","record":{"requestId":"r1","version":"$LATEST"}}'),
        (
            Start("r1", "7", TRACING),
            '"type":"platform.start","record":{"requestId":"r1","version":"7",' + TRACING_JSON + "}}",
        ),
        (
            Report("r1", "success", 3.0123, 114, 128, 36, init_ms=110.1),
            '"type":"platform.report","record":{"requestId":"r1","metrics":{"durationMs":3.012,"billedDurationMs":114,'
            '"memorySizeMB":128,"maxMemoryUsedMB":36,"initDurationMs":110.1},"status":"success"}}',
        ),
        (
            Report("r1", "error", 3.0, 3, 128, 36, error_type="Runtime.ExitError", tracing=TRACING),
            '"type":"platform.report","record":{"requestId":"r1","metrics":{"durationMs":3.0,"billedDurationMs":3,'
            '"memorySizeMB":128,"maxMemoryUsedMB":36},' + TRACING_JSON + ',"status":"error",'
            '"errorType":"Runtime.ExitError"}}',
        ),
        (
            RuntimeDone("r1", "success", 2.5, 12, spans=[Span("responseLatency", NOON_S, 2.5)]),
            '"type":"platform.runtimeDone","record":{"requestId":"r1","status":"success","spans":[{"name":'
            '"responseLatency","start":"2026-01-01T12:00:00.000Z","durationMs":2.5}],"metrics":{"durationMs":2.5,'
            '"producedBytes":12}}}',
        ),
        (
            events.InitStart("on-demand", "init", "f", "$LATEST", "python:3.12.v1", "arn", "e1", 1 << 27),
            '"type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init","functionName":"f",'
            '"functionVersion":"$LATEST","runtimeVersion":"python:3.12.v1","runtimeVersionArn":"arn",'
            '"instanceId":"e1","instanceMaxMemory":134217728}}',
        ),
        (
            events.InitReport("on-demand", "init", "timeout", 10007.33),
            '"type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init",'
            '"status":"timeout","metrics":{"durationMs":10007.33}}}',
        ),
        (
            events.LogsDropped("slow", 3, 400),
            '"type":"platform.logsDropped","record":{"reason":"slow","droppedRecords":3,"droppedBytes":400}}',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_is_one_line_of_json(event: PlatformEvent, expected: str) -> None:
    assert json_line(event, NOON_S) == TIME + expected + "\n"


def test_json_has_no_line_for_the_end() -> None:
    assert json_line(events.End("r1"), NOON_S) is None


INIT = ("on-demand", "init")


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (events.InitStart("on-demand", "init", "f", "1", "python:3.12.v1", "arn", "e", 1), "INFO"),
        (events.InitStart("on-demand", "init", "f", "1", "", "", "e", 1), "DEBUG"),
        (events.InitRuntimeDone("on-demand", "init", "success"), "DEBUG"),
        (events.InitRuntimeDone("on-demand", "init", "error"), "WARN"),
        (events.InitReport("on-demand", "init", "success", 1.0), "DEBUG"),
        (events.InitReport("provisioned-concurrency", "init", "success", 1.0), "INFO"),
        (events.InitReport("provisioned-concurrency", "init", "timeout", 1.0), "WARN"),
        (Start("r", "1"), "INFO"),
        (RuntimeDone("r", "success", 1.0), "DEBUG"),
        (RuntimeDone("r", "timeout", 1.0), "WARN"),
        (Report("r", "success", 1.0, 1, 1, 1), "INFO"),
        (Report("r", "error", 1.0, 1, 1, 1), "WARN"),
        (events.RestoreStart("f", "1", "python:3.12.v1", "arn", "e", 1), "INFO"),
        (events.RestoreRuntimeDone("success"), "DEBUG"),
        (events.RestoreReport("success", 1.0), "INFO"),
        (events.RestoreReport("error", 1.0), "WARN"),
        (events.Extension("x", "Ready", []), "INFO"),
        (events.Extension("x", "LaunchError", [], "Extension.LaunchError"), "WARN"),
        (events.TelemetrySubscription("x", []), "INFO"),
        (events.LogsDropped("r", 1, 1), "WARN"),
    ],
)
def test_every_event_has_its_system_log_level(event: PlatformEvent, level: str) -> None:
    assert system_level(event) == level


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        (None, ["START RequestId: r", "REPORT RequestId: r"]),
        ("DEBUG", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("INFO", ["platform.start", "platform.report"]),
        ("WARN", []),
    ],
)
async def test_the_format_and_the_level_are_the_functions_and_a_listener_gets_everything(
    store: LogStore, clock: StillClock, level: SystemLevel | None, logged: list[str]
) -> None:
    log = EnvironmentLog(store, clock, GROUP, "stream")
    platform_log = PlatformLog(log, clock, level)
    assert platform_log.wants_details is (level is not None)
    heard: list[tuple[PlatformEvent, float]] = []
    platform_log.listen(lambda event, now_s: heard.append((event, now_s)))
    assert platform_log.wants_details
    sent = [Start("r", "1"), RuntimeDone("r", "success", 1.0), Report("r", "success", 1.0, 1, 1, 1)]
    log.begin_tail()
    for event in sent:
        platform_log.emit(event)
    lines = log.end_tail().decode().splitlines()
    assert len(lines) == len(logged)
    assert all(kind in line for kind, line in zip(logged, lines, strict=True))
    assert heard == [(event, NOON_S) for event in sent]
