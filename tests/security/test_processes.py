"""Killing is the function's own business: it hits the function, and AWS's words say so."""

from collections.abc import Callable

import pytest

from .conftest import Answer, Invoke, Neighbour

Attack = Callable[..., Answer]
KILLED = "Runtime exited with error: signal: killed"


def test_killing_ones_own_runtime_is_an_exit_by_signal(attack: Attack) -> None:
    attack("processes.kill_itself").assert_platform_error("Runtime.ExitError", KILLED)


def test_stopping_ones_own_runtime_ends_with_the_timeout(attack: Attack) -> None:
    answer = attack("processes.stop_itself", Timeout=1)
    answer.assert_platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")


@pytest.mark.parametrize("handler", ["kill_everything", "kill_init", "kill_every_number"])
def test_killing_all_there_is_reaches_nothing_outside(handler: str, attack: Attack) -> None:
    assert attack(f"processes.{handler}", Timeout=60).value == "still here"


@pytest.mark.parametrize("handler", ["kill_itself", "kill_everything", "kill_init"])
def test_a_function_that_killed_something_can_be_invoked_again(
    handler: str, hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    name = hostile(f"processes.{handler}")
    answers = [neighbour.answers_during(lambda: invoke(name)) for _ in range(3)]
    assert len({(answer.status, answer.error) for answer in answers}) == 1


def test_two_processes_that_both_answer_give_the_caller_one_answer(
    hostile: Callable[..., str], invoke: Invoke, neighbour: Neighbour
) -> None:
    name = hostile("processes.answer_twice", Timeout=5)
    for _ in range(3):
        answer = neighbour.answers_during(lambda: invoke(name))
        assert answer.status == 200
        if answer.error is None:
            assert answer.body in (b'"from the child"', b'"from the parent"')
