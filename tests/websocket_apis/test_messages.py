"""Clients, routes and functions of a WebSocket API, on a real node. Reference: invocation, 6."""

import contextlib
import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from stoker.limits import KIB

from .conftest import SocketApi, make_api

ID = r"[A-Za-z0-9_-]{15}="
TIME = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"


def echo(client: Any, **members: Any) -> Any:
    """What the two-way route answers."""
    client.send(json.dumps({"action": "echo", **members}))
    return json.loads(client.recv(30))


def connection_id_of(client: Any) -> str:
    found: str = echo(client)["requestContext"]["connectionId"]
    return found


def steady(context: dict[str, Any]) -> dict[str, Any]:
    """A request context without what is another each time, whose form is checked."""
    left = dict(context)
    for name, pattern in {
        "extendedRequestId": ID,
        "requestId": ID,
        "connectionId": ID,
        "requestTime": TIME,
    }.items():
        assert re.fullmatch(pattern, left.pop(name)), name
    if "messageId" in left:
        assert re.fullmatch(ID, left.pop("messageId"))
    assert left.pop("connectedAt") <= left.pop("requestTimeEpoch")
    return left


def test_a_connection_is_three_kinds_of_events(api: SocketApi) -> None:
    with api.connect("?a=1&a=%C3%A9", additional_headers={"X-Own": "yes"}, user_agent_header="tests") as client:
        message = echo(client, n=1)
        connection_id = message["requestContext"]["connectionId"]
        client.close(4321, "enough")
    events = {event["requestContext"]["eventType"]: event for event in api.events(connection_id, 3)}

    common = {
        "messageDirection": "IN",
        "stage": "prod",
        "identity": {"userAgent": "tests", "sourceIp": "127.0.0.1"},
        "domainName": api.host,
        "apiId": api.api_id,
    }
    connected = events["CONNECT"]
    assert steady(connected["requestContext"]) == {"routeKey": "$connect", "eventType": "CONNECT", **common}
    assert connected["queryStringParameters"] == {"a": "é"}
    assert connected["multiValueQueryStringParameters"] == {"a": ["1", "é"]}
    assert connected["headers"]["X-Own"] == "yes"
    assert connected["headers"]["Sec-WebSocket-Version"] == "13"
    assert connected["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert connected["multiValueHeaders"]["Host"] == [api.host]
    assert connected["stageVariables"] == {"colour": "blue"}
    assert connected["isBase64Encoded"] is False
    assert "body" not in connected

    assert list(message) == ["stageVariables", "requestContext", "body", "isBase64Encoded"]
    assert steady(message["requestContext"]) == {"routeKey": "echo", "eventType": "MESSAGE", **common}
    assert "messageId" in message["requestContext"]
    assert json.loads(message["body"]) == {"action": "echo", "n": 1}

    ended = events["DISCONNECT"]
    assert steady(ended["requestContext"]) == {
        "routeKey": "$disconnect",
        "eventType": "DISCONNECT",
        "disconnectStatusCode": 4321,
        "disconnectReason": "enough",
        **common,
    }
    assert ended["headers"]["Host"] == api.host


def test_a_path_of_the_node_does_as_well(api: SocketApi) -> None:
    url = api.gateway.get_api(ApiId=api.api_id)["ApiEndpoint"]
    assert url.startswith("ws://")
    with connect(f"{api.node.endpoint.replace('http', 'ws', 1)}/_stoker/api/{api.api_id}/prod/") as client:
        assert echo(client)["requestContext"]["domainName"] == api.host
    with connect(f"{url}/prod") as client:
        assert echo(client)["requestContext"]["routeKey"] == "echo"


def test_tls_does_as_well(api: SocketApi) -> None:
    pytest.importorskip("cryptography", reason="makes the node's certificate")
    with urllib.request.urlopen(f"{api.node.endpoint}/_stoker/tls/authority.pem", timeout=30) as response:
        context = ssl.create_default_context(cadata=response.read().decode())
    port = urlsplit(api.node.endpoint).port
    url = f"wss://localhost:{port}/_stoker/api/{api.api_id}/prod"
    with connect(url, ssl=context) as client:
        connection_id = connection_id_of(client)
        api.management().post_to_connection(ConnectionId=connection_id, Data=b"x" * 100_000)
        assert client.recv(30) == "x" * 100_000
        client.close(1000)
    events = api.events(connection_id, 3)
    assert events[0]["headers"]["X-Forwarded-Proto"] == "https"
    assert events[-1]["requestContext"]["disconnectStatusCode"] == 1000


@pytest.mark.parametrize("query", ["?status=401", "?status=403", "?status=500"])
def test_what_connect_answers_decides(api: SocketApi, query: str) -> None:
    with pytest.raises(InvalidStatus) as raised, api.connect(query):
        pass
    assert raised.value.response.status_code == int(query[-3:])


def test_a_connect_that_fails_lets_nobody_in(api: SocketApi) -> None:
    with pytest.raises(InvalidStatus) as raised, api.connect("?status=error"):
        pass
    response = raised.value.response
    assert response.status_code == 502
    document = json.loads(response.body or b"")
    assert document.keys() == {"message", "connectionId", "requestId"}
    assert document["message"] == "Internal server error"


def test_a_subprotocol_is_what_the_function_says(api: SocketApi) -> None:
    with api.connect(subprotocols=["first", "second"]) as client:
        assert client.subprotocol == "second"


def test_messages_go_to_their_routes(api: SocketApi) -> None:
    with api.connect() as client:
        connection_id = connection_id_of(client)
        for text in ('{"action": "nowhere"}', "no json", "[]", '{"action": "$connect"}', '{"action": {"a": 1}}'):
            client.send(text)
        events = api.events(connection_id, 7)
    routes = [event["requestContext"]["routeKey"] for event in events]
    assert routes.count("$default") == 5
    assert routes.count("$connect") == 1


def test_a_route_without_a_response_says_nothing(api: SocketApi) -> None:
    with api.connect() as client:
        client.send('{"action": "other"}')
        assert echo(client)["requestContext"]["routeKey"] == "echo"
        with pytest.raises(TimeoutError):
            client.recv(0.5)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"statusCode": 200, "body": "text"}, "text"),
        ({"body": "AP8=", "isBase64Encoded": True}, b"\x00\xff"),
        ({"body": 5}, "5"),
    ],
)
def test_a_two_way_route_answers_with_the_body(api: SocketApi, result: Any, expected: Any) -> None:
    with api.connect() as client:
        client.send(json.dumps({"action": "echo", "do": "raw", "result": result}))
        assert client.recv(30) == expected


