"""Put, Get and DeleteFunctionCodeSigningConfig: which configuration a function has (reference: control plane, 13)."""

from dataclasses import replace

from stoker.errors import ResourceNotFoundException
from stoker.functions.code_signing import CodeSigning
from stoker.functions.records import Function, FunctionTarget
from stoker.functions.registry import FunctionRegistry
from stoker.functions.targets import whole_function_of
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation


class FunctionCodeSigningApi:
    """A new configuration applies to the next deployment; what is deployed is not checked again."""

    def __init__(self, registry: FunctionRegistry, code_signing: CodeSigning) -> None:
        self._registry = registry
        self._code_signing = code_signing

    def operations(self) -> dict[str, Operation]:
        return {
            "PutFunctionCodeSigningConfig": self.put_function_code_signing_config,
            "GetFunctionCodeSigningConfig": self.get_function_code_signing_config,
            "DeleteFunctionCodeSigningConfig": self.delete_function_code_signing_config,
        }

    async def put_function_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        arn: str = call.members["CodeSigningConfigArn"]
        self._code_signing.check_present(arn)  # before the function (control plane, 13)
        target = whole_function_of(call)
        await self._set(target, arn)
        return ApiAnswer({"CodeSigningConfigArn": arn, "FunctionName": target.name})

    async def get_function_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        function = self._registry.function(whole_function_of(call))
        if function.code_signing_config_arn is None:
            return ApiAnswer({})
        return ApiAnswer({"CodeSigningConfigArn": function.code_signing_config_arn, "FunctionName": function.name})

    async def delete_function_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        await self._set(whole_function_of(call), None)
        return ApiAnswer(status=204)

    async def _set(self, target: FunctionTarget, arn: str | None) -> None:
        def change(function: Function | None) -> Function:
            if function is None:
                raise ResourceNotFoundException(f"Function not found: {target.arn}")
            self._code_signing.check_present(arn)
            return (
                function if function.code_signing_config_arn == arn else replace(function, code_signing_config_arn=arn)
            )

        await self._registry.change(target.key, change)
