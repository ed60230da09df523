"""How many batches of a queue may be at its function at once: pure (reference: event sources, 2).

Five at first, and 300 more for each minute in which all places are taken; back to five when nothing is left. Being
throttled halves them.
"""

from collections.abc import Mapping
from typing import Any

PLACES_FIRST = 5
PLACES_PER_S = 5.0
PLACES_MAX = 1_250
PLACES_PER_PROVISIONED_POLLER = 10


class Scaling:
    """`now_s` is any clock that only goes forward."""

    def __init__(self, settings: Mapping[str, Any], now_s: float) -> None:
        """By a mapping's ScalingConfig or ProvisionedPollerConfig."""
        self._least, self._most = _bounds(settings)
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


def _bounds(settings: Mapping[str, Any]) -> tuple[int, int]:
    pollers = settings.get("ProvisionedPollerConfig") or {}
    if pollers:
        least = pollers.get("MinimumPollers") or 1
        most = pollers.get("MaximumPollers") or max(least, PLACES_MAX // PLACES_PER_PROVISIONED_POLLER)
        return least * PLACES_PER_PROVISIONED_POLLER, most * PLACES_PER_PROVISIONED_POLLER
    most = (settings.get("ScalingConfig") or {}).get("MaximumConcurrency") or PLACES_MAX
    return min(PLACES_FIRST, most), most
