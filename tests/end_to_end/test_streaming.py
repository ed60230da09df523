"""InvokeWithResponseStream: bytes reach the client as the function writes them.

Reference: invocation, 1; runtime side, 2.4.
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from urllib3.exceptions import ProtocolError

from stoker.limits import MIB
from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.handlers import folder

from .calls import invoke, log_messages

CUSTOM = "provided.al2023"
EVENT_STREAM = "application/vnd.amazon.eventstream"
# A node that holds back 100 MB for a slow client grows by nothing near that.
GROWTH_MB_MAX = 6
GAP_S = 0.2


@dataclass
class Stream:
    """An answer while it arrives. `arrivals` are the times at which `chunks` came."""

    response: dict[str, Any]
    chunks: list[bytes] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    complete: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return self.response["ResponseMetadata"]["HTTPHeaders"]

    @property
    def written(self) -> list[float]:
        """When the function says that it wrote each chunk; chunks that travelled together are one."""
        return [float(chunk.partition(b"\n")[0]) for chunk in self.chunks]

    @property
    def details(self) -> dict[str, Any]:
        assert self.complete["ErrorCode"] == "Unhandled"
        return json.loads(self.complete["ErrorDetails"])

    @property
    def log(self) -> str:
        return base64.b64decode(self.complete["LogResult"]).decode()

    def read(self, pause: Callable[[int], None] = lambda _: None) -> "Stream":
        """To the end, which must be an InvokeComplete; `pause` is called with the number of bytes of each chunk."""
        for event in self.response["EventStream"]:
            assert not self.complete
            if "InvokeComplete" in event:
                self.complete = event["InvokeComplete"] or {"is": "empty"}
                continue
            self.arrivals.append(time.time())
            self.chunks.append(event["PayloadChunk"]["Payload"])
            pause(len(self.chunks[-1]))
        assert self.complete
        return self


def begin(client: Any, name: str, event: object = None, **parameters: Any) -> Stream:
    payload = json.dumps({} if event is None else event)
    return Stream(client.invoke_with_response_stream(FunctionName=name, Payload=payload, **parameters))


def stream(client: Any, name: str, event: object = None, **parameters: Any) -> Stream:
    return begin(client, name, event, **parameters).read()


@pytest.fixture(scope="module")
def custom(deploy_module: Deploy) -> str:
    """The custom runtime that does what its event says."""
    return deploy_module(None, folder("streaming_python"), CUSTOM, "any.thing", Timeout=60)


def test_each_chunk_arrives_before_the_next_is_written(lambda_client: Any, custom: str) -> None:
    answer = stream(lambda_client, custom, {"chunks": 4, "pause_s": GAP_S})
    assert len(answer.chunks) == 4
    assert all(arrived < following for arrived, following in zip(answer.arrivals, answer.written[1:], strict=False))
    assert answer.complete == {"is": "empty"}


def test_the_answer_says_what_aws_says(lambda_client: Any, custom: str) -> None:
    answer = stream(lambda_client, custom, {"content_type": "text/event-stream"}, LogType="Tail")
    assert answer.response["ExecutedVersion"] == "$LATEST"
    assert answer.headers["content-type"] == EVENT_STREAM
    assert answer.headers["x-amzn-remapped-content-type"] == "text/event-stream"
    assert answer.headers["x-amzn-trace-id"].startswith("root=1-")
    request_id = answer.headers["x-amzn-requestid"]
    lines = answer.log.splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert answer.complete.keys() == {"LogResult"}


def test_a_node_function_streams(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    code = {
        "index.mjs": "import { setTimeout as sleep } from 'node:timers/promises';\n"
        "export const handler = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  const prelude = { statusCode: 418, headers: { a: 'b' } };\n"
        "  if (event.prelude) stream = awslambda.HttpResponseStream.from(stream, prelude);\n"
        "  for (let number = 0; number < 3; number += 1) {\n"
        "    stream.write(`${Date.now() / 1000}\\n`);\n"
        f"    await sleep({GAP_S * 1000});\n"
        "  }\n"
        "  stream.end();\n"
        "});\n"
    }
    name = deploy(None, code, nodejs, "index.handler", MemorySize=256)
    answer = stream(lambda_client, name)
    assert len(answer.chunks) == 3
    # Node.js tells the time in whole milliseconds, rounded down.
    assert all(arrived < next_ + 0.002 for arrived, next_ in zip(answer.arrivals, answer.written[1:], strict=False))
    assert answer.headers["x-amzn-remapped-content-type"] == "application/octet-stream"
    # Reference: runtime side, 2.4: whoever calls the API gets the prelude as it was written.
    answer = stream(lambda_client, name, {"prelude": True})
    prelude = b'{"statusCode":418,"headers":{"a":"b"}}' + bytes(8)
    assert b"".join(answer.chunks).startswith(prelude)
    assert answer.headers["x-amzn-remapped-content-type"] == "application/vnd.awslambda.http-integration-response"


def test_a_node_stream_that_breaks_ends_with_its_error(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    name = deploy(None, folder("streaming_nodejs"), nodejs, "index.failing", MemorySize=256)
    for _ in range(10):  # the environment lives on
        answer = stream(lambda_client, name, LogType="Tail")
        assert b"".join(answer.chunks) == b"half of "
        assert answer.details["errorMessage"] == "the stream broke"
        assert "RuntimeExit" not in answer.log


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("error", {"errorMessage": "the stream broke", "errorType": "Custom"}),
        ("exit", {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited with error: exit status 3"}),
        ("hang up", {"errorType": "Runtime.TruncatedResponse", "errorMessage": "Response detected as truncated"}),
    ],
)
def test_what_ends_a_stream_early_is_told_after_what_was_written(
    lambda_client: Any, custom: str, ending: str, expected: dict[str, str]
) -> None:
    answer = stream(lambda_client, custom, {"ending": ending}, LogType="Tail")
    assert len(answer.chunks) == 1
    details = answer.details
    details["errorMessage"] = details["errorMessage"].removeprefix(
        f"RequestId: {answer.headers['x-amzn-requestid']} Error: "
    )
    assert details == expected
    assert "\nREPORT RequestId: " in answer.log
    assert stream(lambda_client, custom).complete == {"is": "empty"}


def test_a_timeout_in_the_middle_of_a_stream(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("streaming_python"), CUSTOM, "any.thing", Timeout=1)
    answer = stream(lambda_client, name, {"ending": "sleep"}, LogType="Tail")
    assert len(answer.chunks) == 1
    assert answer.arrivals[0] - answer.written[0] < 0.9
    assert answer.details["errorType"] == "Sandbox.Timedout"
    assert answer.details["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Status: timeout" in answer.log
    assert stream(lambda_client, name).complete == {"is": "empty"}


def test_a_function_that_does_not_stream_answers_with_one_chunk(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": "def handler(event, context):\n    return event['a'] * 1_000_000\n"})
    answer = stream(lambda_client, name, {"a": "x"})
    assert answer.chunks == [b'"%b"' % (b"x" * 1_000_000)]
    assert answer.headers["x-amzn-remapped-content-type"] == "application/json"
    failed = stream(lambda_client, name)
    assert failed.chunks == []
    assert failed.details["errorType"] == "KeyError"
    assert failed.response["ExecutedVersion"] == "$LATEST"
    assert "x-amzn-remapped-content-type" not in failed.headers


def test_what_cannot_be_invoked_is_refused_as_by_invoke(lambda_client: Any, custom: str, deploy: Deploy) -> None:
    """Reference: control plane, 3.3."""
    throttled = deploy(None, folder("streaming_python"), CUSTOM, "any.thing")
    lambda_client.put_function_concurrency(FunctionName=throttled, ReservedConcurrentExecutions=0)
    for name, parameters, status, code in (
        ("there-is-none", {}, 404, "ResourceNotFoundException"),
        (f"{custom}:nobody", {}, 404, "ResourceNotFoundException"),
        (throttled, {}, 429, "TooManyRequestsException"),
        (custom, {"Payload": b"no json"}, 400, "InvalidRequestContentException"),
        (custom, {"TenantId": "t"}, 400, "InvalidParameterValueException"),
        (custom, {"InvocationType": "Event"}, 400, "ValidationException"),
    ):
        with pytest.raises(ClientError) as caught:
            lambda_client.invoke_with_response_stream(FunctionName=name, **parameters)
        response = caught.value.response
        assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)


def test_a_dry_run_runs_nothing(lambda_client: Any, custom: str) -> None:
    answer = lambda_client.invoke_with_response_stream(FunctionName=custom, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert list(answer["EventStream"]) == []


def test_what_is_beyond_six_megabytes_comes_at_two_a_second(lambda_client: Any, custom: str) -> None:
    """Reference: runtime side, 2.4."""
    began_s = time.time()
    answer = stream(lambda_client, custom, {"chunks": 8, "bytes": MIB})
    taken = 0
    for chunk, arrived in zip(answer.chunks, answer.arrivals, strict=True):
        taken += len(chunk)
        # What the sockets and the pipe hold is on top of what has left.
        assert taken <= 6 * MIB + 2 * MIB * (arrived - began_s) + MIB
    assert taken == 8 * MIB
    assert answer.arrivals[-1] - began_s > 0.9


def test_twenty_streams_run_side_by_side(lambda_client: Any, custom: str) -> None:
    everybody_began = threading.Barrier(20, timeout=30)

    def one() -> bytes:
        answer = begin(lambda_client, custom, {"chunks": 5, "pause_s": 0.1})
        everybody_began.wait()
        answer.read()
        assert answer.complete == {"is": "empty"}
        return b"".join(answer.chunks)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: one(), range(20)))
    assert all(answer.count(b"\n") == 5 for answer in answers)
    assert len(set(answers)) == 20


def test_a_client_that_goes_away_does_not_end_the_function(
    lambda_client: Any, logs_client: Any, deploy: Deploy
) -> None:
    name = deploy(None, folder("streaming_python"), CUSTOM, "any.thing", Timeout=30)
    answer = begin(lambda_client, name, {"chunks": 20, "bytes": 200_000, "pause_s": 0.02})
    next(iter(answer.response["EventStream"]))
    answer.response["EventStream"].close()
    deadline_s = time.monotonic() + 20
    while not any(message.startswith("REPORT ") for message in log_messages(logs_client, name)):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    messages = log_messages(logs_client, name)
    assert "answered 202\n" in messages
    assert not any("Status:" in message for message in messages)


def test_a_structured_log_tells_how_long_the_response_was(lambda_client: Any, logs_client: Any, deploy: Deploy) -> None:
    """Reference: runtime side, 6.3."""
    logging = {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}
    name = deploy(None, folder("streaming_python"), CUSTOM, "any.thing", LoggingConfig=logging)
    answer = stream(lambda_client, name, {"chunks": 3, "bytes": 1000, "pause_s": 0.3}, LogType="Tail")
    assert sum(map(len, answer.chunks)) == 3000
    records = [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]
    done = next(record["record"] for record in records if record["type"] == "platform.runtimeDone")
    assert done["metrics"]["producedBytes"] == 3000
    spans = {span["name"]: span["durationMs"] for span in done["spans"]}
    # Two pauses, less what the node was late for the first chunk.
    assert spans["responseDuration"] > 300
    assert sum(spans.values()) == pytest.approx(done["metrics"]["durationMs"], abs=0.1)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A node that sends as fast as it can, but no more than 100 MB, and does not wait long when it is stopped."""
    limits = {"streamed_response_bytes_per_s": 2_000_000_000, "streamed_response_bytes_max": 100 * MIB}
    with NodeProcess(
        tmp_path_factory.mktemp("fast") / "data", STOKER_LIMITS=json.dumps(limits), STOKER_STOP_GRACE_S="1"
    ) as node:
        yield node


