"""Operations on stages and deployments."""

from collections.abc import Callable

from stoker.clock import Clock
from stoker.gateways.domain_names.registry import DomainNames
from stoker.http_apis.changes import given, merged
from stoker.http_apis.checks import check_stage
from stoker.http_apis.deployments import deployed, staged, with_deployment
from stoker.http_apis.errors import conflict, invalid, no_part
from stoker.http_apis.pages import page
from stoker.http_apis.parts_api import key_of, shown
from stoker.http_apis.records import Api, Document, Kind
from stoker.http_apis.registry import ApiRegistry
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation

_MAPS = ("StageVariables", "RouteSettings", "DefaultRouteSettings")


class StagesApi:
    """By their names, and deployments by their ids."""

    def __init__(self, registry: ApiRegistry, domain_names: DomainNames, clock: Clock) -> None:
        self._registry = registry
        self._domain_names = domain_names
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateStage": self.create_stage,
            "GetStage": self.get_stage,
            "GetStages": self.get_stages,
            "UpdateStage": self.update_stage,
            "DeleteStage": self.delete_stage,
            "DeleteRouteSettings": self.delete_route_settings,
            "DeleteAccessLogSettings": self.delete_access_log_settings,
            "CreateDeployment": self.create_deployment,
            "GetDeployment": self.get_deployment,
            "GetDeployments": self.get_deployments,
            "UpdateDeployment": self.update_deployment,
            "DeleteDeployment": self.delete_deployment,
        }

    async def create_stage(self, call: ApiCall) -> ApiAnswer:
        members, now_s = given(call.members, "ApiId"), self._clock.now_s()
        name = members["StageName"]

        def create(api: Api) -> Api:
            if name in api.all("stage"):
                raise conflict("Stage already exists")
            stage = {**fresh_stage(name, now_s), **members}
            return self._with_stage(api, name, stage, now_s, members.get("DeploymentId"))

        api = await self._registry.change(key_of(call), create)
        return ApiAnswer(shown(api.all("stage")[name]))

    async def get_stage(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(shown(_part(self._registry.existing(key_of(call)), "stage", call.members["StageName"])))

    async def get_stages(self, call: ApiCall) -> ApiAnswer:
        found = sorted(self._registry.existing(key_of(call)).all("stage").items())
        return page(call, found, lambda item: item[0], lambda item: shown(item[1]))

    async def update_stage(self, call: ApiCall) -> ApiAnswer:
        members, now_s = given(call.members, "ApiId"), self._clock.now_s()
        name = members["StageName"]

        def update(api: Api) -> Api:
            stage = merged(_part(api, "stage", name), members, _MAPS)
            return self._with_stage(api, name, {**stage, "LastUpdatedDate": now_s}, now_s, members.get("DeploymentId"))

        api = await self._registry.change(key_of(call), update)
        return ApiAnswer(shown(api.all("stage")[name]))

    async def delete_stage(self, call: ApiCall) -> ApiAnswer:
        key, name = key_of(call), call.members["StageName"]

        def delete(api: Api) -> Api:
            _part(api, "stage", name)
            if self._domain_names.mapped_to(key.api_id, name):
                raise conflict(f"Please remove all API mappings related to the stage {name} before deleting it.")
            return api.without_part("stage", name)

        await self._registry.change(key, delete)
        return ApiAnswer()

    async def delete_route_settings(self, call: ApiCall) -> ApiAnswer:
        key = call.members["RouteKey"]

        def without(stage: Document) -> Document:
            settings = stage.get("RouteSettings") or {}
            if key not in settings:
                raise no_part("route")
            return {**stage, "RouteSettings": {other: settings[other] for other in settings if other != key}}

        return await self._change_stage(call, without)

    async def delete_access_log_settings(self, call: ApiCall) -> ApiAnswer:
        return await self._change_stage(
            call, lambda stage: {name: value for name, value in stage.items() if name != "AccessLogSettings"}
        )

    async def _change_stage(self, call: ApiCall, change: Callable[[Document], Document]) -> ApiAnswer:
        name, now_s = call.members["StageName"], self._clock.now_s()

        def changed(api: Api) -> Api:
            stage = change(_part(api, "stage", name))
            return api.with_part("stage", name, {**stage, "LastUpdatedDate": now_s})

        await self._registry.change(key_of(call), changed)
        return ApiAnswer()

    def _with_stage(self, api: Api, name: str, stage: Document, now_s: float, deployment_id: str | None = None) -> Api:
        """`deployment_id` is that which the request asks for. Raises BadRequestException."""
        check_stage(api, stage)
        if deployment_id is not None and deployment_id not in api.all("deployment"):
            raise invalid(f"Deployment ID {deployment_id} could not be found")
        was_automatic = bool(api.all("stage").get(name, {}).get("AutoDeploy"))
        if stage.get("AutoDeploy") and deployment_id is not None:
            raise invalid("DeploymentId cannot be set for a stage that deploys automatically")
        api = api.with_part("stage", name, stage)
        if stage.get("AutoDeploy"):
            return api if was_automatic else deployed(api, now_s)
        return staged(api, name, deployment_id, now_s) if deployment_id is not None else api

    # Deployments

    async def create_deployment(self, call: ApiCall) -> ApiAnswer:
        members, now_s = call.members, self._clock.now_s()
        name = members.get("StageName")
        made = ""

        def create(api: Api) -> Api:
            nonlocal made
            if name is not None and _part(api, "stage", name).get("AutoDeploy"):
                raise invalid(f"Deployments cannot be made for the stage {name}, which deploys automatically")
            api, made = with_deployment(api, now_s, members.get("Description"), automatic=False)
            return api if name is None else staged(api, name, made, now_s)

        api = await self._registry.change(key_of(call), create)
        return ApiAnswer(shown(api.all("deployment")[made]))

    async def get_deployment(self, call: ApiCall) -> ApiAnswer:
        api = self._registry.existing(key_of(call))
        return ApiAnswer(shown(_part(api, "deployment", call.members["DeploymentId"])))

    async def get_deployments(self, call: ApiCall) -> ApiAnswer:
        found = sorted(self._registry.existing(key_of(call)).all("deployment").items())
        return page(call, found, lambda item: item[0], lambda item: shown(item[1]))

    async def update_deployment(self, call: ApiCall) -> ApiAnswer:
        deployment_id = call.members["DeploymentId"]
        members = given(call.members, "ApiId", "DeploymentId")

        def update(api: Api) -> Api:
            return api.with_part("deployment", deployment_id, {**_part(api, "deployment", deployment_id), **members})

        api = await self._registry.change(key_of(call), update)
        return ApiAnswer(shown(api.all("deployment")[deployment_id]))

    async def delete_deployment(self, call: ApiCall) -> ApiAnswer:
        deployment_id = call.members["DeploymentId"]

        def delete(api: Api) -> Api:
            _part(api, "deployment", deployment_id)
            if any(stage.get("DeploymentId") == deployment_id for stage in api.all("stage").values()):
                raise invalid("Active stages pointing to this deployment must be moved or deleted")
            return api.without_part("deployment", deployment_id)

        await self._registry.change(key_of(call), delete)
        return ApiAnswer()


def fresh_stage(name: str, now_s: float) -> Document:
    """What holds of a stage where nothing is said."""
    return {
        "AutoDeploy": False,
        "CreatedDate": now_s,
        "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        "LastUpdatedDate": now_s,
        "RouteSettings": {},
        "StageName": name,
        "StageVariables": {},
        "Tags": {},
    }


def _part(api: Api, kind: Kind, part_id: str) -> Document:
    part = api.all(kind).get(part_id)
    if part is None:
        raise no_part(kind)
    return part
