"""The X-Ray trace header of an invocation: taken over from the caller or begun here."""

import re
import secrets
import time

# What does not look like these is not believed: it would reach the handler's environment and, in time, a trace store.
_ROOT = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
_PARENT = re.compile(r"[0-9a-fA-F]{16}")


def trace_header(incoming: str) -> str:
    """`Root=…;Parent=…;Sampled=0|1` for the handler; `incoming` is the caller's X-Amzn-Trace-Id ("" for none)."""
    parts = dict(part.strip().partition("=")[::2] for part in incoming.split(";")) if incoming else {}
    root, parent = parts.get("Root", ""), parts.get("Parent", "")
    if not _ROOT.fullmatch(root):
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    if not _PARENT.fullmatch(parent):
        parent = secrets.token_hex(8)
    sampled = "1" if parts.get("Sampled") == "1" else "0"
    return f"Root={root};Parent={parent};Sampled={sampled}"


def answer_header(trace: str) -> str:
    """As the caller gets it back: `root=…;sampled=0` (reference: invocation, 1)."""
    root, _, sampled = trace.split(";")[:3]
    return f"{root.replace('Root', 'root')};{sampled.replace('Sampled', 'sampled')}"
