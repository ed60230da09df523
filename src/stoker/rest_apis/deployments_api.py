"""API Gateway's operations on deployments: pictures of an API, which stages show to its callers."""

from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.clock import Clock
from stoker.gateways.ids import new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import DEPLOYMENTS, STAGES, Catalogue
from stoker.rest_apis.errors import BadRequestError
from stoker.rest_apis.ids import PART_LENGTH
from stoker.rest_apis.lookups import definition_of, deployment_of, path_of, place_of
from stoker.rest_apis.pages import page
from stoker.rest_apis.patches import operations, patched, paths
from stoker.rest_apis.pictures import definition_in, pictured
from stoker.rest_apis.records import Definition, Deployment, Stage
from stoker.rest_apis.stages_api import check_stage
from stoker.rest_apis.unsupported import refuse_unsupported


class DeploymentsApi:
    """By their ids, below those of their APIs."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateDeployment": self.create_deployment,
            "GetDeployment": self.get_deployment,
            "GetDeployments": self.get_deployments,
            "UpdateDeployment": self.update_deployment,
            "DeleteDeployment": self.delete_deployment,
        }

    async def create_deployment(self, call: ApiCall) -> ApiAnswer:
        """With a stage's name, that stage shows it from now on; a stage that is not there is made."""
        refuse_unsupported(call.members)
        place, now_s = place_of(call), self._clock.now_s()
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            check_deployable(definition)
            api_id = definition.api.id
            deployment = Deployment(
                id=new_id(PART_LENGTH, change.items.all(DEPLOYMENTS, place, api_id)),
                created_date=now_s,
                definition=pictured(definition),
                description=call.members.get("description"),
            )
            change.put(DEPLOYMENTS, place, deployment.id, deployment, api_id)
            name = call.members.get("stageName")
            if name:
                before = change.items.find(STAGES, place, name, api_id)
                stage = _deployed(call, before, name, deployment.id, now_s)
                check_stage(stage)
                change.put(STAGES, place, name, stage, api_id)
        return ApiAnswer(_shown(deployment))

    async def get_deployment(self, call: ApiCall) -> ApiAnswer:
        definition = definition_of(self._catalogue.items, call)
        place, deployment_id = place_of(call), call.members["deploymentId"]
        deployment = deployment_of(self._catalogue.items, place, definition.api.id, deployment_id)
        if "apisummary" in (call.members.get("embed") or ()):
            return ApiAnswer(_shown(deployment) | {"apiSummary": _summary(definition_in(deployment))})
        return ApiAnswer(_shown(deployment))

    async def get_deployments(self, call: ApiCall) -> ApiAnswer:
        api_id = definition_of(self._catalogue.items, call).api.id
        return page(call, self._catalogue.items.all(DEPLOYMENTS, place_of(call), api_id), _shown)

    async def update_deployment(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        place = place_of(call)
        async with self._catalogue.changing() as change:
            api_id = definition_of(change.items, call).api.id
            deployment = deployment_of(change.items, place, api_id, call.members["deploymentId"])
            # Apart from its picture, which nobody patches.
            described = patched(replace(deployment, definition=b""), given, paths("description"))
            deployment = replace(deployment, description=described.description)
            change.put(DEPLOYMENTS, place, deployment.id, deployment, api_id)
        return ApiAnswer(_shown(deployment))

    async def delete_deployment(self, call: ApiCall) -> ApiAnswer:
        place = place_of(call)
        async with self._catalogue.changing() as change:
            api_id = definition_of(change.items, call).api.id
            deployment = deployment_of(change.items, place, api_id, call.members["deploymentId"])
            stages = change.items.all(STAGES, place, api_id).values()
            if any(stage.deployment_id == deployment.id for stage in stages):
                raise BadRequestError("Active stages pointing to this deployment must be moved or deleted")
            change.remove(DEPLOYMENTS, place, deployment.id, api_id)
        return ApiAnswer()


def check_deployable(definition: Definition) -> None:
    """Raises BadRequestError."""
    methods = [method for resource in definition.resources.values() for method in resource.resource_methods.values()]
    if not methods:
        raise BadRequestError("The REST API doesn't contain any methods")
    if any(method.method_integration is None for method in methods):
        raise BadRequestError("No integration defined for method")


def _deployed(call: ApiCall, before: Stage | None, name: str, deployment_id: str, now_s: float) -> Stage:
    members = call.members
    if before is None:
        return Stage(
            stage_name=name,
            deployment_id=deployment_id,
            created_date=now_s,
            last_updated_date=now_s,
            description=members.get("stageDescription"),
            variables=members.get("variables"),
        )
    stage = replace(before, deployment_id=deployment_id, last_updated_date=now_s)
    if members.get("stageDescription") is not None:
        stage = replace(stage, description=members["stageDescription"])
    if members.get("variables") is not None:
        stage = replace(stage, variables={**(stage.variables or {}), **members["variables"]})
    return stage


def _shown(deployment: Deployment) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(replace(deployment, definition=b""))
    del shown["definition"]
    return shown


def _summary(definition: Definition) -> dict[str, Any]:
    return {
        path_of(definition, resource): {
            name: {"authorizationType": method.authorization_type, "apiKeyRequired": method.api_key_required}
            for name, method in resource.resource_methods.items()
        }
        for resource in definition.resources.values()
        if resource.resource_methods
    }
