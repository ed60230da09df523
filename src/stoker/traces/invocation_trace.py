"""From a trace header to the place of an invocation in its trace."""

import secrets

from stoker.traces.records import InvocationTrace

_SAMPLED = ";Sampled=1"


def sampled_trace(header: str) -> InvocationTrace | None:
    """The trace of an invocation whose header is `Root=…[;Parent=…];Sampled=1…`; None if it is not sampled."""
    if _SAMPLED not in header:
        return None
    where, _, rest = header.partition(_SAMPLED)
    root, _, parent = where.partition(";")
    return InvocationTrace(
        trace_id=root.removeprefix("Root="),
        parent_id=parent.removeprefix("Parent="),
        service_segment_id=secrets.token_hex(8),
        function_segment_id=secrets.token_hex(8),
        rest=rest,
    )
