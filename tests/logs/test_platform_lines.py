"""Expected texts: the recorded lines of reference, runtime side, 6.1 and 6.2."""

import pytest

from stoker.logs import platform_events as events
from stoker.logs.platform_events import InitReport, Report, Tracing, billed_ms
from stoker.logs.platform_lines import text_line

ID = "6f1dd5d2-4c3e-4ad5-9a0c-1d2f6c2d3f10"
ARN = "arn:aws:lambda:eu-west-1::runtime:" + 64 * "0"
TRACING = Tracing("1-66d978e5-56c7378e556e94b5461da07c", "29c3839e6ecb5895", "Root=…")


@pytest.mark.parametrize(
    ("measures", "rest"),
    [
        (Report(ID, "success", 3.01, 4, 128, 36), "Max Memory Used: 36 MB\t\n"),
        (
            Report(ID, "success", 3.01, 114, 128, 36, init_ms=110.1),
            "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n",
        ),
        (
            Report(ID, "success", 3.01, 522, 128, 36, restore_ms=518.37, billed_restore_ms=519),
            "Max Memory Used: 36 MB\tRestore Duration: 518.37 ms\tBilled Restore Duration: 519 ms\t\n",
        ),
        (
            Report(ID, "timeout", 3.01, 4, 128, 36, is_platform_fault=True),
            "Max Memory Used: 36 MB\tStatus: timeout\n",
        ),
        (
            Report(ID, "error", 3.01, 4, 128, 36, init_ms=9, error_type="Runtime.ExitError", is_platform_fault=True),
            "Max Memory Used: 36 MB\tInit Duration: 9.00 ms\tStatus: error\tError Type: Runtime.ExitError\n",
        ),
        (
            Report(ID, "error", 3.01, 4, 128, 36, error_type="Runtime.Unknown"),
            "Max Memory Used: 36 MB\t\n",
        ),
        (
            Report(ID, "success", 3.01, 4, 128, 36, tracing=TRACING),
            "Max Memory Used: 36 MB\t\n"
            "XRAY TraceId: 1-66d978e5-56c7378e556e94b5461da07c\tSegmentId: 29c3839e6ecb5895\tSampled: true\t\n",
        ),
    ],
    ids=["warm", "cold", "restored", "timeout", "error", "handler's error", "traced"],
)
def test_report_is_what_aws_prints(measures: Report, rest: str) -> None:
    head = f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: {measures.billed_ms} ms\tMemory Size: 128 MB\t"
    assert text_line(measures) == head + rest


@pytest.mark.parametrize(
    ("duration_ms", "init_ms", "billed"),
    [(133.61, 80.00, 214), (3016.78, 84.00, 3101), (3.0, 4.0, 7), (133.1, 80.9, 214), (0.0, 0.0, 1), (1.001, 0.0, 1)],
)
def test_billed_duration_is_rounded_up_with_init(duration_ms: float, init_ms: float, billed: int) -> None:
    assert billed_ms(duration_ms, init_ms) == billed


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            events.InitStart("on-demand", "init", "f", "1", "python:3.11.v1", ARN, "i", 1),
            f"INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: {ARN}\n",
        ),
        (events.InitStart("on-demand", "invoke", "f", "1", "python:3.11.v1", ARN, "i", 1), None),
        (events.Start(ID, "$LATEST"), f"START RequestId: {ID} Version: $LATEST\n"),
        (events.End(ID), f"END RequestId: {ID}\n"),
        (events.RuntimeDone(ID, "success", 1.0), None),
        (
            InitReport("on-demand", "init", "timeout", 10007.33),
            "INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout\n",
        ),
        (
            InitReport("on-demand", "invoke", "error", 99.65, "Runtime.ExitError"),
            "INIT_REPORT Init Duration: 99.65 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n",
        ),
        (InitReport("on-demand", "init", "success", 9.0), None),
        (
            InitReport("provisioned-concurrency", "init", "success", 9.0),
            "INIT_REPORT Init Duration: 9.00 ms\tPhase: init\n",
        ),
        (InitReport("provisioned-concurrency", "invoke", "success", 9.0), None),
        (events.RestoreReport("success", 511.25), "RESTORE_REPORT Restore Duration: 511.25 ms\n"),
        (
            events.Extension("agent", "Ready", ["INVOKE", "SHUTDOWN"]),
            "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n",
        ),
        (
            events.TelemetrySubscription("agent", ["Platform", "Function"]),
            "TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function]\n",
        ),
        (events.LogsDropped("full", 1, 2), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_other_platform_lines(event: events.PlatformEvent, line: str | None) -> None:
    assert text_line(event) == line
