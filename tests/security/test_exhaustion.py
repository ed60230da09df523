"""Functions that take all there is of something get what they paid for, and nobody else notices."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Answer, Invoke, Neighbour

Attack = Callable[..., Answer]
pytestmark = pytest.mark.alone
KILLED = "Runtime exited with error: signal: killed"
# To touch a page for the first time costs some machines ten times what it costs others, and a small function gets a
# fourteenth of a processor for it.
ENOUGH_S = 110


def test_a_fork_bomb_ends_with_its_timeout(attack: Attack) -> None:
    answer = attack("exhaustion.fork_bomb", Timeout=3, MemorySize=2048)
    answer.assert_platform_error("Sandbox.Timedout", "Task timed out after 3.00 seconds")


@pytest.mark.namespaces_only("a thousand processes need more memory than this function has")
def test_a_function_has_at_most_1024_processes(attack: Attack) -> None:
    value = attack("exhaustion.count_processes", {"at_most": 2000}, MemorySize=2048).value
    assert value["refusal"] == "EAGAIN"
    assert value["processes"] < 1024


def test_a_memory_hog_is_killed_as_on_aws(attack: Attack) -> None:
    attack("exhaustion.memory", MemorySize=128, Timeout=ENOUGH_S).assert_platform_error("Runtime.ExitError", KILLED)


def test_after_a_memory_hog_the_same_function_answers_again(
    hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    name = hostile("exhaustion.memory", MemorySize=128, Timeout=ENOUGH_S)
    for _ in range(2):
        neighbour.answers_during(lambda: invoke(name)).assert_platform_error("Runtime.ExitError", KILLED)


def test_a_processor_hog_gets_no_more_than_its_memory_buys(attack: Attack) -> None:
    # 1,769 MB is one vCPU, so 128 MB buy 0.072 of one; the rest is room for the end of a scheduling period.
    spent_s = attack("exhaustion.processor", {"processes": 4, "seconds": 3}, MemorySize=128).value
    assert spent_s < 3 * 128 / 1769 + 0.4


def test_a_full_tmp_is_an_error_of_the_disk_and_not_of_memory(attack: Attack) -> None:
    value = attack("exhaustion.fill_tmp", MemorySize=256, Timeout=ENOUGH_S, EphemeralStorage={"Size": 512}).value
    assert value["error"] == "ENOSPC"
    assert 500 <= value["megabytes"] <= 512


def test_a_larger_tmp_is_larger(attack: Attack) -> None:
    value = attack("exhaustion.fill_tmp", MemorySize=512, Timeout=ENOUGH_S, EphemeralStorage={"Size": 700}).value
    assert value["error"] == "ENOSPC"
    assert 688 <= value["megabytes"] <= 700


def test_a_function_opens_at_most_1024_files(attack: Attack) -> None:
    value = attack("exhaustion.files").value
    assert value["refusal"] == "EMFILE"
    assert 900 <= value["files"] <= 1024


def test_an_endless_loop_ends_with_its_timeout(attack: Attack) -> None:
    answer = attack("exhaustion.loop_for_ever", Timeout=1)
    answer.assert_platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")


def test_a_function_that_ignores_every_signal_ends_with_its_timeout(attack: Attack) -> None:
    answer = attack("exhaustion.ignore_every_signal", Timeout=1)
    answer.assert_platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")


def test_a_process_left_in_the_background_stands_still_between_invocations(
    hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    name = hostile("exhaustion.leave_in_background")
    first = invoke(name).value
    assert first > 0
    for _ in range(20):
        neighbour.answers()
    time.sleep(2)
    # It beats a hundred times a second when it runs, which it may for the short grace before the freeze.
    assert invoke(name).value - first < 100


def test_printing_a_hundred_megabytes_costs_the_node_no_memory(platform: Any, attack: Attack) -> None:
    before_kb = _resident_kb(platform.pid)
    assert attack("exhaustion.print_megabytes", {"megabytes": 100}, Timeout=60, MemorySize=1769).value == 100
    assert _resident_kb(platform.pid) - before_kb < 60 * 1024


def test_one_endless_line_costs_the_node_no_memory(platform: Any, attack: Attack) -> None:
    before_kb = _resident_kb(platform.pid)
    assert attack("exhaustion.print_one_line", {"megabytes": 64}, Timeout=60, MemorySize=1769).value == 64
    assert _resident_kb(platform.pid) - before_kb < 60 * 1024


def test_of_all_that_was_printed_the_caller_gets_the_last_four_kilobytes(
    hostile: Callable[..., str], lambda_client: Any
) -> None:
    name = hostile("exhaustion.print_megabytes")
    response = lambda_client.invoke(FunctionName=name, Payload=json.dumps({"megabytes": 1}), LogType="Tail")
    tail = base64.b64decode(response["LogResult"])
    assert len(tail) <= 4096
    assert b"REPORT RequestId: " in tail


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
