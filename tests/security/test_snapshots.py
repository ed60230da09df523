"""Where an initialised function is forked (decision 44): the walls of a fork, and functions that break the rules."""

import errno
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import Node
from tests.end_to_end.conftest import install_runtime as install_runtime

from .conftest import HOSTILE, Invoke, Neighbour

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="functions are forked on x86-64 only")

ON = {"ApplyOn": "PublishedVersions"}
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def runtime(install_runtime: Callable[[str], str]) -> str:
    return install_runtime(f"python3.{max(sys.version_info[1], 12)}")


Snapped = Callable[..., str]


def state_of(client: Any, name: str) -> str:
    state: str = client.get_function_configuration(FunctionName=name, Qualifier="1")["State"]
    return state


@pytest.fixture
def snapped(lambda_client: Any, deploy: Callable[..., str], runtime: str) -> Snapped:
    """Deploys hostile/snapshots.py with a plan for its init, and publishes version 1."""

    def snapped(handler: str, plan: str = "") -> str:
        name: str = deploy(
            None,
            {"snapshots.py": (HOSTILE / "snapshots.py").read_text()},
            runtime=runtime,
            handler=f"snapshots.{handler}",
            Timeout=30,
            MemorySize=256,
            SnapStart=ON,
            Publish=True,
            Environment={"Variables": {"PLAN": plan}},
        )
        deadline_s = time.monotonic() + LIMIT_S
        while state_of(lambda_client, name) == "Pending":
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        return name

    return snapped


@pytest.mark.namespaces_only("nothing is forked")
def test_a_fork_is_walled_off_from_what_it_was_forked_from_and_from_its_siblings(
    snapped: Snapped, invoke: Invoke
) -> None:
    name = snapped("walls")
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(invoke, name, {"sleep": 1.5}, Qualifier="1") for _ in range(3)]
        forks = [call.result().value for call in calls]
    ordinary = invoke(name).value
    for kind in forks[0]["namespaces"]:
        # Each its own, and none the snapshot's.
        every = {fork["namespaces"][kind] for fork in forks} | {forks[0]["at_init"]["namespaces"][kind]}
        assert len(every) == 4, kind
    for fork in forks:
        assert fork["at_init"] == forks[0]["at_init"]
        assert fork["status"]["NoNewPrivs"] == "1"
        assert fork["status"]["Seccomp"] == "2"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(fork["status"][kind], 16) == 0, kind
        assert fork["status"]["Uid"].split() == ["993"] * 4
        assert fork["status"]["Gid"].split() == ["990"] * 4
        assert fork["status"]["TracerPid"] == "0"
        for refused in ("unshare", "mount", "ptrace", "setns"):
            assert fork[refused] == errno.EPERM, refused
        # Nobody traces it, nor did anybody while it was initialised.
        assert fork["clone"] == fork["unshare_cgroup"] == errno.ENOSYS
        assert fork["at_init"]["clone"] == fork["at_init"]["unshare"] == errno.ENOSYS
        assert fork["user_map"] == errno.EPERM
        assert fork["processes"] == sorted(["1", str(fork["pid"])])
        assert fork["pid"] != fork["at_init"]["pid"]
        assert fork["first_descriptors"] == errno.EACCES
        assert fork["descriptors"].keys() == ordinary["descriptors"].keys()
        assert fork["tmp"] == []


@pytest.mark.namespaces_only("nothing is forked")
@pytest.mark.parametrize(
    "plan",
    [
        "says it is held and never answers",
        "says it is held and ends",
        "says it is held and stops",
    ],
)
def test_a_function_that_lies_about_being_held_costs_only_itself(
    snapped: Snapped, neighbour: Neighbour, plan: str
) -> None:
    """Its init never ends, so its own calls wait for nothing; the test's frame looks whether anything is left."""
    snapped("echo", plan)
    deadline_s = time.monotonic() + 4
    while time.monotonic() < deadline_s:
        neighbour.answers()


@pytest.mark.namespaces_only("nothing is forked")
@pytest.mark.parametrize(
    ("plan", "reason", "forks"),
    [
        ("asks over and over", "took too long", [["0" * 16] * 3]),
        # What its snapshot could write while it has rights never runs.
        ("asks over and over, open to others", "the fork is open to others", []),
        ("asks over and over, by code in shared memory", "the process's memory is not its own", []),
    ],
)
def test_a_fork_at_the_wrong_time_is_confined_or_does_not_live(
    node: Node,
    snapped: Snapped,
    logs_client: Any,
    neighbour: Neighbour,
    plan: str,
    reason: str,
    forks: list[list[str]],
) -> None:
    name = snapped("echo", plan)
    log = node.data.with_name(f"{node.data.name}.log")
    deadline_s = time.monotonic() + LIMIT_S
    # It is given up, twice, whatever becomes of the fork.
    while f"function:{name}:1 is initialised for each environment anew" not in log.read_text():
        neighbour.answers()
        assert time.monotonic() < deadline_s
    told = [line for line in log.read_text().splitlines() if "no copy of the snapshot of" in line and name in line]
    assert len(told) == 2
    assert all(line.endswith(reason) for line in told)
    pages = logs_client.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
    messages = [event["message"] for page in pages for event in page["events"]]
    assert [message.split()[1:] for message in messages if message.startswith("forked")] == forks * 2


@pytest.mark.namespaces_only("nothing is forked")
def test_what_is_said_instead_is_bounded(snapped: Snapped, invoke: Invoke) -> None:
    """And what says it is not asked again."""
    name = snapped("echo", "says what is too long")
    assert invoke(name, {"x": 1}, Qualifier="1").value == {"x": 1}
