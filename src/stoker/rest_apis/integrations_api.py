"""API Gateway's operations on integrations: what a method leads to, and what becomes of its answer."""

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from stoker.lambda_model.call import ApiAnswer, ApiCall, Operation
from stoker.rest_apis.catalogue import Catalogue, Change
from stoker.rest_apis.errors import BadRequestError, NotFoundError, not_supported
from stoker.rest_apis.lookups import definition_of, given_members, integration_of, method_of
from stoker.rest_apis.methods_api import STATUS, keep_method
from stoker.rest_apis.patches import converted, operations, patched, paths
from stoker.rest_apis.records import Definition, Integration, IntegrationResponse, Method, Resource
from stoker.rest_apis.unsupported import refuse_unsupported

_PATCHED = paths(
    "type httpMethod uri credentials passthroughBehavior contentHandling timeoutInMillis cacheNamespace connectionType",
    maps="requestParameters requestTemplates",
    lists="cacheKeyParameters",
)
_PATCHED_RESPONSE = paths("selectionPattern contentHandling", maps="responseParameters responseTemplates")
_PASSTHROUGH = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
_CONTENT_HANDLING = (None, "", "CONVERT_TO_BINARY", "CONVERT_TO_TEXT")
# API Gateway Developer Guide, "Quotas": 50 milliseconds to 29 seconds.
TIMEOUT_MIN_MS, TIMEOUT_MAX_MS = 50, 29_000
FUNCTION_URI = re.compile(
    r"arn:aws[a-z-]*:apigateway:[^:]+:lambda:path/2015-03-31/functions/(?P<function>[^/]+)/invocations"
)
_STREAMING_URI = re.compile(r"arn:aws[a-z-]*:apigateway:[^:]+:lambda:path/2021-11-15/.+")
_SERVER_URI = re.compile(r"(?:https?://|\$\{stageVariables\.)[^\s]+")


