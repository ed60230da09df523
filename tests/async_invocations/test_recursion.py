"""Functions that call themselves, on a real node."""

import json
from collections.abc import Callable
from typing import Any

from tests.conftest import Deploy, Node

from .conftest import arn_of, seen, send, wait_seen

TELLS_TRACE = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"


def chain(client: Any, name: str, limit: int) -> list[int]:
    """Call the function as its own SDK would, with the trace header that the call before had."""
    statuses, trace = [], ""
    for depth in range(limit):

        def add_trace(request: Any, trace: str = trace, **_: object) -> None:
            if trace:
                request.headers["X-Amzn-Trace-Id"] = trace

        client.meta.events.register("before-sign.lambda.Invoke", add_trace, unique_id="trace")
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps({"depth": depth}))
        except client.exceptions.RecursiveInvocationException as error:
            statuses.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
            break
        finally:
            client.meta.events.unregister("before-sign.lambda.Invoke", unique_id="trace")
        statuses.append(answer["StatusCode"])
        trace = json.loads(answer["Payload"].read())
    return statuses


def test_the_seventeenth_call_of_a_function_in_one_chain_is_refused(client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": TELLS_TRACE})
    assert chain(client, name, limit=20) == [200] * 16 + [400]


def test_a_function_may_be_allowed_to_call_itself(client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": TELLS_TRACE})
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert chain(client, name, limit=20) == [200] * 20


def test_two_functions_that_are_each_others_destination_are_stopped_and_the_failure_is_told(
    node: Node, client: Any, recorder: Callable[..., str]
) -> None:
    ping, pong, told = recorder(), recorder(), recorder()
    for name, other in ((ping, pong), (pong, ping)):
        client.put_function_event_invoke_config(
            FunctionName=name,
            DestinationConfig={"OnSuccess": {"Destination": arn_of(other)}, "OnFailure": {"Destination": arn_of(told)}},
        )
    send(client, ping, {"start": True})
    record = wait_seen(node, told, 1)[0]["event"]
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert record["requestContext"]["functionArn"] == f"{arn_of(ping)}:$LATEST"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert (len(seen(node, ping)), len(seen(node, pong))) == (16, 16)
