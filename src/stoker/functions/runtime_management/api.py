"""PutRuntimeManagementConfig and GetRuntimeManagementConfig (reference: control plane, 13).

A host has one build of each runtime, so a function can be held to the present build and to no other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.errors import InvalidParameterValueException, ResourceNotFoundException
from stoker.functions.records import LATEST, Function, FunctionTarget, FunctionVersion
from stoker.functions.registry import FunctionRegistry
from stoker.functions.runtime_choice import find_runtime
from stoker.functions.runtime_management.records import RuntimeManagement
from stoker.functions.targets import target_of
from stoker.functions.unsupported import not_supported
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.versions import runtime_version_arn


class RuntimeManagementApi:
    """Runtime management configs of versions."""

    def __init__(self, registry: FunctionRegistry, runtimes: RuntimeCatalogue) -> None:
        self._registry = registry
        self._runtimes = runtimes

    def operations(self) -> dict[str, Operation]:
        return {
            "PutRuntimeManagementConfig": self.put_runtime_management_config,
            "GetRuntimeManagementConfig": self.get_runtime_management_config,
        }

    async def put_runtime_management_config(self, call: ApiCall) -> ApiAnswer:
        target = _version_target(call)
        version = self._registry.version(target)
        config = await self._requested(call.members, version)

        def put(function: Function) -> Function:
            if function.version(version.version) is None:
                raise _not_found(target)
            configs = {**function.runtime_management, version.version: config}
            return replace(function, runtime_management=configs)

        await self._registry.change_existing(target.key, put, _not_found(target))
        return _answer(version, config)

    async def get_runtime_management_config(self, call: ApiCall) -> ApiAnswer:
        target = _version_target(call)
        version = self._registry.version(target)
        configs = self._registry.function(target).runtime_management
        return _answer(version, configs.get(version.version, RuntimeManagement()))

    async def _requested(self, members: Mapping[str, Any], version: FunctionVersion) -> RuntimeManagement:
        """AWS's own texts for an ARN that is missing or out of place are not known."""
        mode, arn = members["UpdateRuntimeOn"], members.get("RuntimeVersionArn")
        if mode != "Manual":
            if arn:
                raise InvalidParameterValueException(
                    f"RuntimeVersionArn is supported only when UpdateRuntimeOn is Manual, not {mode}."
                )
            return RuntimeManagement(mode)
        if not arn:
            raise InvalidParameterValueException("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
        build = await find_runtime(self._runtimes, version.runtime)
        if build is None or arn != runtime_version_arn(build, version.region):
            raise not_supported("a RuntimeVersionArn other than that of the present runtime")
        return RuntimeManagement(mode, arn)


def _version_target(call: ApiCall) -> FunctionTarget:
    """Raises InvalidParameterValueException for an alias."""
    target = target_of(call)
    qualifier = target.qualifier or LATEST
    if not (qualifier.isdecimal() or qualifier.startswith("$")):
        raise InvalidParameterValueException(
            f"The provided function name {target.arn} is invalid. Aliases are not allowed."
        )
    return target


def _not_found(target: FunctionTarget) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Function not found: {target.arn}")


def _answer(version: FunctionVersion, config: RuntimeManagement) -> ApiAnswer:
    return ApiAnswer(
        {
            "UpdateRuntimeOn": config.update_runtime_on,
            "FunctionArn": version.version_arn,
            "RuntimeVersionArn": config.runtime_version_arn,
        }
    )
