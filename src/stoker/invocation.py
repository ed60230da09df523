"""The one small shape that carries the whole system: `invoke(Invocation) -> InvocationResult`.

HTTP calls, queued events, pollers and the console all arrive in this form. Payloads are bytes from the socket to the
runtime and back; nobody parses them on the way. Both are named tuples, because they are made on every invocation and
a frozen dataclass takes three times as long to make, six times to make again with a change.
"""

from typing import NamedTuple

from stoker.functions.records import FunctionTarget
from stoker.runtime_api.streaming import ResponseSink


class Invocation(NamedTuple):
    """One call of a function.

    `request_id` is the one the caller sees and the handler gets; `client_context` is the caller's JSON, decoded ("" for
    none); `trace_id` is `Root=…;Parent=…;Sampled=…`; `wants_log` asks for the log's last 4 KB. `sink` takes the
    response while the function writes it; the result then has none, unless there was an error.
    """

    request_id: str
    target: FunctionTarget
    payload: bytes
    trace_id: str
    client_context: str = ""
    wants_log: bool = False
    sink: ResponseSink | None = None


class InvocationResult(NamedTuple):
    """What came of it. A handler that fails is a result too: `function_error` is then "Unhandled" and `payload` the
    runtime's own error document, byte for byte (or the platform's, when the runtime could not say)."""

    payload: bytes
    executed_version: str
    function_error: str | None = None
    log_tail: bytes = b""
