"""API Gateway's API as boto3 and the AWS CLI speak it: what is made is shown, changed by patches, and taken away."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess
from tests.rest_apis.conftest import Api


@pytest.fixture(scope="module")
def client(platform: Node) -> Any:
    return platform.client("apigateway")


@pytest.fixture
def api(platform: Node) -> Api:
    return Api(platform)


def replaced(path: str, value: str) -> list[dict[str, str]]:
    return [{"op": "replace", "path": path, "value": value}]


def refused(call: Callable[..., Any], code: str, **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == code
    message: str = caught.value.response["Error"]["Message"]
    return message


def test_an_api_is_made_with_its_root_and_patched(client: Any) -> None:
    made = client.create_rest_api(name="pets", description="d", binaryMediaTypes=["image/png"], tags={"a": "1"})
    api_id = made["id"]
    assert len(api_id) == 10
    assert (made["name"], made["apiKeySource"], made["endpointConfiguration"]) == (
        "pets",
        "HEADER",
        {"types": ["EDGE"]},
    )
    root = client.get_resources(restApiId=api_id)["items"]
    assert root == [{"id": made["rootResourceId"], "path": "/"}]
    changed = client.update_rest_api(
        restApiId=api_id,
        patchOperations=[
            {"op": "replace", "path": "/name", "value": "cats"},
            {"op": "remove", "path": "/description"},
            {"op": "add", "path": "/binaryMediaTypes/image~1gif"},
            {"op": "remove", "path": "/binaryMediaTypes/image~1png"},
            {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"},
            {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
        ],
    )
    assert changed["name"] == "cats"
    assert "description" not in changed
    assert changed["binaryMediaTypes"] == ["image/gif"]
    assert changed["disableExecuteApiEndpoint"] is True
    assert changed["endpointConfiguration"] == {"types": ["REGIONAL"]}
    assert api_id in [each["id"] for each in client.get_rest_apis(limit=500)["items"]]
    client.delete_rest_api(restApiId=api_id)
    message = refused(client.get_rest_api, "NotFoundException", restApiId=api_id)
    assert message == f"Invalid API identifier specified 000000000000:{api_id}"


def test_resources_are_a_tree(api: Api) -> None:
    client = api.client
    pets = client.create_resource(restApiId=api.id, parentId=api.root_id, pathPart="pets")
    pet = client.create_resource(restApiId=api.id, parentId=pets["id"], pathPart="{id}")
    assert (pets["path"], pet["path"], pet["parentId"]) == ("/pets", "/pets/{id}", pets["id"])
    at = {"restApiId": api.id}
    client.update_resource(**at, resourceId=pets["id"], patchOperations=replaced("/pathPart", "cats"))
    assert client.get_resource(**at, resourceId=pet["id"])["path"] == "/cats/{id}"
    for part, parent, code in (
        ("cats", api.root_id, "ConflictException"),
        ("{other}", pets["id"], "BadRequestException"),
        ("a b", api.root_id, "BadRequestException"),
        ("x", "nothing", "NotFoundException"),
    ):
        refused(client.create_resource, code, **at, parentId=parent, pathPart=part)
    refused(client.delete_resource, "BadRequestException", **at, resourceId=api.root_id)
    client.delete_resource(**at, resourceId=pets["id"])
    assert [each["path"] for each in client.get_resources(**at)["items"]] == ["/"]


def test_methods_and_integrations_are_shown_as_they_were_put(api: Api) -> None:
    client = api.client
    at = api.method("/pets", "GET", requestParameters={"method.request.querystring.q": True}, operationName="list")
    client.put_method_response(**at, statusCode="200", responseParameters={"method.response.header.X-A": False})
    client.put_integration(
        **at, type="AWS", integrationHttpMethod="POST", uri=api.uri("f"), timeoutInMillis=1000, requestTemplates={}
    )
    client.put_integration_response(
        **at, statusCode="200", selectionPattern="", responseParameters={"method.response.header.X-A": "'1'"}
    )
    method = client.get_method(**at)
    assert (method["authorizationType"], method["apiKeyRequired"], method["operationName"]) == ("NONE", False, "list")
    assert method["methodResponses"]["200"]["responseParameters"] == {"method.response.header.X-A": False}
    integration = method["methodIntegration"]
    assert (integration["type"], integration["httpMethod"], integration["passthroughBehavior"]) == (
        "AWS",
        "POST",
        "WHEN_NO_MATCH",
    )
    assert (integration["timeoutInMillis"], integration["cacheNamespace"]) == (1000, at["resourceId"])
    assert integration["integrationResponses"]["200"]["responseParameters"] == {"method.response.header.X-A": "'1'"}
    resources = client.get_resources(restApiId=api.id, embed=["methods"])["items"]
    assert {each["path"]: list(each.get("resourceMethods", ())) for each in resources} == {"/": [], "/pets": ["GET"]}
    client.update_integration(
        **at,
        patchOperations=[
            {"op": "replace", "path": "/timeoutInMillis", "value": "2000"},
            {"op": "add", "path": "/requestTemplates/application~1json", "value": "{}"},
            {"op": "add", "path": "/requestParameters/integration.request.header.X", "value": "'1'"},
        ],
    )
    changed = client.get_integration(**at)
    assert (changed["timeoutInMillis"], changed["requestTemplates"]) == (2000, {"application/json": "{}"})
    client.update_method(
        **at, patchOperations=[{"op": "remove", "path": "/requestParameters/method.request.querystring.q"}]
    )
    assert client.get_method(**at)["requestParameters"] == {}
    client.delete_integration(**at)
    refused(client.get_integration, "NotFoundException", **at)
    client.delete_method(**at)
    refused(client.get_method, "NotFoundException", **at)


def test_what_cannot_be_is_refused(api: Api) -> None:
    client, at = api.client, api.method("/", "GET")
    lambda_uri = api.uri("f")
    for members, text in (
        ({"type": "AWS_PROXY", "uri": lambda_uri}, "HttpMethod must be non-empty"),
        ({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": "nonsense"}, "Invalid ARN"),
        ({"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": lambda_uri, "timeoutInMillis": 49}, "Timeout"),
        (
            {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": lambda_uri, "timeoutInMillis": 29001},
            "Timeout",
        ),
        ({"type": "MOCK", "passthroughBehavior": "SOMETIMES"}, "passthroughBehavior"),
        ({"type": "HTTP", "integrationHttpMethod": "GET", "uri": "nonsense"}, "Invalid HTTP endpoint"),
        ({"type": "HTTP_PROXY", "uri": "http://x"}, "HttpMethod must be non-empty"),
        ({"type": "MOCK", "tlsConfig": {"insecureSkipVerification": True}}, "Stoker does not support tlsConfig"),
        (
            {
                "type": "AWS",
                "integrationHttpMethod": "POST",
                "uri": "arn:aws:apigateway:us-east-1:sqs:path/000000000000/q",
            },
            "services other than Lambda",
        ),
    ):
        assert text in refused(client.put_integration, "BadRequestException", **at, **members)
    refused(client.put_method, "ConflictException", **at, authorizationType="NONE")
    for verb, members in (
        ("FETCH", {"authorizationType": "NONE"}),
        ("PUT", {"authorizationType": "MAYBE"}),
        ("PUT", {"authorizationType": "CUSTOM", "authorizerId": "nothing"}),
        ("PUT", {"authorizationType": "COGNITO_USER_POOLS"}),
        ("PUT", {"authorizationType": "NONE", "requestModels": {"application/json": "Nothing"}}),
        ("PUT", {"authorizationType": "NONE", "requestParameters": {"nonsense": True}}),
    ):
        refused(client.put_method, "BadRequestException", **(at | {"httpMethod": verb}), **members)
    refused(client.put_integration_response, "NotFoundException", **at, statusCode="200")
    message = refused(client.update_method, "BadRequestException", **at, patchOperations=replaced("/nonsense", "1"))
    assert message.startswith("Invalid patch path  '/nonsense' specified for op 'replace'. Must be one of: [")
    refused(client.update_method, "BadRequestException", **at, patchOperations=replaced("/apiKeyRequired", "maybe"))
    for members in ({"minimumCompressionSize": 1}, {"endpointConfiguration": {"types": ["PRIVATE"]}}, {"policy": "{"}):
        refused(client.create_rest_api, "BadRequestException", name="x", **members)


def test_stages_show_deployments(api: Api) -> None:
    client = api.client
    message = refused(client.create_deployment, "BadRequestException", restApiId=api.id)
    assert message == "The REST API doesn't contain any methods"
    at = api.method("/pets", "GET")
    message = refused(client.create_deployment, "BadRequestException", restApiId=api.id)
    assert message == "No integration defined for method"
    client.put_integration(**at, type="MOCK")
    deployment = client.create_deployment(restApiId=api.id, description="first")["id"]
    stage = client.create_stage(
        restApiId=api.id, stageName="dev", deploymentId=deployment, variables={"a": "1"}, tags={"t": "1"}
    )
    assert (stage["deploymentId"], stage["variables"], stage["tags"]) == (deployment, {"a": "1"}, {"t": "1"})
    changed = client.update_stage(
        restApiId=api.id,
        stageName="dev",
        patchOperations=[
            {"op": "replace", "path": "/variables/b", "value": "2"},
            {"op": "remove", "path": "/variables/a"},
            {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "12.5"},
            {"op": "replace", "path": "/~1pets/GET/logging/loglevel", "value": "INFO"},
            {"op": "replace", "path": "/~1pets/GET/metrics/enabled", "value": "true"},
        ],
    )
    assert changed["variables"] == {"b": "2"}
    assert changed["methodSettings"]["*/*"]["throttlingRateLimit"] == 12.5
    assert changed["methodSettings"]["~1pets/GET"]["loggingLevel"] == "INFO"
    assert changed["methodSettings"]["~1pets/GET"]["metricsEnabled"] is True
    summary = client.get_deployment(restApiId=api.id, deploymentId=deployment, embed=["apisummary"])["apiSummary"]
    assert summary == {"/pets": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    at_stage = {"restApiId": api.id, "stageName": "dev"}
    assert "tracingEnabled" in refused(
        client.update_stage, "BadRequestException", **at_stage, patchOperations=replaced("/tracingEnabled", "true")
    )
    message = refused(client.delete_deployment, "BadRequestException", restApiId=api.id, deploymentId=deployment)
    assert message == "Active stages pointing to this deployment must be moved or deleted"
    refused(client.create_stage, "ConflictException", **at_stage, deploymentId=deployment)
    assert [each["stageName"] for each in client.get_stages(restApiId=api.id)["item"]] == ["dev"]
    client.delete_stage(**at_stage)
    client.delete_deployment(restApiId=api.id, deploymentId=deployment)
    refused(client.get_stage, "NotFoundException", **at_stage)


def test_parts_of_an_api_come_change_and_go(api: Api) -> None:
    client, of = api.client, {"restApiId": api.id}
    assert [model["name"] for model in client.get_models(**of)["items"]] == ["Empty", "Error"]
    client.create_model(**of, name="Pet", contentType="application/json", schema='{"type": "string"}')
    changed = client.update_model(**of, modelName="Pet", patchOperations=replaced("/schema", '{"type": "integer"}'))
    assert changed["schema"] == '{"type": "integer"}'
    refused(
        client.create_model, "BadRequestException", **of, name="X", contentType="application/json", schema='{"type": 1}'
    )
    at = api.method("/", "POST", requestModels={"application/json": "Pet"})
    refused(client.delete_model, "ConflictException", **of, modelName="Pet")
    client.delete_method(**at)
    client.delete_model(**of, modelName="Pet")

    validator = client.create_request_validator(**of, name="v", validateRequestBody=True)
    changed = client.update_request_validator(
        **of, requestValidatorId=validator["id"], patchOperations=replaced("/validateRequestParameters", "true")
    )
    assert (changed["validateRequestBody"], changed["validateRequestParameters"]) == (True, True)
    client.delete_request_validator(**of, requestValidatorId=validator["id"])
    assert client.get_request_validators(**of)["items"] == []

    authorizer = client.create_authorizer(**of, name="a", type="TOKEN", authorizerUri=api.uri("f"))
    assert (authorizer["identitySource"], authorizer["authorizerResultTtlInSeconds"]) == (
        "method.request.header.Authorization",
        300,
    )
    changed = client.update_authorizer(
        **of, authorizerId=authorizer["id"], patchOperations=replaced("/authorizerResultTtlInSeconds", "0")
    )
    assert changed["authorizerResultTtlInSeconds"] == 0
    for members in ({"type": "COGNITO_USER_POOLS", "providerARNs": ["arn:aws:cognito-idp:x"]}, {"type": "TOKEN"}):
        refused(client.create_authorizer, "BadRequestException", **of, name="b", **members)
    client.delete_authorizer(**of, authorizerId=authorizer["id"])

    default = client.get_gateway_response(**of, responseType="UNAUTHORIZED")
    assert (default["statusCode"], default["defaultResponse"]) == ("401", True)
    client.put_gateway_response(**of, responseType="UNAUTHORIZED", statusCode="418")
    name = "gatewayresponse.header.X"
    operation = {"op": "add", "path": f"/responseParameters/{name}", "value": "'1'"}
    changed = client.update_gateway_response(**of, responseType="UNAUTHORIZED", patchOperations=[operation])
    assert (changed["statusCode"], changed["responseParameters"]) == ("418", {name: "'1'"})
    assert len(client.get_gateway_responses(**of)["items"]) == 21
    client.delete_gateway_response(**of, responseType="UNAUTHORIZED")
    assert client.get_gateway_response(**of, responseType="UNAUTHORIZED")["defaultResponse"] is True


def test_keys_and_plans(api: Api) -> None:
    client = api.client
    at = api.method("/", "GET")
    client.put_integration(**at, type="MOCK")
    api.deploy()
    key = client.create_api_key(name="one", enabled=True, value="v" * 22 + api.id)
    assert "value" not in client.get_api_key(apiKey=key["id"])
    assert client.get_api_key(apiKey=key["id"], includeValue=True)["value"] == "v" * 22 + api.id
    refused(client.create_api_key, "ConflictException", name="two", value="v" * 22 + api.id)
    refused(client.create_api_key, "BadRequestException", name="two", value="short")
    plan = client.create_usage_plan(name="p", quota={"limit": 10, "period": "WEEK", "offset": 1})
    changed = client.update_usage_plan(
        usagePlanId=plan["id"],
        patchOperations=[
            {"op": "add", "path": "/apiStages", "value": f"{api.id}:prod"},
            {"op": "replace", "path": "/throttle/rateLimit", "value": "5"},
            {"op": "replace", "path": "/throttle/burstLimit", "value": "7"},
            {"op": "replace", "path": "/quota/limit", "value": "20"},
        ],
    )
    assert changed["apiStages"] == [{"apiId": api.id, "stage": "prod"}]
    assert (changed["throttle"], changed["quota"]["limit"]) == ({"burstLimit": 7, "rateLimit": 5.0}, 20)
    of_plan = {"usagePlanId": plan["id"]}
    made = client.create_usage_plan_key(**of_plan, keyId=key["id"], keyType="API_KEY")
    assert (made["id"], made["name"], made["type"]) == (key["id"], "one", "API_KEY")
    assert [each["id"] for each in client.get_usage_plan_keys(**of_plan)["items"]] == [key["id"]]
    assert [each["id"] for each in client.get_usage_plans(keyId=key["id"])["items"]] == [plan["id"]]
    refused(client.delete_usage_plan, "BadRequestException", **of_plan)
    operation = {"op": "remove", "path": "/apiStages", "value": f"{api.id}:prod"}
    client.update_usage_plan(**of_plan, patchOperations=[operation])
    client.delete_usage_plan_key(**of_plan, keyId=key["id"])
    client.delete_usage_plan(**of_plan)
    client.delete_api_key(apiKey=key["id"])
    refused(client.get_api_key, "NotFoundException", apiKey=key["id"])


def test_lists_come_in_pages(api: Api) -> None:
    made = {api.resource(f"/r{number}") for number in range(7)} | {api.root_id}
    paginator = api.client.get_paginator("get_resources")
    pages = list(paginator.paginate(restApiId=api.id, PaginationConfig={"PageSize": 3}))
    sizes = [len(page["items"]) for page in pages]
    found = {each["id"] for page in pages for each in page["items"]}
    assert (sizes, found) == ([3, 3, 2], made)


def test_tags(api: Api) -> None:
    client = api.client
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api.id}"
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    assert client.get_rest_api(restApiId=api.id)["tags"] == {"b": "2"}
    refused(client.get_tags, "NotFoundException", resourceArn=f"{arn}/stages/nothing")
    refused(client.get_tags, "BadRequestException", resourceArn="nonsense")


def test_an_account_is_shown_its_limits(client: Any) -> None:
    assert client.get_account()["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    role = "arn:aws:iam::000000000000:role/logs"
    assert client.update_account(patchOperations=replaced("/cloudwatchRoleArn", role))["cloudwatchRoleArn"] == role


def test_accounts_do_not_see_each_other(platform: Node, api: Api) -> None:
    stranger = boto3.client(
        "apigateway",
        endpoint_url=platform.endpoint,
        region_name="us-east-1",
        aws_access_key_id="111122223333",
        aws_secret_access_key="x",
    )
    refused(stranger.get_rest_api, "NotFoundException", restApiId=api.id)
    assert stranger.get_rest_apis()["items"] == []


def test_a_clone_has_all_of_the_other(api: Api) -> None:
    api.method("/pets", "GET")
    clone = api.client.create_rest_api(name="clone", cloneFrom=api.id)
    paths = [each["path"] for each in api.client.get_resources(restApiId=clone["id"])["items"]]
    assert clone["id"] != api.id
    assert sorted(paths) == ["/", "/pets"]


def test_a_schedule_makes_an_api_of_the_nodes_own(platform: Node, client: Any) -> None:
    name = f"scheduled-{uuid.uuid4().hex[:8]}"
    platform.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:apigateway:createRestApi",
            "RoleArn": "arn:aws:iam::000000000000:role/r",
            "Input": f'{{"name": "{name}"}}',
        },
    )
    deadline_s, names = time.monotonic() + 30, set[str]()
    while name not in names and time.monotonic() < deadline_s:
        names = {api["name"] for api in client.get_rest_apis(limit=500)["items"]}
        time.sleep(0.1)
    assert name in names


def test_all_of_it_outlives_a_restart(start_node: Callable[..., tuple[NodeProcess, Node]], echo: str) -> None:
    process, node = start_node()
    api = Api(node)
    at = api.method("/", "GET", apiKeyRequired=True)
    template = {"application/json": '{"statusCode": 200}'}
    api.client.put_integration(**at, type="MOCK", requestTemplates=template)
    api.client.put_method_response(**at, statusCode="200")
    api.client.put_integration_response(**at, statusCode="200", responseTemplates={"application/json": "kept"})
    api.deploy()
    key = api.client.create_api_key(name="k", enabled=True)
    plan = api.client.create_usage_plan(
        name="p", apiStages=[{"apiId": api.id, "stage": "prod"}], quota={"limit": 2, "period": "DAY"}
    )
    api.client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    headers = {"x-api-key": key["value"]}
    assert api.ask(headers=headers).body == b"kept"
    data = process.data
    assert process.stop() == 0
    _, api.node = start_node(data=data)
    assert [api.ask(headers=headers).status for _ in range(2)] == [200, 429]
