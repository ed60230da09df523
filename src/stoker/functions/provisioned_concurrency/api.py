"""Put-, Get-, Delete- and ListProvisionedConcurrencyConfig(s) (reference: control plane, 9).

What is configured is kept here; whoever allocates hears of it from the registry, and says how far it is.
"""

from dataclasses import replace
from typing import Any

from stoker.clock import Clock, second_timestamp
from stoker.errors import (
    InvalidParameterValueException,
    ProvisionedConcurrencyConfigNotFoundException,
    ResourceNotFoundException,
)
from stoker.functions.paging import page
from stoker.functions.provisioned_concurrency.allocations import Allocations
from stoker.functions.provisioned_concurrency.records import (
    AllocationState,
    AllocationStatus,
    ProvisionedConcurrencyConfig,
)
from stoker.functions.provisioned_concurrency.rules import UNPUBLISHED, check_capacity, check_qualifier
from stoker.functions.records import LATEST, Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import target_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class ProvisionedConcurrencyApi:
    """Provisioned concurrency of versions and aliases."""

    def __init__(
        self,
        registry: FunctionRegistry,
        allocations: Allocations,
        account_limit: int,
        unreserved_min: int,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._allocations = allocations
        self._account_limit = account_limit
        self._unreserved_min = unreserved_min
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "PutProvisionedConcurrencyConfig": self.put_provisioned_concurrency_config,
            "GetProvisionedConcurrencyConfig": self.get_provisioned_concurrency_config,
            "DeleteProvisionedConcurrencyConfig": self.delete_provisioned_concurrency_config,
            "ListProvisionedConcurrencyConfigs": self.list_provisioned_concurrency_configs,
        }

    async def put_provisioned_concurrency_config(self, call: ApiCall) -> ApiAnswer:
        target, qualifier = _qualified(call, UNPUBLISHED)
        config = ProvisionedConcurrencyConfig(call.members["ProvisionedConcurrentExecutions"], self._clock.now_s())

        def provision(function: Function) -> Function:
            if function.version(qualifier) is None:
                raise _missing(target)
            neighbours = self._registry.functions_of(target.account_id, target.region)
            check_capacity(function, qualifier, config.requested, neighbours, self._account_limit, self._unreserved_min)
            check_qualifier(function, qualifier)
            return replace(function, provisioned={**function.provisioned, qualifier: config})

        # Two requests at once could together take what each of them leaves.
        await self._registry.change_existing(target.key, provision, _missing(target), alone_in_region=True)
        state = replace(self._allocations.state(target.key, qualifier), status=AllocationStatus.IN_PROGRESS)
        return ApiAnswer(_rendered(config, replace(state, status_reason=None)))

    async def get_provisioned_concurrency_config(self, call: ApiCall) -> ApiAnswer:
        target, qualifier = _qualified(call)
        function = self._registry.find(target.key)
        if function is None or function.version(qualifier) is None:
            raise _missing(target)
        config = function.provisioned.get(qualifier)
        if config is None:
            raise ProvisionedConcurrencyConfigNotFoundException(
                "No Provisioned Concurrency Config found for this function"
            )
        return ApiAnswer(_rendered(config, self._allocations.state(target.key, qualifier)))

    async def delete_provisioned_concurrency_config(self, call: ApiCall) -> ApiAnswer:
        """One that is gone already is no mistake: the model declares no error for it."""
        target, qualifier = _qualified(call)

        def delete(function: Function) -> Function:
            if function.version(qualifier) is None:
                raise _missing(target)
            if qualifier not in function.provisioned:
                return function
            left = {name: config for name, config in function.provisioned.items() if name != qualifier}
            return replace(function, provisioned=left)

        await self._registry.change_existing(target.key, delete, _missing(target))
        return ApiAnswer(status=204)

    async def list_provisioned_concurrency_configs(self, call: ApiCall) -> ApiAnswer:
        target = target_of(call)
        function = self._registry.function(FunctionTarget(*target.key))
        qualifiers, marker = page(
            sorted(function.provisioned),
            lambda name: (name,),
            call.members.get("Marker"),
            call.members.get("MaxItems"),
        )
        configs = [
            {
                "FunctionArn": f"{function.arn}:{name}",
                **_rendered(function.provisioned[name], self._allocations.state(function.key, name)),
            }
            for name in qualifiers
        ]
        return ApiAnswer({"ProvisionedConcurrencyConfigs": configs, "NextMarker": marker})


def _qualified(
    call: ApiCall, of_latest: str = "The function resource provided must be an alias or a published version."
) -> tuple[FunctionTarget, str]:
    """Raises InvalidParameterValueException with the text `of_latest` for `$LATEST`, whether the function exists or
    not."""
    target = target_of(call)
    if target.qualifier is None or target.qualifier == LATEST:
        raise InvalidParameterValueException(of_latest)
    return target, target.qualifier


def _missing(target: FunctionTarget) -> ResourceNotFoundException:
    what = "Function not found:" if str(target.qualifier).isdecimal() else "Cannot find alias arn:"
    return ResourceNotFoundException(f"{what} {target.arn}")


def _rendered(config: ProvisionedConcurrencyConfig, state: AllocationState) -> dict[str, Any]:
    return {
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AvailableProvisionedConcurrentExecutions": state.available,
        "AllocatedProvisionedConcurrentExecutions": state.allocated,
        "Status": state.status.value,
        "StatusReason": state.status_reason,
        "LastModified": second_timestamp(config.last_modified_s),
    }
