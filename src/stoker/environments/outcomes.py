"""What the caller and the log are told when an invocation ends, however it ended: one pure function.

Bodies, error types and texts: reference, runtime side, 2.2 and 5.1 (recorded from AWS).
"""

import json
import re
import signal
from dataclasses import dataclass
from typing import Literal, NamedTuple

from stoker.runtime_api.exchange import (
    Answer,
    ExtensionFailed,
    Failed,
    InvalidResponseMode,
    Responded,
    ResponseTooLarge,
    RuntimeEnded,
    Streamed,
    TimedOut,
    Truncated,
)

_KEPT_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


@dataclass(frozen=True, slots=True)
class NoBootstrap:
    """There is no program to start: a custom runtime's package has none, or an image names one that cannot be."""

    error_type: str = "Runtime.InvalidEntrypoint"
    text: str = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"


NO_BOOTSTRAP = NoBootstrap()
Ending = Answer | NoBootstrap


@dataclass(frozen=True, slots=True)
class FailedInit:
    """How an init ended, if not well. `ran_out_of_memory` explains a runtime that was killed."""

    answer: Failed | RuntimeEnded | ExtensionFailed | TimedOut | NoBootstrap
    ran_out_of_memory: bool = False


class Outcome(NamedTuple):
    """`payload` for the caller; `is_error` for X-Amz-Function-Error; `status` and `error_type` for the REPORT line.
    `xray_cause` is what the runtime told X-Ray of an error. A streamed response has left already: `streamed_bytes` of
    it, in the last `streamed_ms`.

    `needs_reset`: the runtime is gone or must go, so the environment starts it anew before the next invocation.
    """

    payload: bytes
    is_error: bool = False
    needs_reset: bool = False
    status: Literal["error", "timeout"] | None = None
    error_type: str | None = None
    xray_cause: bytes = b""
    streamed_bytes: int = 0
    streamed_ms: float = 0.0


def init_failure(failure: FailedInit) -> tuple[Literal["error", "timeout"], str | None]:
    """Status and error type of INIT_REPORT."""
    match failure.answer:
        case TimedOut():
            return "timeout", None
        case Failed(_, error_type):
            return "error", kept_error_type(error_type)
        case NoBootstrap(error_type) | ExtensionFailed(error_type):
            return "error", error_type
        case RuntimeEnded():
            return "error", "Runtime.OutOfMemory" if failure.ran_out_of_memory else "Runtime.ExitError"


def outcome_of(answer: Ending, request_id: str, timeout_s: int, ran_out_of_memory: bool = False) -> Outcome:
    """`ran_out_of_memory` explains a runtime that was killed."""
    match answer:
        case Responded(payload, _):
            return Outcome(payload)
        case Streamed(size_bytes, streamed_ms):
            return Outcome(b"", streamed_bytes=size_bytes, streamed_ms=streamed_ms)
        case Failed(payload, error_type, xray_cause):
            kept = kept_error_type(error_type)
            return Outcome(payload, is_error=True, status="error", error_type=kept, xray_cause=xray_cause)
        case ResponseTooLarge(bytes_max):
            text = f"Response payload size exceeded maximum allowed payload size ({bytes_max} bytes)."
            body = _document(errorMessage=text, errorType="Function.ResponseSizeTooLarge")
            return Outcome(body, is_error=True, status="error", error_type="Function.ResponseSizeTooLarge")
        case InvalidResponseMode():
            return _platform_error(request_id, "Runtime.InvalidResponseModeHeader", "Invalid function response mode")
        case Truncated():
            return _platform_error(request_id, "Runtime.TruncatedResponse", "Response detected as truncated")
        case TimedOut():
            text = f"Task timed out after {timeout_s:.2f} seconds"
            body = _body("Sandbox.Timedout", request_id, text)
            return Outcome(body, is_error=True, needs_reset=True, status="timeout")
        case NoBootstrap(error_type, text) | ExtensionFailed(error_type, text):
            return _platform_error(request_id, error_type, text)
        case RuntimeEnded():
            reported = "Runtime.OutOfMemory" if ran_out_of_memory else "Runtime.ExitError"
            body = _body("Runtime.ExitError", request_id, exit_text(answer))
            return Outcome(body, is_error=True, needs_reset=True, status="error", error_type=reported)


def exit_text(end: RuntimeEnded) -> str:
    """`Runtime exited …`, in AWS's words."""
    if end.signal is not None:
        return f"Runtime exited with error: signal: {signal_name(end.signal)}"
    if end.code:
        return f"Runtime exited with error: exit status {end.code}"
    return "Runtime exited without providing a reason"


def signal_name(number: int) -> str:
    """As Go's runtime prints signals, which is what AWS's platform is written in (strsignal(3), lower case)."""
    try:
        return (signal.strsignal(number) or f"signal {number}").lower()
    except ValueError:
        return f"signal {number}"


def kept_error_type(error_type: str) -> str:
    """The platform repeats only well-formed error types (reference: runtime side, 2.3)."""
    if _KEPT_ERROR_TYPE.fullmatch(error_type):
        return error_type
    return "Function.Unknown" if error_type.startswith("Function.") else "Runtime.Unknown"


def _platform_error(request_id: str, error_type: str, text: str) -> Outcome:
    return Outcome(
        _body(error_type, request_id, text), is_error=True, needs_reset=True, status="error", error_type=error_type
    )


def _body(error_type: str, request_id: str, text: str) -> bytes:
    return _document(errorType=error_type, errorMessage=f"RequestId: {request_id} Error: {text}")


def _document(**members: str) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()
