"""API Gateway's operations on what methods refer to: models, request validators, authorizers, gateway responses."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.gateways.ids import new_id
from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import APIS, Catalogue, Change
from stoker.rest_apis.errors import BadRequestError, ConflictError, NotFoundError, not_supported
from stoker.rest_apis.gateway_responses import DEFAULTS, default_response
from stoker.rest_apis.ids import PART_LENGTH
from stoker.rest_apis.integrations_api import FUNCTION_URI
from stoker.rest_apis.lookups import definition_of, place_of
from stoker.rest_apis.pages import page
from stoker.rest_apis.patches import converted, operations, patched, paths
from stoker.rest_apis.records import Authorizer, Definition, GatewayResponse, Model, RequestValidator
from stoker.rest_apis.schemas import SchemaError, check_schema

_PATCHED_MODEL = paths("description schema")
_PATCHED_VALIDATOR = paths("name validateRequestBody validateRequestParameters")
_PATCHED_AUTHORIZER = paths(
    "name type authorizerUri authorizerCredentials identitySource identityValidationExpression "
    "authorizerResultTtlInSeconds authType"
)
_PATCHED_RESPONSE = paths("statusCode", maps="responseParameters responseTemplates")
_NAME = re.compile(r"[a-zA-Z0-9]+")
TTL_DEFAULT_S, TTL_MAX_S = 300, 3600
TOKEN_SOURCE_DEFAULT = "method.request.header.Authorization"  # noqa: S105 - where a token is, not one


class PartsApi:
    """By their ids; models and gateway responses by their names."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def operations(self) -> dict[str, Operation]:
        return {
            "CreateModel": self.create_model,
            "GetModel": self.get_model,
            "GetModels": self.get_models,
            "UpdateModel": self.update_model,
            "DeleteModel": self.delete_model,
            "CreateRequestValidator": self.create_request_validator,
            "GetRequestValidator": self.get_request_validator,
            "GetRequestValidators": self.get_request_validators,
            "UpdateRequestValidator": self.update_request_validator,
            "DeleteRequestValidator": self.delete_request_validator,
            "CreateAuthorizer": self.create_authorizer,
            "GetAuthorizer": self.get_authorizer,
            "GetAuthorizers": self.get_authorizers,
            "UpdateAuthorizer": self.update_authorizer,
            "DeleteAuthorizer": self.delete_authorizer,
            "PutGatewayResponse": self.put_gateway_response,
            "GetGatewayResponse": self.get_gateway_response,
            "GetGatewayResponses": self.get_gateway_responses,
            "UpdateGatewayResponse": self.update_gateway_response,
            "DeleteGatewayResponse": self.delete_gateway_response,
        }

    # Models

    async def create_model(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            model = converted(_given(call) | {"id": new_id(PART_LENGTH)}, Model)
            check_model(model)
            if model.name in definition.models:
                raise ConflictError(f"Model name already exists for this REST API: {model.name}")
            _keep(change, call, replace(definition, models={**definition.models, model.name: model}))
        return ApiAnswer(msgspec.to_builtins(model))

    async def get_model(self, call: ApiCall) -> ApiAnswer:
        if call.members.get("flatten"):
            raise not_supported("flatten")
        return ApiAnswer(msgspec.to_builtins(_model_of(definition_of(self._catalogue.items, call), call)))

    async def get_models(self, call: ApiCall) -> ApiAnswer:
        return page(call, definition_of(self._catalogue.items, call).models, msgspec.to_builtins)

    async def update_model(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            model = patched(_model_of(definition, call), given, _PATCHED_MODEL)
            check_model(model)
            _keep(change, call, replace(definition, models={**definition.models, model.name: model}))
        return ApiAnswer(msgspec.to_builtins(model))

    async def delete_model(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            name = _model_of(definition, call).name
            for resource in definition.resources.values():
                for method in resource.resource_methods.values():
                    responses = (method.method_responses or {}).values()
                    used = [method.request_models, *(response.response_models for response in responses)]
                    if any(name in (models or {}).values() for models in used):
                        raise ConflictError(f"Cannot delete model '{name}', is referenced in {method.http_method}")
            _keep(change, call, replace(definition, models=_without(definition.models, name)))
        return ApiAnswer()

    # Request validators

    async def create_request_validator(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            validator = converted(_given(call) | {"id": new_id(PART_LENGTH)}, RequestValidator)
            _keep_validator(change, call, definition, validator)
        return ApiAnswer(msgspec.to_builtins(validator))

    async def get_request_validator(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(msgspec.to_builtins(_validator_of(definition_of(self._catalogue.items, call), call)))

    async def get_request_validators(self, call: ApiCall) -> ApiAnswer:
        return page(call, definition_of(self._catalogue.items, call).request_validators, msgspec.to_builtins)

    async def update_request_validator(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            validator = patched(_validator_of(definition, call), given, _PATCHED_VALIDATOR)
            _keep_validator(change, call, definition, validator)
        return ApiAnswer(msgspec.to_builtins(validator))

    async def delete_request_validator(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            validator_id = _validator_of(definition, call).id
            for method in _methods(definition):
                if method.request_validator_id == validator_id:
                    raise ConflictError(f"Cannot delete request validator '{validator_id}', it is in use")
            left = _without(definition.request_validators, validator_id)
            _keep(change, call, replace(definition, request_validators=left))
        return ApiAnswer()

    # Authorizers

    async def create_authorizer(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            authorizer = made_authorizer(_given(call))
            if any(known.name == authorizer.name for known in definition.authorizers.values()):
                raise BadRequestError("Authorizer name must be unique. Authorizer with the name already exists")
            _keep_authorizer(change, call, definition, authorizer)
        return ApiAnswer(msgspec.to_builtins(authorizer))

    async def get_authorizer(self, call: ApiCall) -> ApiAnswer:
        return ApiAnswer(msgspec.to_builtins(_authorizer_of(definition_of(self._catalogue.items, call), call)))

    async def get_authorizers(self, call: ApiCall) -> ApiAnswer:
        return page(call, definition_of(self._catalogue.items, call).authorizers, msgspec.to_builtins)

    async def update_authorizer(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            authorizer = patched(_authorizer_of(definition, call), given, _PATCHED_AUTHORIZER)
            check_authorizer(authorizer)
            _keep_authorizer(change, call, definition, authorizer)
        return ApiAnswer(msgspec.to_builtins(authorizer))

    async def delete_authorizer(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            authorizer_id = _authorizer_of(definition, call).id
            for method in _methods(definition):
                if method.authorizer_id == authorizer_id:
                    raise ConflictError("Cannot delete authorizer, it is in use")
            _keep(change, call, replace(definition, authorizers=_without(definition.authorizers, authorizer_id)))
        return ApiAnswer()

    # Gateway responses

    async def put_gateway_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            response = converted(_given(call), GatewayResponse)
            _keep_gateway_response(change, call, definition, response)
        return ApiAnswer(_shown_response(response, is_default=False))

    async def get_gateway_response(self, call: ApiCall) -> ApiAnswer:
        definition = definition_of(self._catalogue.items, call)
        kind = _response_type(call)
        own = definition.gateway_responses.get(kind)
        return ApiAnswer(_shown_response(own or default_response(kind), is_default=own is None))

    async def get_gateway_responses(self, call: ApiCall) -> ApiAnswer:
        own = definition_of(self._catalogue.items, call).gateway_responses
        shown = {kind: own.get(kind) or default_response(kind) for kind in DEFAULTS}
        return page(call, shown, lambda found: _shown_response(found, is_default=found.response_type not in own))

    async def update_gateway_response(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            kind = _response_type(call)
            before = definition.gateway_responses.get(kind) or default_response(kind)
            response = patched(before, given, _PATCHED_RESPONSE)
            _keep_gateway_response(change, call, definition, response)
        return ApiAnswer(_shown_response(response, is_default=False))

    async def delete_gateway_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            kind = _response_type(call)
            if kind not in definition.gateway_responses:
                raise NotFoundError("Gateway response type not defined on api")
            _keep(change, call, replace(definition, gateway_responses=_without(definition.gateway_responses, kind)))
        return ApiAnswer()


def check_model(model: Model) -> None:
    """Raises BadRequestError."""
    if _NAME.fullmatch(model.name) is None:
        raise BadRequestError("Model name must be alphanumeric: " + model.name)
    if not model.schema:
        return
    try:
        check_schema(json.loads(model.schema))
    except (ValueError, SchemaError) as error:
        raise BadRequestError(
            f"Invalid model specified: Validation Result: warnings : [], errors : [{error}]"
        ) from None


def made_authorizer(given: Mapping[str, Any]) -> Authorizer:
    """A new one. Raises BadRequestError."""
    if given.get("providerARNs"):
        raise not_supported("providerARNs")
    defaults: dict[str, Any] = {"id": new_id(PART_LENGTH), "authorizerResultTtlInSeconds": TTL_DEFAULT_S}
    if given.get("type") == "TOKEN":
        defaults["identitySource"] = TOKEN_SOURCE_DEFAULT
    authorizer = converted({"authType": "custom"} | defaults | dict(given), Authorizer)
    check_authorizer(authorizer)
    return authorizer


def check_authorizer(authorizer: Authorizer) -> None:
    """Raises BadRequestError."""
    if authorizer.type == "COGNITO_USER_POOLS":
        raise not_supported("authorizers of type COGNITO_USER_POOLS")
    if FUNCTION_URI.fullmatch(authorizer.authorizer_uri or "") is None:
        raise BadRequestError("Invalid Authorizer URI: " + (authorizer.authorizer_uri or ""))
    ttl_s = authorizer.authorizer_result_ttl_in_seconds
    if ttl_s is not None and not 0 <= ttl_s <= TTL_MAX_S:
        raise BadRequestError("Authorizer result TTL must be between 0 and 3600 seconds")
    if authorizer.type == "REQUEST" and ttl_s and not authorizer.identity_source:
        raise BadRequestError("Identity source is required for REQUEST authorizers when caching is enabled")
    if authorizer.identity_validation_expression:
        try:
            re.compile(authorizer.identity_validation_expression)
        except re.error as error:
            raise BadRequestError(f"Invalid identity validation expression: {error}") from None


def _given(call: ApiCall) -> dict[str, Any]:
    return {name: value for name, value in call.members.items() if value is not None and name != "restApiId"}


def _without(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: found for each, found in known.items() if each != name}


def _methods(definition: Definition) -> list[Any]:
    return [method for resource in definition.resources.values() for method in resource.resource_methods.values()]


def _keep(change: Change, call: ApiCall, definition: Definition) -> None:
    change.put(APIS, place_of(call), definition.api.id, definition)


def _keep_validator(change: Change, call: ApiCall, definition: Definition, validator: RequestValidator) -> None:
    validators = {**definition.request_validators, validator.id: validator}
    _keep(change, call, replace(definition, request_validators=validators))


def _keep_authorizer(change: Change, call: ApiCall, definition: Definition, authorizer: Authorizer) -> None:
    _keep(change, call, replace(definition, authorizers={**definition.authorizers, authorizer.id: authorizer}))


def _keep_gateway_response(change: Change, call: ApiCall, definition: Definition, response: GatewayResponse) -> None:
    responses = {**definition.gateway_responses, response.response_type: response}
    _keep(change, call, replace(definition, gateway_responses=responses))


def _model_of(definition: Definition, call: ApiCall) -> Model:
    found = definition.models.get(call.members["modelName"])
    if found is None:
        raise NotFoundError(f"Invalid model name specified: {call.members['modelName']}")
    return found


def _validator_of(definition: Definition, call: ApiCall) -> RequestValidator:
    found = definition.request_validators.get(call.members["requestValidatorId"])
    if found is None:
        raise NotFoundError("Invalid Request Validator identifier specified")
    return found


def _authorizer_of(definition: Definition, call: ApiCall) -> Authorizer:
    found = definition.authorizers.get(call.members["authorizerId"])
    if found is None:
        raise NotFoundError("Invalid Authorizer identifier specified")
    return found


def _response_type(call: ApiCall) -> str:
    kind: str = call.members["responseType"]
    if kind not in DEFAULTS:
        raise NotFoundError("Invalid gateway response type specified")
    return kind


def _shown_response(response: GatewayResponse, *, is_default: bool) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(response)
    return shown | {"defaultResponse": is_default}
