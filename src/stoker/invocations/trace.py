"""The X-Ray trace header of an invocation: taken over from the caller or begun here."""

import os
import re
import time
from collections.abc import Callable

from stoker.errors import LambdaError
from stoker.functions.records import FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.invocations.lineage import valid_lineage
from stoker.traces.sampling import Sampling

# What does not look like these is not believed: it would reach the handler's environment and, in time, a trace store.
_ROOT = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
_PARENT = re.compile(r"[0-9a-fA-F]{16}")


class Tracing:
    """Begins or goes on with the trace of each invocation, whatever it comes from."""

    def __init__(self, functions: FunctionRegistry, sampling: Sampling) -> None:
        self._functions = functions
        self._sampling = sampling

    def header(self, incoming: str, target: FunctionTarget) -> str:
        """`trace_header`, with a decision for functions with active tracing that nobody took before."""
        return trace_header(incoming, lambda: self._is_sampled(target))

    def _is_sampled(self, target: FunctionTarget) -> bool:
        try:
            version = self._functions.resolve(target)
        except LambdaError:  # whoever invokes it hears of it
            return False
        return version.tracing_mode == "Active" and self._sampling.is_sampled(target.key)


def _never() -> bool:
    return False


def trace_header(incoming: str, decide: Callable[[], bool] = _never) -> str:
    """`Root=…;Parent=…;Sampled=0|1`; `incoming` is the caller's X-Amzn-Trace-Id ("" for none).

    A sampled trace that begins here has no parent: the invocation's own segment will be its first. `decide` is asked
    when the caller did not say whether to sample. The caller's lineage follows, if there is one.
    """
    parts = dict(part.strip().partition("=")[::2] for part in incoming.split(";")) if incoming else {}
    root, parent = parts.get("Root", ""), parts.get("Parent", "")
    noise = os.urandom(20).hex()
    if not _ROOT.fullmatch(root):
        root = f"1-{int(time.time()):08x}-{noise[:24]}"
    lineage = valid_lineage(parts.get("Lineage", ""))
    rest = f";Lineage={lineage}" if lineage else ""
    decision = parts.get("Sampled")
    if decision == "1" or (decision != "0" and decide()):
        between = f";Parent={parent}" if _PARENT.fullmatch(parent) else ""
        return f"Root={root}{between};Sampled=1{rest}"
    if not _PARENT.fullmatch(parent):
        parent = noise[24:]
    return f"Root={root};Parent={parent};Sampled=0{rest}"


def answer_header(trace: str) -> str:
    """As the caller gets it back: `root=…;sampled=0` (reference: invocation, 1)."""
    root = trace.partition(";")[0].removeprefix("Root=")
    return f"root={root};sampled={1 if ';Sampled=1' in trace else 0}"
