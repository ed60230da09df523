"""A mapping as the API shows it: `EventSourceMappingConfiguration` (reference: event sources, 1.2)."""

from typing import Any

from stoker.event_sources.records import EventSourceMapping


def configuration(mapping: EventSourceMapping) -> dict[str, Any]:
    source = mapping.source
    endpoints = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": list(source.bootstrap_servers)}}
    members = {
        "UUID": mapping.uuid,
        **mapping.settings,
        "EventSourceArn": source.arn,
        "SelfManagedEventSource": endpoints if source.bootstrap_servers else None,
        "Topics": list(source.topics) or None,
        "Queues": list(source.queues) or None,
        "FunctionArn": mapping.function_arn,
        "LastModified": mapping.last_modified_s,
        "LastProcessingResult": mapping.last_processing_result,
        "State": mapping.state.value,
        "StateTransitionReason": mapping.state_transition_reason,
        "EventSourceMappingArn": mapping.arn,
    }
    return {name: value for name, value in members.items() if value is not None}
