"""Every waiter that boto3 has for Lambda: it waits while there is something to wait for, and then is satisfied."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.conftest import PYTHON, ROLE, Node, NodeProcess, zip_of
from tests.handlers import folder

DELAY_S = 1.0
SOON = {"Delay": 0.05, "MaxAttempts": 400}
NAME = "waited-for"
CODE = {"ZipFile": zip_of(folder("echo_python"))}


@pytest.fixture
def client(start_node: Callable[..., tuple[NodeProcess, Node]]) -> Any:
    """Of a node on which every change takes a second."""
    _, node = start_node(STOKER_UPDATE_DELAY_S=str(DELAY_S))
    return node.client("lambda")


def create(client: Any) -> None:
    client.create_function(FunctionName=NAME, Runtime=PYTHON, Handler="index.handler", Role=ROLE, Code=CODE)


def wait(client: Any, waiter: str, **members: str) -> float:
    """How long it took, in seconds."""
    began_s = time.monotonic()
    client.get_waiter(waiter).wait(FunctionName=NAME, WaiterConfig=SOON, **members)
    return time.monotonic() - began_s


def test_every_waiter_waits_until_it_is_done(client: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        exists = pool.submit(wait, client, "function_exists")
        time.sleep(0.3)
        assert not exists.done()
        create(client)
        assert exists.result(10) >= 0.3
        older = pool.submit(wait, client, "function_active")
        assert wait(client, "function_active_v2") >= DELAY_S / 2
        assert older.result(10) >= DELAY_S / 2

        client.update_function_configuration(FunctionName=NAME, Description="changed")
        older = pool.submit(wait, client, "function_updated")
        assert wait(client, "function_updated_v2") >= DELAY_S / 2
        assert older.result(10) >= DELAY_S / 2

    # A version of what is stable is active at once; one that comes with new code is waited for.
    assert client.publish_version(FunctionName=NAME)["State"] == "Active"
    assert wait(client, "published_version_active", Qualifier="1") < DELAY_S
    published = client.update_function_code(FunctionName=NAME, ZipFile=zip_of(folder("context_python")), Publish=True)
    assert (published["Version"], published["State"]) == ("2", "Pending")
    assert wait(client, "published_version_active", Qualifier="2") >= DELAY_S / 2
    assert client.get_function_configuration(FunctionName=NAME, Qualifier="2")["State"] == "Active"


def test_what_never_comes_is_given_up(client: Any) -> None:
    few = {"Delay": 0.05, "MaxAttempts": 3}
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        client.get_waiter("function_exists").wait(FunctionName=NAME, WaiterConfig=few)
    with pytest.raises(WaiterError, match="ResourceNotFoundException"):
        client.get_waiter("function_active_v2").wait(FunctionName=NAME, WaiterConfig=few)
