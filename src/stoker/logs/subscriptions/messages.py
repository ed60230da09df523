"""The event that a function gets of a subscription: pure functions.

Source: Amazon CloudWatch Logs User Guide, "Subscription filters with AWS Lambda".
"""

import base64
import gzip
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence

from stoker.logs.records import LogLine
from stoker.logs.subscriptions.records import SubscriptionFilter

# Of the messages in one event, before they are compressed: a batch of lines stays within what an event may have.
MESSAGE_BYTES_MAX = 500_000
_numbers = itertools.count()


def messages(subscription: SubscriptionFilter, lines: Iterable[LogLine]) -> Iterator[str]:
    """Events as JSON for these lines of the group, each of one stream."""
    streams: dict[str, list[LogLine]] = {}
    for line in lines:
        streams.setdefault(line.stream, []).append(line)
    for stream, of_stream in streams.items():
        for piece in _pieces(of_stream):
            yield _event(subscription, stream, piece)


def _pieces(lines: Sequence[LogLine]) -> Iterator[list[LogLine]]:
    piece: list[LogLine] = []
    size = 0
    for line in lines:
        length = len(line.message.encode())
        if piece and size + length > MESSAGE_BYTES_MAX:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += length
    if piece:
        yield piece


def _event(subscription: SubscriptionFilter, stream: str, lines: Sequence[LogLine]) -> str:
    message = {
        "messageType": "DATA_MESSAGE",
        "owner": subscription.group.account_id,
        "logGroup": subscription.group.name,
        "logStream": stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": [{"id": _id(line), "timestamp": line.timestamp_ms, "message": line.message} for line in lines],
    }
    packed = gzip.compress(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(), mtime=0)
    return json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}})


def _id(line: LogLine) -> str:
    """56 digits, as AWS's; the row's own number is the database's secret."""
    return f"{line.timestamp_ms:020d}{next(_numbers):036d}"
