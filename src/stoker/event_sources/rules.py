"""What each kind of source knows: its members, their defaults and limits (reference: event sources, 1.1 to 1.3).

A member that is in nobody's list, because AWS added it since, is refused for every kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoker.event_sources.records import SourceKind

POSITIONS = frozenset({"LATEST", "TRIM_HORIZON", "AT_TIMESTAMP"})
_ANYWHERE = frozenset({"BatchSize", "MaximumBatchingWindowInSeconds", "MetricsConfig", "LoggingConfig"})
_POSITION = frozenset({"StartingPosition", "StartingPositionTimestamp"})
_RETRIES = frozenset(
    {
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "FunctionResponseTypes",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
    }
)
# Of these, Kafka has all but the destination in provisioned mode only.
PROVISIONED_ONLY = _RETRIES - {"DestinationConfig"}


@dataclass(frozen=True, slots=True)
class SourceRules:
    """`defaults` are shown as if they had been given; `members` may be given besides what any source has.

    `positions` is empty where there is none to start from. `service` is how messages about duplicates call it.
    """

    batch_size_max: int
    defaults: Mapping[str, Any]
    members: frozenset[str]
    positions: frozenset[str] = frozenset()
    state_transition_reason: str = "USER_INITIATED"
    last_processing_result: str | None = "No records processed"
    is_disabled_at_once: bool = False

    def knows(self, member: str) -> bool:
        return member in _ANYWHERE or member in self.members or bool(self.positions and member in _POSITION)


def _queue_rules(batch_size_max: int) -> SourceRules:
    return SourceRules(
        batch_size_max=batch_size_max,
        defaults={"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []},
        members=frozenset({"FilterCriteria", "FunctionResponseTypes", "ScalingConfig", "ProvisionedPollerConfig"}),
        last_processing_result=None,
        is_disabled_at_once=True,
    )


def _stream_rules(positions: frozenset[str]) -> SourceRules:
    return SourceRules(
        batch_size_max=10_000,
        defaults={
            "BatchSize": 100,
            "BisectBatchOnFunctionError": False,
            "DestinationConfig": {"OnFailure": {}},
            "FunctionResponseTypes": [],
            "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "TumblingWindowInSeconds": 0,
        },
        members=_RETRIES | {"FilterCriteria", "ParallelizationFactor", "TumblingWindowInSeconds"},
        positions=positions,
        state_transition_reason="User action",
    )


def _broker_rules(members: set[str], positions: frozenset[str]) -> SourceRules:
    return SourceRules(
        batch_size_max=10_000, defaults={"BatchSize": 100}, members=frozenset(members), positions=positions
    )


_KAFKA = {"FilterCriteria", "SourceAccessConfigurations", "ProvisionedPollerConfig", *_RETRIES}

RULES: Mapping[SourceKind, SourceRules] = {
    SourceKind.SQS: _queue_rules(10_000),
    SourceKind.SQS_FIFO: _queue_rules(10),
    SourceKind.KINESIS: _stream_rules(POSITIONS),
    SourceKind.DYNAMODB: _stream_rules(POSITIONS - {"AT_TIMESTAMP"}),
    SourceKind.MSK: _broker_rules({*_KAFKA, "AmazonManagedKafkaEventSourceConfig"}, POSITIONS),
    SourceKind.SELF_MANAGED_KAFKA: _broker_rules({*_KAFKA, "SelfManagedKafkaEventSourceConfig"}, POSITIONS),
    SourceKind.MQ: _broker_rules({"FilterCriteria", "SourceAccessConfigurations"}, frozenset()),
    SourceKind.DOCUMENTDB: _broker_rules({"SourceAccessConfigurations", "DocumentDBEventSourceConfig"}, POSITIONS),
}

KAFKA_CONFIGS: Mapping[SourceKind, str] = {
    SourceKind.MSK: "AmazonManagedKafkaEventSourceConfig",
    SourceKind.SELF_MANAGED_KAFKA: "SelfManagedKafkaEventSourceConfig",
}
