"""An event invoke config, as the other rooms hold it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """What was not configured is None: AWS's defaults then hold. Destinations are ARNs; time is since the epoch."""

    last_modified_s: float
    maximum_retry_attempts: int | None = None
    maximum_event_age_s: int | None = None
    on_success: str | None = None
    on_failure: str | None = None
