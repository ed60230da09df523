"""What an enabled mapping cannot do yet is not promised: see docs/decisions/0016-mappings-before-pollers.md."""

from stoker.errors import InvalidParameterValueException
from stoker.event_sources.kafka import library as kafka
from stoker.event_sources.rabbitmq import client as rabbitmq
from stoker.event_sources.records import EventSourceMapping, SourceKind
from stoker.event_sources.rules import KAFKA_CONFIGS
from stoker.functions.unsupported import not_supported

POLLED = frozenset(
    {
        SourceKind.SQS,
        SourceKind.SQS_FIFO,
        SourceKind.KINESIS,
        SourceKind.DYNAMODB,
        SourceKind.MQ,
        *KAFKA_CONFIGS,
    }
)
# What is kept of a disabled mapping, and what nothing would do once it is enabled.
WITHOUT_EFFECT = ("MetricsConfig", "LoggingConfig")


def refuse_unpollable(mapping: EventSourceMapping) -> None:
    """Raise InvalidParameterValueException for an enabled mapping that Stoker cannot poll as it is configured."""
    if not mapping.is_enabled:
        return
    if mapping.source.kind not in POLLED:
        raise not_supported(f"reading from {mapping.source.kind.value}, only mappings with Enabled=false,")
    if mapping.source.kind is SourceKind.MQ and not rabbitmq.is_installed():
        raise InvalidParameterValueException(f"Reading from Amazon MQ needs the client of RabbitMQ: {rabbitmq.INSTALL}")
    for name in WITHOUT_EFFECT:
        if any((mapping.settings.get(name) or {}).values()):
            raise not_supported(f"{name} of event source mappings")
    if mapping.source.kind in KAFKA_CONFIGS:
        _refuse_of_kafka(mapping)


def _refuse_of_kafka(mapping: EventSourceMapping) -> None:
    settings = mapping.settings
    config = KAFKA_CONFIGS[mapping.source.kind]
    if settings[config].get("SchemaRegistryConfig"):
        raise not_supported(f"SchemaRegistryConfig of {config}")
    if (settings.get("ProvisionedPollerConfig") or {}).get("PollerGroupName"):
        raise not_supported("PollerGroupName of ProvisionedPollerConfig")
    destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
    if destination.startswith("kafka://"):
        raise not_supported("topics as on-failure destinations")
    if not kafka.is_installed():
        raise InvalidParameterValueException(kafka.MISSING)


def refuse_encryption(kms_key_arn: str | None) -> None:
    """Raise InvalidParameterValueException for a key: nothing here would encrypt the filters."""
    if kms_key_arn:
        raise not_supported("KMSKeyArn of event source mappings")
