"""Answers in pages: the marker names the last record that was given."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stoker.lambda_model.call import ApiAnswer
from stoker.load_balancers.errors import invalid
from stoker.load_balancers.records import Record

PAGE_MAX = 400


def page(
    name: str,
    records: Sequence[Record],
    members: Mapping[str, Any],
    shown: Callable[[Any], dict[str, Any]],
) -> ApiAnswer:
    """Those after the marker as the output member `name`. Raises ValidationError for a marker that is none."""
    marker, begin = members.get("Marker"), 0
    if marker:
        arns = [record.arn for record in records]
        if marker not in arns:
            raise invalid(f"Marker '{marker[:256]}' is not valid")
        begin = arns.index(marker) + 1
    size = min(members.get("PageSize") or PAGE_MAX, PAGE_MAX)
    given = records[begin : begin + size]
    is_all = begin + size >= len(records)
    return ApiAnswer({name: [shown(record) for record in given], "NextMarker": None if is_all else given[-1].arn})
