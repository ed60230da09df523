"""Amazon API Gateway Developer Guide, "OpenAPI definitions for HTTP APIs"."""

import json
from typing import Any

import yaml

from tests.http_apis.conftest import ApiClient, Apis, arn_of
from tests.http_apis.test_control_plane import refusal


def document(function: str) -> dict[str, Any]:
    invoked = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn_of(function)}/invocations"
    integration = {"type": "aws_proxy", "uri": invoked, "httpMethod": "POST", "payloadFormatVersion": "2.0"}
    return {
        "openapi": "3.0.1",
        "info": {"title": "pets", "version": "7", "description": "d"},
        "servers": [{"url": "https://x.example/{base}", "variables": {"base": {"default": "v1"}}}],
        "tags": [{"name": "team", "x-amazon-apigateway-tag-value": "blue"}],
        "x-amazon-apigateway-cors": {"allowOrigins": ["https://a.example"], "maxAge": 5},
        "paths": {
            "/pets/{id}": {
                "get": {
                    "operationId": "pet",
                    "security": [{"tokens": ["read"]}],
                    "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/f"},
                },
                "x-amazon-apigateway-any-method": {
                    "security": [{"signed": []}],
                    "x-amazon-apigateway-integration": integration,
                },
            },
            "/open": {"post": {"x-amazon-apigateway-integration": {**integration, "timeoutInMillis": 20_000}}},
            "/$default": {
                "x-amazon-apigateway-any-method": {
                    "isDefaultRoute": True,
                    "x-amazon-apigateway-integration": {
                        "type": "http_proxy",
                        "httpMethod": "ANY",
                        "uri": "http://127.0.0.1:9",
                        "payloadFormatVersion": "1.0",
                    },
                }
            },
        },
        "components": {
            "securitySchemes": {
                "tokens": {
                    "type": "openIdConnect",
                    "openIdConnectUrl": "https://issuer.example/.well-known/openid-configuration",
                    "x-amazon-apigateway-authorizer": {
                        "type": "jwt",
                        "jwtConfiguration": {"audience": ["me"]},
                        "identitySource": "$request.header.Authorization",
                    },
                },
                "asked": {
                    "type": "apiKey",
                    "name": "X-Token",
                    "in": "header",
                    "x-amazon-apigateway-authorizer": {
                        "type": "request",
                        "authorizerUri": invoked,
                        "identitySource": "$request.header.X-Token, $request.querystring.q",
                        "authorizerPayloadFormatVersion": "2.0",
                        "enableSimpleResponses": True,
                        "authorizerResultTtlInSeconds": 5,
                    },
                },
                "signed": {"type": "apiKey", "x-amazon-apigateway-authtype": "awsSigv4"},
            },
            "x-amazon-apigateway-integrations": {"f": integration},
        },
    }


def test_a_document_becomes_an_api_that_answers(apis: Apis, function: str) -> None:
    client = apis.client
    made = client.import_api(Body=json.dumps(document(function)))
    assert (made["Name"], made["Version"], made["Description"], made["Tags"]) == ("pets", "7", "d", {"team": "blue"})
    assert made["CorsConfiguration"] == {"AllowOrigins": ["https://a.example"], "MaxAge": 5}
    api_id = made["ApiId"]
    routes = {route["RouteKey"]: route for route in client.get_routes(ApiId=api_id)["Items"]}
    authorizers = {known["Name"]: known for known in client.get_authorizers(ApiId=api_id)["Items"]}
    assert routes.keys() == {"GET /pets/{id}", "ANY /pets/{id}", "POST /open", "$default"}
    pet = routes["GET /pets/{id}"]
    assert (pet["AuthorizationType"], pet["AuthorizationScopes"], pet["OperationName"]) == ("JWT", ["read"], "pet")
    assert pet["AuthorizerId"] == authorizers["tokens"]["AuthorizerId"]
    assert authorizers["tokens"]["JwtConfiguration"] == {"Issuer": "https://issuer.example", "Audience": ["me"]}
    assert authorizers["asked"]["IdentitySource"] == ["$request.header.X-Token", "$request.querystring.q"]
    assert routes["ANY /pets/{id}"]["AuthorizationType"] == "AWS_IAM"
    integrations = client.get_integrations(ApiId=api_id)["Items"]
    assert sorted(known["TimeoutInMillis"] for known in integrations) == [20_000, 30_000, 30_000, 30_000]
    client.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    api = ApiClient(apis.node, api_id)
    apis.let_in(api, function)
    assert api.event("POST", "/open")["routeKey"] == "POST /open"
    assert api.ask("GET", "/pets/1").status == 401
    assert api.ask("GET", "/elsewhere").status == 503


def test_yaml_is_a_document_too_and_an_import_can_be_done_again(apis: Apis, function: str) -> None:
    client = apis.client
    text = yaml.safe_dump(document(function))
    api_id = client.import_api(Body=text, Basepath="prepend")["ApiId"]
    assert "POST /v1/open" in {route["RouteKey"] for route in client.get_routes(ApiId=api_id)["Items"]}
    client.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    less = document(function)
    less["info"] = {"title": "fewer", "version": "8"}
    less["paths"] = {"/open": {"get": {}}}
    again = client.reimport_api(ApiId=api_id, Body=json.dumps(less))
    assert (again["Name"], again.get("Description")) == ("fewer", None)
    assert again["Warnings"] == ["The route GET /open has no integration"]
    assert [route["RouteKey"] for route in client.get_routes(ApiId=api_id)["Items"]] == ["GET /open"]
    assert client.get_integrations(ApiId=api_id)["Items"] == []
    assert [stage["StageName"] for stage in client.get_stages(ApiId=api_id)["Items"]] == ["$default"]


def test_what_is_no_document_is_refused(apis: Apis, function: str) -> None:
    client = apis.client
    wrong: dict[str, Any] = document(function)
    wrong["x-amazon-apigateway-cors"] = {"allowOrigins": "*"}
    for body in ("{", "[]", '{"swagger": "2.0"}', '{"openapi": "3.0.1", "paths": 7}', json.dumps(wrong), "a: &a [*a]"):
        assert refusal(client.import_api, Body=body)[:2] == (400, "BadRequestException")
    less = {"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"/a": {"get": {}}}}
    assert refusal(client.import_api, Body=json.dumps(less), FailOnWarnings=True)[0] == 400
