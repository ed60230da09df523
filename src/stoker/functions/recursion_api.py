"""PutFunctionRecursionConfig and GetFunctionRecursionConfig (reference: control plane, 13)."""

from dataclasses import replace

from stoker.errors import ResourceNotFoundException
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import whole_function_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class RecursionApi:
    """Whether a function may go on calling itself through other services."""

    def __init__(self, registry: FunctionRegistry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionRecursionConfig": self.put_function_recursion_config,
            "GetFunctionRecursionConfig": self.get_function_recursion_config,
        }

    async def put_function_recursion_config(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call)
        loop = call.members["RecursiveLoop"]
        missing = ResourceNotFoundException(f"Function not found: {target.arn}")
        await self._registry.change_existing(
            target.key, lambda function: replace(function, recursive_loop=loop), missing
        )
        return ApiAnswer({"RecursiveLoop": loop})

    async def get_function_recursion_config(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"RecursiveLoop": self._registry.function(whole_function_of(call)).recursive_loop})
