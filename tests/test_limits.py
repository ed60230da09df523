"""Every limit, as on AWS and raised by the settings: what is just large enough is taken, and one more is refused.

Section numbers are those of the reference on the control plane. Texts without one are not in the reference.
"""

import http.client
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from stoker.config import SettingsError, load_settings
from stoker.limits import GIB, KIB, MIB, Limits
from tests.conftest import PYTHON, ROLE, Node, NodeProcess, zip_of

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
ACCOUNT_CONCURRENCY = 1000
RAISED = Limits(
    memory_mb_max=11_000,
    timeout_s_max=3_600,
    ephemeral_storage_mb_max=12_288,
    environment_bytes_max=128 * KIB,
    layers_max=7,
    tags_max=60,
    policy_bytes_max=24 * KIB,
    filters_max=10,
    zipped_bytes_max=54 * MIB,
    unzipped_bytes_max=270_000_000,
    code_storage_bytes_max=300 * GIB,
    request_payload_bytes_max=32 * MIB,
    event_payload_bytes_max=2 * MIB,
    response_payload_bytes_max=32 * MIB + 100,
    streamed_response_bytes_max=300 * MIB,
    streamed_response_bytes_per_s=1024 * MIB,
    unreserved_concurrency_min=150,
    requests_per_s_per_concurrency=500,
    file_descriptors_max=2_000,
    processes_max=1_500,
)
HANDLER = """
import os, resource, subprocess, threading

def handler(event, context):
    match event.get("what") if isinstance(event, dict) else None:
        case "large":
            return "x" * (event["bytes"] - 2)
        case "files":
            files = [os.open("/dev/null", os.O_RDONLY) for _ in range(event["count"])]
            for file in files:
                os.close(file)
            return len(files)
        case "threads":
            end = threading.Event()
            threads = [threading.Thread(target=end.wait) for _ in range(event["count"])]
            for thread in threads:
                thread.start()
            end.set()
            for thread in threads:
                thread.join()
            return len(threads)
        case "facts":
            room = os.statvfs("/tmp")
            child = subprocess.run(["/bin/sh", "-c", "printf %s ${#BIG}"], capture_output=True, text=True)
            return {
                "left_s": context.get_remaining_time_in_millis() // 1000,
                "memory_mb": int(context.memory_limit_in_mb),
                "tmp_mb": room.f_blocks * room.f_frsize // (1 << 20),
                "variable": len(os.environ.get("BIG", "")),
                "childs_variable": child.stdout or child.stderr,
                "files": resource.getrlimit(resource.RLIMIT_NOFILE),
                "processes": resource.getrlimit(resource.RLIMIT_NPROC),
            }
        case _:
            return event
"""


@dataclass(frozen=True, slots=True)
class Limited:
    """A running node, and the limits it has."""

    node: Node
    limits: Limits
    client: Any

    def create(self, runtime: str = "provided.al2023", **members: Any) -> str:
        name = f"f-{uuid.uuid4().hex[:10]}"
        code = {"ZipFile": zip_of({"bootstrap": "#!/bin/sh\n"})}
        basic = {"Runtime": runtime, "Handler": "handler.handler", "Role": ROLE, "Code": code}
        self.client.create_function(FunctionName=name, **(basic | members))
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )
        return name

    def deploy(self, **members: Any) -> str:
        """A function that does what its event says."""
        return self.create(PYTHON, **({"Code": {"ZipFile": zip_of({"handler.py": HANDLER})}, "Timeout": 60} | members))

    def ask(self, name: str, **event: Any) -> Any:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event))
        body = answer["Payload"].read()
        assert "FunctionError" not in answer, body
        return json.loads(body)


@pytest.fixture(scope="module", params=["aws", "raised"])
def limited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    limits = RAISED if request.param == "raised" else Limits()
    settings = {"STOKER_LIMITS": json.dumps(asdict(limits))} if limits == RAISED else {}
    with NodeProcess(tmp_path_factory.mktemp(request.param) / "data", **settings) as node:
        yield Limited(node, limits, node.client("lambda", parameter_validation=False))


@pytest.fixture(scope="module")
def raised(limited: Limited) -> Limited:
    """For what only a sandbox shows; that ordinary ones are as AWS's is told by `end_to_end/test_environment.py`."""
    if limited.limits != RAISED:
        pytest.skip("this is about raised limits")
    return limited


