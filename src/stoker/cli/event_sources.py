"""The event source mappings of a function, as `stoker show` and `stoker events` list them."""

from typing import Any

from stoker.cli.output import print_table


def mappings_of(client: Any, name: str) -> list[dict[str, Any]]:
    """As ListEventSourceMappings has them: those of the function NAME, or of its qualifier if NAME has one."""
    pages = client.get_paginator("list_event_source_mappings").paginate(FunctionName=name)
    return [mapping for page in pages for mapping in page["EventSourceMappings"]]


def print_mappings(mappings: list[dict[str, Any]]) -> None:
    """One a line, with what each says of itself."""
    rows = [
        (
            _source(mapping),
            mapping["State"],
            mapping.get("StateTransitionReason", "-"),
            mapping.get("LastProcessingResult", "-"),
            mapping["UUID"],
        )
        for mapping in mappings
    ]
    print_table(("Source", "State", "StateTransitionReason", "LastProcessingResult", "UUID"), rows)


def _source(mapping: dict[str, Any]) -> str:
    """Its ARN, or the brokers of a Kafka of one's own; with its topics or queues."""
    brokers = mapping.get("SelfManagedEventSource", {}).get("Endpoints", {}).get("KAFKA_BOOTSTRAP_SERVERS", [])
    where = mapping.get("EventSourceArn") or ",".join(brokers)
    parts = [*mapping.get("Topics", []), *mapping.get("Queues", [])]
    return f"{where} ({', '.join(parts)})" if parts else where
