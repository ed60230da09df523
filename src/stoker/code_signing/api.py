"""The operations on code signing configurations themselves (reference: control plane, 13)."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stoker.clock import Clock, lambda_timestamp
from stoker.code_signing.functions_api import FunctionCodeSigningApi
from stoker.code_signing.records import CodeSigningConfig
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.errors import ResourceConflictException, ResourceNotFoundException
from stoker.functions.code_signing import CodeSigning
from stoker.functions.paging import page
from stoker.functions.registry import FunctionRegistry
from stoker.functions.tags import check_tags
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

ID_BYTES = 9  # 17 hexadecimal digits of them


class CodeSigningApi:
    """Nine operations, by name, for the front door; tags are with the other tags."""

    def __init__(
        self,
        configs: CodeSigningConfigs,
        registry: FunctionRegistry,
        code_signing: CodeSigning,
        tags_max: int,
        clock: Clock,
    ) -> None:
        self._tags_max = tags_max
        self._configs = configs
        self._registry = registry
        self._clock = clock
        self._of_functions = FunctionCodeSigningApi(registry, code_signing)

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateCodeSigningConfig": self.create_code_signing_config,
            "GetCodeSigningConfig": self.get_code_signing_config,
            "UpdateCodeSigningConfig": self.update_code_signing_config,
            "DeleteCodeSigningConfig": self.delete_code_signing_config,
            "ListCodeSigningConfigs": self.list_code_signing_configs,
            "ListFunctionsByCodeSigningConfig": self.list_functions_by_code_signing_config,
            **self._of_functions.operations(),
        }

    async def create_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        members, caller = call.members, call.caller
        tags = dict(members.get("Tags") or {})
        check_tags(tags, self._tags_max)
        config_id = f"csc-{secrets.token_hex(ID_BYTES)[:17]}"
        config = CodeSigningConfig(
            arn=f"arn:aws:lambda:{caller.region}:{caller.account_id}:code-signing-config:{config_id}",
            description=members.get("Description") or "",
            allowed_publishers=tuple(members["AllowedPublishers"]["SigningProfileVersionArns"]),
            untrusted_artifact_on_deployment=_policy(members) or "Warn",
            last_modified=self._now(),
            tags=tags,
        )
        await self._configs.add(config)
        return ApiAnswer({"CodeSigningConfig": _shown(config)})

    async def get_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer({"CodeSigningConfig": _shown(self._config_of(call))})

    async def update_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        members, present = call.members, self._config_of(call)
        publishers = members.get("AllowedPublishers")

        def update(config: CodeSigningConfig) -> CodeSigningConfig:
            description = members.get("Description")
            return replace(
                config,
                description=config.description if description is None else description,
                allowed_publishers=tuple(publishers["SigningProfileVersionArns"])
                if publishers
                else config.allowed_publishers,
                untrusted_artifact_on_deployment=_policy(members) or config.untrusted_artifact_on_deployment,
                last_modified=self._now(),
            )

        config = await self._configs.change(present.arn, update)
        if config is None:
            raise _not_found(present.arn)
        return ApiAnswer({"CodeSigningConfig": _shown(config)})

    async def delete_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        config = self._config_of(call)
        if self._functions_with(call, config):
            # The text is not in the reference.
            raise ResourceConflictException(
                "The code signing configuration is in use. "
                "Remove it from every function that has it before you delete it."
            )
        await self._configs.delete(config.arn)
        return ApiAnswer(status=204)

    async def list_code_signing_configs(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        shown, marker = page(
            self._configs.configs_of(call.caller.account_id, call.caller.region),
            lambda config: (config.arn,),
            members.get("Marker"),
            members.get("MaxItems"),
        )
        return ApiAnswer({"NextMarker": marker, "CodeSigningConfigs": [_shown(config) for config in shown]})

    async def list_functions_by_code_signing_config(self, call: ApiCall) -> ApiAnswer:
        members = call.members
        arns = self._functions_with(call, self._config_of(call))
        shown, marker = page(arns, lambda arn: (arn,), members.get("Marker"), members.get("MaxItems"))
        return ApiAnswer({"NextMarker": marker, "FunctionArns": list(shown)})

    def _config_of(self, call: ApiCall) -> CodeSigningConfig:
        arn: str = call.members["CodeSigningConfigArn"]
        config = self._configs.find(arn)
        if config is None or f":{call.caller.region}:{call.caller.account_id}:" not in arn:
            raise _not_found(arn)
        return config

    def _functions_with(self, call: ApiCall, config: CodeSigningConfig) -> list[str]:
        functions = self._registry.functions_of(call.caller.account_id, call.caller.region)
        return [function.arn for function in functions if function.code_signing_config_arn == config.arn]

    def _now(self) -> str:
        return lambda_timestamp(self._clock.now_s())


def _policy(members: Mapping[str, Any]) -> Any:
    return (members.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment")


def _shown(config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": config.arn,
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.allowed_publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.untrusted_artifact_on_deployment},
        "LastModified": config.last_modified,
    }


def _not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"The Lambda code signing configuration {arn} can not be found.", has_type=False)
