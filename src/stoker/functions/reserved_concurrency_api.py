"""PutFunctionConcurrency, GetFunctionConcurrency and DeleteFunctionConcurrency (reference: control plane, 9).

Whoever counts running invocations hears of the change from the registry.
"""

from dataclasses import replace

from stoker.errors import ResourceNotFoundException
from stoker.functions.records import LATEST, Function
from stoker.functions.registry import FunctionRegistry
from stoker.functions.reserved_concurrency import check_provisioned, check_reservation
from stoker.functions.targets import whole_function_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class ReservedConcurrencyApi:
    """Reserved concurrency of functions: what they are guaranteed, and all they may have."""

    def __init__(self, registry: FunctionRegistry, account_limit: int, unreserved_min: int) -> None:
        self._registry = registry
        self._account_limit = account_limit
        self._unreserved_min = unreserved_min

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionConcurrency": self.put_function_concurrency,
            "GetFunctionConcurrency": self.get_function_concurrency,
            "DeleteFunctionConcurrency": self.delete_function_concurrency,
        }

    async def put_function_concurrency(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call, latest_is_a_version=True)
        requested = call.members["ReservedConcurrentExecutions"]

        def reserve(function: Function) -> Function:
            check_provisioned(function, requested)
            neighbours = self._registry.functions_of(target.account_id, target.region)
            check_reservation(neighbours, target.key, requested, self._account_limit, self._unreserved_min)
            return replace(function, reserved_concurrency=requested)

        missing = ResourceNotFoundException(f"Function not found: {target.arn}:{LATEST}")
        # Two reservations at once could together take what each of them leaves.
        await self._registry.change_existing(target.key, reserve, missing, alone_in_region=True)
        return ApiAnswer({"ReservedConcurrentExecutions": requested})

    async def get_function_concurrency(self, call: ApiCall) -> ApiAnswer:
        function = self._registry.function(whole_function_of(call))
        return ApiAnswer({"ReservedConcurrentExecutions": function.reserved_concurrency})

    async def delete_function_concurrency(self, call: ApiCall) -> ApiAnswer:
        target = whole_function_of(call)
        missing = ResourceNotFoundException(f"Function not found: {target.arn}")
        await self._registry.change_existing(
            target.key, lambda function: replace(function, reserved_concurrency=None), missing
        )
        return ApiAnswer(status=204)
