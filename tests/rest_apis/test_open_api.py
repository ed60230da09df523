"""OpenAPI documents with API Gateway's extensions become APIs that answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node
from tests.rest_apis.conftest import Api, event_of


def adopted(platform: Node, api_id: str) -> Api:
    """The client of an API that was made otherwise."""
    api = Api.__new__(Api)
    api.node, api.client, api.id = platform, platform.client("apigateway"), api_id
    return api


def of_function(api: Api, echo: str) -> dict[str, Any]:
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": api.uri(echo)}


def swagger(api: Api, echo: str) -> dict[str, Any]:
    """OpenAPI 2.0, with most of what the extensions have."""
    return {
        "swagger": "2.0",
        "info": {"title": "pets", "version": "1.2", "description": "d"},
        "basePath": "/base",
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "x-amazon-apigateway-gateway-responses": {
            "INVALID_API_KEY": {"statusCode": 418, "responseTemplates": {"application/json": '{"tea": true}'}}
        },
        "securityDefinitions": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "paths": {
            "/pets": {
                "post": {
                    "operationId": "createPet",
                    "consumes": ["application/json"],
                    "parameters": [
                        {"name": "pet", "in": "body", "schema": {"$ref": "#/definitions/Pet"}},
                        {"name": "q", "in": "query", "required": True, "type": "string"},
                    ],
                    "responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Pet"}}},
                    "x-amazon-apigateway-request-validator": "body",
                    "x-amazon-apigateway-integration": of_function(api, echo),
                },
                "options": {
                    "responses": {"200": {"headers": {"X-Mock": {"type": "string"}}}},
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "passthroughBehavior": "when_no_match",
                        "requestTemplates": {"application/json": '{"statusCode": 200}'},
                        "responses": {
                            "default": {
                                "statusCode": "200",
                                "responseParameters": {"method.response.header.X-Mock": "'yes'"},
                                "responseTemplates": {"application/json": "mocked"},
                            }
                        },
                    },
                },
            },
            "/secret": {
                "get": {"security": [{"key": []}], "x-amazon-apigateway-integration": of_function(api, echo)},
            },
            "/all/{proxy+}": {
                "x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": of_function(api, echo)}
            },
        },
        "definitions": {
            "Pet": {"type": "object", "required": ["tag"], "properties": {"tag": {"$ref": "#/definitions/Tag"}}},
            "Tag": {"type": "string", "maxLength": 3},
        },
    }


def test_a_document_becomes_an_api(platform: Node, echo: str) -> None:
    blank = Api(platform)
    document = json.dumps(swagger(blank, echo)).encode()
    made = blank.client.import_rest_api(body=document, parameters={"endpointConfigurationTypes": "REGIONAL"})
    assert (made["name"], made["version"], made["binaryMediaTypes"]) == ("pets", "1.2", ["image/png"])
    assert made["endpointConfiguration"] == {"types": ["REGIONAL"]}
    api = adopted(platform, made["id"])
    api.let_in(echo)
    api.deploy()
    assert event_of(api.ask("POST", "/prod/pets?q=1", b'{"tag": "cat"}'))["resource"] == "/pets"
    for body in (b'{"tag": "long"}', b"{}"):
        assert api.ask("POST", "/prod/pets?q=1", body).body == b'{"message":"Invalid request body"}'
    preflight = api.ask("OPTIONS", "/prod/pets")
    assert (preflight.headers["x-mock"], preflight.body) == ("yes", b"mocked")
    refused = api.ask("GET", "/prod/secret")
    assert (refused.status, refused.document) == (418, {"tea": True})
    assert event_of(api.ask("PUT", "/prod/all/a/b"))["pathParameters"] == {"proxy": "a/b"}
    resources = api.client.get_resources(restApiId=api.id, embed=["methods"])["items"]
    pets = next(each for each in resources if each["path"] == "/pets")["resourceMethods"]["POST"]
    assert (pets["operationName"], pets["requestModels"]) == ("createPet", {"application/json": "Pet"})
    assert pets["requestParameters"] == {"method.request.querystring.q": True}


def test_overwriting_leaves_nothing_else_and_merging_leaves_all(platform: Node, echo: str) -> None:
    api = Api(platform)
    api.proxy("/old", echo)
    document = json.dumps(swagger(api, echo)).encode()
    api.client.put_rest_api(restApiId=api.id, mode="merge", body=document)
    paths = {each["path"] for each in api.client.get_resources(restApiId=api.id)["items"]}
    assert paths == {"/", "/old", "/pets", "/secret", "/all", "/all/{proxy+}"}
    api.client.put_rest_api(restApiId=api.id, mode="overwrite", body=document, parameters={"basepath": "prepend"})
    paths = {each["path"] for each in api.client.get_resources(restApiId=api.id)["items"]}
    assert paths == {"/", "/base", "/base/pets", "/base/secret", "/base/all", "/base/all/{proxy+}"}


def test_the_aws_cli_imports_openapi_3_in_yaml(platform: Node, echo: str, tmp_path: Path) -> None:
    blank = Api(platform)
    file = tmp_path / "api.yaml"
    file.write_text(f"""
