"""A JVM that was started before there was a function: it is what a fresh start would be, and nobody else's.

All handlers have names of one length, as do those that one JVM may wait for.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.config import Settings, default_runtimes_dir
from tests.catalogues import catalogue_of
from tests.conftest import Deploy, Node, deployer
from tests.end_to_end.started_ahead import OF_ONE_ENVIRONMENT, call, node_that_starts_ahead, wait_waiting, waiting
from tests.runtimes.java_code import compile_handlers

OF_ONE_START = (*OF_ONE_ENVIRONMENT, "JAVA_NOTHING")


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Node]:
    yield from node_that_starts_ahead(tmp_path_factory.mktemp("ahead") / "data", isolation)


@pytest.fixture
def client(ahead: Node) -> Any:
    return ahead.client("lambda")


@pytest.fixture(scope="module")
def classes(install_runtime: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalogue = catalogue_of(Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir()))
    return compile_handlers(catalogue.find(install_runtime("java17")), tmp_path_factory.mktemp("classes"))


@pytest.fixture
def deploy_ahead(client: Any, classes: Path) -> Iterator[Deploy]:
    deploy, delete = deployer(client)

    def deploy_here(name: str | None, handler: str, runtime: str = "java17", **configuration: Any) -> str:
        return deploy(name, classes, runtime, handler, MemorySize=512, Timeout=20, **configuration)

    yield deploy_here
    delete()


@pytest.mark.parametrize("runtime", ["java17", "java21", "java25"])
def test_a_function_finds_what_a_fresh_start_gives_it(
    ahead: Node, client: Any, deploy_ahead: Deploy, install_runtime: Callable[[str], str], runtime: str
) -> None:
    name = deploy_ahead(f"twin-{runtime}", "example.Twin::tell", install_runtime(runtime))
    starts = wait_waiting(ahead, runtime)
    found = call(client, name)
    assert found["start"] in starts
    # A variable that a JVM might read when it starts, and that changes nothing.
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"JAVA_NOTHING": ""}})
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    fresh = call(client, name)
    assert fresh["start"] not in starts
    assert all(found["environment"][own] != fresh["environment"][own] for own in OF_ONE_ENVIRONMENT)
    for told in (found, fresh):
        del told["start"], told["properties"]["com.amazonaws.xray.traceHeader"]
        for own in OF_ONE_START:
            told["environment"].pop(own, None)
        for lines in ("started", "child"):
            told[lines] = [line for line in told[lines] if line.split("=")[0] not in OF_ONE_START]
        told["mapped"].sort()
    # What is different (decision 46).
    assert found["stack"].pop() == "com.amazonaws.services.lambda.runtime.api.client.Ahead.main(Unknown Source)"
    jar = next(file for file in fresh["files"] if file.endswith("/annotations-2.34.0.jar"))
    found["files"][found["files"].index(f"{jar.split()[0]} /")] = jar
    assert found == fresh
    assert fresh["here"] != []
    assert (found["locale"].split()[1], found["parallelism"]) == ("Asia/Tokyo", 7)


def test_an_error_tells_nothing_of_how_the_jvm_was_started(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    name = deploy_ahead(None, "example.Twin::fail")
    starts = wait_waiting(ahead, "java17")
    answer = client.invoke(FunctionName=name, LogType="Tail")
    document = json.loads(answer["Payload"].read())
    assert [frame.split("(")[0] for frame in document["stackTrace"][:1]] == ["example.Twin.fail"]
    assert starts.keys() - waiting(ahead, "java17").keys()
    assert "Ahead" not in json.dumps(document) + base64.b64decode(answer["LogResult"]).decode()


def test_nothing_passes_from_one_environment_to_another(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    """Their handlers are of one length, so the same JVMs would do for both."""
    first = deploy_ahead(None, "example.Twin::mine", Environment={"Variables": {"FIRST": "x", "BOTH": "first"}})
    second = deploy_ahead(None, "example.Twin::mine", Environment={"Variables": {"SECOND": "x", "BOTH": "second"}})
    told = []
    for name in (first, second):
        starts = wait_waiting(ahead, "java17")
        told.append(call(client, name))
        assert told[-1]["start"] in starts
    one, other = (answer["environment"] for answer in told)
    assert (one["BOTH"], other["BOTH"]) == ("first", "second")
    assert "SECOND" not in one
    assert "FIRST" not in other
    assert not any(name.startswith("ROOM") for name in {**one, **other})


@pytest.mark.parametrize(
    "variables",
    [
        {"JAVA_TOOL_OPTIONS": "-Xmx300m"},
        {f"V{number}": "" for number in range(300)},
    ],
    ids=["read at the start", "more than there is room for"],
)
def test_variables_that_cannot_be_given_later_get_a_start_of_their_own(
    ahead: Node, client: Any, deploy_ahead: Deploy, variables: dict[str, str]
) -> None:
    name = deploy_ahead(None, "example.Twin::mine", Environment={"Variables": variables})
    starts = waiting(ahead, "java17")
    told = call(client, name)
    assert told["start"] not in starts
    assert told["environment"].items() >= variables.items()
