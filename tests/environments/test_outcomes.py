"""What the caller and the REPORT line are told, for every way an invocation can end (reference: runtime side, 5.1)."""

import json
import signal

import pytest

from stoker.environments.outcomes import Ending, NoBootstrap, Outcome, exit_text, kept_error_type, outcome_of
from stoker.runtime_api.exchange import (
    Failed,
    InvalidResponseMode,
    Responded,
    ResponseTooLarge,
    RuntimeEnded,
    Streamed,
    TimedOut,
    Truncated,
)


def platform_body(kind: str, text: str) -> bytes:
    document = {"errorType": kind, "errorMessage": f"RequestId: r1 Error: {text}"}
    return json.dumps(document, separators=(",", ":")).encode()


TOO_LARGE = (
    b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
    b'"errorType":"Function.ResponseSizeTooLarge"}'
)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (Responded(b'{"a":1}', "application/json"), Outcome(b'{"a":1}')),
        (Streamed(1000, 2.5), Outcome(b"", streamed_bytes=1000, streamed_ms=2.5)),
        (
            Truncated(),
            Outcome(
                platform_body("Runtime.TruncatedResponse", "Response detected as truncated"),
                is_error=True,
                needs_reset=True,
                status="error",
                error_type="Runtime.TruncatedResponse",
            ),
        ),
        (
            Failed(b"any bytes", "Runtime.Custom"),
            Outcome(b"any bytes", is_error=True, status="error", error_type="Runtime.Custom"),
        ),
        (
            ResponseTooLarge(6_291_556),
            Outcome(TOO_LARGE, is_error=True, status="error", error_type="Function.ResponseSizeTooLarge"),
        ),
        (
            TimedOut(),
            Outcome(
                platform_body("Sandbox.Timedout", "Task timed out after 3.00 seconds"),
                is_error=True,
                needs_reset=True,
                status="timeout",
            ),
        ),
        (
            NoBootstrap(),
            Outcome(
                platform_body(
                    "Runtime.InvalidEntrypoint",
                    "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
                ),
                is_error=True,
                needs_reset=True,
                status="error",
                error_type="Runtime.InvalidEntrypoint",
            ),
        ),
        (
            RuntimeEnded(1, None),
            Outcome(
                platform_body("Runtime.ExitError", "Runtime exited with error: exit status 1"),
                is_error=True,
                needs_reset=True,
                status="error",
                error_type="Runtime.ExitError",
            ),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_ending_has_its_outcome(ending: Ending, expected: Outcome) -> None:
    assert outcome_of(ending, "r1", 3) == expected


def test_a_runtime_killed_for_its_memory_is_reported_as_such_and_answered_as_killed() -> None:
    """Reference, 5.1: the body is that of any killed runtime; the REPORT line tells."""
    outcome = outcome_of(RuntimeEnded(None, signal.SIGKILL), "r1", 3, ran_out_of_memory=True)
    assert outcome.payload == platform_body("Runtime.ExitError", "Runtime exited with error: signal: killed")
    assert outcome.error_type == "Runtime.OutOfMemory"


def test_a_response_mode_that_does_not_exist_is_the_platforms_error() -> None:
    """Reference, 2.2."""
    outcome = outcome_of(InvalidResponseMode(), "r1", 3)
    assert json.loads(outcome.payload)["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert outcome.is_error


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (RuntimeEnded(0, None), "Runtime exited without providing a reason"),
        (RuntimeEnded(None, None), "Runtime exited without providing a reason"),
        (RuntimeEnded(126, None), "Runtime exited with error: exit status 126"),
        (RuntimeEnded(None, signal.SIGKILL), "Runtime exited with error: signal: killed"),
        (RuntimeEnded(None, signal.SIGSEGV), "Runtime exited with error: signal: segmentation fault"),
        (RuntimeEnded(None, signal.SIGABRT), "Runtime exited with error: signal: aborted"),
        (RuntimeEnded(None, signal.SIGTERM), "Runtime exited with error: signal: terminated"),
        (RuntimeEnded(None, 250), "Runtime exited with error: signal: signal 250"),
    ],
)
def test_an_exit_is_told_in_aws_words(end: RuntimeEnded, text: str) -> None:
    assert exit_text(end) == text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Custom", "Function.Custom"),
        ("", "Runtime.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("Runtime.lower", "Runtime.Unknown"),
        ("Runtime.With1Digit", "Runtime.Unknown"),
        ("Runtime.X\nEND RequestId: forged", "Runtime.Unknown"),
        ("Function.", "Function.Unknown"),
        ("Function.lower", "Function.Unknown"),
    ],
)
def test_only_well_formed_error_types_are_repeated(given: str, kept: str) -> None:
    """Reference, 2.3."""
    assert kept_error_type(given) == kept
