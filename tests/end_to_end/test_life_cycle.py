"""One environment over its life: reused, frozen, thawed, replaced; and many of them at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Deploy, Node, deployer, zip_of
from tests.handlers import folder

from . import footprint
from .calls import invoke

WAITER = {"Delay": 0.05, "MaxAttempts": 300}
# Beyond the default of freeze_after_s.
IDLE_S = 0.8
TICKING = {
    "index.py": """
import threading, time
ticks = 0

def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.01)

threading.Thread(target=tick, daemon=True).start()

def handler(event, context):
    before = ticks
    time.sleep(event["seconds"])
    return [before, ticks, time.time()]
"""
}


def test_two_hundred_calls_in_turn_use_one_environment(lambda_client: Any, logs_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("counter"), handler="index.handler")
    answers = [invoke(lambda_client, name).value for _ in range(200)]
    assert [answer["in_memory"] for answer in answers] == list(range(1, 201))
    assert len({answer["environment"] for answer in answers}) == 1
    streams = logs_client.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert len(streams) == 1


def test_fifty_callers_at_once_each_get_their_own_answer(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_python"), handler="index.handler")
    events = [{"number": number, "filling": chr(97 + number % 26) * 1000 * number} for number in range(50)]
    with ThreadPoolExecutor(50) as threads:
        for _ in range(4):
            answers = list(threads.map(lambda event: invoke(lambda_client, name, event), events))
            assert [answer.value for answer in answers] == events
            assert len({answer.request_id for answer in answers}) == 50
            for answer in answers:
                assert f"START RequestId: {answer.request_id} " in answer.log


def test_nothing_runs_between_invocations_and_all_goes_on_afterwards(
    lambda_client: Any, platform: Node, deploy: Deploy
) -> None:
    name = deploy(None, TICKING, handler="index.handler", MemorySize=512)
    _, first_end, first_s = invoke(lambda_client, name, {"seconds": 0.3}).value
    time.sleep(IDLE_S + 1.0)
    # How many, nobody can say: those of other tests end meanwhile.
    assert footprint.frozen_count(platform.data) >= 1
    second_begin, second_end, second_s = invoke(lambda_client, name, {"seconds": 0.3}).value
    assert second_s - first_s > 1.5
    # It ran for freeze_after_s and the moment of the call, not for the 1.8 s in between.
    assert second_begin - first_end < 90
    assert second_end - second_begin > 10
    for _ in range(3):
        time.sleep(IDLE_S)
        begin, end, _ = invoke(lambda_client, name, {"seconds": 0.1}).value
        assert begin - second_end < 90
        second_end = end


@pytest.mark.alone
def test_processor_time_follows_memory(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: runtime side, 4: 1,769 MB is one vCPU, so 885 MB is half of one, and 442 MB a quarter."""
    whole, half, quarter = names = [
        deploy(None, folder("greedy"), handler="index.processor", MemorySize=memory_mb, Timeout=20)
        for memory_mb in (1769, 885, 442)
    ]
    got = dict.fromkeys(names, 0.0)
    for name in names:
        invoke(lambda_client, name, {"seconds": 0})
    for _ in range(3):
        for name in names:
            got[name] += invoke(lambda_client, name, {"seconds": 0.7}).value
    assert got[whole] > 1.5 * got[half]
    assert got[whole] > 2 * got[quarter]
    assert 0.6 < got[half] < 1.5
    assert 0.3 < got[quarter] < 0.9


def test_an_update_is_served_at_once_and_its_former_environments_end(
    lambda_client: Any, platform: Node, deploy: Deploy
) -> None:
    name = deploy(None, _says("old"), handler="index.handler", Timeout=30)
    sandboxes = set(footprint.first_processes(platform.pid))
    with ThreadPoolExecutor(4) as threads:
        assert {call.value for call in threads.map(lambda _: invoke(lambda_client, name, 0.3), range(4))} == {"old"}
        old = set(footprint.first_processes(platform.pid)) - sandboxes
        assert len(old) == 4
        running = threads.submit(invoke, lambda_client, name, 3.0)
        time.sleep(0.2)
        lambda_client.update_function_code(FunctionName=name, ZipFile=zip_of(_says("new")))
        lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAITER)
        for _ in range(5):
            assert invoke(lambda_client, name, 0.0).value == "new"
        assert not running.done()
        # Reference: invocation, 1: running requests finish on old code.
        assert running.result().value == "old"
    deadline_s = time.monotonic() + 5
    while old & set(footprint.first_processes(platform.pid)):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def _says(text: str) -> dict[str, str]:
    return {"index.py": f"import time\ndef handler(event, context):\n    time.sleep(event)\n    return {text!r}\n"}


def test_a_changed_variable_reaches_the_next_invocation(lambda_client: Any, deploy: Deploy) -> None:
    code = {"index.py": "import os\ndef handler(event, context):\n    return os.environ.get('COLOUR')\n"}
    name = deploy(None, code, handler="index.handler", Environment={"Variables": {"COLOUR": "red"}})
    assert invoke(lambda_client, name).value == "red"
    lambda_client.publish_version(FunctionName=name)
    for colour in ("green", "blue"):
        lambda_client.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": colour}})
        lambda_client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAITER)
        assert invoke(lambda_client, name).value == colour
    assert invoke(lambda_client, name, Qualifier="1").value == "red"


def test_a_deleted_function_leaves_no_sandbox(lambda_client: Any, platform: Node, deploy: Deploy) -> None:
    before = set(footprint.first_processes(platform.pid))
    name = deploy(None, folder("counter"), handler="index.handler")
    invoke(lambda_client, name)
    assert set(footprint.first_processes(platform.pid)) - before
    lambda_client.delete_function(FunctionName=name)
    deadline_s = time.monotonic() + 5
    while set(footprint.first_processes(platform.pid)) - before:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_more_than_the_account_may_run_at_once_is_throttled(start_node: Any) -> None:
    """Reference: control plane, 3.3; the members' order and names: 1."""
    _, node = start_node(STOKER_CONCURRENT_EXECUTIONS="2")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    name = deploy(None, folder("slow"), handler="index.handler", Timeout=30)
    assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 2
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(invoke, client, name, {"seconds": 1.5}) for _ in range(2)]
        time.sleep(0.5)
        with pytest.raises(ClientError) as raised:
            client.invoke(FunctionName=name, Payload=b'{"seconds": 0}')
        assert all(call.result().value == {"seconds": 1.5} for call in running)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"] == "TooManyRequestsException"
    assert (response["Error"]["Message"], response["Reason"], response["Type"]) == (
        "Rate Exceeded.",
        "ConcurrentInvocationLimitExceeded",
        "User",
    )
    assert invoke(client, name, {"seconds": 0}).value == {"seconds": 0}
