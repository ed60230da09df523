"""The operations of the Lambda API on event source mappings (reference: event sources, 1)."""

from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from stoker.clock import Clock
from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.event_sources.change import Place, check_no_duplicate, created, deleted, updated
from stoker.event_sources.filters import check_filter_count
from stoker.event_sources.records import EventSource, EventSourceMapping
from stoker.event_sources.rendering import configuration
from stoker.event_sources.source import requested_source
from stoker.event_sources.store import MappingStore
from stoker.event_sources.transitions import MappingTransitions
from stoker.event_sources.unpollable import refuse_encryption, refuse_unpollable
from stoker.functions.paging import page
from stoker.functions.records import LATEST
from stoker.functions.registry import FunctionRegistry
from stoker.functions.tags import check_tags
from stoker.lambda_model.call import ApiAnswer, ApiCall, Caller, Operation
from stoker.lambda_model.names import parse_function_name
from stoker.limits import MAPPINGS_PAGE_ITEMS_MAX, Limits

ACCEPTED = 202


class Sources(Protocol):
    """Queues and streams, wherever they are."""

    async def check(self, source: EventSource, function_timeout_s: int, *, is_enabled: bool) -> None:
        """Raise InvalidParameterValueException for one that is not there, or does not fit the function."""
        ...


class EventSourceMappingsApi:
    """Five operations, by name, for the front door; tags are with the other tags."""

    def __init__(
        self,
        store: MappingStore,
        transitions: MappingTransitions,
        sources: Sources,
        registry: FunctionRegistry,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._store = store
        self._transitions = transitions
        self._sources = sources
        self._registry = registry
        self._limits = limits
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateEventSourceMapping": self.create_event_source_mapping,
            "GetEventSourceMapping": self.get_event_source_mapping,
            "UpdateEventSourceMapping": self.update_event_source_mapping,
            "DeleteEventSourceMapping": self.delete_event_source_mapping,
            "ListEventSourceMappings": self.list_event_source_mappings,
        }

    async def create_event_source_mapping(self, call: ApiCall) -> ApiAnswer:
        members, caller = call.members, call.caller
        refuse_encryption(members.get("KMSKeyArn"))
        source = requested_source(members)
        check_tags(members.get("Tags") or {}, self._limits.tags_max)
        check_filter_count(members.get("FilterCriteria"), self._limits.filters_max)
        place = Place(caller.account_id, caller.region, self._function_arn(members["FunctionName"], caller))
        mapping = created(str(uuid4()), place, source, members, self._clock.now_s())
        timeout_s = self._timeout_s(mapping.function_arn, caller)
        await self._sources.check(source, timeout_s, is_enabled=mapping.is_enabled)

        def check(others: Sequence[EventSourceMapping]) -> None:
            check_no_duplicate(mapping, others)
            refuse_unpollable(mapping)

        await self._store.add(mapping, check)
        self._transitions.start(mapping)
        return ApiAnswer(configuration(mapping), ACCEPTED)

    async def get_event_source_mapping(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(configuration(_own(await self._store.find(call.members["UUID"]), call.caller)))

    async def update_event_source_mapping(self, call: ApiCall) -> ApiAnswer:
        members, now_s = call.members, self._clock.now_s()
        refuse_encryption(members.get("KMSKeyArn"))
        present = _own(await self._store.find(members["UUID"]), call.caller)
        check_filter_count(members.get("FilterCriteria"), self._limits.filters_max)
        name = members.get("FunctionName")
        function_arn = self._function_arn(name, call.caller) if name else None
        if name or members.get("Enabled"):
            timeout_s = self._timeout_s(function_arn or present.function_arn, call.caller)
            is_enabled: bool = members.get("Enabled", present.is_enabled)
            await self._sources.check(present.source, timeout_s, is_enabled=is_enabled)

        def update(mapping: EventSourceMapping | None) -> EventSourceMapping:
            changed = updated(_own(mapping, call.caller), function_arn, members, now_s)
            refuse_unpollable(changed)
            return changed

        return await self._changed(call, await self._store.change(members["UUID"], update))

    async def delete_event_source_mapping(self, call: ApiCall) -> ApiAnswer:
        def delete(mapping: EventSourceMapping | None) -> EventSourceMapping:
            return deleted(_own(mapping, call.caller))

        return await self._changed(call, await self._store.change(call.members["UUID"], delete))

    async def list_event_source_mappings(self, call: ApiCall) -> ApiAnswer:
        members, caller = call.members, call.caller
        arn, name = members.get("EventSourceArn"), members.get("FunctionName")
        function = parse_function_name(name, None, caller) if name else None
        listed = [
            mapping
            for mapping in await self._store.mappings_of(caller.account_id, caller.region)
            if (arn is None or mapping.source.arn == arn)
            and (function is None or f"{mapping.function_arn}:".startswith(f"{function.arn}:"))
        ]
        shown, marker = page(
            listed,
            lambda mapping: (mapping.uuid,),
            members.get("Marker"),
            members.get("MaxItems"),
            MAPPINGS_PAGE_ITEMS_MAX,
        )
        return ApiAnswer({"NextMarker": marker, "EventSourceMappings": [configuration(mapping) for mapping in shown]})

    async def _changed(self, call: ApiCall, mapping: EventSourceMapping | None) -> ApiAnswer:
        changed = _own(mapping, call.caller)
        self._transitions.start(changed)
        return ApiAnswer(configuration(changed), ACCEPTED)

    def _function_arn(self, name: str, caller: Caller) -> str:
        """As the caller wrote it, with the qualifier if there was one. Raises InvalidParameterValueException."""
        target = parse_function_name(name, None, caller)
        function = self._registry.find(target.key)
        if function is None or function.version(target.qualifier or LATEST) is None:
            raise InvalidParameterValueException("Function does not exist")
        return target.arn

    def _timeout_s(self, function_arn: str, caller: Caller) -> int:
        """Of the version that would run; 0 when there is none any more, since mappings outlive their functions."""
        try:
            return self._registry.resolve(parse_function_name(function_arn, None, caller)).timeout_s
        except ResourceNotFoundException:
            return 0


def _own(mapping: EventSourceMapping | None, caller: Caller) -> EventSourceMapping:
    """`mapping`, unless it is another account's or region's. Raises ResourceNotFoundException."""
    if mapping is None or (mapping.account_id, mapping.region) != (caller.account_id, caller.region):
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return mapping
