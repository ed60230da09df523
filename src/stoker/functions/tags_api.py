"""TagResource, UntagResource and ListTags (reference: control plane, 7).

Functions are this room's own; other kinds of resources are reached through `TaggedResources`.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.records import Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.tags import TaggedResources, Tags, TagVerb, with_tags, without_tags
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.names import parse_function_name

NOT_FOUND = {
    "event-source-mapping": "Event source mapping not found: ",
    "capacity-provider": "Capacity provider not found: ",
    "code-signing-config": "Code signing config not found: ",
}


class TagsApi:
    """Tags of functions, and of `others` by the kind that their ARNs name."""

    def __init__(self, registry: FunctionRegistry, others: Mapping[str, TaggedResources], tags_max: int) -> None:
        self._registry = registry
        self._others = others
        self._tags_max = tags_max

    def operations(self) -> dict[str, Operation]:
        return {"TagResource": self.tag_resource, "UntagResource": self.untag_resource, "ListTags": self.list_tags}

    async def tag_resource(self, call: ApiCall) -> ApiAnswer:
        await self._change(call, lambda tags: with_tags(tags, call.members["Tags"], self._tags_max))
        return ApiAnswer(status=204)

    async def untag_resource(self, call: ApiCall) -> ApiAnswer:
        await self._change(call, lambda tags: without_tags(tags, call.members["TagKeys"]))
        return ApiAnswer(status=204)

    async def list_tags(self, call: ApiCall) -> ApiAnswer:
        arn, kind = _resource(call)
        if kind == "function":
            tags = self._registry.function(_function(call)).tags
        else:
            resources = self._others.get(kind)
            tags = _found(arn, kind, None if resources is None else await resources.tags(arn, call.caller))
        return ApiAnswer({"Tags": dict(tags)})

    async def _change(self, call: ApiCall, verb: TagVerb) -> None:
        arn, kind = _resource(call)
        if kind == "function":
            await self._change_function(_function(call), verb)
        else:
            resources = self._others.get(kind)
            _found(arn, kind, None if resources is None else await resources.change_tags(arn, call.caller, verb))

    async def _change_function(self, target: FunctionTarget, verb: TagVerb) -> None:

        def change(function: Function) -> Function:
            tags = verb(function.tags)
            if tags == function.tags:
                return function
            # Tagging changes the revision of $LATEST (control plane, 4.3).
            return replace(function, tags=tags, latest=replace(function.latest, revision_id=str(uuid4())))

        missing = ResourceNotFoundException(f"Function not found: {target.arn}")
        await self._registry.change_existing(target.key, change, missing)


def _resource(call: ApiCall) -> tuple[str, str]:
    """`Resource`, an ARN by the front door's check, and its kind."""
    arn: str = call.members["Resource"]
    return arn, arn.split(":")[5]


def _function(call: ApiCall) -> FunctionTarget:
    target = parse_function_name(call.members["Resource"], None, call.caller)
    if target.qualifier:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return target


def _found(arn: str, kind: str, tags: Tags | None) -> Tags:
    if tags is None:
        raise ResourceNotFoundException(f"{NOT_FOUND.get(kind, 'Resource not found: ')}{arn}")
    return tags
