"""What a load balancer does with requests, on a real node. Reference: invocation, 7."""

import json
import re
import socket
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stoker.limits import MIB
from tests.conftest import Deploy, Node

from .conftest import Balancer, allow, ask, free_port, new_group, new_name

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"</body>\r\n</html>\r\n"
)


def answer(balancer: Balancer, document: object) -> Any:
    """What a client gets when the function's result is `document`."""
    return ask(balancer.port, "POST", "/", json.dumps(document).encode(), [BODY, ("content-type", "application/json")])


BODY = ("x-answer", "body")


def test_a_function_gets_all_of_a_request(balancer: Balancer) -> None:
    headers = [("X-Many", "1"), ("x-many", "2"), ("Content-Type", "text/plain"), ("User-Agent", "tests")]
    reply = ask(balancer.port, "PUT", "/a%2Fb/?q=%20x&q=y+z", "é".encode(), headers)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["server"] == "awselb/2.0"
    assert "x-amzn-requestid" not in reply.headers
    event = reply.document
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"].pop("x-amzn-trace-id"))
    assert event == {
        "requestContext": {"elb": {"targetGroupArn": balancer.group_arn}},
        "httpMethod": "PUT",
        "path": "/a%2Fb/",
        "queryStringParameters": {"q": "y+z"},
        "headers": {
            "host": f"127.0.0.1:{balancer.port}",
            "x-many": "2",
            "content-type": "text/plain",
            "user-agent": "tests",
            "content-length": "2",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": str(balancer.port),
            "x-forwarded-proto": "http",
        },
        "body": "é",
        "isBase64Encoded": False,
    }


def test_a_group_with_multi_value_headers_has_lists_both_ways(balancer: Balancer) -> None:
    balancer.elb.modify_target_group_attributes(
        TargetGroupArn=balancer.group_arn, Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}]
    )
    event = ask(balancer.port, path="/?a=1&a=%32", headers=[("x-a", "1"), ("x-a", "2")]).document
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "%32"]}
    assert event["multiValueHeaders"]["x-a"] == ["1", "2"]
    assert "headers" not in event
    reply = answer(balancer, {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=b", "c=d"], "x": ["1", "2"]}})
    assert [value for name, value in reply.pairs if name == "set-cookie"] == ["a=b", "c=d"]
    assert reply.headers["x"] == "1, 2"


def test_a_response_says_status_reason_headers_and_body(balancer: Balancer) -> None:
    document = {"statusCode": 418, "statusDescription": "418 Short and stout", "headers": {"X-A": "1"}, "body": "tea"}
    with socket.create_connection(("127.0.0.1", balancer.port), timeout=30) as client:
        body = json.dumps(document).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: h\r\nX-Answer: body\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
        )
        client.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    lines = received.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 418 Short and stout"
    assert {"server: awselb/2.0", "x-a: 1", "content-type: application/octet-stream"} <= set(lines)
    assert lines[-1] == "tea"


def test_a_binary_body_comes_back_whole(balancer: Balancer) -> None:
    reply = answer(balancer, {"statusCode": 200, "isBase64Encoded": True, "body": "AP8="})
    assert reply.body == b"\x00\xff"


def test_head_and_no_content_have_no_body(balancer: Balancer) -> None:
    reply = ask(balancer.port, "HEAD", "/")
    assert (reply.status, reply.body) == (200, b"")
    assert answer(balancer, {"statusCode": 204, "body": "ignored"}).body == b""


@pytest.mark.parametrize(
    "document",
    [
        {"statusCode": "200"},
        "hello",
        None,
        {"statusCode": 200, "body": "x" * (MIB + 1)},
        {"statusCode": 200, "body": 1},
    ],
    ids=["status-as-text", "text", "null", "too-large", "body-is-no-text"],
)
def test_what_is_no_response_is_a_bad_gateway(document: object, deploy: Deploy, platform: Node) -> None:
    code = f"def handler(event, context):\n    return {document!r}\n"
    assert _with_function(platform, deploy, code) == (502, BAD_GATEWAY)


def _with_function(platform: Node, deploy: Deploy, code: str) -> tuple[int, bytes]:
    elb = platform.client("elbv2")
    group = new_group(platform, deploy(None, {"handler.py": code}))
    balancer = elb.create_load_balancer(Name=new_name())["LoadBalancers"][0]["LoadBalancerArn"]
    port = free_port()
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=actions)
    reply = ask(port)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert reply.headers["content-type"] == "text/html"
    assert reply.headers["server"] == "awselb/2.0"
    return reply.status, reply.body


