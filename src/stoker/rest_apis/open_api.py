"""Reads OpenAPI documents (2.0 and 3.0) with API Gateway's extensions as definitions of APIs. Pure functions.

Source: API Gateway Developer Guide, "OpenAPI extensions for API Gateway". What the extensions call differently from the
API is put into the API's words; what they do not know stays away, as documentation does.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from stoker.gateways.ids import new_id
from stoker.rest_apis.errors import BadRequestError, not_supported
from stoker.rest_apis.ids import PART_LENGTH

_X = "x-amazon-apigateway-"
_ANY = f"{_X}any-method"
_VERBS = {verb: verb.upper() for verb in ("get", "put", "post", "patch", "delete", "head", "options")} | {_ANY: "ANY"}
_PARAMETER_KINDS = {"path": "path", "query": "querystring", "header": "header"}
JSON_TYPE = "application/json"
# By which a model refers to another of its API.
MODEL_URL = "https://apigateway.amazonaws.com/restapis/{api_id}/models/{name}"


class ReadMethod(NamedTuple):
    """A method as its document says it; `authorizer` and `validator` are names."""

    path: str
    verb: str
    members: Mapping[str, Any]
    authorizer: str | None
    validator: str | None


class ReadApi(NamedTuple):
    """A whole document, each part by its name, in the words of API Gateway's API."""

    api: Mapping[str, Any]
    paths: tuple[str, ...]
    methods: tuple[ReadMethod, ...]
    models: Mapping[str, Mapping[str, Any]]
    validators: Mapping[str, Mapping[str, Any]]
    authorizers: Mapping[str, Mapping[str, Any]]
    gateway_responses: Mapping[str, Mapping[str, Any]]


