"""The time of day, as one small thing that tests replace.

Durations and deadlines inside the event loop use the loop's own clock; this one answers "what time is it" for records,
log lines and the wire.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Whoever needs the time of day takes one of these."""

    def now_s(self) -> float:
        """Seconds since the epoch, with a fraction."""
        ...


class SystemClock:
    """The host's clock."""

    def now_s(self) -> float:
        return time.time()


def epoch_ms(clock: Clock) -> int:
    """Milliseconds since the epoch, as Lambda puts them on the wire."""
    return int(clock.now_s() * 1000)


def lambda_timestamp(epoch_s: float) -> str:
    """`2025-01-01T00:00:00.000+0000`, the form of `LastModified` and `CreatedDate` (reference: control plane, 1)."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def second_timestamp(epoch_s: float) -> str:
    """`2025-01-01T00:00:00+0000`, the form of provisioned concurrency's times (reference: control plane, 1)."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S}+0000"


def microsecond_timestamp(epoch_s: float) -> str:
    """`2025-01-01T00:00:00.000000Z`, the form of function URLs' times (reference: control plane, 1)."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def iso_timestamp(epoch_s: float) -> str:
    """`2025-01-01T00:00:00.000Z`, the form of platform events and log lines (reference: runtime side, 6)."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
