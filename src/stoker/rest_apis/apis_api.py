"""API Gateway's operations on REST APIs and their resources."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.clock import Clock
from stoker.gateways.domain_names.registry import DomainNames
from stoker.gateways.ids import API_LENGTH, new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import APIS, DEPLOYMENTS, PLANS, STAGES, Catalogue, Change
from stoker.rest_apis.errors import BadRequestError, ConflictError, NotFoundError
from stoker.rest_apis.ids import PART_LENGTH
from stoker.rest_apis.lookups import definition_of, find_definition, path_of, place_of, resource_of
from stoker.rest_apis.pages import page
from stoker.rest_apis.patches import converted, operations, patched, paths
from stoker.rest_apis.records import Definition, Model, Resource, RestApi
from stoker.rest_apis.resource_policy import check_policy
from stoker.rest_apis.unsupported import refuse_unsupported

_PATCHED = paths(
    "name description apiKeySource disableExecuteApiEndpoint policy minimumCompressionSize version",
    lists="binaryMediaTypes",
)
_PATH_PART = re.compile(r"[a-zA-Z0-9._:-]+|\{[a-zA-Z0-9._:-]+\+?\}")
_PATH_PART_TEXT = (
    "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning "
    "and the end."
)
ROOT_LENGTH = 10


class ApisApi:
    """REST APIs, and the tree of resources that each is made with."""

    def __init__(self, catalogue: Catalogue, domain_names: DomainNames, clock: Clock) -> None:
        self._catalogue = catalogue
        self._domain_names = domain_names
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateRestApi": self.create_rest_api,
            "GetRestApi": self.get_rest_api,
            "GetRestApis": self.get_rest_apis,
            "UpdateRestApi": self.update_rest_api,
            "DeleteRestApi": self.delete_rest_api,
            "CreateResource": self.create_resource,
            "GetResource": self.get_resource,
            "GetResources": self.get_resources,
            "UpdateResource": self.update_resource,
            "DeleteResource": self.delete_resource,
        }

    async def create_rest_api(self, call: ApiCall) -> ApiAnswer:
        """With a root, or as a copy of another API."""
        members, place = dict(call.members), place_of(call)
        refuse_unsupported(members)
        cloned_from = members.pop("cloneFrom", None)
        async with self._catalogue.changing() as change:
            definition = new_definition(change, members, self._clock.now_s())
            if cloned_from is not None:
                source = find_definition(change.items, place, cloned_from)
                root_id = source.api.root_resource_id
                api = replace(definition.api, root_resource_id=root_id)
                definition = replace(source, api=api)
            change.put(APIS, place, definition.api.id, definition)
        return ApiAnswer(shown_api(definition.api))

    async def get_rest_api(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(shown_api(definition_of(self._catalogue.items, call).api))

    async def get_rest_apis(self, call: ApiCall) -> ApiAnswer:
        return page(call, self._catalogue.items.all(APIS, place_of(call)), lambda found: shown_api(found.api))

    async def update_rest_api(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            types = [each for each in given if each.parts[:2] == ("endpointConfiguration", "types")]
            api = patched(definition.api, [each for each in given if each not in types], _PATCHED)
            for each in types:
                if each.value is not None:
                    api = replace(api, endpoint_configuration={"types": [each.value]})
            check_api(api)
            change.put(APIS, place_of(call), api.id, replace(definition, api=api))
        return ApiAnswer(shown_api(api))

    async def delete_rest_api(self, call: ApiCall) -> ApiAnswer:
        """With all that is deployed of it."""
        place = place_of(call)
        async with self._catalogue.changing() as change:
            api_id = definition_of(change.items, call).api.id
            if self._domain_names.mapped_to(api_id):
                raise BadRequestError("Please remove all base path mappings related to the API in your domains first.")
            change.remove(APIS, place, api_id)
            for name in change.items.all(STAGES, place, api_id):
                change.remove(STAGES, place, name, api_id)
            for deployment_id in change.items.all(DEPLOYMENTS, place, api_id):
                change.remove(DEPLOYMENTS, place, deployment_id, api_id)
            for plan_id, plan in change.items.all(PLANS, place).items():
                left = [stage for stage in plan.api_stages if stage.api_id != api_id]
                if len(left) < len(plan.api_stages):
                    change.put(PLANS, place, plan_id, replace(plan, api_stages=left))
        return ApiAnswer()

    # Resources

    async def create_resource(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            parent_id, part = call.members["parentId"], call.members["pathPart"]
            if parent_id not in definition.resources:
                raise NotFoundError("Invalid Resource identifier specified")
            resource = Resource(id=new_id(PART_LENGTH, definition.resources), parent_id=parent_id, path_part=part)
            check_resource(definition, resource)
            definition = with_resource(definition, resource)
            change.put(APIS, place_of(call), definition.api.id, definition)
        return ApiAnswer(_shown_resource(definition, resource))

    async def get_resource(self, call: ApiCall) -> ApiAnswer:
        definition = definition_of(self._catalogue.items, call)
        return ApiAnswer(_shown_resource(definition, resource_of(definition, call), embeds=_embeds(call)))

    async def get_resources(self, call: ApiCall) -> ApiAnswer:
        definition = definition_of(self._catalogue.items, call)
        return page(
            call,
            definition.resources,
            lambda resource: _shown_resource(definition, resource, embeds=_embeds(call)),
        )

    async def update_resource(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource = patched(resource_of(definition, call), given, paths("pathPart parentId"))
            if resource.id == definition.api.root_resource_id:
                raise BadRequestError("Root resource cannot be updated.")
            if resource.parent_id not in definition.resources:
                raise NotFoundError("Invalid Resource identifier specified")
            if resource.parent_id in _below(definition, resource.id):
                raise BadRequestError("Resource cannot be moved below itself.")
            check_resource(definition, resource)
            definition = with_resource(definition, resource)
            change.put(APIS, place_of(call), definition.api.id, definition)
        return ApiAnswer(_shown_resource(definition, resource))

    async def delete_resource(self, call: ApiCall) -> ApiAnswer:
        """With those below it."""
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource = resource_of(definition, call)
            if resource.id == definition.api.root_resource_id:
                raise BadRequestError("Root resource cannot be deleted.")
            gone = _below(definition, resource.id)
            left = {known: found for known, found in definition.resources.items() if known not in gone}
            change.put(APIS, place_of(call), definition.api.id, replace(definition, resources=left))
        return ApiAnswer()


def new_definition(change: Change, members: Mapping[str, Any], now_s: float) -> Definition:
    """An API with nothing but its root. Raises BadRequestError."""
    taken = {item_id for _, item_id, _ in change.items.everywhere(APIS)}
    root = Resource(id=new_id(ROOT_LENGTH))
    given = {name: value for name, value in members.items() if value is not None}
    api = converted(
        {**given, "id": new_id(API_LENGTH, taken), "createdDate": now_s, "rootResourceId": root.id}, RestApi
    )
    check_api(api)
    return Definition(api=api, resources={root.id: root}, models=_first_models())


def _first_models() -> dict[str, Model]:
    """The two that every API is made with."""
    return {
        name: Model(
            id=new_id(PART_LENGTH),
            name=name,
            content_type="application/json",
            description=f"This is {description}",
            schema=json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", **schema}),
        )
        for name, description, schema in (
            ("Empty", "a default empty schema model", {"title": "Empty Schema", "type": "object"}),
            (
                "Error",
                "a default error schema model",
                {"title": "Error Schema", "type": "object", "properties": {"message": {"type": "string"}}},
            ),
        )
    }


def check_api(api: RestApi) -> None:
    """Raises BadRequestError."""
    if not api.name.strip():
        raise BadRequestError("Invalid API name specified")
    if api.api_key_source not in ("HEADER", "AUTHORIZER"):
        raise BadRequestError("Invalid API key source specified. Must be one of: [HEADER, AUTHORIZER]")
    check_policy(api.policy)
    refuse_unsupported(
        {
            "endpointConfiguration": api.endpoint_configuration,
            "minimumCompressionSize": api.minimum_compression_size,
        }
    )


def check_resource(definition: Definition, resource: Resource) -> None:
    """Raises BadRequestError and ConflictError."""
    part = resource.path_part or ""
    if _PATH_PART.fullmatch(part) is None:
        raise BadRequestError(_PATH_PART_TEXT)
    parent = definition.resources[resource.parent_id or ""]
    if (parent.path_part or "").endswith("+}"):
        raise BadRequestError(f"Cannot create a child of a resource with a greedy path variable: {parent.path_part}")
    for sibling in definition.resources.values():
        if sibling.parent_id != resource.parent_id or sibling.id == resource.id:
            continue
        known = sibling.path_part or ""
        if known == part:
            raise ConflictError(f"Another resource with the same parent already has this name: {part}")
        if part.startswith("{") and known.startswith("{") and part.endswith("+}") == known.endswith("+}"):
            raise BadRequestError(
                f"A sibling ({known}) of this resource already has a variable path part -- only one is allowed"
            )


def with_resource(definition: Definition, resource: Resource) -> Definition:
    return replace(definition, resources={**definition.resources, resource.id: resource})


def shown_api(api: RestApi) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(api)
    return shown | {"tags": shown["tags"] or None}


def _below(definition: Definition, resource_id: str) -> set[str]:
    """It, and all resources below it."""
    found, before = {resource_id}, 0
    while len(found) > before:
        before = len(found)
        found |= {known for known, resource in definition.resources.items() if resource.parent_id in found}
    return found


def _embeds(call: ApiCall) -> bool:
    return "methods" in (call.members.get("embed") or ())


def _shown_resource(definition: Definition, resource: Resource, *, embeds: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(resource)
    methods = shown["resourceMethods"]
    shown["resourceMethods"] = (methods if embeds else {name: {} for name in methods}) or None
    return shown | {"path": path_of(definition, resource)}
