"""The frame of every test here: a hostile function runs, a neighbour answers meanwhile, and nothing is left of it.

Needs the fixtures of `tests/conftest.py`: `platform`, `lambda_client`, `deploy`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stoker.sandbox.host import examine

from .traces import Traces

HOSTILE = Path(__file__).parent / "hostile"
HANDLERS = Path(__file__).parent.parent / "handlers"
RUNTIME = f"python3.{sys.version_info[1]}"

NEIGHBOUR_ANSWERS_WITHIN_S = 5.0
NOTHING_LEFT_WITHIN_S = 10.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = ""
    if os.geteuid() != 0:
        reason = "needs root: sandboxes with limits are what is tested"
    elif (report := examine()).isolation != "namespaces":
        reason = f"needs isolation by namespaces: {report.reason}"
    for item in items:
        if reason and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=reason))


class Answer:
    """What a caller gets of an invocation."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.request_id = response["ResponseMetadata"]["RequestId"]
        self.body: bytes = response["Payload"].read()

    @property
    def value(self) -> Any:
        """The handler's answer; fails the test if there was an error."""
        assert self.error is None, self.body
        return json.loads(self.body)

    def assert_platform_error(self, kind: str, message: str) -> None:
        """AWS's own form: status 200, `Unhandled`, and the type before the message (reference: runtime side, 5.1)."""
        assert (self.status, self.error) == (200, "Unhandled"), self.body[:500]
        document = {"errorType": kind, "errorMessage": f"RequestId: {self.request_id} Error: {message}"}
        assert self.body == json.dumps(document, separators=(",", ":")).encode()


@pytest.fixture(autouse=True)
def nothing_left(platform: Any) -> Iterator[None]:
    """The first fixture of every test, so it looks last: when every function of the test has been deleted."""
    before = Traces.of(platform)
    yield
    deadline = time.monotonic() + NOTHING_LEFT_WITHIN_S
    while (left := Traces.of(platform).beyond(before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


Invoke = Callable[..., Answer]


@pytest.fixture
def invoke(lambda_client: Any) -> Invoke:
    def invoke(name: str, event: object = None, **parameters: Any) -> Answer:
        payload = json.dumps({} if event is None else event)
        return Answer(lambda_client.invoke(FunctionName=name, Payload=payload, **parameters))

    return invoke


@pytest.fixture
def hostile(deploy: Callable[..., str]) -> Callable[..., str]:
    """Deploys one of `hostile/` by "file.handler"; answers with the function's name."""

    def hostile(handler: str, **configuration: Any) -> str:
        module, _, _ = handler.partition(".")
        files = {f"{module}.py": (HOSTILE / f"{module}.py").read_text()}
        name = f"hostile-{handler.replace('.', '-').replace('_', '-')}"
        configuration = {"Timeout": 30, "MemorySize": 256} | configuration
        return deploy(name, files, runtime=RUNTIME, handler=handler, **configuration)

    return hostile


class Neighbour:
    """An innocent function on the same node."""

    def __init__(self, name: str, invoke: Invoke) -> None:
        self.name = name
        self._invoke = invoke

    def answers(self) -> None:
        began = time.monotonic()
        assert self._invoke(self.name, {"hello": "neighbour"}).value == {"hello": "neighbour"}
        assert time.monotonic() - began < NEIGHBOUR_ANSWERS_WITHIN_S

    def answers_during(self, call: Callable[[], Answer]) -> Answer:
        """Make `call` and ask the neighbour over and over until it returns, and once more after."""
        with ThreadPoolExecutor(1) as thread:
            answer: Future[Answer] = thread.submit(call)
            while not answer.done():
                self.answers()
            self.answers()
            return answer.result()


@pytest.fixture
def neighbour(deploy: Callable[..., str], invoke: Invoke) -> Neighbour:
    name = deploy("neighbour", HANDLERS / "echo_python", runtime=RUNTIME, handler="index.handler", MemorySize=256)
    neighbour = Neighbour(name, invoke)
    neighbour.answers()
    return neighbour


@pytest.fixture
def attack(hostile: Callable[..., str], neighbour: Neighbour, invoke: Invoke) -> Callable[..., Answer]:
    """Deploy "file.handler", invoke it once with `event`, the neighbour answering all the while."""

    def attack(handler: str, event: object = None, **configuration: Any) -> Answer:
        name = hostile(handler, **configuration)
        return neighbour.answers_during(lambda: invoke(name, event))

    return attack
