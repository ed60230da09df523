"""Expected texts: the recorded lines of reference, runtime side, 6.1 and 6.2."""

import pytest

from stoker.logs import platform_lines as lines
from stoker.logs.platform_lines import Report, TraceSegment, billed_ms, report

ID = "6f1dd5d2-4c3e-4ad5-9a0c-1d2f6c2d3f10"


@pytest.mark.parametrize(
    ("measures", "rest"),
    [
        (Report(ID, 3.01, 4, 128, 36), "Max Memory Used: 36 MB\t\n"),
        (Report(ID, 3.01, 114, 128, 36, init_ms=110.1), "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"),
        (
            Report(ID, 3.01, 522, 128, 36, restore_ms=518.37, billed_restore_ms=519),
            "Max Memory Used: 36 MB\tRestore Duration: 518.37 ms\tBilled Restore Duration: 519 ms\t\n",
        ),
        (Report(ID, 3.01, 4, 128, 36, status="timeout"), "Max Memory Used: 36 MB\tStatus: timeout\n"),
        (
            Report(ID, 3.01, 4, 128, 36, init_ms=9, status="error", error_type="Runtime.ExitError"),
            "Max Memory Used: 36 MB\tInit Duration: 9.00 ms\tStatus: error\tError Type: Runtime.ExitError\n",
        ),
        (
            Report(ID, 3.01, 4, 128, 36, trace=TraceSegment("1-66d978e5-56c7378e556e94b5461da07c", "29c3839e6ecb5895")),
            "Max Memory Used: 36 MB\t\n"
            "XRAY TraceId: 1-66d978e5-56c7378e556e94b5461da07c\tSegmentId: 29c3839e6ecb5895\tSampled: true\t\n",
        ),
    ],
    ids=["warm", "cold", "restored", "timeout", "error", "traced"],
)
def test_report_is_what_aws_prints(measures: Report, rest: str) -> None:
    head = f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: {measures.billed_ms} ms\tMemory Size: 128 MB\t"
    assert report(measures) == head + rest


@pytest.mark.parametrize(
    ("duration_ms", "init_ms", "billed"),
    [(133.61, 80.00, 214), (3016.78, 84.00, 3101), (3.0, 4.0, 7), (133.1, 80.9, 214), (0.0, 0.0, 1), (1.001, 0.0, 1)],
)
def test_billed_duration_is_rounded_up_with_init(duration_ms: float, init_ms: float, billed: int) -> None:
    assert billed_ms(duration_ms, init_ms) == billed


def test_the_other_platform_lines() -> None:
    arn = "arn:aws:lambda:eu-west-1::runtime:" + 64 * "0"
    assert lines.init_start("python:3.11.v1", arn) == (
        f"INIT_START Runtime Version: python:3.11.v1\tRuntime Version ARN: {arn}\n"
    )
    assert lines.start(ID, "$LATEST") == f"START RequestId: {ID} Version: $LATEST\n"
    assert lines.end(ID) == f"END RequestId: {ID}\n"
    assert lines.init_report(10007.33, "init", "timeout") == (
        "INIT_REPORT Init Duration: 10007.33 ms\tPhase: init\tStatus: timeout\n"
    )
    assert lines.init_report(99.65, "invoke", "error", "Runtime.ExitError") == (
        "INIT_REPORT Init Duration: 99.65 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ExitError\n"
    )
    assert lines.restore_report(511.25) == "RESTORE_REPORT Restore Duration: 511.25 ms\n"
    assert lines.extension("agent", "Ready", ["INVOKE", "SHUTDOWN"]) == (
        "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"
    )
    assert lines.task_timed_out("2024-03-04T17:22:38.033Z", ID, 3) == (
        f"2024-03-04T17:22:38.033Z {ID} Task timed out after 3.00 seconds\n\n"
    )
