"""Answers in pages. A token names the last that was given, so that it survives what comes and goes."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stoker.http_apis.errors import invalid
from stoker.lambda_model.call import ApiAnswer, ApiCall

PAGE_MAX = 500
T = TypeVar("T")


def page(call: ApiCall, found: Sequence[T], name_of: Callable[[T], str], show: Callable[[T], Any]) -> ApiAnswer:
    """The part of `found`, which is in the order of its names, that the call asks for. Raises BadRequestException."""
    after, size = _after(call.members.get("NextToken")), _size(call.members.get("MaxResults"))
    left = [item for item in found if name_of(item) > after]
    token = base64.urlsafe_b64encode(name_of(left[size - 1]).encode()).decode() if len(left) > size else None
    return ApiAnswer({"Items": [show(item) for item in left[:size]], "NextToken": token})


def _size(text: str | None) -> int:
    if text is None:
        return PAGE_MAX
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= PAGE_MAX:
        raise invalid(f"MaxResults must be a number from 1 to {PAGE_MAX}")
    return int(text)


def _after(token: str | None) -> str:
    if token is None:
        return ""
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise invalid("Invalid NextToken") from None
