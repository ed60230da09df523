"""What became of ended events, by function, since the node started: among it the numbers behind AWS's metrics
AsyncEventsDropped and DestinationDeliveryFailures."""

from dataclasses import replace

from stoker.async_invocations.records import Told


class Counts:
    """Keyed by unqualified function ARN; `forget` what belongs to a deleted function, so that it stays small."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def dropped(self, function_arn: str) -> None:
        """An event has ended without a trace."""
        told = self.of(function_arn)
        self._told[function_arn] = replace(told, dropped=told.dropped + 1)

    def delivered(self, function_arn: str) -> None:
        """A destination or a dead-letter queue has what it should."""
        told = self.of(function_arn)
        self._told[function_arn] = replace(told, delivered=told.delivered + 1)

    def delivery_failed(self, function_arn: str) -> None:
        """A destination did not get what it should."""
        told = self.of(function_arn)
        self._told[function_arn] = replace(told, delivery_failures=told.delivery_failures + 1)

    def of(self, function_arn: str) -> Told:
        return self._told.get(function_arn, Told())

    def forget(self, function_arn: str) -> None:
        self._told.pop(function_arn, None)
