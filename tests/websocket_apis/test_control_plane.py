"""What is configured for WebSocket APIs, beside what HTTP APIs have, too. Source: API Gateway V2 API Reference."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import SocketApi, make_api

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def refused(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**members)
    error = raised.value.response["Error"]
    assert error["Code"] == "BadRequestException"
    message: str = error["Message"]
    return message


def test_an_api_needs_an_expression_that_can_be_evaluated(api: SocketApi) -> None:
    create, members = api.gateway.create_api, {"Name": "x", "ProtocolType": "WEBSOCKET"}
    assert "RouteSelectionExpression" in refused(create, **members)
    assert "cannot be evaluated" in refused(create, RouteSelectionExpression="$request.header.a", **members)


@pytest.mark.parametrize(
    ("operation", "members", "named"),
    [
        ("create_route", {"RouteKey": "a", "ApiKeyRequired": True}, "API keys"),
        ("create_route", {"RouteKey": "a", "AuthorizationType": "AWS_IAM"}, "$connect"),
        ("create_route", {"RouteKey": "a", "RequestModels": {"a": "b"}}, "RequestModels"),
        ("create_route", {"RouteKey": "a", "RouteResponseSelectionExpression": "$other"}, "$default"),
        ("create_integration", {"IntegrationType": "MOCK"}, "MOCK"),
        ("create_integration", {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://a"}, "HTTP_PROXY"),
        (
            "create_integration",
            {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION, "RequestTemplates": {"a": "b"}},
            "RequestTemplates",
        ),
        ("create_integration", {"IntegrationType": "AWS_PROXY", "IntegrationUri": "http://a"}, "function ARN"),
        (
            "create_authorizer",
            {
                "Name": "a",
                "AuthorizerType": "REQUEST",
                "AuthorizerUri": FUNCTION,
                "IdentitySource": ["$request.header.a"],
            },
            "identity source",
        ),
        ("create_stage", {"StageName": "a", "DefaultRouteSettings": {"LoggingLevel": "INFO"}}, "LoggingLevel"),
        ("create_stage", {"StageName": "$default"}, "$default"),
    ],
)
def test_what_cannot_be_is_refused_by_name(api: SocketApi, operation: str, members: dict[str, Any], named: str) -> None:
    assert named in refused(getattr(api.gateway, operation), ApiId=api.api_id, **members)


def test_route_responses_come_and_go(platform: Any, recorder: str) -> None:
    api = make_api(platform, recorder)
    gateway, where = api.gateway, {"ApiId": api.api_id, "RouteId": api.route("two")}
    assert "$default" in refused(gateway.create_route_response, RouteResponseKey="other", **where)
    made = gateway.create_route_response(RouteResponseKey="$default", **where)
    assert made["RouteResponseKey"] == "$default"
    with pytest.raises(gateway.exceptions.ConflictException):
        gateway.create_route_response(RouteResponseKey="$default", **where)
    where_one = {"RouteResponseId": made["RouteResponseId"], **where}
    assert gateway.get_route_response(**where_one)["RouteResponseKey"] == "$default"
    assert [each["RouteResponseId"] for each in gateway.get_route_responses(**where)["Items"]] == [
        made["RouteResponseId"]
    ]
    route = gateway.get_route(**where)
    assert not any(":" in name for name in route)
    gateway.delete_route_response(**where_one)
    assert gateway.get_route_responses(**where)["Items"] == []
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.get_route_response(**where_one)
