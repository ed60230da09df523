"""Sends segments on to an X-Ray outside: the one that the setting `neighbours.xray` names."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stoker.traces.records import Segment
from stoker.traces.sending import SendError


class AwsCalls(Protocol):
    """The node's own calls to other services (`neighbours/clients.py`)."""

    async def call(
        self, service: str, account_id: str, region: str, operation: str, **parameters: Any
    ) -> dict[str, Any]: ...


class XRayExport:
    """One such receiver."""

    def __init__(self, calls: AwsCalls, unreachable: type[Exception]) -> None:
        """`unreachable` is what `calls` raises when the service cannot answer."""
        self._calls = calls
        self._unreachable = unreachable

    async def send(self, segments: Sequence[Segment]) -> None:
        """At most 50 segments. Raises SendError."""
        for (account_id, region), of_place in groupby(sorted(segments, key=_place), key=_place):
            sent = [segment.document for segment in of_place]
            try:
                await self._calls.call("xray", account_id, region, "PutTraceSegments", TraceSegmentDocuments=sent)
            except (ClientError, BotoCoreError, self._unreachable) as error:
                raise SendError(str(error)) from error


def _place(segment: Segment) -> tuple[str, str]:
    return segment.account_id, segment.region
