"""What cannot be read from yet is not promised to be: see docs/decisions/0016-mappings-before-pollers.md."""

from stoker.event_sources.records import EventSourceMapping
from stoker.functions.unsupported import not_supported


def refuse_unpollable(mapping: EventSourceMapping) -> None:
    """Raise InvalidParameterValueException for an enabled mapping of a source that Stoker cannot poll: any, so far."""
    if mapping.is_enabled:
        raise not_supported(f"reading from {mapping.source.kind.value}, only mappings with Enabled=false,")


def refuse_encryption(kms_key_arn: str | None) -> None:
    """Raise InvalidParameterValueException for a key: nothing here would encrypt the filters."""
    if kms_key_arn:
        raise not_supported("KMSKeyArn of event source mappings")
