"""How often each function was invoked in one chain of requests, kept in the trace header, and when to break the chain.

The header's `Lineage` is `<8 hexadecimal digits of a function>:<count>`, one after the other with `|` between them
(AWS's own form is not documented: unverified). SDKs hand the header on with every request they make in a function.
"""

import hashlib
import re
from functools import lru_cache

INVOCATIONS_MAX = 16  # of one function in one chain (reference: invocation, 3)
# The header goes into HTTP headers and message attributes: the first functions of a long chain are forgotten.
FUNCTIONS_MAX = 24

_LINEAGE = re.compile(r"[0-9a-f]{8}:[0-9]{1,6}(?:\|[0-9a-f]{8}:[0-9]{1,6})*")
_MEMBER = ";Lineage="


def valid_lineage(text: str) -> str:
    """`text` as it came in a header, if it can be believed, else "". SDKs percent-encode the `|`."""
    lineage = text.replace("%7C", "|")
    return lineage if len(lineage) <= FUNCTIONS_MAX * 16 and _LINEAGE.fullmatch(lineage) else ""


def invocations_of(trace: str, function_arn: str) -> int:
    """How often the function was invoked so far in the chain of `trace`."""
    if _MEMBER not in trace:
        return 0
    return _counts(trace).get(_id(function_arn), 0)


def with_invocation_of(trace: str, function_arn: str) -> str:
    """`trace` as the function's handler gets it: with this invocation counted."""
    if _MEMBER not in trace:
        return f"{trace}{_MEMBER}{_id(function_arn)}:1"
    counts = _counts(trace)
    count = counts.pop(_id(function_arn), 0) + 1
    kept = [*counts.items(), (_id(function_arn), count)][-FUNCTIONS_MAX:]
    return f"{trace.partition(_MEMBER)[0]}{_MEMBER}{'|'.join(f'{name}:{times}' for name, times in kept)}"


def _counts(trace: str) -> dict[str, int]:
    lineage = trace.partition(_MEMBER)[2]
    return {entry[:8]: int(entry[9:]) for entry in lineage.split("|")} if lineage else {}


@lru_cache(maxsize=4096)
def _id(function_arn: str) -> str:
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]
