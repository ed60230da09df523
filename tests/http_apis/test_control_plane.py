"""Amazon API Gateway Version 2 API Reference."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Node, NodeProcess
from tests.http_apis.conftest import ApiClient, Apis

ZIPS = "arn:aws:lambda:us-east-1:000000000000:function:any"


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def refusal(call: Callable[..., Any], **members: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_an_api_is_created_shown_changed_and_deleted(apis: Apis) -> None:
    client = apis.client
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 5}
    made = client.create_api(
        Name="one", ProtocolType="HTTP", Description="d", Version="1", CorsConfiguration=cors, Tags={"a": "b"}
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    shown = client.get_api(ApiId=made["ApiId"])
    assert without_metadata(shown) == without_metadata(made)
    assert {name: shown[name] for name in ("Name", "ProtocolType", "RouteSelectionExpression", "Tags")} == {
        "Name": "one",
        "ProtocolType": "HTTP",
        "RouteSelectionExpression": "$request.method $request.path",
        "Tags": {"a": "b"},
    }
    assert shown["CorsConfiguration"] == cors
    assert made["ApiId"] in [api["ApiId"] for api in client.get_apis()["Items"]]
    changed = client.update_api(ApiId=made["ApiId"], Name="two", CorsConfiguration={"AllowOrigins": ["*"]})
    assert (changed["Name"], changed["Description"]) == ("two", "d")
    assert changed["CorsConfiguration"] == {"AllowOrigins": ["*"]}
    client.delete_cors_configuration(ApiId=made["ApiId"])
    assert "CorsConfiguration" not in client.get_api(ApiId=made["ApiId"])
    client.delete_api(ApiId=made["ApiId"])
    status, code, message = refusal(client.get_api, ApiId=made["ApiId"])
    assert (status, code) == (404, "NotFoundException")
    assert message == f"Invalid API identifier specified 000000000000:{made['ApiId']}"


def test_apis_are_listed_in_pages(apis: Apis) -> None:
    client = apis.client
    made = [apis.new(stage=None).id for _ in range(3)]
    found, token = [], None
    while True:
        page = client.get_apis(MaxResults="2", **({"NextToken": token} if token else {}))
        assert len(page["Items"]) <= 2
        found += [api["ApiId"] for api in page["Items"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert set(made) <= set(found)
    assert len(found) == len(set(found))
    assert refusal(client.get_apis, MaxResults="none")[1] == "BadRequestException"


def test_quick_create_makes_a_route_an_integration_and_a_stage(apis: Apis) -> None:
    api = apis.new(Target=ZIPS)
    (route,) = apis.client.get_routes(ApiId=api.id)["Items"]
    (integration,) = apis.client.get_integrations(ApiId=api.id)["Items"]
    (stage,) = apis.client.get_stages(ApiId=api.id)["Items"]
    assert route["RouteKey"] == "$default"
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)
    assert all(part["ApiGatewayManaged"] for part in (route, integration, stage))
    apis.client.update_api(ApiId=api.id, RouteKey="GET /x", Target="https://example.com/y")
    assert apis.client.get_route(ApiId=api.id, RouteId=route["RouteId"])["RouteKey"] == "GET /x"
    (integration,) = apis.client.get_integrations(ApiId=api.id)["Items"]
    assert (integration["IntegrationType"], integration["IntegrationUri"]) == ("HTTP_PROXY", "https://example.com/y")


def test_parts_are_shown_changed_and_deleted(apis: Apis) -> None:
    client, api = apis.client, apis.new(stage=None)
    integration = client.create_integration(
        ApiId=api.id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=ZIPS,
        PayloadFormatVersion="2.0",
        RequestParameters={"overwrite:header.a": "1", "remove:header.b": "''"},
    )
    assert (integration["TimeoutInMillis"], integration["ConnectionType"]) == (30_000, "INTERNET")
    integration_id = integration["IntegrationId"]
    # A key of a map is taken away by an empty text; what is not mentioned stays.
    changed = client.update_integration(
        ApiId=api.id,
        IntegrationId=integration_id,
        TimeoutInMillis=50,
        RequestParameters={"overwrite:header.a": "2", "remove:header.b": ""},
    )
    assert changed["RequestParameters"] == {"overwrite:header.a": "2"}
    assert (changed["TimeoutInMillis"], changed["IntegrationUri"]) == (50, ZIPS)
    route = client.create_route(ApiId=api.id, RouteKey="GET /a", Target=f"integrations/{integration_id}")
    assert (route["AuthorizationType"], route["ApiKeyRequired"]) == ("NONE", False)
    status, code, _ = refusal(client.delete_integration, ApiId=api.id, IntegrationId=integration_id)
    assert (status, code) == (409, "ConflictException")
    assert refusal(client.create_route, ApiId=api.id, RouteKey="GET /a")[:2] == (409, "ConflictException")
    client.update_route(ApiId=api.id, RouteId=route["RouteId"], RouteKey="ANY /b")
    assert [known["RouteKey"] for known in client.get_routes(ApiId=api.id)["Items"]] == ["ANY /b"]
    client.delete_route(ApiId=api.id, RouteId=route["RouteId"])
    client.delete_integration(ApiId=api.id, IntegrationId=integration_id)
    assert client.get_integrations(ApiId=api.id)["Items"] == []
    assert refusal(client.get_route, ApiId=api.id, RouteId="none")[:2] == (404, "NotFoundException")


def test_a_stage_shows_what_was_deployed_to_it(apis: Apis, function: str) -> None:
    client, api = apis.client, apis.new(stage=None)
    client.create_stage(ApiId=api.id, StageName="$default")
    status, code, message = refusal(client.create_deployment, ApiId=api.id)
    assert (status, code) == (400, "BadRequestException")
    assert message == "Unable to deploy API because no routes exist in this API"
    target = apis.integration(api, function)
    route = apis.route(api, "GET /a", target)
    first = client.create_deployment(ApiId=api.id, StageName="$default", Description="first")
    assert (first["DeploymentStatus"], first["AutoDeployed"]) == ("DEPLOYED", False)
    client.update_route(ApiId=api.id, RouteId=route, RouteKey="GET /b")
    assert (api.ask(path="/a").status, api.ask(path="/b").status) == (200, 404)
    second = client.create_deployment(ApiId=api.id)
    client.update_stage(ApiId=api.id, StageName="$default", DeploymentId=second["DeploymentId"])
    assert (api.ask(path="/a").status, api.ask(path="/b").status) == (404, 200)
    assert refusal(client.delete_deployment, ApiId=api.id, DeploymentId=second["DeploymentId"])[0] == 400
    client.delete_deployment(ApiId=api.id, DeploymentId=first["DeploymentId"])
    client.update_stage(ApiId=api.id, StageName="$default", AutoDeploy=True)
    apis.route(api, "GET /c", target)
    assert api.ask(path="/c").status == 200
    stage = client.get_stage(ApiId=api.id, StageName="$default")
    (automatic,) = [one for one in client.get_deployments(ApiId=api.id)["Items"] if one["AutoDeployed"]]
    assert stage["DeploymentId"] == automatic["DeploymentId"]
    assert stage["LastDeploymentStatusMessage"].startswith("Successfully deployed stage with deployment ID")
    client.delete_stage(ApiId=api.id, StageName="$default")
    assert api.ask(path="/c").status == 404


@pytest.mark.parametrize(
    ("operation", "members", "text"),
    [
        ("create_route", {"RouteKey": "GET a"}, "route key is not formatted properly"),
        ("create_route", {"RouteKey": "FETCH /a"}, "route key is not formatted properly"),
        ("create_route", {"RouteKey": "GET /{a+}/b"}, "route key is not formatted properly"),
        ("create_route", {"RouteKey": "GET /{a}/{a}"}, "route key is not formatted properly"),
        ("create_route", {"RouteKey": "GET /a", "Target": "integrations/none"}, "Invalid integration identifier"),
        ("create_route", {"RouteKey": "GET /a", "ApiKeyRequired": True}, "ApiKeyRequired"),
        ("create_route", {"RouteKey": "GET /a", "AuthorizationType": "JWT"}, "authorizer"),
        ("create_route", {"RouteKey": "GET /a", "AuthorizationScopes": ["a"]}, "scopes"),
        ("create_integration", {"IntegrationType": "AWS_PROXY", "IntegrationUri": "x"}, "function ARN"),
        ("create_integration", {"IntegrationType": "AWS_PROXY", "IntegrationUri": ZIPS}, "PayloadFormatVersion"),
        ("create_integration", {"IntegrationType": "MOCK"}, "MOCK"),
        ("create_integration", {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "ftp://a"}, "HTTP URL"),
        ("create_integration", {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage"}, "Stoker"),
        ("create_integration", {"IntegrationType": "HTTP_PROXY", "ConnectionType": "VPC_LINK"}, "VPC links"),
        (
            "create_integration",
            {
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": ZIPS,
                "PayloadFormatVersion": "2.0",
                "RequestParameters": {"overwrite:header.authorization": "x"},
            },
            "restricted",
        ),
        (
            "create_authorizer",
            {"AuthorizerType": "JWT", "Name": "a", "IdentitySource": ["$request.header.A"]},
            "Invalid issuer",
        ),
        (
            "create_authorizer",
            {"AuthorizerType": "REQUEST", "Name": "a", "IdentitySource": ["header"], "AuthorizerUri": ZIPS},
            "AuthorizerPayloadFormatVersion",
        ),
        ("create_stage", {"StageName": "a/b"}, "Stage name"),
        ("create_stage", {"StageName": "a", "StageVariables": {"a": "{}"}}, "stage variable"),
        ("create_stage", {"StageName": "a", "ClientCertificateId": "x"}, "Stoker"),
        ("create_stage", {"StageName": "a", "RouteSettings": {"GET /x": {}}}, "Unable to find Route"),
        (
            "create_stage",
            {"StageName": "a", "AccessLogSettings": {"DestinationArn": "arn:aws:firehose:a:1:b", "Format": "x"}},
            "log groups",
        ),
    ],
)
def test_what_cannot_be_is_refused(apis: Apis, operation: str, members: dict[str, Any], text: str) -> None:
    api = apis.new(stage=None)
    status, code, message = refusal(getattr(apis.client, operation), ApiId=api.id, **members)
    assert (status, code) == (400, "BadRequestException")
    assert text in message


def test_websocket_apis_have_the_same_operations(apis: Apis) -> None:
    client = apis.client
    assert refusal(client.create_api, Name="ws", ProtocolType="WEBSOCKET")[1] == "BadRequestException"
    made = client.create_api(Name="ws", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    assert made["ApiEndpoint"].startswith("ws")
    api_id = made["ApiId"]
    integration = client.create_integration(ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=ZIPS)
    assert integration["TimeoutInMillis"] == 29_000
    for key in ("$connect", "$disconnect", "$default", "send"):
        client.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")
    client.create_stage(ApiId=api_id, StageName="dev", AutoDeploy=True)
    assert client.get_stage(ApiId=api_id, StageName="dev")["DeploymentId"]


def test_tags(apis: Apis) -> None:
    client, api = apis.client, apis.new()
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api.id}"
    for resource in (arn, f"{arn}/stages/$default"):
        client.tag_resource(ResourceArn=resource, Tags={"a": "1", "b": "2"})
        client.untag_resource(ResourceArn=resource, TagKeys=["a"])
        assert client.get_tags(ResourceArn=resource)["Tags"] == {"b": "2"}
    assert client.get_api(ApiId=api.id)["Tags"] == {"b": "2"}
    assert refusal(client.get_tags, ResourceArn="arn:aws:s3:::a")[1] == "BadRequestException"


def test_what_is_not_there_yet_is_refused_by_name(apis: Apis) -> None:
    status, code, message = refusal(apis.client.create_vpc_link, Name="a", SubnetIds=["b"])
    assert (status, code) == (501, "NotImplementedException")
    assert "apigatewayv2:CreateVpcLink" in message


def test_apis_outlive_the_node(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    process, node = start_node()
    apis = Apis(node)
    api = apis.new(Target="https://example.com")
    routes = without_metadata(apis.client.get_routes(ApiId=api.id))
    apis.client.create_domain_name(DomainName="api.example.com")
    apis.client.create_api_mapping(DomainName="api.example.com", ApiId=api.id, Stage="$default")
    gone = apis.new()
    apis.client.delete_api(ApiId=gone.id)
    process.stop()
    _, again = start_node(data=process.data)
    client = again.client("apigatewayv2")
    assert [known["ApiId"] for known in client.get_apis()["Items"]] == [api.id]
    assert without_metadata(client.get_routes(ApiId=api.id)) == routes
    (mapping,) = client.get_api_mappings(DomainName="api.example.com")["Items"]
    assert mapping["ApiId"] == api.id
    assert ApiClient(again, gone.id).ask().status == 403
