"""API Gateway's operations on methods and what each answers: methods and method responses."""

import re

import msgspec
from msgspec.structs import replace

from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.apis_api import with_resource
from stoker.rest_apis.catalogue import APIS, Catalogue, Change
from stoker.rest_apis.errors import BadRequestError, ConflictError, NotFoundError, not_supported
from stoker.rest_apis.lookups import definition_of, given_members, method_of, place_of, resource_of
from stoker.rest_apis.patches import converted, operations, patched, paths
from stoker.rest_apis.records import Definition, Method, MethodResponse, Resource

VERBS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY")
_AUTHORIZATION_TYPES = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
_PATCHED = paths(
    "authorizationType authorizerId apiKeyRequired requestValidatorId operationName",
    maps="requestParameters requestModels",
    lists="authorizationScopes",
)
_PATCHED_RESPONSE = paths(maps="responseParameters responseModels")
_REQUEST_PARAMETER = re.compile(
    r"method\.request\.(?:path|querystring|multivaluequerystring|header|multivalueheader)\..+"
)
_RESPONSE_PARAMETER = re.compile(r"method\.response\.header\..+")
STATUS = re.compile(r"[1-5]\d\d")


class MethodsApi:
    """Methods of resources."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def operations(self) -> dict[str, Operation]:
        return {
            "PutMethod": self.put_method,
            "GetMethod": self.get_method,
            "UpdateMethod": self.update_method,
            "DeleteMethod": self.delete_method,
            "PutMethodResponse": self.put_method_response,
            "GetMethodResponse": self.get_method_response,
            "UpdateMethodResponse": self.update_method_response,
            "DeleteMethodResponse": self.delete_method_response,
        }

    async def put_method(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource = resource_of(definition, call)
            method = converted(given_members(call), Method)
            check_method(definition, method)
            if method.http_method in resource.resource_methods:
                raise ConflictError("Method already exists for this resource")
            keep_method(change, call, definition, resource, method)
        return ApiAnswer(msgspec.to_builtins(method))

    async def get_method(self, call: ApiCall) -> ApiAnswer:
        _, method = method_of(definition_of(self._catalogue.items, call), call)
        return ApiAnswer(msgspec.to_builtins(method))

    async def update_method(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            method = patched(method, given, _PATCHED)
            check_method(definition, method)
            keep_method(change, call, definition, resource, method)
        return ApiAnswer(msgspec.to_builtins(method))

    async def delete_method(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            methods = {name: known for name, known in resource.resource_methods.items() if name != method.http_method}
            definition = with_resource(definition, replace(resource, resource_methods=methods))
            change.put(APIS, place_of(call), definition.api.id, definition)
        return ApiAnswer()

    # Responses

    async def put_method_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            response = converted(given_members(call), MethodResponse)
            check_method_response(definition, response)
            responses = method.method_responses or {}
            if response.status_code in responses:
                raise ConflictError("Response already exists for this resource")
            _keep_response(change, call, definition, resource, method, response)
        return ApiAnswer(msgspec.to_builtins(response))

    async def get_method_response(self, call: ApiCall) -> ApiAnswer:
        _, method = method_of(definition_of(self._catalogue.items, call), call)
        return ApiAnswer(msgspec.to_builtins(_response_of(method, call)))

    async def update_method_response(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            response = patched(_response_of(method, call), given, _PATCHED_RESPONSE)
            check_method_response(definition, response)
            _keep_response(change, call, definition, resource, method, response)
        return ApiAnswer(msgspec.to_builtins(response))

    async def delete_method_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            status = _response_of(method, call).status_code
            left = {known: each for known, each in (method.method_responses or {}).items() if known != status}
            keep_method(change, call, definition, resource, replace(method, method_responses=left or None))
        return ApiAnswer()


def keep_method(change: Change, call: ApiCall, definition: Definition, resource: Resource, method: Method) -> None:
    """The definition with this method instead of the one by its name."""
    methods = {**resource.resource_methods, method.http_method: method}
    definition = with_resource(definition, replace(resource, resource_methods=methods))
    change.put(APIS, place_of(call), definition.api.id, definition)


def check_method(definition: Definition, method: Method) -> None:
    """Raises BadRequestError and NotFoundError."""
    if method.http_method not in VERBS:
        raise BadRequestError(f"Invalid HttpMethod specified. Valid options are {','.join(VERBS)}")
    if method.authorization_type not in _AUTHORIZATION_TYPES:
        raise BadRequestError("Invalid Authorization type specified")
    if method.authorization_type == "COGNITO_USER_POOLS":
        raise not_supported("authorizationType COGNITO_USER_POOLS")
    if method.authorization_scopes:
        raise not_supported("authorizationScopes")
    if method.authorization_type == "CUSTOM" and method.authorizer_id not in definition.authorizers:
        raise BadRequestError(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or "
            "COGNITO_USER_POOLS requires a valid authorizer."
        )
    validator_id = method.request_validator_id
    if validator_id and validator_id not in definition.request_validators:
        raise BadRequestError("Invalid Request Validator identifier specified")
    for name in method.request_parameters or {}:
        if _REQUEST_PARAMETER.fullmatch(name) is None:
            raise BadRequestError(
                f"Invalid mapping expression specified: Validation Result: warnings : [], errors : "
                f"[Invalid mapping expression parameter specified: {name}]"
            )
    _check_models(definition, method.request_models)


def check_method_response(definition: Definition, response: MethodResponse) -> None:
    """Raises BadRequestError and NotFoundError."""
    if STATUS.fullmatch(response.status_code) is None:
        raise BadRequestError("Invalid status code specified")
    for name in response.response_parameters or {}:
        if _RESPONSE_PARAMETER.fullmatch(name) is None:
            raise BadRequestError(
                f"Invalid mapping expression specified: Validation Result: warnings : [], errors : "
                f"[Invalid mapping expression parameter specified: {name}]"
            )
    _check_models(definition, response.response_models)


def _check_models(definition: Definition, models: dict[str, str] | None) -> None:
    for name in (models or {}).values():
        if name not in definition.models:
            raise BadRequestError(f"Invalid model identifier specified: {name}")


def _response_of(method: Method, call: ApiCall) -> MethodResponse:
    found = (method.method_responses or {}).get(call.members["statusCode"])
    if found is None:
        raise NotFoundError("Invalid Response status code specified")
    return found


def _keep_response(
    change: Change, call: ApiCall, definition: Definition, resource: Resource, method: Method, response: MethodResponse
) -> None:
    responses = {**(method.method_responses or {}), response.status_code: response}
    keep_method(change, call, definition, resource, replace(method, method_responses=responses))