@pytest.mark.parametrize("members", [{"do": "error"}, {"do": "raw", "result": "text"}])
def test_a_failed_function_is_told_without_its_secret(api: SocketApi, members: dict[str, Any]) -> None:
    with api.connect() as client:
        connection_id = connection_id_of(client)
        document = echo(client, **members)
        assert re.fullmatch(ID, document.pop("requestId"))
        assert document == {"message": "Internal server error", "connectionId": connection_id}
        assert echo(client)["requestContext"]["connectionId"] == connection_id


def test_without_a_route_messages_are_forbidden(platform: Any, recorder: str) -> None:
    gateway = platform.client("apigatewayv2")
    made = gateway.create_api(Name="bare", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    bare = SocketApi(platform, gateway, made["ApiId"], recorder)
    route = gateway.create_route(ApiId=bare.api_id, RouteKey="nothing")
    gateway.create_stage(ApiId=bare.api_id, StageName="prod", AutoDeploy=True)
    with bare.connect() as client:
        client.send("hello")
        document = json.loads(client.recv(30))
        assert document.keys() == {"message", "connectionId", "requestId"}
        assert document["message"] == "Forbidden"
        client.send('{"action": "nothing"}')
        assert json.loads(client.recv(30))["message"] == "Internal server error"
        # A client of an API that goes is told goodbye.
        gateway.delete_route(ApiId=bare.api_id, RouteId=route["RouteId"])
        gateway.delete_api(ApiId=bare.api_id)
        with pytest.raises(ConnectionClosed) as raised:
            client.recv(30)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1001


def test_messages_of_one_client_run_side_by_side(api: SocketApi) -> None:
    with api.connect() as client:
        client.send('{"action": "echo", "do": "sleep", "s": 2}')
        client.send('{"action": "echo", "n": 2}')
        bodies = [json.loads(json.loads(client.recv(30))["body"]) for _ in range(2)]
    assert bodies[0] == {"action": "echo", "n": 2}


def test_a_client_that_sends_much_at_once_gets_all_its_answers(api: SocketApi) -> None:
    with api.connect() as client:
        for number in range(200):
            client.send(json.dumps({"action": "echo", "n": number}))
        numbers = [json.loads(json.loads(client.recv(60))["body"])["n"] for _ in range(200)]
    assert sorted(numbers) == list(range(200))


def closed_with(client: Any) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as raised:
        client.recv(30)
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code, raised.value.rcvd.reason


def test_binary_messages_end_the_connection(api: SocketApi) -> None:
    with api.connect() as client:
        connection_id = connection_id_of(client)
        client.send(b"\x00\x01")
        assert closed_with(client)[0] == 1003
    ended = api.events(connection_id, 3)[-1]["requestContext"]
    assert ended["disconnectStatusCode"] == 1003


def test_messages_have_128_kib_in_frames_of_32(api: SocketApi) -> None:
    def frames(size: int) -> list[str]:
        text = json.dumps({"action": "other", "x": ""})
        text = text[:-2] + "x" * (size - len(text)) + text[-2:]
        return [text[begin : begin + 32 * KIB] for begin in range(0, len(text), 32 * KIB)]

    with api.connect() as client:
        connection_id = connection_id_of(client)
        client.send(frames(128 * KIB))
        assert len(api.events(connection_id, 3)[-1]["body"]) == 128 * KIB
        # The last frame, an empty one, may come after the end.
        with contextlib.suppress(ConnectionClosed):
            client.send(frames(128 * KIB + 1))
        assert closed_with(client)[0] == 1009
    with api.connect() as client:
        client.send("x" * (32 * KIB + 1))
        assert closed_with(client)[0] == 1009


def test_a_client_that_hangs_up_is_told_of_as_such(api: SocketApi) -> None:
    with api.connect() as client:
        connection_id = connection_id_of(client)
        client.socket.shutdown(socket.SHUT_RDWR)
        ended = api.events(connection_id, 3)[-1]["requestContext"]
    assert (ended["disconnectStatusCode"], ended["disconnectReason"]) == (1006, "Connection Closed Abnormally")


def test_what_is_no_request_for_a_websocket_is_told_so(api: SocketApi) -> None:

    def status(path: str, **headers: str) -> int:
        request = urllib.request.Request(f"{api.node.endpoint}/_stoker/api/{api.api_id}{path}", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=30)
        with raised.value as error:
            return error.code

    assert status("/prod") == 426
    assert status("/nowhere") == 403
    assert status("/prod/below") == 403


def test_a_selection_may_have_several_parts(platform: Any, recorder: str) -> None:

    expression = "${request.body.service}/${request.body.detail.action}"
    api = make_api(platform, recorder, RouteSelectionExpression=expression)
    route = api.route("orders/add", RouteResponseSelectionExpression="$default")
    api.gateway.create_route_response(ApiId=api.api_id, RouteId=route, RouteResponseKey="$default")
    with api.connect() as client:
        client.send('{"service": "orders", "detail": {"action": "add"}}')
        assert json.loads(client.recv(30))["requestContext"]["routeKey"] == "orders/add"


def test_throttled_messages_are_told_so(platform: Any, recorder: str) -> None:

    api = make_api(platform, recorder)
    settings = {"echo": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.001}}
    api.gateway.update_stage(ApiId=api.api_id, StageName="prod", RouteSettings=settings)
    with api.connect() as client:
        assert "requestContext" in echo(client)
        assert echo(client)["message"] == "Too Many Requests"


