"""Deployments: what an API was when a stage took it over. Pure functions of records.

Source: Amazon API Gateway Developer Guide, "Stages for HTTP APIs".
"""

from stoker.gateways.ids import new_id
from stoker.http_apis.errors import invalid
from stoker.http_apis.ids import DEPLOYMENT_ID_LENGTH
from stoker.http_apis.records import DEPLOYED, Api, Document

NO_ROUTES = "Unable to deploy API because no routes exist in this API"
AUTOMATIC = "Automatic deployment triggered by changes to the Api configuration"


def with_deployment(api: Api, now_s: float, description: str | None, *, automatic: bool) -> tuple[Api, str]:
    """With one deployment more, of what the API is now, and its id. Raises BadRequestException without any route."""
    if not api.all("route"):
        raise invalid(NO_ROUTES)
    deployment_id = new_id(DEPLOYMENT_ID_LENGTH, api.all("deployment"))
    document = {
        "AutoDeployed": automatic,
        "CreatedDate": now_s,
        "DeploymentId": deployment_id,
        "DeploymentStatus": "DEPLOYED",
        "Description": description,
        DEPLOYED: {
            "route": dict(api.all("route")),
            "integration": dict(api.all("integration")),
            "authorizer": dict(api.all("authorizer")),
            "CorsConfiguration": api.document.get("CorsConfiguration"),
        },
    }
    present = {name: value for name, value in document.items() if value is not None}
    return api.with_part("deployment", deployment_id, present), deployment_id


def staged(api: Api, stage_name: str, deployment_id: str, now_s: float) -> Api:
    """With that stage at that deployment."""
    stage = {
        **api.all("stage")[stage_name],
        "DeploymentId": deployment_id,
        "LastDeploymentStatusMessage": f"Successfully deployed stage with deployment ID '{deployment_id}'",
        "LastUpdatedDate": now_s,
    }
    return api.with_part("stage", stage_name, stage)


def deployed(api: Api, now_s: float) -> Api:
    """After a change: with all stages that deploy by themselves at what the API has become."""
    stages = [name for name, stage in api.all("stage").items() if stage.get("AutoDeploy")]
    if not stages:
        return api
    if not api.all("route"):
        for name in stages:
            api = api.with_part("stage", name, _failed(api.all("stage")[name]))
        return api
    api, deployment_id = with_deployment(api, now_s, AUTOMATIC, automatic=True)
    for name in stages:
        api = staged(api, name, deployment_id, now_s)
    return _swept(api)


def _failed(stage: Document) -> Document:
    return {**stage, "LastDeploymentStatusMessage": f"Deployment attempt failed: {NO_ROUTES}"}


def _swept(api: Api) -> Api:
    """Without automatic deployments that no stage is at any more: each change makes one, and nobody asked for it."""
    used = {stage.get("DeploymentId") for stage in api.all("stage").values()}
    for deployment_id, deployment in api.all("deployment").items():
        if deployment["AutoDeployed"] and deployment_id not in used:
            api = api.without_part("deployment", deployment_id)
    return api