@pytest.fixture(scope="module")
def custom_fast(fast: Node) -> Any:
    deploy, clean_up = deployer(fast.client("lambda"))
    yield deploy(None, folder("streaming_python"), CUSTOM, "any.thing", Timeout=60, MemorySize=1769)
    clean_up()


def test_a_hundred_megabytes_for_a_slow_client_stay_in_the_function(fast: Node, custom_fast: str) -> None:
    client = fast.client("lambda")
    event = {"chunks": 1600, "bytes": 65536}
    stream(client, custom_fast, event)
    before_mb = _peak_mb(fast, reset=True)
    taken = 0

    def read_slowly(size: int) -> None:
        nonlocal taken
        taken, former = taken + size, taken
        if taken // (10 * MIB) > former // (10 * MIB):
            time.sleep(0.1)

    answer = begin(client, custom_fast, event).read(read_slowly)
    assert (taken, answer.complete) == (1600 * 65536, {"is": "empty"})
    assert _peak_mb(fast) - before_mb < GROWTH_MB_MAX


def _peak_mb(node: Node, *, reset: bool = False) -> float:
    """The most memory that the node's process had; `reset` makes it what it has now (proc(5), clear_refs)."""
    process = Path(f"/proc/{node.pid}")
    if reset:
        (process / "clear_refs").write_text("5")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def test_a_response_ends_at_the_limit(fast: Node, custom_fast: str) -> None:
    client = fast.client("lambda")
    answer = stream(client, custom_fast, {"chunks": 101, "bytes": MIB})
    assert sum(map(len, answer.chunks)) == 100 * MIB
    text = f"Response payload size exceeded maximum allowed payload size ({100 * MIB} bytes)."
    assert answer.details == {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
    assert invoke(client, custom_fast, {"bytes": 1000}).status == 200


def test_a_node_that_stops_cuts_what_does_not_end_in_time(start_node: Any) -> None:
    process, node = start_node(STOKER_STOP_GRACE_S="0.5")
    deploy, _ = deployer(node.client("lambda"))
    name = deploy(None, folder("streaming_python"), CUSTOM, "any.thing", Timeout=30)
    answer = begin(node.client("lambda"), name, {"chunks": 300, "pause_s": 0.1})
    assert next(iter(answer.response["EventStream"]))["PayloadChunk"]
    process.process.terminate()
    with pytest.raises(ProtocolError):
        answer.read()
    answer.response["EventStream"].close()
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()
