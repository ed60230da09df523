"""What others may hold of a trace. Ids are hexadecimal: 16 digits of a segment, `1-<8>-<24>` of a trace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InvocationTrace:
    """The place of one sampled invocation in its trace: two segments, one of the service and below it the function's.

    `parent_id` is the caller's segment ("" if the trace begins here); `rest` is what else the header carried, with the
    semicolon before it.
    """

    trace_id: str
    parent_id: str
    service_segment_id: str
    function_segment_id: str
    rest: str = ""

    @property
    def handler_header(self) -> str:
        """What the handler gets: its own segments go below the function's."""
        return f"Root={self.trace_id};Parent={self.function_segment_id};Sampled=1{self.rest}"

    @property
    def function_header(self) -> str:
        """Where the function's segment itself belongs, as platform events tell it."""
        return f"Root={self.trace_id};Parent={self.service_segment_id};Sampled=1"


@dataclass(frozen=True, slots=True)
class SampledRun:
    """A sampled invocation that has ended. Times are seconds since the epoch.

    `init` is when the environment's init began and ended, if this invocation waited for it, and `restore` the same of
    its restore. `error_document` is what the caller got for a failure, None without one; `xray_cause` what the
    runtime told X-Ray of it.
    """

    trace: InvocationTrace
    account_id: str
    region: str
    function_name: str
    function_arn: str
    request_id: str
    began_s: float
    answered_s: float
    ended_s: float
    init: tuple[float, float] | None = None
    restore: tuple[float, float] | None = None
    error_document: bytes | None = None
    xray_cause: bytes = b""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment (or a subsegment that was sent by itself), with its document as it came.

    `end_s` is None while it is in progress.
    """

    account_id: str
    region: str
    trace_id: str
    id: str
    start_s: float
    end_s: float | None
    document: str
