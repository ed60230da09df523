"""What a runtime told X-Ray of an error: at most 64 KiB of it are kept (reference: runtime side, 2.3)."""

import json
from typing import Any

CAUSE_BYTES_MAX = 64 * 1024
_TEXT_CHARACTERS_MAX = 4096


def cropped(cause: dict[str, Any]) -> dict[str, Any]:
    """`cause`, or as much of it as there is room for: paths go first, then stacks, then all but the first exception."""
    if _fits(cause):
        return cause
    exceptions = [one for one in _list(cause.get("exceptions")) if isinstance(one, dict)]
    bare = [{name: _short(one[name]) for name in ("id", "message", "type") if name in one} for one in exceptions]
    rest: dict[str, Any] = {name: _short(cause[name]) for name in ("working_directory", "message") if name in cause}
    smaller: list[dict[str, Any]] = [{**cause, "paths": []}, {**rest, "exceptions": bare}]
    return next(filter(_fits, smaller), {**rest, "exceptions": bare[:1]})


def _fits(cause: dict[str, Any]) -> bool:
    return len(json.dumps(cause, separators=(",", ":"))) <= CAUSE_BYTES_MAX


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _short(value: Any) -> str:
    return str(value)[:_TEXT_CHARACTERS_MAX]
