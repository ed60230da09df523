"""Telemetry as extensions receive it (reference: runtime side, 8), and write it into a file that a function reads."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Deploy, zip_of
from tests.handlers import folder
from tests.runtimes.test_compiled import compiled

from .calls import invoke
from .extensions import python_extension, subscriber

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/some/where"}
TCP = {"protocol": "TCP", "port": 4243}
SOON = {"timeoutMs": 25}
FUNCTION = {
    "handler.py": """
import os

print("initialised")

def handler(event, context):
    for number in range(event.get("lines", 0)):
        print(f"line {number}")
    if "read" in event:
        path = "/tmp/" + event["read"]
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            file.seek(event.get("from", 0))
            return file.read(4_000_000)
"""
}
Wanted = dict[str, Any]


@pytest.fixture
def with_extension(lambda_client: Any, deploy: Deploy) -> Callable[..., str]:
    def deployed(script: str | bytes, **configuration: Any) -> str:
        content = {"ZipFile": zip_of({"extensions/subscriber": script})}
        layer = lambda_client.publish_layer_version(LayerName="subscribers", Content=content)
        return deploy(None, FUNCTION, Layers=[layer["LayerVersionArn"]], Timeout=20, MemorySize=1769, **configuration)

    return deployed


def wanted(*types: str, **members: Any) -> Wanted:
    schema = {"schemaVersion": "2022-12-13", "buffering": SOON, "destination": HTTP}
    return {**schema, "types": types or ("platform", "function", "extension"), **members}


def pages(client: Any, name: str) -> Iterator[str]:
    start = 0
    while page := invoke(client, name, {"read": "subscriber", "from": start}, LogType="None").value:
        yield page
        start += len(page)


def received_until(
    client: Any, name: str, done: Callable[[list[dict[str, Any]]], bool], limit_s: float = 15.0
) -> list[dict[str, Any]]:
    """The records that the extension got, once they are `done`."""
    deadline_s = time.monotonic() + limit_s
    while True:
        text = "".join(pages(client, name))
        records = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        if done(records):
            return records
        assert time.monotonic() < deadline_s, records[-20:]
        time.sleep(0.05)


def reports(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records if record["type"] == "platform.report"]


def without_init_line(kinds: list[str], before: str) -> list[str]:
    """What the function prints while it is initialised comes `before`; the extension subscribes at the same time."""
    line = kinds.index("function")
    assert line < kinds.index(before)
    return kinds[:line] + kinds[line + 1 :]


def test_a_subscriber_gets_every_event_from_the_begin_of_init_in_order(
    lambda_client: Any, with_extension: Callable[..., str]
) -> None:
    name = with_extension(subscriber(wanted()))
    call = invoke(lambda_client, name, {"lines": 2})
    assert "TELEMETRY\tName: subscriber\tState: Subscribed\tTypes: [Platform, Function, Extension]" not in call.log
    assert "subscribed 200" not in call.log  # that was in init
    records = received_until(lambda_client, name, lambda records: len(reports(records)) >= 1)
    end = records.index(reports(records)[0]) + 1
    kinds = [record["type"] for record in records[:end]]
    assert without_init_line(kinds, before="platform.initRuntimeDone") == [
        "platform.initStart",
        "platform.telemetrySubscription",
        "extension",
        "platform.extension",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "function",
        "function",
        "platform.runtimeDone",
        "platform.report",
    ]
    by_type = {record["type"]: record["record"] for record in records[:end]}
    assert by_type["platform.initStart"]["functionName"] == name
    assert by_type["platform.extension"] == {"name": "subscriber", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    assert by_type["extension"] == 'subscribed 200 "OK"'
    assert by_type["platform.start"]["requestId"] == call.request_id
    assert [record["record"] for record in records if record["type"] == "function"][:3] == [
        "initialised",
        "line 0",
        "line 1",
    ]
    done = by_type["platform.runtimeDone"]
    assert done["status"] == "success"
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert sum(span["durationMs"] for span in done["spans"]) == pytest.approx(done["metrics"]["durationMs"], abs=0.01)
    report = by_type["platform.report"]
    assert report["metrics"]["initDurationMs"] > 0
    assert report["spans"][0]["name"] == "extensionOverhead"
    times = [record["time"] for record in records[:end]]
    assert times == sorted(times)


@pytest.mark.parametrize(("destination", "protocol"), [(HTTP, "HTTP"), (TCP, "TCP")])
def test_everything_arrives_complete_and_in_order_under_load(
    lambda_client: Any, with_extension: Callable[..., str], destination: dict[str, Any], protocol: str
) -> None:
    name = with_extension(subscriber(wanted("function", destination=destination), protocol=protocol))
    for _ in range(3):
        invoke(lambda_client, name, {"lines": 10_000}, LogType="None")
    records = received_until(lambda_client, name, lambda records: len(records) >= 30_001)
    assert [record["record"] for record in records] == [
        "initialised",
        *(f"line {number}" for _ in range(3) for number in range(10_000)),
    ]


def test_an_extension_written_in_go_follows_and_receives(
    lambda_client: Any, with_extension: Callable[..., str], tmp_path: Path
) -> None:
    program = tmp_path / "subscriber"
    compiled(["go", "build", "-o", str(program), "."], "go", folder("extension_go"), CGO_ENABLED="0")
    name = with_extension(program.read_bytes())
    call = invoke(lambda_client, name, {"lines": 100})
    assert f"go got INVOKE {call.request_id}\n" in call.log
    records = received_until(lambda_client, name, lambda records: len(reports(records)) >= 1)
    lines = [record["record"] for record in records if record["type"] == "function"]
    assert lines[:101] == ["initialised", *(f"line {number}" for number in range(100))]
    assert reports(records)[0]["record"]["requestId"] == call.request_id


def test_the_logs_api_has_its_own_records(lambda_client: Any, with_extension: Callable[..., str]) -> None:
    old = {"types": ["platform", "function"], "destination": HTTP, "buffering": SOON, "schemaVersion": "2021-03-18"}
    name = with_extension(subscriber(old, path="/2020-08-15/logs"))
    call = invoke(lambda_client, name)
    records = received_until(lambda_client, name, lambda records: len(reports(records)) >= 1)
    kinds = [record["type"] for record in records[: records.index(reports(records)[0]) + 1]]
    assert without_init_line(kinds, before="platform.start") == [
        "platform.logsSubscription",
        "platform.extension",
        "platform.start",
        "platform.runtimeDone",
        "platform.end",
        "platform.report",
    ]
    assert {"requestId": call.request_id} in [record["record"] for record in records]


def test_structured_lines_are_objects_from_the_second_schema_on(
    lambda_client: Any, with_extension: Callable[..., str]
) -> None:
    name = with_extension(subscriber(wanted("platform", "function")), LoggingConfig={"LogFormat": "JSON"})
    log = (
        "import logging\ndef handler(event, context):\n    logging.warning('careful')\n"
        "    return open('/tmp/subscriber').read() if event.get('read') else None\n"
    )
    lambda_client.update_function_code(FunctionName=name, ZipFile=zip_of({"handler.py": log}))
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    deadline_s = time.monotonic() + 10
    while '"careful"' not in (text := invoke(lambda_client, name, {"read": "subscriber"}).value):
        assert time.monotonic() < deadline_s
    found = [json.loads(line) for line in text.splitlines()]
    lines = [record["record"] for record in found if record["type"] == "function"]
    assert lines[0]["level"] in ("WARN", "WARNING")
    assert lines[0]["message"] == "careful"


def test_a_wrong_subscription_is_told_everything_that_is_wrong(
    lambda_client: Any, with_extension: Callable[..., str], logs_client: Any
) -> None:
    wrong = {"types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}
    name = with_extension(subscriber(wrong, wanted("extension")))
    invoke(lambda_client, name)
    records = received_until(lambda_client, name, lambda records: len(records) >= 2)
    assert records[0]["record"] == (
        'subscribed 400 {"errorType":"ValidationError",'
        '"errorMessage":"URI port is not provided; types should not be empty"}'
    )


def test_what_a_deaf_subscriber_does_not_take_is_dropped_and_told(
    lambda_client: Any, with_extension: Callable[..., str]
) -> None:
    script = subscriber(wanted("platform", "function")).replace(
        "        body = self.rfile.read",
        "        if os.path.exists('/tmp/deaf'): return\n        body = self.rfile.read",
    )
    files = {
        "handler.py": (
            "import os, time\ndef handler(event, context):\n"
            "    if event.get('deaf'):\n        open('/tmp/deaf', 'w').close()\n        print('lost')\n"
            "        time.sleep(3)\n        os.remove('/tmp/deaf')\n        print('back')\n        time.sleep(0.5)\n"
            "    return open('/tmp/subscriber').read()\n"
        )
    }
    name = with_extension(script)
    lambda_client.update_function_code(FunctionName=name, ZipFile=zip_of(files))
    lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    invoke(lambda_client, name, {"deaf": True})
    text = invoke(lambda_client, name).value
    found = [json.loads(line) for line in text.splitlines()]
    dropped = next(record["record"] for record in found if record["type"] == "platform.logsDropped")
    assert dropped["droppedRecords"] >= 1
    assert dropped["droppedBytes"] > 0
    lines = [record["record"] for record in found if record["type"] == "function"]
    assert "lost" not in lines
    assert "back" in lines


def test_nobody_subscribes_after_init(lambda_client: Any, with_extension: Callable[..., str]) -> None:
    late = "api.request('PUT', '/2022-07-01/telemetry', '{}', {'Lambda-Extension-Identifier': identifier[0]}); " + (
        "print('late', api.getresponse().read().decode(), flush=True)"
    )
    script = python_extension(on_event=late).replace(
        '    print("registered"', "    globals()['identifier'] = [identifier]\n    print(\"registered\""
    )
    log = invoke(lambda_client, with_extension(script)).log
    assert '"errorType":"Telemetry.SubscriptionClosed"' in log
