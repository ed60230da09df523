"""How many batches of a source may be at its function at once: pure (reference: event sources, 2 and 4).

A queue has five at first, a topic one, and 300 more for each minute in which all places are taken; back to where it
began when nothing is left. Being throttled halves them.
"""

from collections.abc import Mapping
from typing import Any

PLACES_FIRST = 5
PLACES_PER_S = 5.0
PLACES_MAX = 1_250
PLACES_PER_PROVISIONED_POLLER = 10
PLACES_PER_TOPIC_POLLER = 5
TOPIC_POLLERS_MAX_DEFAULT = 200


class Scaling:
    """`now_s` is any clock that only goes forward."""

    def __init__(self, bounds: tuple[int, int], now_s: float) -> None:
        """`bounds` are how many places there are at least, and at most."""
        self._least, self._most = bounds
        self._places = float(self._least)
        self._looked_s = now_s

    def places(self, running: int, now_s: float, reserved: int | None = None) -> int:
        """How many may run. `reserved` is the function's reservation: more than that would only be throttled."""
        most = min(self._most, reserved) if reserved else self._most
        if running >= int(self._places):
            self._places += PLACES_PER_S * (now_s - self._looked_s)
        elif not running:
            self._places = float(self._least)
        self._places = min(self._places, float(self._most))
        self._looked_s = now_s
        return min(int(self._places), most)

    def throttled(self) -> None:
        """The function had no room for a batch."""
        self._places = max(1.0, self._places / 2)


def queue_bounds(settings: Mapping[str, Any]) -> tuple[int, int]:
    """By a queue's ScalingConfig or ProvisionedPollerConfig."""
    pollers = settings.get("ProvisionedPollerConfig") or {}
    if pollers:
        least = pollers.get("MinimumPollers") or 1
        most = pollers.get("MaximumPollers") or max(least, PLACES_MAX // PLACES_PER_PROVISIONED_POLLER)
        return least * PLACES_PER_PROVISIONED_POLLER, most * PLACES_PER_PROVISIONED_POLLER
    most = (settings.get("ScalingConfig") or {}).get("MaximumConcurrency") or PLACES_MAX
    return min(PLACES_FIRST, most), most


def topic_bounds(settings: Mapping[str, Any]) -> tuple[int, int]:
    """By a topic's ProvisionedPollerConfig. There are never more than partitions, which have one batch each."""
    pollers = settings.get("ProvisionedPollerConfig") or {}
    if not pollers:
        return 1, PLACES_MAX
    least = pollers.get("MinimumPollers") or 1
    most = pollers.get("MaximumPollers") or max(least, TOPIC_POLLERS_MAX_DEFAULT)
    return least * PLACES_PER_TOPIC_POLLER, most * PLACES_PER_TOPIC_POLLER
