"""Lists in pages: `position` is where the next one begins."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from stoker.lambda_model.call import ApiAnswer, ApiCall
from stoker.rest_apis.errors import BadRequestError

T = TypeVar("T")

PAGE_DEFAULT = 25
PAGE_MAX = 500


def page(call: ApiCall, found: Mapping[str, T], show: Callable[[T], Mapping[str, Any]]) -> ApiAnswer:
    """In the order of their ids. Raises BadRequestError for a limit that is none."""
    limit = call.members.get("limit")
    size = PAGE_DEFAULT if limit is None else limit
    if not size > 0:
        raise BadRequestError("Invalid limit value specified. Limit must be greater than 0")
    after = call.members.get("position") or ""
    ids = sorted(item_id for item_id in found if item_id > after)
    shown = ids[: min(size, PAGE_MAX)]
    position = shown[-1] if len(ids) > len(shown) else None
    return ApiAnswer({"items": [show(found[item_id]) for item_id in shown], "position": position})
