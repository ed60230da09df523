"""Tracing as functions and X-Ray's clients live it: headers in and out, segments out of sandboxes, reading back."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.end_to_end.calls import invoke

ROOT = "1-5759e988-bd862e3fe1be46a99427{:04x}"
CODE = {
    "handler.py": """
import json, os, socket, time

HEADER = b'{"format":"json","version":1}\\n'

def members():
    return dict(part.partition("=")[::2] for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))

def send(data):
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.sendto(data, (host, int(port)))

def handler(event, context):
    trace, now = members(), time.time()
    part = {"trace_id": trace["Root"], "id": "00000000000000aa", "parent_id": trace.get("Parent"), "name": "work",
            "type": "subsegment", "start_time": now, "end_time": now + 0.01, "annotations": {"order": 7}}
    if trace["Sampled"] == "1":
        send(b"\\x00 no segment")
        send(HEADER + json.dumps(part).encode())
    if event.get("flood"):
        for _ in range(20000):
            send(b"x" * 60000)
    if event.get("fail"):
        raise ValueError("refused")
    return os.environ["_X_AMZN_TRACE_ID"]
"""
}
Trace = dict[str, Any]


@pytest.fixture
def xray(platform: Node) -> Any:
    return platform.client("xray")


def traced_client(node: Node, header: str) -> Any:
    """A Lambda client that sends a trace header."""
    client = node.client("lambda")
    client.meta.events.register(
        "before-call.lambda.Invoke", lambda params, **_: params["headers"].update({"X-Amzn-Trace-Id": header})
    )
    return client


def documents(xray: Any, trace_id: str, wanted: int) -> list[Trace]:
    """The documents of a trace, when there are as many as are wanted."""
    deadline_s = time.monotonic() + 10
    while True:
        traces = xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
        found = [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]
        if len(found) >= wanted or time.monotonic() > deadline_s:
            return found
        time.sleep(0.05)


def by_origin(found: list[Trace]) -> dict[str, Trace]:
    return {document["origin"]: document for document in found}


def test_a_sampled_call_is_traced_from_the_caller_to_inside_the_handler(
    platform: Node, deploy: Deploy, xray: Any
) -> None:
    name, root = deploy(None, CODE, LoggingConfig={"LogFormat": "Text"}), ROOT.format(1)
    client = traced_client(platform, f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")
    answer = invoke(client, name)
    service, function = (
        by_origin(documents(xray, root, 2))[origin] for origin in ("AWS::Lambda", "AWS::Lambda::Function")
    )
    assert service["parent_id"] == "53995c3f42cd8ad8"
    assert service["aws"]["request_id"] == answer.request_id
    assert function["parent_id"] == service["id"]
    assert answer.value.startswith(f"Root={root};Parent={function['id']};Sampled=1;Lineage=")
    assert [part["name"] for part in function["subsegments"]] == ["Initialization", "Invocation", "Overhead", "work"]
    assert function["subsegments"][-1]["annotations"] == {"order": 7}
    xray_line = answer.log.splitlines()[-1]
    assert xray_line == f"XRAY TraceId: {root}\tSegmentId: {function['id']}\tSampled: true\t"


def test_json_records_tell_the_trace(platform: Node, deploy: Deploy, xray: Any) -> None:
    name, root = deploy(None, CODE, LoggingConfig={"LogFormat": "JSON"}), ROOT.format(2)
    answer = invoke(traced_client(platform, f"Root={root};Sampled=1"), name)
    found = by_origin(documents(xray, root, 2))
    service, function = found["AWS::Lambda"], found["AWS::Lambda::Function"]
    assert "parent_id" not in service
    records = [json.loads(line) for line in answer.log.splitlines()]
    expected = {
        "spanId": function["id"],
        "type": "X-Amzn-Trace-Id",
        "value": f"Root={root};Parent={service['id']};Sampled=1",
    }
    assert [record["record"]["tracing"] for record in records] == [expected, expected]


def test_a_failure_is_a_fault_with_the_runtimes_own_account_of_it(platform: Node, deploy: Deploy, xray: Any) -> None:
    name, root = deploy(None, CODE), ROOT.format(3)
    assert invoke(traced_client(platform, f"Root={root};Sampled=1"), name, {"fail": True}).error
    function = by_origin(documents(xray, root, 2))["AWS::Lambda::Function"]
    assert function["fault"] is True
    exception = function["cause"]["exceptions"][0]
    assert (exception["type"], exception["message"]) == ("ValueError", "refused")
    assert exception["stack"][-1]["label"] == "handler"


@pytest.mark.parametrize(
    ("mode", "header", "sampled"),
    [
        ("Active", "", "1"),
        ("Active", "Root=1-5759e988-bd862e3fe1be46a994279999;Sampled=0", "0"),
        ("PassThrough", "", "0"),
        ("PassThrough", "Root=1-5759e988-bd862e3fe1be46a994279998;Sampled=?", "0"),
    ],
)
def test_who_decides_about_sampling(platform: Node, deploy: Deploy, mode: str, header: str, sampled: str) -> None:
    name = deploy(None, CODE, TracingConfig={"Mode": mode})
    client = traced_client(platform, header)
    assert client.get_function_configuration(FunctionName=name)["TracingConfig"] == {"Mode": mode}
    response = client.invoke(FunctionName=name)
    answered = response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"]
    assert re.fullmatch(rf"root=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};sampled={sampled}", answered)
    assert f";Sampled={sampled};" in json.loads(response["Payload"].read())


def test_summaries_tell_what_happened_in_a_time(platform: Node, deploy: Deploy, xray: Any) -> None:
    name = deploy(None, CODE, TracingConfig={"Mode": "Active"})
    invoke(platform.client("lambda"), name, {"fail": True})
    now = datetime.now(UTC)
    pages = xray.get_paginator("get_trace_summaries").paginate(
        StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1)
    )
    summaries = [summary for page in pages for summary in page["TraceSummaries"]]
    ours = next(s for s in summaries if s["EntryPoint"]["Name"] == name)
    assert ours["HasFault"]
    assert ours["Http"] == {"HttpStatus": 200}
    assert {service["Type"] for service in ours["ServiceIds"]} == {"AWS::Lambda", "AWS::Lambda::Function"}


def test_segments_come_by_the_api_too_and_bad_ones_are_named(xray: Any) -> None:
    root = ROOT.format(4)
    good = {"trace_id": root, "id": "00000000000000bb", "name": "shop", "start_time": 1.0, "end_time": 2.0}
    answer = xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(good), "{}", "nonsense"])
    assert [bad["ErrorCode"] for bad in answer["UnprocessedTraceSegments"]] == ["InvalidId", "InvalidJson"]
    assert documents(xray, root, 1) == [good]
    unknown = ROOT.format(5)
    assert xray.batch_get_traces(TraceIds=[unknown])["UnprocessedTraceIds"] == [unknown]


def test_accounts_do_not_see_each_others_traces(platform: Node, xray: Any) -> None:
    root = ROOT.format(6)
    good = {"trace_id": root, "id": "00000000000000bb", "name": "shop", "start_time": 1.0, "end_time": 2.0}
    xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(good)])
    stranger = boto3.client(
        "xray",
        endpoint_url=platform.endpoint,
        region_name="us-east-1",
        aws_access_key_id="111111111111",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )
    assert stranger.batch_get_traces(TraceIds=[root])["Traces"] == []


def test_what_x_ray_has_and_stoker_has_not_is_refused_by_name(xray: Any) -> None:
    with pytest.raises(xray.exceptions.ClientError, match="xray:GetServiceGraph"):
        xray.get_service_graph(StartTime=0, EndTime=1)
    with pytest.raises(xray.exceptions.InvalidRequestException, match="FilterExpression"):
        xray.get_trace_summaries(StartTime=0, EndTime=1, FilterExpression="fault")


def test_a_flood_of_datagrams_costs_nobody_else_anything(platform: Node, deploy: Deploy) -> None:
    name, other = deploy(None, CODE, Timeout=30), deploy(None, CODE)
    client = platform.client("lambda")
    invoke(client, other)
    flood = Thread(target=invoke, args=(client, name, {"flood": True}))
    flood.start()
    took_s = []
    while flood.is_alive():
        began_s = time.monotonic()
        assert invoke(client, other).value
        took_s.append(time.monotonic() - began_s)
    flood.join()
    assert sorted(took_s)[len(took_s) // 2] < 0.5
    assert platform.client("lambda").get_function_configuration(FunctionName=name)["State"] == "Active"


@contextmanager
def otlp_receiver() -> Iterator[tuple[str, "Queue[dict[str, Any]]"]]:
    """A receiver's URL, and what was posted to it."""
    posted: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/json"
            posted.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the test's output is its own."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_traces_go_to_an_otlp_endpoint_and_from_plain_sandboxes_too(
    start_node: Callable[..., tuple[NodeProcess, Node]],
) -> None:
    with otlp_receiver() as (url, posted):
        _, node = start_node("--isolation", "plain", STOKER_OTLP_ENDPOINT=url)
        client = node.client("lambda")
        deploy, _ = deployer(client)
        name = deploy(None, CODE, TracingConfig={"Mode": "Active"})
        header = invoke(client, name).value
        spans: dict[str, dict[str, Any]] = {}
        while not {"work", "Invocation"} <= spans.keys():
            for resource in posted.get(timeout=10)["resourceSpans"]:
                spans |= {span["name"]: span for span in resource["scopeSpans"][0]["spans"]}
    root, parent = header.split(";")[:2]
    assert {span["traceId"] for span in spans.values()} == {root.removeprefix("Root=1-").replace("-", "")}
    assert spans["work"]["parentSpanId"] == parent.removeprefix("Parent=")
    assert int(spans["work"]["endTimeUnixNano"]) > int(spans["work"]["startTimeUnixNano"]) > 0


def test_traces_go_to_an_x_ray_outside_if_one_is_named(
    platform: Node, xray: Any, start_node: Callable[..., tuple[NodeProcess, Node]]
) -> None:
    """Here it is another node's."""
    _, node = start_node(STOKER_NEIGHBOURS=json.dumps({"xray": platform.endpoint}))
    deploy, _ = deployer(node.client("lambda"))
    root = ROOT.format(7)
    name = deploy(None, CODE)
    assert invoke(traced_client(node, f"Root={root};Sampled=1"), name).value
    assert by_origin(documents(xray, root, 2))["AWS::Lambda"]["name"] == name
    assert by_origin(documents(node.client("xray"), root, 2))["AWS::Lambda"]["name"] == name
