"""TagResource, UntagResource and ListTags (reference: control plane, 7). So far only functions can have tags."""

from collections.abc import Callable

from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.records import Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.tags import tagged, untagged
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.lambda_model.names import parse_function_name

NOT_FOUND = {
    "event-source-mapping": "Event source mapping not found: ",
    "capacity-provider": "Capacity provider not found: ",
    "code-signing-config": "Code signing config not found: ",
}


class TagsApi:
    """Tags of functions."""

    def __init__(self, registry: FunctionRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {"TagResource": self.tag_resource, "UntagResource": self.untag_resource, "ListTags": self.list_tags}

    async def tag_resource(self, call: ApiCall) -> ApiAnswer:
        await self._change(call, lambda function: tagged(function, call.members["Tags"]))
        return ApiAnswer(status=204)

    async def untag_resource(self, call: ApiCall) -> ApiAnswer:
        await self._change(call, lambda function: untagged(function, call.members["TagKeys"]))
        return ApiAnswer(status=204)

    async def list_tags(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"Tags": dict(self._registry.function(_tagged_function(call)).tags)})

    async def _change(self, call: ApiCall, verb: Callable[[Function], Function]) -> None:
        target = _tagged_function(call)

        def change(function: Function | None) -> Function:
            if function is None:
                raise ResourceNotFoundException(f"Function not found: {target.arn}")
            return verb(function)

        await self._registry.change(target.key, change)


def _tagged_function(call: ApiCall) -> FunctionTarget:
    """The function that `Resource`, an ARN by the front door's check, names."""
    arn: str = call.members["Resource"]
    kind = arn.split(":")[5]
    if kind != "function":
        raise ResourceNotFoundException(f"{NOT_FOUND.get(kind, 'Resource not found: ')}{arn}")
    target = parse_function_name(arn, None, call.caller)
    if target.qualifier:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return target
