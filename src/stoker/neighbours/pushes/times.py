"""Now, as AWS's services write it."""

import time
from datetime import UTC, datetime


def iso_ms(epoch_s: float | None = None) -> str:
    """`2025-01-31T12:00:00.123Z`."""
    moment = datetime.fromtimestamp(time.time() if epoch_s is None else epoch_s, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_s(epoch_s: float | None = None) -> str:
    """`2025-01-31T12:00:00Z`."""
    moment = datetime.fromtimestamp(time.time() if epoch_s is None else epoch_s, UTC)
    return moment.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
