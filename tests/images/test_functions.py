"""Functions made from container images, on a real node."""

import base64
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, ROLE, Node, NodeProcess
from tests.end_to_end.calls import log_messages
from tests.images.building import BASH_RUNTIME, Image, Layer, files, image, layer, python_base, write_layout
from tests.images.registry import Registry, running_registry

StartNode = Callable[..., tuple[NodeProcess, Node]]


@pytest.fixture(scope="module")
def shelf() -> Iterator[Registry]:
    """The registry of this file's tests."""
    with running_registry() as registry:
        yield registry


@pytest.fixture(scope="module")
def shell(bash: Layer) -> Image:
    """An image whose entry point is a runtime in bash."""
    runtime = layer(files({"app/runtime": BASH_RUNTIME}))
    variables = ["PATH=/bin", "FROM_IMAGE=1", "OVERRIDDEN=image", "AWS_REGION=image", "LANG=C.UTF-8"]
    settings = {"Entrypoint": ["/app/runtime", "entry"], "Cmd": ["command"], "WorkingDir": "/app", "Env": variables}
    return image(bash, runtime, User="root", **settings)


@pytest.fixture
def deploy_image(lambda_client: Any) -> Iterator[Callable[..., str]]:
    """`deploy_image(uri, **configuration) -> name`: no longer pending when it returns."""
    names: list[str] = []

    def deploy(uri: str, **configuration: Any) -> str:
        names.append(f"image-{os.urandom(5).hex()}")
        create(lambda_client, names[-1], uri, **configuration)
        return names[-1]

    yield deploy
    for name in names:
        lambda_client.delete_function(FunctionName=name)


def create(client: Any, name: str, uri: str, **configuration: Any) -> None:
    client.create_function(FunctionName=name, PackageType="Image", Code={"ImageUri": uri}, Role=ROLE, **configuration)
    settled(client, name)


