"""What an enabled mapping cannot do yet is not promised: see docs/decisions/0016-mappings-before-pollers.md."""

from stoker.errors import InvalidParameterValueException
from stoker.event_sources.rabbitmq.client import INSTALL, is_installed
from stoker.event_sources.records import EventSourceMapping, SourceKind
from stoker.functions.unsupported import not_supported

POLLED = frozenset({SourceKind.SQS, SourceKind.SQS_FIFO, SourceKind.KINESIS, SourceKind.DYNAMODB, SourceKind.MQ})
# What is kept of a disabled mapping, and what nothing would do once it is enabled.
WITHOUT_EFFECT = ("MetricsConfig", "LoggingConfig")


def refuse_unpollable(mapping: EventSourceMapping) -> None:
    """Raise InvalidParameterValueException for an enabled mapping that Stoker cannot poll as it is configured."""
    if not mapping.is_enabled:
        return
    if mapping.source.kind not in POLLED:
        raise not_supported(f"reading from {mapping.source.kind.value}, only mappings with Enabled=false,")
    if mapping.source.kind is SourceKind.MQ and not is_installed():
        raise InvalidParameterValueException(f"Reading from Amazon MQ needs the client of RabbitMQ: {INSTALL}")
    for name in WITHOUT_EFFECT:
        if any((mapping.settings.get(name) or {}).values()):
            raise not_supported(f"{name} of event source mappings")


def refuse_encryption(kms_key_arn: str | None) -> None:
    """Raise InvalidParameterValueException for a key: nothing here would encrypt the filters."""
    if kms_key_arn:
        raise not_supported("KMSKeyArn of event source mappings")
