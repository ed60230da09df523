"""What the processes of an environment are told of an invocation."""

from stoker.invocation import Invocation
from stoker.runtime_api.extensions import INVOKE


def event_head(invocation: Invocation, deadline_ms: int, trace_header: str) -> bytes:
    """The answer to `next` up to its Content-Length (reference: runtime side, 2.1)."""
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {invocation.target.arn}\r\n"
        f"Lambda-Runtime-Trace-Id: {trace_header}"
    )
    if invocation.client_context:
        head += f"\r\nLambda-Runtime-Client-Context: {invocation.client_context}"
    return head.encode()


def invoke_event(invocation: Invocation, deadline_ms: int, trace_header: str) -> dict[str, object]:
    """What extensions are told of an invocation; the payload is the function's alone."""
    return {
        "eventType": INVOKE,
        "deadlineMs": deadline_ms,
        "requestId": invocation.request_id,
        "invokedFunctionArn": invocation.target.arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": trace_header},
    }