def of_variables(size: int) -> dict[str, Any]:
    return {"Environment": {"Variables": {"KEY": "x" * (size - len('{"KEY":""}'))}}}


@cache
def zipped(size: int) -> bytes:
    """A package of exactly so many bytes."""

    def archive(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
            package.writestr(zipfile.ZipInfo("bootstrap"), content)
        return buffer.getvalue()

    return archive(bytes(size - len(archive(b""))))


@cache
def unzipping_to(size: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        package.writestr("bootstrap", bytes(size))
    return buffer.getvalue()


def layers(limited: Limited, count: int) -> dict[str, Any]:
    def publish(number: int) -> str:
        content = {"ZipFile": zip_of({"file": str(number)})}
        return str(limited.client.publish_layer_version(LayerName=f"l{number}", Content=content)["LayerVersionArn"])

    return {"Layers": [publish(number) for number in range(count)]}


def too_much(text: str) -> str:
    return f"failed to satisfy constraint: Member must have value less than or equal to {text}"


@dataclass(frozen=True, slots=True)
class Case:
    """A limit on what CreateFunction says: `members` for so much of it, and what is answered to more."""

    limit: str
    members: Callable[[Limited, int], dict[str, Any]]
    code: str
    text: Callable[[int], str]


CASES = (
    Case(
        "memory_mb_max", lambda _, size: {"MemorySize": size}, "ValidationException", lambda most: too_much(f"{most}")
    ),
    Case("timeout_s_max", lambda _, size: {"Timeout": size}, "ValidationException", lambda most: too_much(f"{most}")),
    Case(
        "ephemeral_storage_mb_max",
        lambda _, size: {"EphemeralStorage": {"Size": size}},
        "ValidationException",
        lambda most: too_much(f"{most}"),
    ),
    Case(
        "environment_bytes_max",
        lambda _, size: of_variables(size),
        "InvalidParameterValueException",
        lambda most: f"exceeded the {most // KIB}KB limit. String measured: {{",
    ),
    Case(
        "layers_max",
        layers,
        "InvalidParameterValueException",
        lambda most: f"Cannot reference more than {most} layers.",
    ),
    Case(
        "tags_max",
        lambda _, count: {"Tags": {f"k{number}": "" for number in range(count)}},
        "InvalidParameterValueException",
        lambda _: "Number of tags exceeds resource tag limit.",
    ),
    Case(
        "zipped_bytes_max",
        lambda _, size: {"Code": {"ZipFile": zipped(size)}},
        "RequestEntityTooLargeException",
        lambda most: f"Zipped size must be smaller than {most} bytes",
    ),
    Case(
        "unzipped_bytes_max",
        lambda _, size: {"Code": {"ZipFile": unzipping_to(size)}},
        "InvalidParameterValueException",
        lambda most: f"Unzipped size must be smaller than {most} bytes",
    ),
)


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.limit)
def test_a_function_may_have_as_much_as_the_limit_and_no_more(limited: Limited, case: Case) -> None:
    """Sections 4.1 and 14."""
    most = getattr(limited.limits, case.limit)
    limited.create(**case.members(limited, most))
    code, message = refusal(lambda: limited.create(**case.members(limited, most + 1)))
    assert code == case.code
    assert case.text(most) in message


def test_a_request_with_a_package_has_room_for_its_base64(limited: Limited) -> None:
    """Section 4.1: 70,167,211 bytes on AWS."""
    most = limited.limits.package_request_bytes_max
    assert limited.limits == RAISED or most == 70_167_211
    connection = http.client.HTTPConnection(urlsplit(limited.node.endpoint).netloc, timeout=10)
    connection.putrequest("POST", "/2015-03-31/functions")
    connection.putheader("Content-Length", str(most + 1))
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 413
    text = f"Request must be smaller than {most} bytes for the CreateFunction operation"
    assert text in (body.get("message"), body.get("Message"))


def test_a_policy_grows_to_its_limit(limited: Limited) -> None:
    """Section 6."""
    most, name = limited.limits.policy_bytes_max, limited.create()
    permission = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}

    def add(number: int) -> None:
        token = {"EventSourceToken": "t" * 250}
        limited.client.add_permission(**permission, **token, StatementId=f"{number:090}")

    def fill() -> None:
        for number in range(most // 250):
            add(number)

    code, message = refusal(fill)
    assert code == "PolicyLengthExceededException"
    assert message.endswith(f"is bigger than the limit ({most}).")
    size = len(limited.client.get_policy(FunctionName=name)["Policy"])
    assert most - 1_000 < size <= most


def test_a_mapping_may_have_as_many_filters_as_the_limit_and_no_more(limited: Limited) -> None:
    """Section 14."""
    most, name = limited.limits.filters_max, limited.create()
    queue = f"q-{uuid.uuid4().hex[:8]}"
    limited.node.client("sqs").create_queue(QueueName=queue)

    def map_with(count: int) -> None:
        limited.client.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{queue}",
            Enabled=False,
            FilterCriteria={"Filters": [{"Pattern": "{}"}] * count},
        )

    map_with(most)
    expected = ("InvalidParameterValueException", f"Filter criteria cannot have more than {most} filters.")
    assert refusal(lambda: map_with(most + 1)) == expected


