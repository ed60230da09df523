"""Quick create: an API with one route, one integration and the stage `$default`, made together with it.

Source: Amazon API Gateway Version 2 API Reference, "CreateApi" (target, routeKey, credentialsArn).
"""

from collections.abc import Mapping
from typing import Any

from stoker.gateways.functions import function_of
from stoker.gateways.ids import new_id
from stoker.http_apis.checks import check_integration
from stoker.http_apis.deployments import deployed
from stoker.http_apis.errors import invalid
from stoker.http_apis.ids import PART_ID_LENGTH
from stoker.http_apis.parts_api import check_new_route, fresh_integration
from stoker.http_apis.records import DEFAULT, Api, Document, Kind
from stoker.http_apis.stages_api import fresh_stage

MANAGED = "ApiGatewayManaged"


def quickly_created(api: Api, members: Mapping[str, Any], now_s: float) -> Api:
    """With the parts that CreateApi asks for, if it does. Raises BadRequestException."""
    target = members.get("Target")
    if target is None:
        if members.get("RouteKey") or members.get("CredentialsArn"):
            raise invalid("A target is required for quick create")
        return api
    if api.protocol != "HTTP":
        raise invalid("Quick create is only supported for HTTP APIs")
    integration_id, route_id = new_id(PART_ID_LENGTH), new_id(PART_ID_LENGTH)
    integration = {**_integration(api, target, members.get("CredentialsArn")), "IntegrationId": integration_id}
    check_integration(api, integration)
    api = api.with_part("integration", integration_id, integration)
    route = {
        MANAGED: True,
        "ApiKeyRequired": False,
        "AuthorizationType": "NONE",
        "RouteId": route_id,
        "RouteKey": members.get("RouteKey") or DEFAULT,
        "Target": f"integrations/{integration_id}",
    }
    check_new_route(api, route, None)
    api = api.with_part("route", route_id, route)
    return deployed(api.with_part("stage", DEFAULT, {**fresh_stage(DEFAULT, now_s), **_MANAGED_STAGE}), now_s)


_MANAGED_STAGE: Document = {MANAGED: True, "AutoDeploy": True}


def quick_update(api: Api, members: Mapping[str, Any]) -> Api:
    """With other settings of the parts that quick create made. Raises BadRequestException where it made none."""
    if members.get("Target") or members.get("CredentialsArn"):
        integration_id, before = _managed(api, "integration")
        target = members.get("Target") or before["IntegrationUri"]
        credentials = members.get("CredentialsArn") or before.get("CredentialsArn")
        after = {**_integration(api, target, credentials), "IntegrationId": integration_id}
        check_integration(api, after)
        api = api.with_part("integration", integration_id, after)
    if members.get("RouteKey"):
        route_id, before = _managed(api, "route")
        route = {**before, "RouteKey": members["RouteKey"]}
        check_new_route(api, route, route_id)
        api = api.with_part("route", route_id, route)
    return api


def _integration(api: Api, target: str, credentials_arn: str | None) -> dict[str, Any]:
    if function_of(target) is not None:
        members = {"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0"}
    else:
        members = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0"}
    integration = {**fresh_integration(api, members), **members, MANAGED: True, "IntegrationUri": target}
    return integration if credentials_arn is None else {**integration, "CredentialsArn": credentials_arn}


def _managed(api: Api, kind: Kind) -> tuple[str, Document]:
    for part_id, document in api.all(kind).items():
        if document.get(MANAGED):
            return part_id, document
    raise invalid("This API was not made by quick create")
