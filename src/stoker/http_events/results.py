"""What the formats' results have in common: a status, texts of headers, a body. Each raises InvalidAnswerError."""

import base64
import binascii
import json
from typing import Any

import msgspec

from stoker.http_events.records import InvalidAnswerError


def decoded(result: bytes) -> Any:
    """The JSON that a function returned."""
    try:
        return msgspec.json.decode(result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidAnswerError("the result is not JSON") from None


def status_of(given: Any) -> int:
    """Three digits in a text are a status, too."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) == 3:
        given = int(given)
    # An informational status is no answer: another would have to follow it.
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise InvalidAnswerError("statusCode is not a status")
    return given


def scalar_text(value: Any) -> str:
    """Numbers and booleans as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise InvalidAnswerError("a value is not text")


def body_from_base64(body: Any) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise InvalidAnswerError("body is not base64") from None
