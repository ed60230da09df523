"""Event source mappings as the other rooms hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stoker.arn import event_source_mapping_arn


class SourceKind(StrEnum):
    """What a mapping reads from; the values are the names that people know them by."""

    SQS = "Amazon SQS"
    SQS_FIFO = "Amazon SQS FIFO"
    KINESIS = "Amazon Kinesis"
    DYNAMODB = "DynamoDB Streams"
    MSK = "Amazon MSK"
    SELF_MANAGED_KAFKA = "self-managed Apache Kafka"
    MQ = "Amazon MQ"
    DOCUMENTDB = "Amazon DocumentDB"


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where records come from; nothing of it can change. `arn` is None for brokers that AWS does not manage."""

    kind: SourceKind
    arn: str | None
    bootstrap_servers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


class MappingState(StrEnum):
    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    UPDATING = "Updating"
    DELETING = "Deleting"


AT_REST = frozenset({MappingState.ENABLED, MappingState.DISABLED})


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """One mapping, complete with its source's defaults.

    `settings` has AWS's member names and wire values, checked: there are two dozen, which of them exist depends on the
    source, and one table (`rules.py`) says so by these names. `function_arn` has the qualifier that the caller gave.
    `is_enabled` is what was asked for; `state` gets there.
    """

    uuid: str
    account_id: str
    region: str
    function_arn: str
    source: EventSource
    settings: Mapping[str, Any]
    is_enabled: bool
    state: MappingState
    state_transition_reason: str
    last_processing_result: str | None
    last_modified_s: float
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        return event_source_mapping_arn(self.region, self.account_id, self.uuid)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing about it is under way, so that it may be changed."""
        return self.state in AT_REST
