"""Segments as SDKs send them."""

import json
from typing import Any

from stoker.traces.documents import segment_of
from stoker.traces.records import Segment

ACCOUNT, REGION = "000000000000", "eu-west-1"
TRACE_ID = "1-5759e988-bd862e3fe1be46a994272793"


def document(number: int = 1, **members: Any) -> str:
    """A segment's document; a member that is None is left out."""
    whole = {
        "name": "shop",
        "id": f"{number:016x}",
        "trace_id": TRACE_ID,
        "start_time": 1000.0,
        "end_time": 1001.5,
        **members,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def segment(number: int = 1, **members: Any) -> Segment:
    return segment_of(ACCOUNT, REGION, document(number, **members))
