"""Tumbling windows: stretches of a shard's time whose batches hand a state on, and a last call that ends each.

Pure (reference: event sources, 3). Which window a record belongs to is told by its arrival.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

STATE_BYTES_MAX = 1024 * 1024
CALM_S = 1.0  # records show up in a stream a little after their arrival


@dataclass(frozen=True, slots=True)
class Window:
    """One that is open. `state` is what the function returned last."""

    start_s: int
    end_s: int
    state: Mapping[str, Any] = field(default_factory=dict)

    def with_state(self, state: Mapping[str, Any]) -> "Window":
        return replace(self, state=state)

    @property
    def is_overfull(self) -> bool:
        """Whether its state has grown larger than it may, so that the window ends early."""
        return len(msgspec.json.encode(self.state)) > STATE_BYTES_MAX

    def members(self, shard_id: str, source_arn: str, *, is_final: bool, is_early: bool = False) -> dict[str, Any]:
        """What its events have besides records."""
        return {
            "window": {"start": _iso(self.start_s), "end": _iso(self.end_s)},
            "state": self.state,
            "shardId": shard_id,
            "eventSourceARN": source_arn,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": is_early,
        }


def window_at(arrived_s: float, length_s: int) -> Window:
    """The window, still without state, of a record that arrived at `arrived_s`."""
    start_s = math.floor(arrived_s / length_s) * length_s
    return Window(start_s, start_s + length_s)


def _iso(epoch_s: int) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}Z"
