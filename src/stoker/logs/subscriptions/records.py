"""What the other rooms may hold of subscription filters."""

from dataclasses import dataclass

from stoker.logs.records import LogGroupName


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """By group and name there is one. `distribution` matters to streams alone; it is shown as it was given."""

    group: LogGroupName
    name: str
    pattern: str
    destination_arn: str
    distribution: str
    created_ms: int
