"""What was lost, by function, since the node started: the numbers behind AWS's metrics AsyncEventsDropped and
DestinationDeliveryFailures."""

from collections import Counter


class Counts:
    """Keyed by unqualified function ARN; `forget` what belongs to a deleted function, so that it stays small."""

    def __init__(self) -> None:
        self._dropped: Counter[str] = Counter()
        self._delivery_failures: Counter[str] = Counter()

    def dropped(self, function_arn: str) -> None:
        """An event has ended without a trace."""
        self._dropped[function_arn] += 1

    def delivery_failed(self, function_arn: str) -> None:
        """A destination did not get what it should."""
        self._delivery_failures[function_arn] += 1

    def of(self, function_arn: str) -> tuple[int, int]:
        """Dropped events, and failed deliveries."""
        return self._dropped[function_arn], self._delivery_failures[function_arn]

    def forget(self, function_arn: str) -> None:
        self._dropped.pop(function_arn, None)
        self._delivery_failures.pop(function_arn, None)
