"""What an operator asks of a function's queue (`stoker events`): how much waits, and what became of the rest."""

import json
from typing import Any

from stoker.async_invocations.queue import AsyncInvocations
from stoker.async_invocations.records import QueueStatus
from stoker.front_door.raw_routes import RawRequest, RawResponse, RawRoute
from stoker.functions.registry import FunctionRegistry
from stoker.lambda_model.names import parse_function_name

ROUTE = "/_stoker/events"


class ShownEvents:
    """Answers `GET /_stoker/events?FunctionName=…`; one queue is for all versions and aliases."""

    def __init__(self, events: AsyncInvocations, functions: FunctionRegistry) -> None:
        self._events = events
        self._functions = functions

    def routes(self) -> dict[str, RawRoute]:
        return {ROUTE: RawRoute(self._answer)}

    async def _answer(self, request: RawRequest) -> RawResponse:
        """The members of `_shown`. Raises ResourceNotFoundException, and what `parse_function_name` does."""
        name = request.query.get("FunctionName", [""])[0]
        function = self._functions.function(parse_function_name(name, None, request.caller))
        document = _shown(await self._events.status(function))
        return RawResponse(200, {"content-type": "application/json"}, json.dumps(document).encode())


def _shown(status: QueueStatus) -> dict[str, Any]:
    """Ages and waits in seconds, null when nothing waits; what has ended is counted since the node started."""
    return {
        "Waiting": status.waiting,
        "OldestAgeInSeconds": status.oldest_age_s,
        "WaitingForRetry": status.again,
        "NextRetryInSeconds": status.again_in_s,
        "InFlight": status.in_flight,
        "Dropped": status.told.dropped,
        "Delivered": status.told.delivered,
        "DeliveryFailures": status.told.delivery_failures,
    }
