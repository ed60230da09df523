"""What cannot be read from yet is not promised to be: see docs/decisions/0016-mappings-before-pollers.md."""

from stoker.event_sources.records import EventSourceMapping, SourceKind
from stoker.functions.unsupported import not_supported

POLLED = frozenset({SourceKind.SQS, SourceKind.SQS_FIFO, SourceKind.KINESIS, SourceKind.DYNAMODB})


def refuse_unpollable(mapping: EventSourceMapping) -> None:
    """Raise InvalidParameterValueException for an enabled mapping of a source that Stoker cannot poll."""
    if mapping.is_enabled and mapping.source.kind not in POLLED:
        raise not_supported(f"reading from {mapping.source.kind.value}, only mappings with Enabled=false,")


def refuse_encryption(kms_key_arn: str | None) -> None:
    """Raise InvalidParameterValueException for a key: nothing here would encrypt the filters."""
    if kms_key_arn:
        raise not_supported("KMSKeyArn of event source mappings")
