"""Put-, Update-, Get-, Delete- and ListFunctionEventInvokeConfig(s) (reference: control plane, 10).

Put replaces what was configured, Update adds to it. `async_invocations/` acts on it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.clock import Clock
from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.event_invoke_configs.destinations import check_destinations, destination
from stoker.functions.event_invoke_configs.records import EventInvokeConfig
from stoker.functions.paging import page
from stoker.functions.records import LATEST, Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import target_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

NO_FUNCTION = "The function doesn't exist."
SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


class EventInvokeConfigsApi:
    """Event invoke configs of functions, versions and aliases."""

    def __init__(self, registry: FunctionRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionEventInvokeConfig": self.put_function_event_invoke_config,
            "UpdateFunctionEventInvokeConfig": self.update_function_event_invoke_config,
            "GetFunctionEventInvokeConfig": self.get_function_event_invoke_config,
            "DeleteFunctionEventInvokeConfig": self.delete_function_event_invoke_config,
            "ListFunctionEventInvokeConfigs": self.list_function_event_invoke_configs,
        }

    async def put_function_event_invoke_config(self, call: ApiCall) -> ApiAnswer:
        return await self._set(call, is_update=False)

    async def update_function_event_invoke_config(self, call: ApiCall) -> ApiAnswer:
        return await self._set(call, is_update=True)

    async def get_function_event_invoke_config(self, call: ApiCall) -> ApiAnswer:
        target, qualifier = _qualified(call)
        function = self._registry.find(target.key)
        if function is None or qualifier not in function.event_invoke_configs:
            raise _no_config(target, qualifier)
        return ApiAnswer(_rendered(function, qualifier))

    async def delete_function_event_invoke_config(self, call: ApiCall) -> ApiAnswer:
        target, qualifier = _qualified(call)

        def delete(function: Function) -> Function:
            configs = dict(function.event_invoke_configs)
            if configs.pop(qualifier, None) is None:
                raise _no_config(target, qualifier)
            return replace(function, event_invoke_configs=configs)

        await self._registry.change_existing(target.key, delete, _no_config(target, qualifier))
        return ApiAnswer(status=204)

    async def list_function_event_invoke_configs(self, call: ApiCall) -> ApiAnswer:
        function = self._registry.find(target_of(call).key)
        if function is None:
            raise ResourceNotFoundException(NO_FUNCTION)
        qualifiers, marker = page(
            sorted(function.event_invoke_configs),
            lambda name: (name,),
            call.members.get("Marker"),
            call.members.get("MaxItems"),
        )
        configs = [_rendered(function, qualifier) for qualifier in qualifiers]
        return ApiAnswer({"FunctionEventInvokeConfigs": configs, "NextMarker": marker})

    async def _set(self, call: ApiCall, is_update: bool) -> ApiAnswer:
        (target, qualifier), members = _qualified(call), call.members
        if all(members.get(name) is None for name in SETTINGS):
            raise InvalidParameterValueException(
                "You must specify at least one of error handling or destination setting."
            )
        check_destinations(members.get("DestinationConfig") or {}, target.key, self._registry.find)
        now_s = self._clock.now_s()

        def change(function: Function) -> Function:
            if function.version(qualifier) is None:
                raise ResourceNotFoundException(NO_FUNCTION)
            base = function.event_invoke_configs.get(qualifier) if is_update else EventInvokeConfig(now_s)
            if base is None:
                raise _no_config(target, qualifier)
            config = _with_settings(replace(base, last_modified_s=now_s), members)
            return replace(function, event_invoke_configs={**function.event_invoke_configs, qualifier: config})

        function = await self._registry.change_existing(target.key, change, ResourceNotFoundException(NO_FUNCTION))
        return ApiAnswer(_rendered(function, qualifier))


def _qualified(call: ApiCall) -> tuple[FunctionTarget, str]:
    """These operations mean `$LATEST` where nothing else is said, and name it."""
    target = target_of(call)
    return target, target.qualifier or LATEST


def _no_config(target: FunctionTarget, qualifier: str) -> ResourceNotFoundException:
    arn = f"{target.function_arn}:{qualifier}"
    return ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")


def _with_settings(base: EventInvokeConfig, members: Mapping[str, Any]) -> EventInvokeConfig:
    destinations = members.get("DestinationConfig") or {}
    return replace(
        base,
        maximum_retry_attempts=_given(members.get("MaximumRetryAttempts"), base.maximum_retry_attempts),
        maximum_event_age_s=_given(members.get("MaximumEventAgeInSeconds"), base.maximum_event_age_s),
        on_success=_given(destination(destinations, "OnSuccess"), base.on_success) or None,
        on_failure=_given(destination(destinations, "OnFailure"), base.on_failure) or None,
    )


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _rendered(function: Function, qualifier: str) -> dict[str, Any]:
    config = function.event_invoke_configs[qualifier]
    return {
        "LastModified": config.last_modified_s,
        "FunctionArn": f"{function.arn}:{qualifier}",
        "MaximumRetryAttempts": config.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_event_age_s,
        "DestinationConfig": {
            "OnSuccess": {"Destination": config.on_success},
            "OnFailure": {"Destination": config.on_failure},
        },
    }