def test_a_failed_function_is_a_bad_gateway_that_tells_nothing(balancer: Balancer) -> None:
    reply = ask(balancer.port, headers=[("x-answer", "error")])
    assert (reply.status, reply.body) == (502, BAD_GATEWAY)


def test_a_function_that_takes_its_permission_back_is_a_bad_gateway(
    balancer: Balancer, lambda_client: Any, echo_function: str
) -> None:
    policy = json.loads(lambda_client.get_policy(FunctionName=echo_function)["Policy"])
    for statement in policy["Statement"]:
        if balancer.group_arn in json.dumps(statement):
            lambda_client.remove_permission(FunctionName=echo_function, StatementId=statement["Sid"])
    assert ask(balancer.port).status == 502
    allow(lambda_client, echo_function, balancer.group_arn)
    assert ask(balancer.port).status == 200


def test_a_group_without_a_target_is_unavailable(balancer: Balancer) -> None:
    targets = balancer.elb.describe_target_health(TargetGroupArn=balancer.group_arn)["TargetHealthDescriptions"]
    ids = [{"Id": target["Target"]["Id"]} for target in targets]
    balancer.elb.deregister_targets(TargetGroupArn=balancer.group_arn, Targets=ids)
    reply = ask(balancer.port)
    assert (reply.status, len(reply.body)) == (503, 162)  # as many bytes as AWS's page has
    assert b"<title>503 Service Temporarily Unavailable</title>" in reply.body


def test_who_waits_longer_than_the_idle_timeout_is_told(balancer: Balancer) -> None:
    balancer.elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer.arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
    )
    reply = ask(balancer.port, headers=[("x-answer", "sleep")])
    assert (reply.status, len(reply.body)) == (504, 132)
    assert b"504 Gateway Time-out" in reply.body


def test_a_body_of_a_megabyte_is_taken_and_no_more(balancer: Balancer) -> None:
    headers = [("content-type", "text/plain")]
    # The function answers with less: its result may not be larger than a megabyte either.
    text = b'{"statusCode": 200, "body": "taken"}'.ljust(MIB)
    assert ask(balancer.port, "POST", "/", text, [*headers, BODY]).body == b"taken"
    assert ask(balancer.port, "POST", "/", text + b" ", headers).status == 413


def test_websockets_are_refused(balancer: Balancer) -> None:
    with pytest.raises(InvalidStatus) as raised, connect(f"ws://127.0.0.1:{balancer.port}/", open_timeout=30):
        pass
    assert raised.value.response.status_code == 400


def test_what_is_no_request_is_answered_with_a_page(balancer: Balancer) -> None:
    with socket.create_connection(("127.0.0.1", balancer.port), timeout=30) as client:
        client.sendall(b"nonsense\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"server: awselb/2.0\r\n" in received
    assert b"<h1>400 Bad Request</h1>" in received
    assert ask(balancer.port, "TRACE").status == 405
    assert ask(balancer.port, path="/" + "a" * 16_400).status == 414
    assert ask(balancer.port, headers=[("x-a", "a" * 16_400)]).status == 400


def test_rules_are_tried_by_priority(balancer: Balancer) -> None:
    def rule(priority: int, body: str, *values: str) -> str:
        made = balancer.elb.create_rule(
            ListenerArn=balancer.listener_arn,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": list(values)}],
            Actions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": body}},
            ],
        )
        arn: str = made["Rules"][0]["RuleArn"]
        return arn

    first, second = rule(20, "first", "/x/*"), rule(10, "second", "/x/y*")
    reply = ask(balancer.port, path="/x/yz")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"second", "text/plain; charset=utf-8")
    assert ask(balancer.port, path="/x/z").body == b"first"
    assert ask(balancer.port, path="/").document["path"] == "/"
    balancer.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": first, "Priority": 10}, {"RuleArn": second, "Priority": 20}]
    )
    assert ask(balancer.port, path="/x/yz").body == b"first"
    balancer.elb.delete_rule(RuleArn=first)
    assert ask(balancer.port, path="/x/yz").body == b"second"


def test_a_redirect_names_parts_of_the_request(balancer: Balancer) -> None:
    config = {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "new.#{host}",
        "Path": "/v2/#{path}",
        "StatusCode": "HTTP_301",
    }
    balancer.elb.modify_listener(
        ListenerArn=balancer.listener_arn, DefaultActions=[{"Type": "redirect", "RedirectConfig": config}]
    )
    reply = ask(balancer.port, path="/a/b?c=d", headers=[("host", "example.com:81")])
    assert reply.status == 301
    assert reply.headers["location"] == "https://new.example.com:443/v2/a/b?c=d"


