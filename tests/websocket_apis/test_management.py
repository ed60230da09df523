"""The management API: what is sent to clients from outside, and from inside a function."""

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed

from stoker.limits import KIB
from tests.conftest import Node, NodeProcess, deployer

from .conftest import RECORDER, SocketApi, make_api, management_at
from .test_messages import connection_id_of


def error_of(call: Callable[..., Any], **members: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**members)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_client_is_sent_to_shown_and_disconnected(api: SocketApi) -> None:
    management = api.management()
    with api.connect(user_agent_header="tests") as client:
        connection_id = connection_id_of(client)
        management.post_to_connection(ConnectionId=connection_id, Data="täxt".encode())
        assert client.recv(30) == "täxt"
        management.post_to_connection(ConnectionId=connection_id, Data=b"\xff\x00")
        assert client.recv(30) == b"\xff\x00"
        shown = management.get_connection(ConnectionId=connection_id)
        assert shown["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tests"}
        assert shown["ConnectedAt"] <= shown["LastActiveAt"]
        management.delete_connection(ConnectionId=connection_id)
        with pytest.raises(ConnectionClosed) as raised:
            client.recv(30)
        assert raised.value.rcvd is not None
        assert raised.value.rcvd.code == 1000
    assert api.events(connection_id, 3)[-1]["requestContext"]["disconnectStatusCode"] == 1000
    for call in (management.get_connection, management.delete_connection):
        assert error_of(call, ConnectionId=connection_id) == ("GoneException", 410)
    assert error_of(management.post_to_connection, ConnectionId=connection_id, Data=b"x") == ("GoneException", 410)


def test_a_function_sends_to_its_clients(api: SocketApi) -> None:
    """By the API's path below its endpoint, and by the endpoint alone, as SDKs call it that are told nothing."""
    with api.connect() as client:
        client.send('{"action": "other", "do": "post"}')
        assert [client.recv(60), client.recv(60)] == ["posted", "posted"]


def test_others_cannot(api: SocketApi, platform: Node) -> None:
    place = f"{platform.endpoint}/_stoker/api/{api.api_id}"
    with api.connect() as client:
        connection_id = connection_id_of(client)
        other = management_at(f"{place}/prod", "111111111111")
        members = {"ConnectionId": connection_id, "Data": b"x"}
        assert error_of(other.post_to_connection, **members) == ("ForbiddenException", 403)
        elsewhere = management_at(f"{place}/test")
        assert error_of(elsewhere.post_to_connection, **members) == ("GoneException", 410)
        large = b"x" * (128 * KIB)
        api.management().post_to_connection(ConnectionId=connection_id, Data=large)
        assert len(client.recv(30)) == 128 * KIB
        members["Data"] = large + b"x"
        # botocore's model has the same limit, and leaves it to the service.
        assert error_of(api.management().post_to_connection, **members) == ("PayloadTooLargeException", 413)
        assert _unsigned(api, connection_id) == 403


def _unsigned(api: SocketApi, connection_id: str) -> int:
    """By the API's own host, as on AWS."""
    connection = http.client.HTTPConnection(urlsplit(api.node.endpoint).netloc, timeout=30)
    connection.request("POST", f"/prod/@connections/{connection_id}", b"x", {"Host": api.host})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_a_node_with_credentials_wants_a_signature(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:

    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
    _, node = start_node(STOKER_ACCESS_KEY_ID="AKIAEXAMPLE", STOKER_SECRET_ACCESS_KEY="secret")

    class Signed:
        endpoint = node.endpoint

        def client(self, service: str) -> Any:
            return boto3.client(service, endpoint_url=node.endpoint, region_name="us-east-1", **keys)

    signed: Any = Signed()
    deploy, _ = deployer(signed.client("lambda"))
    api = make_api(signed, deploy(None, RECORDER, Timeout=20))
    url = f"{node.endpoint}/_stoker/api/{api.api_id}/prod"
    right = boto3.client("apigatewaymanagementapi", endpoint_url=url, region_name="us-east-1", **keys)
    with api.connect() as client:
        connection_id = connection_id_of(client)
        right.post_to_connection(ConnectionId=connection_id, Data=b"signed")
        assert client.recv(30) == "signed"
        wrong = management_at(url)
        code, status = error_of(wrong.post_to_connection, ConnectionId=connection_id, Data=b"x")
        assert (code, status) == ("UnrecognizedClientException", 403)


def test_connections_end_with_the_node(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    process, node = start_node()
    deploy, _ = deployer(node.client("lambda"))
    api = make_api(node, deploy(None, RECORDER, Timeout=20))
    with api.connect() as client:
        connection_id = connection_id_of(client)
        assert process.stop() == 0
        with pytest.raises(ConnectionClosed) as raised:
            client.recv(30)
        assert raised.value.rcvd is not None
        assert raised.value.rcvd.code == 1001
    assert "Traceback" not in process.log.read_text()
    _, node = start_node(data=node.data)
    again = SocketApi(node, node.client("apigatewayv2"), api.api_id, api.function)
    ended = again.events(connection_id, 3)[-1]["requestContext"]
    assert (ended["disconnectStatusCode"], ended["disconnectReason"]) == (1001, "Going away")
    with again.connect() as client:
        assert connection_id_of(client) != connection_id
