"""API Gateway's operations that make an API of an OpenAPI document, or change one by it."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from msgspec.structs import replace

from stoker.clock import Clock
from stoker.gateways.ids import new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.apis_api import check_api, check_resource, new_definition, shown_api, with_resource
from stoker.rest_apis.catalogue import APIS, Catalogue
from stoker.rest_apis.errors import BadRequestError, not_supported
from stoker.rest_apis.gateway_responses import DEFAULTS
from stoker.rest_apis.ids import PART_LENGTH
from stoker.rest_apis.integrations_api import check_integration
from stoker.rest_apis.lookups import definition_of, path_of, place_of
from stoker.rest_apis.methods_api import check_method, check_method_response
from stoker.rest_apis.open_api import ReadApi, ReadMethod, read
from stoker.rest_apis.parts_api import check_model, made_authorizer
from stoker.rest_apis.patches import converted
from stoker.rest_apis.records import (
    Definition,
    GatewayResponse,
    Method,
    Model,
    RequestValidator,
    Resource,
    RestApi,
)
from stoker.rest_apis.unsupported import refuse_unsupported


class ImportApi:
    """By OpenAPI 2.0 and 3.0, in JSON or in YAML."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def operations(self) -> dict[str, Operation]:
        return {"ImportRestApi": self.import_rest_api, "PutRestApi": self.put_rest_api}

    async def import_rest_api(self, call: ApiCall) -> ApiAnswer:
        document, parameters = _document(call.members["body"]), call.members.get("parameters") or {}
        types = parameters.get("endpointConfigurationTypes")
        members: dict[str, Any] = {"name": "imported"}
        if types:
            members["endpointConfiguration"] = {"types": types.split(",")}
        async with self._catalogue.changing() as change:
            definition = new_definition(change, members, self._clock.now_s())
            given = read(document, definition.api.id, parameters.get("basepath", "ignore"))
            definition = with_document(definition, given)
            change.put(APIS, place_of(call), definition.api.id, definition)
        return ApiAnswer(shown_api(definition.api))

    async def put_rest_api(self, call: ApiCall) -> ApiAnswer:
        """`merge` adds to what there is; `overwrite` leaves nothing that the document does not have, but ids of
        resources whose paths stay."""
        document, parameters = _document(call.members["body"]), call.members.get("parameters") or {}
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            given = read(document, definition.api.id, parameters.get("basepath", "ignore"))
            if call.members.get("mode") == "overwrite":
                definition = _emptied(definition, given)
            definition = with_document(definition, given)
            change.put(APIS, place_of(call), definition.api.id, definition)
        return ApiAnswer(shown_api(definition.api))


def with_document(definition: Definition, given: ReadApi) -> Definition:
    """What becomes of an API by a document. Raises BadRequestError."""
    api = converted({**_members(definition.api), **given.api}, RestApi)
    check_api(api)
    models = dict(definition.models)
    for name, members in given.models.items():
        known = models.get(name)
        models[name] = converted({**members, "id": new_id(PART_LENGTH) if known is None else known.id}, Model)
        check_model(models[name])
    validators = {validator.name: validator for validator in definition.request_validators.values()}
    for name, members in given.validators.items():
        known_validator = validators.get(name)
        validator_id = new_id(PART_LENGTH) if known_validator is None else known_validator.id
        validators[name] = converted({**members, "id": validator_id, "name": name}, RequestValidator)
    authorizers = {authorizer.name: authorizer for authorizer in definition.authorizers.values()}
    for name, members in given.authorizers.items():
        known_authorizer = authorizers.get(name)
        made = made_authorizer({**members, "name": name})
        authorizers[name] = made if known_authorizer is None else replace(made, id=known_authorizer.id)
    responses = dict(definition.gateway_responses)
    for kind, members in given.gateway_responses.items():
        if kind not in DEFAULTS:
            raise BadRequestError(f"Invalid gateway response type specified: {kind}")
        responses[kind] = converted({**_texts(members), "responseType": kind}, GatewayResponse)
    definition = replace(
        definition,
        api=api,
        models=models,
        request_validators={validator.id: validator for validator in validators.values()},
        authorizers={authorizer.id: authorizer for authorizer in authorizers.values()},
        gateway_responses=responses,
    )
    for path in given.paths:
        definition, _ = _at_path(definition, path)
    for method in given.methods:
        definition = _with_method(definition, method)
    return definition


def _with_method(definition: Definition, given: ReadMethod) -> Definition:
    definition, resource = _at_path(definition, given.path)
    members = dict(given.members)
    if given.authorizer is not None:
        members["authorizerId"] = _id_by_name(definition.authorizers, given.authorizer, "authorizer")
    if given.validator is not None:
        members["requestValidatorId"] = _id_by_name(definition.request_validators, given.validator, "request validator")
    integration = members.get("methodIntegration")
    if integration is not None:
        refuse_unsupported(integration)
        integration.setdefault("cacheNamespace", resource.id)
    method = converted(members, Method)
    check_method(definition, method)
    for response in (method.method_responses or {}).values():
        check_method_response(definition, response)
    if method.method_integration is not None:
        check_integration(method.method_integration)
    methods = {**resource.resource_methods, method.http_method: method}
    return with_resource(definition, replace(resource, resource_methods=methods))


def _at_path(definition: Definition, path: str) -> tuple[Definition, Resource]:
    """The resource at a path, and those above it, which are made if need be."""
    at = definition.resources[definition.api.root_resource_id]
    for part in path.strip("/").split("/") if path.strip("/") else ():
        below = (known for known in definition.resources.values() if known.parent_id == at.id)
        found = next((known for known in below if known.path_part == part), None)
        if found is None:
            found = Resource(id=new_id(PART_LENGTH, definition.resources), parent_id=at.id, path_part=part)
            check_resource(definition, found)
            definition = with_resource(definition, found)
        at = found
    return definition, at


def _emptied(definition: Definition, given: ReadApi) -> Definition:
    """Without methods and all that they refer to, and without resources that lead nowhere any more."""
    paths = {f"/{path.strip('/')}" for path in given.paths}

    def stays(path: str) -> bool:
        return path == "/" or any(known == path or known.startswith(f"{path}/") for known in paths)

    return replace(
        definition,
        resources={
            resource.id: replace(resource, resource_methods={})
            for resource in definition.resources.values()
            if stays(path_of(definition, resource))
        },
        models={},
        request_validators={},
        authorizers={},
        gateway_responses={},
    )


def _document(body: bytes) -> Any:
    """Raises BadRequestError."""
    text = body.decode(errors="replace").strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if text.startswith("{"):
            raise BadRequestError("Invalid OpenAPI input: it is not JSON") from None
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise BadRequestError("Stoker needs the library PyYAML for YAML: install stoker[apis]") from None
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.CSafeLoader)):
            raise not_supported("aliases in YAML")  # a small document can become as large as it likes by them
        # By way of JSON, since YAML has dates, and keys that are numbers.
        return json.loads(json.dumps(yaml.load(text, yaml.CSafeLoader), default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise BadRequestError(f"Invalid OpenAPI input: {error}") from None


def _members(api: RestApi) -> dict[str, Any]:
    return {name: value for name, value in shown_api(api).items() if value is not None}


def _texts(members: Mapping[str, Any]) -> dict[str, Any]:
    status = members.get("statusCode")
    return {**members, **({} if status is None else {"statusCode": str(status)})}


def _id_by_name(known: Mapping[str, Any], name: str, what: str) -> str:
    found = next((each.id for each in known.values() if each.name == name), None)
    if found is None:
        raise BadRequestError(f"Invalid {what} specified: {name}")
    return str(found)