def test_each_event_can_have_a_line_in_a_log(platform: Any, recorder: str) -> None:
    api = make_api(platform, recorder)
    group, logs = f"/sockets/{api.api_id}", platform.client("logs")
    logs.create_log_group(logGroupName=group)
    form = "$context.eventType $context.routeKey $context.status $context.disconnectStatusCode $context.error.message"
    settings = {"DestinationArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}", "Format": form}
    api.gateway.update_stage(ApiId=api.api_id, StageName="prod", AccessLogSettings=settings)
    with api.connect() as client:
        connection_id = connection_id_of(client)
        echo(client, do="error")
    api.events(connection_id, 4)
    lines: list[str] = []
    while len(lines) < 4:  # bounded by the time limit of a test
        lines = [each["message"].strip() for each in logs.filter_log_events(logGroupName=group)["events"]]
    assert lines == [
        "CONNECT $connect 101 - -",
        "MESSAGE echo 200 - -",
        "MESSAGE echo 502 - Internal server error",
        "DISCONNECT $disconnect 200 1000 -",
    ]


def test_a_custom_domain_name_leads_to_a_stage(platform: Any, recorder: str) -> None:
    api = make_api(platform, recorder)
    name = f"{api.api_id}.example"
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/12345678-1234-1234-1234-123456789012"
    api.gateway.create_domain_name(DomainName=name, DomainNameConfigurations=[{"CertificateArn": certificate}])
    api.gateway.create_api_mapping(DomainName=name, ApiId=api.api_id, Stage="prod")
    address = urlsplit(platform.endpoint)
    link = socket.create_connection((address.hostname, address.port), timeout=30)
    with connect(f"ws://{name}/", sock=link) as client:
        context = echo(client)["requestContext"]
        assert (context["domainName"], context["stage"]) == (name, "prod")
        api.management().post_to_connection(ConnectionId=context["connectionId"], Data=b"by path")
        assert client.recv(30) == "by path"