def test_requests_are_shared_out_by_weight(balancer: Balancer, platform: Node, deploy: Deploy) -> None:
    code = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'other'}\n"
    other = new_group(platform, deploy(None, {"handler.py": code}))

    def weigh(echo: int, others: int) -> None:
        groups = [
            {"TargetGroupArn": balancer.group_arn, "Weight": echo},
            {"TargetGroupArn": other, "Weight": others},
        ]
        balancer.elb.modify_listener(
            ListenerArn=balancer.listener_arn,
            DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )

    weigh(0, 1)
    assert {ask(balancer.port).body for _ in range(10)} == {b"other"}
    weigh(1, 1)
    answers = [ask(balancer.port).body == b"other" for _ in range(40)]
    assert True in answers
    assert False in answers
    weigh(0, 0)
    assert ask(balancer.port).status == 503


def test_a_connection_goes_on_after_answers_and_refusals(balancer: Balancer) -> None:
    with socket.create_connection(("127.0.0.1", balancer.port), timeout=30) as client:
        for body in (b"{}", b""):
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nX-Answer: body\r\nContent-Length: 2\r\n\r\n{}")
            head = _head(client)
            assert head.startswith("HTTP/1.1 502 Bad Gateway\r\n"), body


def _head(client: socket.socket) -> str:
    received = b""
    while not received.endswith(b"</html>\r\n"):
        received += client.recv(65536)
    return received.decode()


def test_the_server_header_can_be_left_out(balancer: Balancer) -> None:
    balancer.elb.modify_listener_attributes(
        ListenerArn=balancer.listener_arn,
        Attributes=[{"Key": "routing.http.response.server.enabled", "Value": "false"}],
    )
    assert "server" not in ask(balancer.port).headers
    assert "server" not in ask(balancer.port, headers=[("x-answer", "error")]).headers


def test_powertools_resolves_a_load_balancer(packaged: Any, deploy: Deploy, platform: Node) -> None:
    code = (
        "from aws_lambda_powertools.event_handler import ALBResolver, Response\n"
        "app = ALBResolver()\n"
        "@app.post('/greet/<name>')\n"
        "def greet(name):\n"
        "    event = app.current_event\n"
        "    body = {'name': name, 'json': event.json_body, 'query': event.query_string_parameters}\n"
        "    return Response(201, 'application/json', __import__('json').dumps(body), headers={'x-a': 'b'})\n"
        "def handler(event, context):\n"
        "    return app.resolve(event, context)\n"
    )
    function = deploy(None, packaged(code, "aws-lambda-powertools==3.4.1"), MemorySize=256, Timeout=30)
    _greet(platform, function)


def _greet(platform: Node, function: str) -> None:
    elb = platform.client("elbv2")
    group = new_group(platform, function)
    balancer = elb.create_load_balancer(Name=new_name())["LoadBalancers"][0]["LoadBalancerArn"]
    port = free_port()
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=actions)
    for has_lists in ("false", "true"):
        attribute = {"Key": "lambda.multi_value_headers.enabled", "Value": has_lists}
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])
        reply = ask(port, "POST", "/greet/you?x=1", b'{"y": 2}', [("content-type", "application/json")])
        assert reply.status == 201
        assert (reply.document["name"], reply.document["json"]) == ("you", {"y": 2})
        assert reply.headers["x-a"] == "b"
        assert ask(port, path="/nowhere").status == 404
    elb.delete_load_balancer(LoadBalancerArn=balancer)


def test_mangum_runs_starlette(packaged: Any, deploy: Deploy, platform: Node) -> None:
    code = (
        "import json\n"
        "from mangum import Mangum\n"
        "from starlette.applications import Starlette\n"
        "from starlette.responses import JSONResponse\n"
        "from starlette.routing import Route\n"
        "async def greet(request):\n"
        "    body = {'name': request.path_params['name'], 'json': json.loads(await request.body())}\n"
        "    return JSONResponse(body, 201, headers={'x-a': 'b'})\n"
        "app = Starlette(routes=[Route('/greet/{name}', greet, methods=['POST'])])\n"
        "handler = Mangum(app, lifespan='off')\n"
    )
    files = packaged(code, "mangum==0.19.0", "starlette==0.46.2")
    _greet(platform, deploy(None, files, MemorySize=256, Timeout=30))
