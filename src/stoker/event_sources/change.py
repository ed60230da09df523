"""How a mapping begins, changes and ends: pure functions of records (reference: event sources, 1.3 and 1.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stoker.errors import ResourceConflictException, ResourceInUseException
from stoker.event_sources.records import EventSource, EventSourceMapping, MappingState, SourceKind
from stoker.event_sources.rules import RULES
from stoker.event_sources.settings import changed_settings, new_settings

QUEUES = (SourceKind.SQS, SourceKind.SQS_FIFO)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose mapping it is, and what it calls."""

    account_id: str
    region: str
    function_arn: str


def created(
    uuid: str, place: Place, source: EventSource, members: Mapping[str, Any], now_s: float
) -> EventSourceMapping:
    """The mapping that CreateEventSourceMapping asks for. Raises InvalidParameterValueException."""
    rules = RULES[source.kind]
    is_enabled: bool = members.get("Enabled", True)
    is_at_rest = rules.is_disabled_at_once and not is_enabled
    return EventSourceMapping(
        uuid=uuid,
        account_id=place.account_id,
        region=place.region,
        function_arn=place.function_arn,
        source=source,
        settings=new_settings(source, members, uuid),
        is_enabled=is_enabled,
        state=MappingState.DISABLED if is_at_rest else MappingState.CREATING,
        state_transition_reason=rules.state_transition_reason,
        last_processing_result=rules.last_processing_result,
        last_modified_s=now_s,
        tags=dict(members.get("Tags") or {}),
    )


def updated(
    mapping: EventSourceMapping, function_arn: str | None, members: Mapping[str, Any], now_s: float
) -> EventSourceMapping:
    """`mapping` on its way to what UpdateEventSourceMapping asks for; `function_arn` is None where it names none.

    Raises InvalidParameterValueException and ResourceInUseException.
    """
    _check_at_rest(mapping, "update")
    is_enabled: bool = members.get("Enabled", mapping.is_enabled)
    if is_enabled == mapping.is_enabled:
        state = MappingState.UPDATING
    else:
        state = MappingState.ENABLING if is_enabled else MappingState.DISABLING
    return replace(
        mapping,
        function_arn=function_arn or mapping.function_arn,
        settings=changed_settings(mapping.source, mapping.settings, members),
        is_enabled=is_enabled,
        state=state,
        last_modified_s=now_s,
    )


def deleted(mapping: EventSourceMapping) -> EventSourceMapping:
    """`mapping` on its way out. Raises ResourceInUseException."""
    _check_at_rest(mapping, "delete")
    return replace(mapping, state=MappingState.DELETING)


def settled(mapping: EventSourceMapping) -> EventSourceMapping | None:
    """`mapping` where it was going; None when it is gone."""
    if mapping.state is MappingState.DELETING:
        return None
    return replace(mapping, state=MappingState.ENABLED if mapping.is_enabled else MappingState.DISABLED)


def check_no_duplicate(mapping: EventSourceMapping, others: Sequence[EventSourceMapping]) -> None:
    """Raise ResourceConflictException when another mapping brings the same records to the same function."""
    for other in others:
        is_same = other.source == mapping.source and other.function_arn == mapping.function_arn
        if is_same and other.uuid != mapping.uuid:
            raise ResourceConflictException(f"{_duplicate(mapping)} {other.uuid}")


def _duplicate(mapping: EventSourceMapping) -> str:
    source, function_arn = mapping.source, mapping.function_arn
    name = function_arn.split(":")[6]
    if source.kind in QUEUES:
        text = f'An event source mapping with SQS arn (" {source.arn} ") and function (" {name} ") already exists.'
    elif source.arn is None:
        text = (
            f'An event source mapping with event source ("{",".join(source.bootstrap_servers)}"), '
            f'function ("{function_arn}"), topics ("{",".join(source.topics)}") already exists.'
        )
    else:
        text = f'The event source arn (" {source.arn} ") and function (" {name} ") provided mapping already exists.'
    return f"{text} Please update or delete the existing mapping with UUID"


def _check_at_rest(mapping: EventSourceMapping, verb: str) -> None:
    """The text is not in the reference."""
    if not mapping.is_at_rest:
        raise ResourceInUseException(f"Cannot {verb} the event source mapping because it is in use.")
