"""The tags of event source mappings."""

from dataclasses import replace

from stoker.event_sources.records import EventSourceMapping
from stoker.event_sources.store import MappingStore
from stoker.functions.tags import TaggedResources, Tags, TagVerb
from stoker.lambda_model.call import Caller


class MappingTags(TaggedResources):
    def __init__(self, store: MappingStore) -> None:
        self._store = store

    async def tags(self, arn: str, caller: Caller) -> Tags | None:
        mapping = await self._store.find(arn.rpartition(":")[2])
        return mapping.tags if mapping is not None and _is_callers(arn, mapping, caller) else None

    async def change_tags(self, arn: str, caller: Caller, verb: TagVerb) -> Tags | None:
        def change(mapping: EventSourceMapping | None) -> EventSourceMapping | None:
            if mapping is None or not _is_callers(arn, mapping, caller):
                return mapping
            return replace(mapping, tags=verb(mapping.tags))

        mapping = await self._store.change(arn.rpartition(":")[2], change)
        return mapping.tags if mapping is not None and _is_callers(arn, mapping, caller) else None


def _is_callers(arn: str, mapping: EventSourceMapping, caller: Caller) -> bool:
    return mapping.arn == arn and (mapping.account_id, mapping.region) == (caller.account_id, caller.region)