def test_a_payload_may_be_as_large_as_the_limit_and_comes_back_whole(limited: Limited) -> None:
    """Section 3.3."""
    most, name = limited.limits.request_payload_bytes_max, limited.deploy(MemorySize=2048)
    payload = b'"%b"' % (b"x" * (most - 2))
    answer = limited.client.invoke(FunctionName=name, Payload=payload)
    assert answer["Payload"].read() == payload
    expected = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
    assert refusal(lambda: limited.client.invoke(FunctionName=name, Payload=payload + b" ")) == (
        "RequestEntityTooLargeException",
        expected,
    )


def test_a_response_may_be_as_large_as_the_limit_and_no_more(limited: Limited) -> None:
    """Reference: runtime side, 2.2."""
    most, name = limited.limits.response_payload_bytes_max, limited.deploy(MemorySize=2048)
    assert len(limited.ask(name, what="large", bytes=most)) == most - 2
    answer = limited.client.invoke(FunctionName=name, Payload=json.dumps({"what": "large", "bytes": most + 1}))
    assert json.loads(answer["Payload"].read()) == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({most} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_an_event_may_be_as_large_as_the_limit_and_no_more(limited: Limited) -> None:
    """Section 3.3."""
    most, name = limited.limits.event_payload_bytes_max, limited.deploy()
    payload = b'"%b"' % (b"x" * (most - 2))
    send = {"FunctionName": name, "InvocationType": "Event"}
    assert limited.client.invoke(**send, Payload=payload)["StatusCode"] == 202
    assert refusal(lambda: limited.client.invoke(**send, Payload=payload + b" ")) == (
        "RequestEntityTooLargeException",
        f"Request must be smaller than {most} bytes for the InvokeFunction operation",
    )


def test_so_much_concurrency_must_stay_unreserved(limited: Limited) -> None:
    """Section 9."""
    least, name = limited.limits.unreserved_concurrency_min, limited.create()
    reserve = limited.client.put_function_concurrency
    most = ACCOUNT_CONCURRENCY - least
    assert refusal(lambda: reserve(FunctionName=name, ReservedConcurrentExecutions=most + 1)) == (
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
        f"below its minimum value of [{least}].",
    )
    reserve(FunctionName=name, ReservedConcurrentExecutions=most)
    limited.client.delete_function_concurrency(FunctionName=name)


def test_so_many_requests_a_second_are_taken_for_each_place(limited: Limited) -> None:
    """Section 14: ten on AWS."""
    name = limited.deploy()
    limited.ask(name)
    limited.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)

    def call_often() -> None:
        for _ in range(60):
            limited.client.invoke(FunctionName=name)

    if limited.limits == RAISED:
        call_often()
    else:
        assert refusal(call_often)[0] == "TooManyRequestsException"


def test_the_account_shows_its_limits(limited: Limited) -> None:
    """Section 13."""
    limits = limited.limits
    shown = limited.client.get_account_settings()["AccountLimit"]
    assert shown["TotalCodeSize"] == limits.code_storage_bytes_max
    assert shown["CodeSizeUnzipped"] == limits.unzipped_bytes_max
    assert shown["CodeSizeZipped"] == limits.zipped_bytes_max


