"""Answers of an exact size, and answers that are no text."""

import json
from collections.abc import Callable

from .conftest import Answer

Attack = Callable[..., Answer]

# Reference: runtime side, 2.2. Six binary megabytes and a hundred bytes.
RESPONSE_BYTES_MAX = 6_291_556


def test_the_largest_response_reaches_the_caller_whole(attack: Attack) -> None:
    answer = attack("responses.of_size", {"bytes": RESPONSE_BYTES_MAX}, MemorySize=512)
    assert answer.error is None
    assert answer.body == b'"' + b"x" * (RESPONSE_BYTES_MAX - 2) + b'"'


def test_one_byte_more_is_too_large(attack: Attack) -> None:
    answer = attack("responses.of_size", {"bytes": RESPONSE_BYTES_MAX + 1}, MemorySize=512)
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert json.loads(answer.body) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_a_response_far_too_large_costs_the_caller_no_more(attack: Attack) -> None:
    answer = attack("responses.of_size", {"bytes": 64_000_000}, MemorySize=1024)
    assert json.loads(answer.body)["errorType"] == "Function.ResponseSizeTooLarge"


def test_half_a_character_is_an_answer_or_the_handlers_own_error(attack: Attack) -> None:
    answer = attack("responses.lone_surrogate")
    assert answer.status == 200
    json.loads(answer.body)


def test_an_answer_nested_too_deep_is_the_handlers_own_error(attack: Attack) -> None:
    answer = attack("responses.deep", {"depth": 100_000}, MemorySize=1024)
    assert answer.error == "Unhandled"
    assert json.loads(answer.body)["errorType"].startswith("Runtime.")


def test_an_error_document_of_a_megabyte_reaches_the_caller(attack: Attack) -> None:
    answer = attack("responses.endless_error", {"bytes": 1_000_000})
    assert answer.error == "Unhandled"
    assert json.loads(answer.body)["errorMessage"] == "x" * 1_000_000