openapi: 3.0.1
info: {{title: yaml, version: 2020-01-01}}
components:
  schemas:
    Pet: {{type: object, required: [name]}}
  securitySchemes:
    signed: {{type: apiKey, name: Authorization, in: header, x-amazon-apigateway-authtype: awsSigv4}}
x-amazon-apigateway-request-validators:
  all: {{validateRequestBody: true, validateRequestParameters: true}}
x-amazon-apigateway-request-validator: all
paths:
  /pets/{{id}}:
    parameters:
      - {{name: id, in: path, required: true, schema: {{type: string}}}}
    post:
      requestBody:
        content:
          application/json: {{schema: {{$ref: '#/components/schemas/Pet'}}}}
      responses: {{'200': {{description: ok}}}}
      x-amazon-apigateway-integration: {{type: AWS_PROXY, httpMethod: POST, uri: '{blank.uri(echo)}'}}
  /signed:
    get:
      security: [{{signed: []}}]
      x-amazon-apigateway-integration: {{type: AWS_PROXY, httpMethod: POST, uri: '{blank.uri(echo)}'}}
""")
    environment = {
        "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": "/usr/bin:/bin",
    }

    def aws(*arguments: str) -> Any:
        program = str(Path(sys.executable).with_name("aws"))
        done = subprocess.run(
            [program, "apigateway", *arguments, "--endpoint-url", platform.endpoint],
            env=environment,
            capture_output=True,
            timeout=120,
            check=True,
        )
        return json.loads(done.stdout)

    api = adopted(platform, aws("import-rest-api", "--body", f"fileb://{file}")["id"])
    api.let_in(echo)
    aws("create-deployment", "--rest-api-id", api.id, "--stage-name", "prod")
    event = event_of(api.ask("POST", "/prod/pets/7", b'{"name": "Rex"}'))
    assert event["pathParameters"] == {"id": "7"}
    assert api.ask("POST", "/prod/pets/7", b"{}").status == 400
    assert api.ask("GET", "/prod/signed").document == {"message": "Missing Authentication Token"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{",
        b'{"info": {}}',
        b'{"swagger": "2.0", "paths": {"/a": 3}}',
        b'{"swagger": "2.0", "paths": {"/a": {"get": {"parameters": [3]}}}}',
        b'{"swagger": "2.0", "info": {"title": "t"}, "x-amazon-apigateway-minimum-compression-size": 1}',
        b"a: &a [x]\nb: [*a, *a]",
        b"a: b: c",
    ],
)
def test_what_is_no_document_is_refused(platform: Node, document: bytes) -> None:
    client = platform.client("apigateway")
    with pytest.raises(ClientError) as caught:
        client.import_rest_api(body=document)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
