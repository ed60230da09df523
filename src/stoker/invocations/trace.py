"""The X-Ray trace header of an invocation: taken over from the caller or begun here."""

import secrets
import time


def trace_header(incoming: str) -> str:
    """`Root=…;Parent=…;Sampled=0|1` for the handler; `incoming` is the caller's X-Amzn-Trace-Id ("" for none)."""
    parts = dict(part.strip().partition("=")[::2] for part in incoming.split(";")) if incoming else {}
    root = parts.get("Root") or f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    sampled = "1" if parts.get("Sampled") == "1" else "0"
    return f"Root={root};Parent={parts.get('Parent') or secrets.token_hex(8)};Sampled={sampled}"


def answer_header(trace: str) -> str:
    """As the caller gets it back: `root=…;sampled=0` (reference: invocation, 1)."""
    root, _, sampled = trace.split(";")[:3]
    return f"{root.replace('Root', 'root')};{sampled.replace('Sampled', 'sampled')}"
