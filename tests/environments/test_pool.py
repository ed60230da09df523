"""Who gets which environment, seen from outside: functions that tell which one they ran in."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conftest import Deploy, Node, NodeProcess, deployer
from tests.end_to_end.calls import invoke

INIT_S = 2.0
SLOW_TO_START = {
    "index.py": f"""
import os, time
time.sleep({INIT_S})
environment = os.urandom(8).hex()

def handler(event, context):
    began_s = time.time()
    time.sleep(event["seconds"])
    return [environment, began_s]
"""
}


def test_a_freed_environment_serves_those_who_wait_in_their_order(lambda_client: Any, deploy: Deploy) -> None:
    """Others start meanwhile, but take far longer than the one that becomes free."""
    name = deploy(None, SLOW_TO_START, handler="index.handler", Timeout=30)
    first, _ = invoke(lambda_client, name, {"seconds": 0}).value
    with ThreadPoolExecutor(3) as threads:
        began_s = time.time()
        running = threads.submit(invoke, lambda_client, name, {"seconds": 0.6})
        time.sleep(0.2)
        waiting = []
        for _ in range(2):
            waiting.append(threads.submit(invoke, lambda_client, name, {"seconds": 0.3}))
            time.sleep(0.1)
        answers = [call.result().value for call in (running, *waiting)]
        took_s = time.time() - began_s
    assert [environment for environment, _ in answers] == [first] * 3
    assert answers[0][1] < answers[1][1] < answers[2][1]
    assert took_s < INIT_S


def test_what_was_started_in_vain_serves_the_next_callers(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, SLOW_TO_START, handler="index.handler", Timeout=30)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(invoke, lambda_client, name, {"seconds": 0.3}) for _ in range(3)]
        cold = {call.result().value[0] for call in calls}
        time.sleep(0.5)
        began_s = time.time()
        calls = [threads.submit(invoke, lambda_client, name, {"seconds": 0.3}) for _ in range(3)]
        warm = {call.result().value[0] for call in calls}
    assert time.time() - began_s < INIT_S
    # One that was ready much sooner than another may have served two of the first callers.
    assert cold <= warm
    assert len(warm) == 3


def test_an_environment_that_was_idle_for_long_ends(start_node: Callable[..., tuple[NodeProcess, Node]]) -> None:
    _, node = start_node(STOKER_IDLE_TIMEOUT_S="1", STOKER_FREEZE_AFTER_S="0.2")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    code = {"index.py": "import os\nmark = os.urandom(8).hex()\ndef handler(event, context):\n    return mark\n"}
    name = deploy(None, code, handler="index.handler")
    first = invoke(client, name).value
    time.sleep(0.6)
    assert invoke(client, name).value == first
    time.sleep(2.0)
    assert invoke(client, name).value != first
