"""What a function's answer says about the records of its batch: pure rules (reference: event sources, 2 and 3)."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

REPORT_FAILURES = "ReportBatchItemFailures"


class MalformedAnswerError(Exception):
    """The answer is not what the mapping asks for: the whole batch has failed."""


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """`failed` are the identifiers of the records that the function wants again."""

    failed: frozenset[str]
    state: dict[str, Any]


def failed_records(payload: bytes, identifiers: Collection[str]) -> frozenset[str]:
    """The identifiers that the function reports, of those in its batch. Raises MalformedAnswerError.

    `null`, `{}`, `""`, `[]`, and no list or an empty one are a success.
    """
    return _reported(_parsed(payload), identifiers)


def window_answer(payload: bytes, identifiers: Collection[str], *, reports_failures: bool) -> WindowAnswer:
    """The answer to a batch of a tumbling window, which must have a state. Raises MalformedAnswerError."""
    answer = _parsed(payload)
    state = answer.get("state") if isinstance(answer, dict) else None
    if not isinstance(state, dict):
        raise MalformedAnswerError("the answer has no state")
    return WindowAnswer(_reported(answer, identifiers) if reports_failures else frozenset(), state)


def _parsed(payload: bytes) -> Any:
    if not payload:
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        raise MalformedAnswerError("the answer is not JSON") from None


def _reported(answer: Any, identifiers: Collection[str]) -> frozenset[str]:
    if answer is None or answer == "" or answer == []:
        return frozenset()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None or failures == []:
        return frozenset()
    if not isinstance(answer, dict) or not isinstance(failures, list):
        raise MalformedAnswerError("batchItemFailures is not a list")
    reported = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in identifiers:
            raise MalformedAnswerError("an itemIdentifier is missing, empty or not in the batch")
        reported.add(identifier)
    return frozenset(reported)
