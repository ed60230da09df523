"""Finds what a request names, or says in AWS's words that it is not there."""

from typing import Any

from stoker.lambda_model.call import ApiCall
from stoker.rest_apis.catalogue import APIS, DEPLOYMENTS, STAGES, Items
from stoker.rest_apis.errors import NotFoundError
from stoker.rest_apis.records import Definition, Deployment, Integration, Method, Place, Resource, Stage

ANY = "ANY"


def place_of(call: ApiCall) -> Place:
    return Place(call.caller.account_id, call.caller.region)


def given_members(call: ApiCall) -> dict[str, Any]:
    """What the request has; null is as good as nothing."""
    return {name: value for name, value in call.members.items() if value is not None}


def definition_of(items: Items, call: ApiCall) -> Definition:
    """Of the API that `restApiId` names. Raises NotFoundError."""
    return find_definition(items, place_of(call), call.members["restApiId"])


def find_definition(items: Items, place: Place, api_id: str) -> Definition:
    found = items.find(APIS, place, api_id)
    if found is None:
        raise NotFoundError(f"Invalid API identifier specified {place.account_id}:{api_id}")
    return found


def resource_of(definition: Definition, call: ApiCall) -> Resource:
    found = definition.resources.get(call.members["resourceId"])
    if found is None:
        raise NotFoundError("Invalid Resource identifier specified")
    return found


def method_of(definition: Definition, call: ApiCall) -> tuple[Resource, Method]:
    resource = resource_of(definition, call)
    found = resource.resource_methods.get(call.members["httpMethod"])
    if found is None:
        raise NotFoundError("Invalid Method identifier specified")
    return resource, found


def integration_of(method: Method) -> Integration:
    if method.method_integration is None:
        raise NotFoundError("Invalid Integration identifier specified")
    return method.method_integration


def deployment_of(items: Items, place: Place, api_id: str, deployment_id: str) -> Deployment:
    found = items.find(DEPLOYMENTS, place, deployment_id, api_id)
    if found is None:
        raise NotFoundError("Invalid Deployment identifier specified")
    return found


def stage_of(items: Items, call: ApiCall) -> Stage:
    """Raises NotFoundError, also where there is no such API."""
    definition_of(items, call)
    found = items.find(STAGES, place_of(call), call.members["stageName"], call.members["restApiId"])
    if found is None:
        raise NotFoundError("Invalid stage identifier specified")
    return found


def path_of(definition: Definition, resource: Resource) -> str:
    """`/pets/{id}`; of the root `/`."""
    parts: list[str] = []
    at: Resource | None = resource
    while at is not None and at.path_part is not None:
        parts.append(at.path_part)
        at = definition.resources.get(at.parent_id or "")
    return "/" + "/".join(reversed(parts))