def test_a_sandbox_has_all_that_its_function_was_granted(raised: Limited) -> None:
    name = raised.deploy(
        MemorySize=RAISED.memory_mb_max,
        Timeout=RAISED.timeout_s_max,
        EphemeralStorage={"Size": RAISED.ephemeral_storage_mb_max},
        # Of two bytes each, which JSON may write as six.
        Environment={"Variables": {"BIG": "é" * ((RAISED.environment_bytes_max - len('{"BIG":""}')) // 2)}},
    )
    facts = raised.ask(name, what="facts")
    length = (RAISED.environment_bytes_max - len('{"BIG":""}')) // 2
    left_s = facts.pop("left_s")
    assert RAISED.timeout_s_max - 30 <= left_s <= RAISED.timeout_s_max
    # A shell counts bytes where its locale is not there.
    assert facts.pop("childs_variable") in (str(length), str(length * 2))
    assert facts == {
        "memory_mb": RAISED.memory_mb_max,
        "tmp_mb": RAISED.ephemeral_storage_mb_max,
        "variable": length,
        "files": [RAISED.file_descriptors_max] * 2,
        "processes": [RAISED.processes_max] * 2,
    }
    memory_bytes = (RAISED.memory_mb_max + RAISED.ephemeral_storage_mb_max) * MIB
    assert memory_bytes in memory_limits(raised.node)


def memory_limits(node: Node) -> list[int]:
    """Of the control groups of the sandboxes that live, in bytes."""
    children = [int(pid) for pid in descendants(node.pid)]
    limits = []
    for pid in children:
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            legacy = Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes")
            unified = Path(f"/sys/fs/cgroup{path}/memory.max")
            file = legacy if "memory" in controllers.split(",") else unified
            if file.exists() and file.read_text().strip().isdecimal():
                limits.append(int(file.read_text()))
    return limits


def descendants(pid: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [child, *descendants(int(child))]
    return found


def test_a_function_can_use_every_file_and_thread_that_it_may_have(raised: Limited) -> None:
    name = raised.deploy(MemorySize=3008)
    assert raised.ask(name, what="files", count=RAISED.file_descriptors_max - 50) == RAISED.file_descriptors_max - 50
    assert raised.ask(name, what="threads", count=RAISED.processes_max - 50) == RAISED.processes_max - 50


def test_aws_own_limits_are_what_a_node_has_without_settings() -> None:
    assert load_settings(None, {}, {}).limits == Limits()


def test_what_the_settings_do_not_name_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "stoker.toml"
    file.write_text("[limits]\ntimeout_s_max = 3600\nunreserved_concurrency_min = 0\n")
    assert load_settings(file, {}, {}).limits == Limits(timeout_s_max=3600, unreserved_concurrency_min=0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[limits]\ntimeout_max = 1", "unknown limit 'timeout_max'; known: code_storage_bytes_max, environment"),
        ("[limits]\nconcurrent_executions = 1", "unknown limit 'concurrent_executions'"),
        ("[limits]\ntags_max = '60'", "'tags_max' must be an integer, not '60'"),
        ("[limits]\ntags_max = 60.0", "'tags_max' must be an integer, not 60.0"),
        ("[limits]\ntags_max = true", "'tags_max' must be an integer, not True"),
        ("[limits]\ntags_max = 0", "'tags_max' must be from 1 to 2147483647, not 0"),
        ("[limits]\nmemory_mb_max = 64", "'memory_mb_max' must be from 128 to 2147483647, not 64"),
        ("[limits]\ntimeout_s_max = 2", "'timeout_s_max' must be from 3 to 2147483647, not 2"),
        ("[limits]\nenvironment_bytes_max = 131073", "'environment_bytes_max' must be from 1 to 131072, not 131073"),
        ("[limits]\nprocesses_max = 4194305", "'processes_max' must be from 64 to 4194304, not 4194305"),
        ("limits = 5", "must be a table of integers; in the environment, a JSON object"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "stoker.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings(file, {}, {})
    message = str(refused.value)
    assert message.startswith("setting 'limits' in the settings file: ")
    assert complaint in message
    assert "\n" not in message


def test_more_files_than_the_host_allows_stop_the_start(tmp_path: Path) -> None:
    process = NodeProcess(tmp_path / "data", STOKER_LIMITS='{"file_descriptors_max": 2000000000}')
    assert process.process.wait(30) == 1
    assert "stoker: limits.file_descriptors_max is 2000000000, and this host allows" in process.log.read_text()


def test_every_limit_has_its_line_in_the_settings_page() -> None:
    section = PAGE.read_text().split("## Quotas")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in section.splitlines() if line.startswith("| ")][1:]
    assert [row[1].strip("`") for row in rows] == [limit.name for limit in fields(Limits)]
    for _, name, default, *_ in rows:
        assert int(default.replace(",", "")) == getattr(Limits(), name.strip("`")), name
