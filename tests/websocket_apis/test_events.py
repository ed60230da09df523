"""Expected shapes: reference, invocation, 6; the sample events of AWS's guide."""

import json

from stoker.http_events.records import HttpCall
from stoker.websocket_apis.events import (
    Occasion,
    Peer,
    authorizer_event,
    connect_event,
    disconnect_event,
    message_event,
)

PEER = Peer("abcd1234", "prod", "AAAA1234=", "abcd1234.localhost", {"sourceIp": "192.0.2.1"}, 1707502303419)
CALL = HttpCall("GET", "/prod", "", [(b"Host", b"h"), (b"Upgrade", b"websocket")], b"", "192.0.2.1", "4566")
AT_S = 1707502303.42


def test_a_connection_begins_with_headers() -> None:
    occasion = Occasion("CONNECT", "$connect", "ABCD1234=", AT_S)
    assert json.loads(connect_event(PEER, occasion, CALL, "Root=1-2-3")) == {
        "headers": {
            "Host": "h",
            "X-Amzn-Trace-Id": "Root=1-2-3",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Port": "4566",
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "Host": ["h"],
            "X-Amzn-Trace-Id": ["Root=1-2-3"],
            "X-Forwarded-For": ["192.0.2.1"],
            "X-Forwarded-Port": ["4566"],
            "X-Forwarded-Proto": ["http"],
        },
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": "ABCD1234=",
            "requestTime": "09/Feb/2024:18:11:43 +0000",
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": 1707502303419,
            "requestTimeEpoch": 1707502303420,
            "identity": {"sourceIp": "192.0.2.1"},
            "requestId": "ABCD1234=",
            "domainName": "abcd1234.localhost",
            "connectionId": "AAAA1234=",
            "apiId": "abcd1234",
        },
        "isBase64Encoded": False,
    }


def test_a_message_has_an_id_and_a_body() -> None:
    occasion = Occasion("MESSAGE", "sendmessage", "ABCD1234=", AT_S, message_id="BBBB1234=")
    document = json.loads(message_event(PEER, occasion, '{"action":"sendmessage"}'))
    assert list(document) == ["requestContext", "body", "isBase64Encoded"]
    assert document["body"] == '{"action":"sendmessage"}'
    assert list(document["requestContext"])[:3] == ["routeKey", "messageId", "eventType"]


def test_an_end_says_why_and_has_the_headers_of_aws() -> None:
    occasion = Occasion("DISCONNECT", "$disconnect", "ABCD1234=", AT_S, ends=(1005, "none"))
    document = json.loads(disconnect_event(PEER, occasion))
    assert document["headers"] == {
        "Host": "abcd1234.localhost",
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    assert document["multiValueHeaders"]["x-restapi"] == [""]
    context = document["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1005, "none")


def test_an_authorizer_has_maps_even_if_they_are_empty() -> None:
    occasion = Occasion("CONNECT", "$connect", "ABCD1234=", AT_S)
    document = json.loads(authorizer_event(PEER, occasion, CALL, "Root=1-2-3", "arn"))
    assert document["type"] == "REQUEST"
    assert document["methodArn"] == "arn"
    assert document["queryStringParameters"] == document["multiValueQueryStringParameters"] == {}
    assert document["stageVariables"] == {}
    assert "authorizer" not in document["requestContext"]
