"""API Gateway's operations on stages: names under which callers reach a deployment, with settings of their own."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.clock import Clock
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import STAGES, Catalogue
from stoker.rest_apis.errors import BadRequestError, ConflictError
from stoker.rest_apis.lookups import definition_of, deployment_of, given_members, place_of, stage_of
from stoker.rest_apis.patches import Operation as PatchOperation
from stoker.rest_apis.patches import converted, invalid_path, operations, patched, paths
from stoker.rest_apis.records import MethodSetting, Stage
from stoker.rest_apis.unsupported import refuse_unsupported

_PATCHED = paths(
    "description deploymentId tracingEnabled documentationVersion cacheClusterEnabled accessLogSettings "
    "accessLogSettings/format accessLogSettings/destinationArn",
    maps="variables",
)
# The last parts of a setting's path, and what it is called in a stage.
_SETTINGS = {
    "metrics/enabled": "metricsEnabled",
    "logging/loglevel": "loggingLevel",
    "logging/dataTrace": "dataTraceEnabled",
    "throttling/burstLimit": "throttlingBurstLimit",
    "throttling/rateLimit": "throttlingRateLimit",
    "caching/enabled": "cachingEnabled",
}
_LEVELS = ("OFF", "ERROR", "INFO")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]*")


class StagesApi:
    """By their names, below the ids of their APIs."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateStage": self.create_stage,
            "GetStage": self.get_stage,
            "GetStages": self.get_stages,
            "UpdateStage": self.update_stage,
            "DeleteStage": self.delete_stage,
        }

    async def create_stage(self, call: ApiCall) -> ApiAnswer:
        refuse_unsupported(call.members)
        place, now_s = place_of(call), self._clock.now_s()
        given = given_members(call)
        async with self._catalogue.changing() as change:
            api_id = definition_of(change.items, call).api.id
            deployment_of(change.items, place, api_id, given["deploymentId"])
            stage = converted({**given, "createdDate": now_s, "lastUpdatedDate": now_s}, Stage)
            check_stage(stage)
            if change.items.find(STAGES, place, stage.stage_name, api_id) is not None:
                raise ConflictError("Stage already exists")
            change.put(STAGES, place, stage.stage_name, stage, api_id)
        return ApiAnswer(shown_stage(stage))

    async def get_stage(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(shown_stage(stage_of(self._catalogue.items, call)))

    async def get_stages(self, call: ApiCall) -> ApiAnswer:
        """All of them at once, as AWS does."""
        api_id = definition_of(self._catalogue.items, call).api.id
        wanted = call.members.get("deploymentId")
        stages = self._catalogue.items.all(STAGES, place_of(call), api_id).values()
        shown = [shown_stage(stage) for stage in stages if wanted in (None, stage.deployment_id)]
        return ApiAnswer({"item": shown})

    async def update_stage(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        place = place_of(call)
        async with self._catalogue.changing() as change:
            before = stage_of(change.items, call)
            of_methods = [each for each in given if _is_of_method(each)]
            stage = patched(before, [each for each in given if each not in of_methods], _PATCHED)
            stage = with_settings(stage, of_methods)
            stage = replace(stage, last_updated_date=self._clock.now_s())
            check_stage(stage)
            api_id = call.members["restApiId"]
            deployment_of(change.items, place, api_id, stage.deployment_id)
            change.put(STAGES, place, stage.stage_name, stage, api_id)
        return ApiAnswer(shown_stage(stage))

    async def delete_stage(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            stage = stage_of(change.items, call)
            change.remove(STAGES, place_of(call), stage.stage_name, call.members["restApiId"])
        return ApiAnswer()


def check_stage(stage: Stage) -> None:
    """Raises BadRequestError."""
    if _NAME.fullmatch(stage.stage_name) is None:
        raise BadRequestError("Stage name only allows a-zA-Z0-9_-")
    for name, value in (stage.variables or {}).items():
        if _VARIABLE_NAME.fullmatch(name) is None:
            raise BadRequestError(f"Stage variable name {name} must be alphanumeric")
        if _VARIABLE_VALUE.fullmatch(value) is None:
            raise BadRequestError(f"Stage variable value: {value} for key {name} does not match allowed characters")
    refuse_unsupported(
        {
            "tracingEnabled": stage.tracing_enabled,
            "cacheClusterEnabled": stage.cache_cluster_enabled,
            "documentationVersion": stage.documentation_version,
        }
    )
    for setting in stage.method_settings.values():
        if setting.logging_level not in _LEVELS:
            raise BadRequestError("Invalid logging level. Must be one of: [OFF, ERROR, INFO]")


def with_settings(stage: Stage, given: Sequence[PatchOperation]) -> Stage:
    """What patches say of methods: `/~1pets/GET/throttling/rateLimit`, and `/*/*/…` of all. Raises BadRequestError."""
    settings = dict(stage.method_settings)
    for operation in given:
        path, verb, *rest = operation.parts
        key = f"{path.replace('~', '~0').replace('/', '~1')}/{verb}"
        if not rest and operation.op == "remove":
            settings.pop(key, None)
            continue
        name = _SETTINGS.get("/".join(rest))
        if name is None:
            raise invalid_path(operation, [f"/{{path}}/{{method}}/{known}" for known in _SETTINGS])
        document = msgspec.to_builtins(settings.get(key) or MethodSetting())
        document[name] = None if operation.op == "remove" else operation.value
        known = {each: value for each, value in document.items() if value is not None}
        settings[key] = converted(known, MethodSetting)
    return replace(stage, method_settings=settings)


def shown_stage(stage: Stage) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(stage)
    return shown | {"tags": stage.tags or None}


def _is_of_method(operation: PatchOperation) -> bool:
    return operation.parts[0] in ("*",) or operation.parts[0].startswith("/")