class IntegrationsApi:
    """Integrations of methods, and the responses of those."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def operations(self) -> dict[str, Operation]:
        return {
            "PutIntegration": self.put_integration,
            "GetIntegration": self.get_integration,
            "UpdateIntegration": self.update_integration,
            "DeleteIntegration": self.delete_integration,
            "PutIntegrationResponse": self.put_integration_response,
            "GetIntegrationResponse": self.get_integration_response,
            "UpdateIntegrationResponse": self.update_integration_response,
            "DeleteIntegrationResponse": self.delete_integration_response,
        }

    async def put_integration(self, call: ApiCall) -> ApiAnswer:
        """Instead of the one there was; its responses stay."""
        refuse_unsupported(call.members)
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            given = given_members(call)
            given["httpMethod"] = given.pop("integrationHttpMethod", None)
            given.setdefault("cacheNamespace", resource.id)
            integration = converted(given, Integration)
            check_integration(integration)
            before = method.method_integration
            if before is not None and integration.integration_responses is None:
                integration = replace(integration, integration_responses=before.integration_responses)
            _keep(change, call, definition, resource, method, integration)
        return ApiAnswer(msgspec.to_builtins(integration))

    async def get_integration(self, call: ApiCall) -> ApiAnswer:
        _, method = method_of(definition_of(self._catalogue.items, call), call)
        return ApiAnswer(msgspec.to_builtins(integration_of(method)))

    async def update_integration(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            integration = patched(integration_of(method), given, _PATCHED)
            check_integration(integration)
            _keep(change, call, definition, resource, method, integration)
        return ApiAnswer(msgspec.to_builtins(integration))

    async def delete_integration(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            integration_of(method)
            keep_method(change, call, definition, resource, replace(method, method_integration=None))
        return ApiAnswer()

    # Responses

    async def put_integration_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            given = given_members(call)
            response = converted(given, IntegrationResponse)
            check_integration_response(method, response)
            _keep_response(change, call, definition, resource, method, response)
        return ApiAnswer(msgspec.to_builtins(response))

    async def get_integration_response(self, call: ApiCall) -> ApiAnswer:
        _, method = method_of(definition_of(self._catalogue.items, call), call)
        return ApiAnswer(msgspec.to_builtins(_response_of(method, call)))

    async def update_integration_response(self, call: ApiCall) -> ApiAnswer:
        given = operations(call.members.get("patchOperations"))
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            response = patched(_response_of(method, call), given, _PATCHED_RESPONSE)
            check_integration_response(method, response)
            _keep_response(change, call, definition, resource, method, response)
        return ApiAnswer(msgspec.to_builtins(response))

    async def delete_integration_response(self, call: ApiCall) -> ApiAnswer:
        async with self._catalogue.changing() as change:
            definition = definition_of(change.items, call)
            resource, method = method_of(definition, call)
            status = _response_of(method, call).status_code
            integration = integration_of(method)
            known = integration.integration_responses or {}
            left = {each: response for each, response in known.items() if each != status}
            integration = replace(integration, integration_responses=left or None)
            _keep(change, call, definition, resource, method, integration)
        return ApiAnswer()


def check_integration(integration: Integration) -> None:
    """Raises BadRequestError."""
    kind = integration.type
    refuse_unsupported({"connectionType": integration.connection_type})
    if kind in ("AWS", "AWS_PROXY"):
        _check_function(integration)
    elif kind in ("HTTP", "HTTP_PROXY"):
        _check_server(integration)
    if integration.passthrough_behavior not in _PASSTHROUGH:
        raise BadRequestError(f"Enumeration value for passthroughBehavior must be one of [{', '.join(_PASSTHROUGH)}]")
    if integration.content_handling not in _CONTENT_HANDLING:
        raise BadRequestError(
            "Enumeration value for contentHandling must be one of [CONVERT_TO_BINARY, CONVERT_TO_TEXT]"
        )
    if not TIMEOUT_MIN_MS <= integration.timeout_in_millis <= TIMEOUT_MAX_MS:
        raise BadRequestError(f"Timeout should be between {TIMEOUT_MIN_MS} ms and {TIMEOUT_MAX_MS} ms")


def check_integration_response(method: Method, response: IntegrationResponse) -> None:
    """Raises BadRequestError and NotFoundError."""
    integration_of(method)
    if STATUS.fullmatch(response.status_code) is None:
        raise BadRequestError("Invalid status code specified")
    declared = (method.method_responses or {}).get(response.status_code)
    if declared is None:
        raise NotFoundError("Invalid Response status code specified")
    known = declared.response_parameters or {}
    for name in response.response_parameters or {}:
        if name not in known:
            raise BadRequestError(
                f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping "
                f"expression parameter specified: {name}]"
            )
    if response.content_handling not in _CONTENT_HANDLING:
        raise BadRequestError(
            "Enumeration value for contentHandling must be one of [CONVERT_TO_BINARY, CONVERT_TO_TEXT]"
        )
    if response.selection_pattern:
        try:
            re.compile(response.selection_pattern)
        except re.error as error:
            raise BadRequestError(f"Invalid selectionPattern: {error}") from None


def _check_function(integration: Integration) -> None:
    uri = integration.uri or ""
    if not integration.http_method:
        raise BadRequestError("Enumeration value for HttpMethod must be non-empty")
    if _STREAMING_URI.fullmatch(uri):
        raise not_supported("response streaming (an integration's URI with 2021-11-15)")
    if FUNCTION_URI.fullmatch(uri):
        return
    if ":apigateway:" not in uri:
        raise BadRequestError("Invalid ARN specified in the request")
    if ":lambda:" in uri:
        raise BadRequestError("AWS ARN for integration must contain path or action")
    raise not_supported("integrations with AWS services other than Lambda")


def _check_server(integration: Integration) -> None:
    if not integration.http_method:
        raise BadRequestError("Enumeration value for HttpMethod must be non-empty")
    if _SERVER_URI.match(integration.uri or "") is None:
        raise BadRequestError("Invalid HTTP endpoint specified for URI")


def _response_of(method: Method, call: ApiCall) -> IntegrationResponse:
    found = (integration_of(method).integration_responses or {}).get(call.members["statusCode"])
    if found is None:
        raise NotFoundError("Invalid Response status code specified")
    return found


def _keep(
    change: Change, call: ApiCall, definition: Definition, resource: Resource, method: Method, integration: Integration
) -> None:
    keep_method(change, call, definition, resource, replace(method, method_integration=integration))


def _keep_response(
    change: Change,
    call: ApiCall,
    definition: Definition,
    resource: Resource,
    method: Method,
    response: IntegrationResponse,
) -> None:
    integration = integration_of(method)
    responses: dict[str, Any] = {**(integration.integration_responses or {}), response.status_code: response}
    integration = replace(integration, integration_responses=responses)
    _keep(change, call, definition, resource, method, integration)
