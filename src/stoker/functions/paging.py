"""Answers in pages. A marker names the last item given, not a position, so it survives inserts and deletes."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from stoker import limits
from stoker.errors import InvalidParameterValueException

T = TypeVar("T")
SortKey = tuple[str | int, ...]


def page(
    items: Sequence[T],
    sort_key: Callable[[T], SortKey],
    marker: str | None,
    items_max: int | None,
    page_items_max: int | None = None,
) -> tuple[Sequence[T], str | None]:
    """The items after `marker`, and the marker for the next page, None at the end. `items` are in the key's order.

    Raises InvalidParameterValueException for a marker that no answer has ever held.
    """
    if marker:
        last = _decode(marker)
        try:
            items = [item for item in items if sort_key(item) > last]
        except TypeError:
            raise _bad_marker() from None
    largest = page_items_max or limits.PAGE_ITEMS_MAX
    size = min(items_max or largest, largest)
    shown = items[:size]
    return shown, _encode(sort_key(shown[-1])) if len(items) > size else None


def _encode(key: SortKey) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(marker: str) -> SortKey:
    try:
        key = json.loads(base64.urlsafe_b64decode(marker))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_marker() from None
    if not isinstance(key, list):
        raise _bad_marker()
    return tuple(key)


def _bad_marker() -> InvalidParameterValueException:
    return InvalidParameterValueException("The pagination marker is not valid.")