def read(document: Any, api_id: str, base_path: str = "ignore") -> ReadApi:
    """`base_path` is what becomes of a base path: `ignore` or `prepend`. Raises BadRequestError."""
    if not isinstance(document, dict) or not ("swagger" in document or "openapi" in document):
        raise BadRequestError("Invalid OpenAPI input. Neither 'swagger' nor 'openapi' is there.")
    try:
        return _Reader(document, api_id).read(base_path)
    except (AssertionError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise BadRequestError(f"Unable to parse API definition because of a malformed document: {error!r}") from None


class _Reader:
    def __init__(self, document: Mapping[str, Any], api_id: str) -> None:
        self._document = document
        self._api_id = api_id
        self._is_2 = "swagger" in document
        components = document.get("components") or {}
        self._schemas: Mapping[str, Any] = (
            document.get("definitions") if self._is_2 else components.get("schemas")
        ) or {}
        self._security: Mapping[str, Any] = (
            document.get("securityDefinitions") if self._is_2 else components.get("securitySchemes")
        ) or {}
        self._models: dict[str, Mapping[str, Any]] = {
            name: self._model(name, schema) for name, schema in self._schemas.items()
        }

    def read(self, base_path: str) -> ReadApi:
        document = self._document
        if document.get(f"{_X}minimum-compression-size") is not None:
            raise not_supported(f"{_X}minimum-compression-size")
        prefix = self._prefix(base_path)
        paths: dict[str, Any] = {f"{prefix}{path}": item for path, item in (document.get("paths") or {}).items()}
        methods = tuple(
            self._method(path, verb, item, operation)
            for path, item in paths.items()
            for verb, operation in item.items()
            if verb in _VERBS
        )
        return ReadApi(
            api=self._api(),
            paths=tuple(paths),
            methods=methods,
            models=self._models,
            validators=document.get(f"{_X}request-validators") or {},
            authorizers=dict(self._authorizers()),
            gateway_responses={
                kind: _without_nulls(response)
                for kind, response in (document.get(f"{_X}gateway-responses") or {}).items()
            },
        )

    def _prefix(self, base_path: str) -> str:
        if base_path == "ignore":
            return ""
        if base_path != "prepend":
            raise not_supported(f"basepath={base_path}")
        if self._is_2:
            return str(self._document.get("basePath") or "").rstrip("/")
        servers = self._document.get("servers") or [{}]
        variables = servers[0].get("variables") or {}
        found = (variables.get("basePath") or {}).get("default") or ""
        return f"/{str(found).strip('/')}" if found else ""

    def _api(self) -> dict[str, Any]:
        document = self._document
        info = document.get("info") or {}
        api = {
            "name": info.get("title"),
            "description": info.get("description"),
            "version": info.get("version"),
            "binaryMediaTypes": document.get(f"{_X}binary-media-types"),
            "apiKeySource": document.get(f"{_X}api-key-source"),
        }
        policy = document.get(f"{_X}policy")
        if policy is not None:
            api["policy"] = json.dumps(policy)
        endpoint = document.get(f"{_X}endpoint-configuration") or {}
        if endpoint.get("disableExecuteApiEndpoint") is not None:
            api["disableExecuteApiEndpoint"] = endpoint["disableExecuteApiEndpoint"]
        return _without_nulls(api)

    def _authorizers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name, scheme in self._security.items():
            given = scheme.get(f"{_X}authorizer")
            if given is None:
                continue
            kind = str(given.get("type", "token")).upper()
            if kind == "COGNITO_USER_POOLS":
                raise not_supported("authorizers of type COGNITO_USER_POOLS")
            members = {known: value for known, value in given.items() if known != "type"}
            if kind == "TOKEN" and scheme.get("in") == "header":
                members.setdefault("identitySource", f"method.request.header.{scheme.get('name')}")
            yield name, _without_nulls({**members, "type": kind, "authType": scheme.get(f"{_X}authtype")})

    def _method(self, path: str, verb: str, item: Mapping[str, Any], operation: Mapping[str, Any]) -> ReadMethod:
        parameters = [self._resolved(each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        authorization, authorizer, needs_key = self._access(operation)
        members = {
            "httpMethod": _VERBS[verb],
            "authorizationType": authorization,
            "apiKeyRequired": needs_key,
            "operationName": operation.get("operationId"),
            "requestParameters": {
                f"method.request.{_PARAMETER_KINDS[each['in']]}.{each['name']}": bool(each.get("required"))
                for each in parameters
                if each.get("in") in _PARAMETER_KINDS
            }
            or None,
            "requestModels": self._request_models(parameters, operation),
            "methodResponses": {
                str(status): self._method_response(str(status), self._resolved(response))
                for status, response in (operation.get("responses") or {}).items()
                if str(status).isdecimal()
            }
            or None,
        }
        integration = operation.get(f"{_X}integration") or item.get(f"{_X}integration")
        if integration is not None:
            members["methodIntegration"] = _integration(integration)
        validator = operation.get(f"{_X}request-validator", self._document.get(f"{_X}request-validator"))
        return ReadMethod(path, _VERBS[verb], _without_nulls(members), authorizer, validator)

    def _access(self, operation: Mapping[str, Any]) -> tuple[str, str | None, bool]:
        """The authorization type, the name of an authorizer, and whether a key is wanted."""
        own = operation.get(f"{_X}auth") or {}
        authorization, authorizer, needs_key = str(own.get("type") or "NONE").upper(), None, False
        security = operation.get("security", self._document.get("security")) or []
        for name in (name for requirement in security for name in requirement):
            scheme = self._security.get(name) or {}
            if f"{_X}authorizer" in scheme:
                authorization, authorizer = "CUSTOM", name
            elif scheme.get(f"{_X}authtype") == "awsSigv4":
                authorization = "AWS_IAM"
            elif scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key":
                needs_key = True
        return authorization, authorizer, needs_key

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a `$ref` within the document stands for."""
        reference = value.get("$ref")
        if reference is None:
            return value
        found: Any = self._document
        for part in str(reference).removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        assert isinstance(found, dict)
        return found

    # Models

    def _request_models(
        self, parameters: Iterable[Mapping[str, Any]], operation: Mapping[str, Any]
    ) -> dict[str, str] | None:
        if self._is_2:
            consumes = operation.get("consumes") or self._document.get("consumes") or [JSON_TYPE]
            schemas = [each["schema"] for each in parameters if each.get("in") == "body" and "schema" in each]
            return {content_type: self._model_of(schemas[0]) for content_type in consumes} if schemas else None
        body = self._resolved(operation.get("requestBody") or {})
        return self._models_of(body.get("content") or {})

    def _method_response(self, status: str, response: Mapping[str, Any]) -> dict[str, Any]:
        headers = {f"method.response.header.{name}": False for name in response.get("headers") or {}}
        if self._is_2:
            produces = self._document.get("produces") or [JSON_TYPE]
            schema = response.get("schema")
            models = {each: self._model_of(schema) for each in produces} if schema else None
        else:
            models = self._models_of(response.get("content") or {})
        return _without_nulls({"statusCode": status, "responseParameters": headers or None, "responseModels": models})

    def _models_of(self, content: Mapping[str, Any]) -> dict[str, str] | None:
        found = {kind: self._model_of(each["schema"]) for kind, each in content.items() if each.get("schema")}
        return found or None

    def _model_of(self, schema: Mapping[str, Any]) -> str:
        """The name of a model for that schema, which is made where it is not one of the document's own."""
        reference = schema.get("$ref")
        if reference is not None:
            name = str(reference).rpartition("/")[2]
            if name not in self._models:
                raise BadRequestError(f"Invalid model reference specified: {reference}")
            return name
        name = f"MODEL{new_id(PART_LENGTH)}"
        self._models[name] = self._model(name, schema)
        return name

    def _model(self, name: str, schema: Any) -> dict[str, Any]:
        return {"name": name, "contentType": JSON_TYPE, "schema": json.dumps(self._linked(schema))}

    def _linked(self, value: Any) -> Any:
        """References to other schemas of the document, as models refer to each other."""
        if isinstance(value, list):
            return [self._linked(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            name: MODEL_URL.format(api_id=self._api_id, name=str(inner).rpartition("/")[2])
            if name == "$ref"
            else self._linked(inner)
            for name, inner in value.items()
        }


def _integration(given: Mapping[str, Any]) -> dict[str, Any]:
    """Its members have the API's names, but for the case of what is one of few."""
    known = (
        "uri",
        "httpMethod",
        "credentials",
        "requestParameters",
        "requestTemplates",
        "timeoutInMillis",
        "cacheNamespace",
        "cacheKeyParameters",
        "connectionId",
        "tlsConfig",
        "responseTransferMode",
    )
    integration = {name: given[name] for name in known if name in given}
    for name in ("type", "passthroughBehavior", "contentHandling", "connectionType"):
        if given.get(name):
            integration[name] = str(given[name]).upper()
    responses = {}
    for pattern, response in (given.get("responses") or {}).items():
        status = str(response["statusCode"])
        responses[status] = _without_nulls(
            {
                "statusCode": status,
                "selectionPattern": None if pattern == "default" else str(pattern),
                "responseParameters": response.get("responseParameters"),
                "responseTemplates": response.get("responseTemplates"),
                "contentHandling": response.get("contentHandling"),
            }
        )
    return {**integration, "integrationResponses": responses or None}


def _without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