def settled(client: Any, name: str) -> dict[str, Any]:
    """The configuration when nothing is in progress any more."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        found: dict[str, Any] = client.get_function(FunctionName=name)["Configuration"]
        if found["State"] != "Pending" and found.get("LastUpdateStatus") != "InProgress":
            return found
        time.sleep(0.05)
    raise AssertionError(f"{name} stays {found['State']}")


def invoke(client: Any, name: str) -> dict[str, Any]:
    answer = client.invoke(FunctionName=name, LogType="Tail")
    payload: dict[str, Any] = json.load(answer["Payload"])
    payload["log"] = base64.b64decode(answer["LogResult"]).decode()
    return payload


def variables_of(answer: dict[str, Any]) -> dict[str, str]:
    lines = base64.b64decode(answer["variables"]).decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


EXTENSION = """#!/bin/bash
ask() {
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API##*:}"
    printf '%s\\r\\n' "$1 HTTP/1.1" "Host: x" "Connection: close" "$2" "Content-Length: 0" "" >&3
    while IFS= read -r line <&3; do
        case $line in Lambda-Extension-Identifier:*) id=${line#*: } && id=${id%?} ;; esac
    done
}
ask "POST /2020-01-01/extension/register" "Lambda-Extension-Name: ${0##*/}"
ask "GET /2020-01-01/extension/event/next" "Lambda-Extension-Identifier: $id"
"""


def test_an_images_own_extensions_are_started(
    lambda_client: Any,
    logs_client: Any,
    deploy_image: Callable[..., str],
    shelf: Registry,
    bash: Layer,
) -> None:
    content = layer(files({"app/runtime": BASH_RUNTIME, "opt/extensions/helper": EXTENSION}))
    uri = shelf.push("extended", "1", image(bash, content, Entrypoint=["/app/runtime"], Env=["PATH=/bin"]))
    name = deploy_image(uri, Timeout=10)
    assert invoke(lambda_client, name)["uid"] == 993
    assert "EXTENSION\tName: helper\tState: Ready\tEvents: []\n" in log_messages(logs_client, name)


def test_an_image_runs_as_its_configuration_says(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image
) -> None:
    uri = shelf.push("app", "1", shell)
    name = deploy_image(uri, Environment={"Variables": {"OVERRIDDEN": "customer", "LANG": "C"}})
    answer = invoke(lambda_client, name)
    assert (answer["arguments"], answer["directory"]) == ("entry command", "/app")
    assert answer["uid"] == 993  # sbx_user1051, whatever USER says
    assert (answer["root"], answer["tmp"]) == ("read-only", "writable")
    found = lambda_client.get_function(FunctionName=name)
    digest = shell.manifest.removeprefix("sha256:")
    assert found["Configuration"]["CodeSha256"] == digest
    assert found["Code"]["ImageUri"] == uri
    assert found["Code"]["ResolvedImageUri"] == f"{shelf.host}/app@sha256:{digest}"


def test_variables_are_the_images_then_the_platforms_and_no_search_paths(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image
) -> None:
    environment = {"Variables": {"OVERRIDDEN": "customer"}}
    name = deploy_image(shelf.push("app", "1", shell), Environment=environment)
    variables = variables_of(invoke(lambda_client, name))
    expected = {
        "PATH": "/bin",
        "FROM_IMAGE": "1",
        "OVERRIDDEN": "customer",
        "AWS_REGION": "us-east-1",
        "LANG": "C.UTF-8",
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
    }
    assert expected.items() <= variables.items()
    names = {"DEFAULT_REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "ENDPOINT_URL"}
    names |= {"XRAY_CONTEXT_MISSING", "XRAY_DAEMON_ADDRESS", "LAMBDA_METADATA_API", "LAMBDA_METADATA_TOKEN"}
    names |= {f"LAMBDA_FUNCTION_{name}" for name in ("VERSION", "MEMORY_SIZE")}
    names |= {f"LAMBDA_{name}" for name in ("INITIALIZATION_TYPE", "LOG_GROUP_NAME", "LOG_STREAM_NAME")}
    others = {"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT"}
    of_bash = {"PWD", "SHLVL", "_", "OLDPWD"}
    assert variables.keys() - of_bash == expected.keys() | {f"AWS_{name}" for name in names} | others


def test_nothing_of_the_host_is_to_be_seen(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image
) -> None:
    answer = invoke(lambda_client, deploy_image(shelf.push("app", "1", shell)))
    allowed = {"app", "bin", "dev", "etc", "lib", "lib64", "mnt", "proc", "run", "sys", "tmp"}
    allowed |= {
        f"dev/{name}" for name in ("fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero")
    }
    assert {path.lstrip("/") for path in answer["listing"].split()} == allowed


def test_the_log_has_no_runtime_version(
    lambda_client: Any, logs_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image
) -> None:
    name = deploy_image(shelf.push("app", "1", shell))
    assert "answered" in invoke(lambda_client, name)["log"]
    events = logs_client.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"].split()[0] for event in events] == ["START", "answered", "END", "REPORT"]


def test_the_functions_image_config_counts_more_and_can_change(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image
) -> None:
    config = {"EntryPoint": ["/app/runtime", "own"], "Command": ["a", "b"], "WorkingDirectory": "/etc"}
    name = deploy_image(shelf.push("app", "1", shell), ImageConfig=config)
    answer = invoke(lambda_client, name)
    assert (answer["arguments"], answer["directory"]) == ("own a b", "/etc")
    lambda_client.update_function_configuration(FunctionName=name, ImageConfig={"Command": ["c"]})
    settled(lambda_client, name)
    answer = invoke(lambda_client, name)
    assert (answer["arguments"], answer["directory"]) == ("entry c", "/app")


@pytest.mark.parametrize(
    ("config", "error_type", "text"),
    [
        ({"EntryPoint": ["/none"]}, "Runtime.InvalidEntrypoint", "fork/exec /none: no such file or directory"),
        ({"WorkingDirectory": "/none"}, "Runtime.InvalidWorkingDir", "chdir /none: no such file or directory"),
    ],
)
def test_what_cannot_start_is_told_to_the_caller(
    lambda_client: Any,
    deploy_image: Callable[..., str],
    shelf: Registry,
    shell: Image,
    config: dict[str, Any],
    error_type: str,
    text: str,
) -> None:
    name = deploy_image(shelf.push("app", "1", shell), ImageConfig=config)
    answer = invoke(lambda_client, name)
    assert answer["errorType"] == error_type
    assert answer["errorMessage"].endswith(f"Error: {text}")
    assert f"Error Type: {error_type}" in answer["log"]


def test_awss_python_client_in_an_image_answers(
    platform: Node, lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry
) -> None:
    code = "import sys\ndef handler(event, context):\n    return [event, context.function_name, sys.prefix]\n"
    settings = {"Entrypoint": [PYTHON, "-m", "awslambdaric"], "Cmd": ["app.handler"], "WorkingDir": "/var/task"}
    app = layer(files({"var/task/app.py": code}))
    uri = shelf.push("python", "1", image(python_base(), app, Env=["PATH=/usr/local/bin"], **settings))
    name = deploy_image(uri, Timeout=30, MemorySize=1769)
    answer = lambda_client.invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert json.load(answer["Payload"]) == [{"a": 1}, name, "/usr/local"]
    inside = next((platform.data / "images" / "roots").glob(f"*/tree/usr/local/bin/{PYTHON}"))
    assert os.access(inside, os.X_OK)


def test_a_fetch_that_fails_is_the_states_reason(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry
) -> None:
    broken = image(layer(files({"a": os.urandom(8)})))
    uri = shelf.push("broken", "1", broken)
    shelf.faults[broken.layers[0].diff_id] = []
    digest = json.loads(broken.document)["layers"][0]["digest"]
    shelf.faults[digest] = ["forever corrupt"]
    found = settled(lambda_client, deploy_image(uri))
    assert (found["State"], found["StateReasonCode"]) == ("Failed", "InvalidImage")
    assert digest in found["StateReason"]


def test_an_update_takes_the_new_image_and_a_version_keeps_the_old_one(
    lambda_client: Any, deploy_image: Callable[..., str], shelf: Registry, shell: Image, bash: Layer
) -> None:
    uri = shelf.push("changing", "latest", shell)
    name = deploy_image(uri)
    version = lambda_client.publish_version(FunctionName=name)["Version"]
    shelf.push(
        "changing", "latest", image(bash, shell.layers[1], Entrypoint=["/app/runtime", "new"], Env=["PATH=/bin"])
    )
    assert invoke(lambda_client, name)["arguments"] == "entry command"  # pinned
    lambda_client.update_function_code(FunctionName=name, ImageUri=uri)
    settled(lambda_client, name)
    assert invoke(lambda_client, name)["arguments"] == "new"
    assert invoke(lambda_client, f"{name}:{version}")["arguments"] == "entry command"


def test_images_outlive_their_registry_and_the_node(start_node: StartNode, tmp_path: Path, shell: Image) -> None:
    place = tmp_path / "local" / "app"
    write_layout(place, {"1": shell})
    process, node = start_node(STOKER_IMAGES_DIR=str(tmp_path / "local"))
    create(node.client("lambda"), "f", "localhost/app:1")
    for path in place.rglob("*"):
        if path.is_file():
            path.unlink()
    process.kill()
    _, node = start_node(data=node.data)
    assert invoke(node.client("lambda"), "f")["arguments"] == "entry command"


def test_a_fetch_that_a_crash_interrupted_is_begun_again_and_leaves_nothing(
    start_node: StartNode, shelf: Registry, shell: Image
) -> None:
    process, node = start_node()
    uri = shelf.push("interrupted", "1", shell)
    digest = json.loads(shell.document)["layers"][1]["digest"]
    shelf.faults[digest] = ["silence"]
    node.client("lambda").create_function(FunctionName="f", PackageType="Image", Code={"ImageUri": uri}, Role=ROLE)
    deadline_s = time.monotonic() + 20
    while not list((node.data / "images").glob(".temporary-*/blob")) or shelf.faults[digest]:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    process.kill()
    _, node = start_node(data=node.data)
    assert settled(node.client("lambda"), "f")["State"] == "Active"
    assert invoke(node.client("lambda"), "f")["arguments"] == "entry command"
    assert not list((node.data / "images").glob(".*"))


def test_plain_isolation_refuses_images_by_name(start_node: StartNode) -> None:
    _, node = start_node("--isolation", "plain")
    client = node.client("lambda")
    with pytest.raises(
        client.exceptions.InvalidParameterValueException, match="PackageType Image with isolation 'plain'"
    ):
        create(client, "f", "registry.example/app:1")


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[str]:
    """The host of the reference implementation of a registry, Debian's `docker-registry`."""
    program = Path("/usr/bin/docker-registry")
    if not program.exists():
        pytest.skip("needs docker-registry")
    config = tmp_path / "registry.yml"
    with running_registry() as borrowed:  # for a port that is free
        host = borrowed.host
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        f"http: {{addr: '{host}'}}\n"
    )
    process = subprocess.Popen([program, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://{host}/v2/")
        yield host
    finally:
        process.kill()
        process.wait(10)


def _wait_for(url: str) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nobody answers at {url}")


def _push(host: str, repository: str, tag: str, one: Image) -> None:
    """By the distribution specification's "Push"."""
    base = f"http://{host}/v2/{repository}"

    def send(method: str, url: str, body: bytes, kind: str) -> str:
        request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.headers["Location"])

    for digest, blob in one.blobs.items():
        if digest != one.manifest:
            place = send("POST", f"{base}/blobs/uploads/", b"", "application/octet-stream")
            send("PUT", f"{place}&digest={digest}", blob, "application/octet-stream")
    send("PUT", f"{base}/manifests/{tag}", one.document, one.manifest_type)


def test_an_image_of_a_real_registry_runs(
    lambda_client: Any, deploy_image: Callable[..., str], distribution: str, shell: Image
) -> None:
    _push(distribution, "team/app", "v1", shell)
    name = deploy_image(f"{distribution}/team/app:v1")
    assert invoke(lambda_client, name)["arguments"] == "entry command"
