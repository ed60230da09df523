"""Which source a request means (reference: event sources, 1.1 and 1.4)."""

from collections.abc import Mapping
from typing import Any

from stoker.arn import Arn, split_arn
from stoker.errors import InvalidParameterValueException
from stoker.event_sources.records import EventSource, SourceKind

UNRECOGNIZED = "Unrecognized event source."
_KINDS = {
    "kinesis": SourceKind.KINESIS,
    "dynamodb": SourceKind.DYNAMODB,
    "kafka": SourceKind.MSK,
    "mq": SourceKind.MQ,
    "rds": SourceKind.DOCUMENTDB,  # a DocumentDB cluster's ARN is one of RDS
}


def requested_source(members: Mapping[str, Any]) -> EventSource:
    """The source that CreateEventSourceMapping names. Raises InvalidParameterValueException."""
    self_managed = members.get("SelfManagedEventSource")
    topics, queues = tuple(members.get("Topics") or ()), tuple(members.get("Queues") or ())
    if self_managed:
        if not members.get("SourceAccessConfigurations"):
            raise InvalidParameterValueException("Required 'sourceAccessConfigurations' parameter is missing.")
        servers = tuple((self_managed.get("Endpoints") or {}).get("KAFKA_BOOTSTRAP_SERVERS") or ())
        return _checked(EventSource(SourceKind.SELF_MANAGED_KAFKA, None, servers, topics, queues))
    arn = members.get("EventSourceArn")
    parts = split_arn(arn) if arn else None
    kind = _kind(parts) if parts is not None else None
    if kind is None:
        raise InvalidParameterValueException(UNRECOGNIZED)
    return _checked(EventSource(kind, arn, (), topics, queues))


def _kind(arn: Arn) -> SourceKind | None:
    if arn.service == "sqs":
        return SourceKind.SQS_FIFO if arn.resource.endswith(".fifo") else SourceKind.SQS
    if arn.service == "dynamodb" and "/stream/" not in arn.resource:
        return None
    return _KINDS.get(arn.service)


def _checked(source: EventSource) -> EventSource:
    """The texts are not in the reference."""
    has_topics = source.kind in (SourceKind.MSK, SourceKind.SELF_MANAGED_KAFKA)
    for name, given, is_known in (
        ("Topics", source.topics, has_topics),
        ("Queues", source.queues, source.kind is SourceKind.MQ),
    ):
        if given and not is_known:
            raise unsupported_parameter(name)
        if is_known and not given:
            raise InvalidParameterValueException(f"Required '{name.lower()}' parameter is missing.")
    return source


def unsupported_parameter(name: str) -> InvalidParameterValueException:
    """AWS's refusal of a member that this kind of source does not have."""
    return InvalidParameterValueException(f"Unsupported {name} parameter for given event source mapping type.")
