"""When secrets are rotated: the rules by themselves, and in moto with a clock that is put forward."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from stoker.neighbours.pushes import secret_rotation
from stoker.neighbours.pushes.line import Line
from stoker.neighbours.pushes.receiver import PushReceiver
from stoker.neighbours.pushes.records import Push, Pushed
from stoker.neighbours.pushes.rotation_rules import RotationRulesError, rotation_rules

from .conftest import wait_until

NOW_S = datetime(2025, 1, 1, 12, 34, 56, tzinfo=UTC).timestamp()
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:rotate"


def shown(epoch_s: float | None) -> str:
    assert epoch_s is not None
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("given", "following", "window_h"),
    [
        ({"AutomaticallyAfterDays": 10}, "01-11 12:34:56", 24),
        ({"ScheduleExpression": "rate(10 days)"}, "01-11 12:34:56", 24),
        ({"ScheduleExpression": "rate(4 hours)"}, "01-01 16:34:56", 1),
        ({"ScheduleExpression": "cron(0 8 1 * ? *)", "Duration": "3h"}, "02-01 08:00:00", 3),
        ({"ScheduleExpression": "cron(0 0/4 ? * SUN#1 *)"}, "01-05 00:00:00", 24),
    ],
)
def test_the_next_window(given: dict[str, object], following: str, window_h: int) -> None:
    rules = rotation_rules(given)
    assert shown(rules.next_s(NOW_S)) == following
    assert rules.window_s == window_h * 3_600
    assert rules.shown() == given


@pytest.mark.parametrize(
    "given",
    [
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(1 day)"},
        {"AutomaticallyAfterDays": 0},
        {"AutomaticallyAfterDays": 1001},
        {"ScheduleExpression": "rate(3 hours)"},
        {"ScheduleExpression": "rate(500 minutes)"},
        {"ScheduleExpression": "cron(30 8 1 * ? *)"},
        {"ScheduleExpression": "cron(0 8 1 * ? 2030)"},
        {"ScheduleExpression": "at(2030-01-01T00:00:00)"},
        {"ScheduleExpression": "daily"},
        {"AutomaticallyAfterDays": 1, "Duration": "25h"},
        {"AutomaticallyAfterDays": 1, "Duration": "3"},
    ],
)
def test_rules_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(RotationRulesError):
        rotation_rules(given)


@pytest.fixture
def pushes() -> Iterator[tuple[Line, list[Push]]]:
    """A line to an end that takes every push."""
    ours, theirs = socket.socketpair()
    taken: list[Push] = []

    async def take(push: Push) -> Pushed:
        taken.append(push)
        return Pushed(200, payload="null")

    async def serve() -> None:
        receiver = PushReceiver()
        receiver.answer_with(take)
        await receiver.serve(ours)

    ours.setblocking(False)
    serving = threading.Thread(target=lambda: asyncio.run(serve()))
    serving.start()
    yield Line(theirs), taken
    theirs.shutdown(socket.SHUT_RDWR)
    serving.join(10)
    theirs.close()


@pytest.fixture
def clock(pushes: tuple[Line, list[Push]], monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts moto's Secrets Manager, as the neighbours have it, forward by some seconds."""
    from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

    for name in ("rotate_secret", "update_secret_version_stage"):
        monkeypatch.setattr(SecretsManagerBackend, name, getattr(SecretsManagerBackend, name))
    monkeypatch.setattr(FakeSecret, "to_dict", FakeSecret.to_dict)
    ahead_s = 0.0

    def forward(by_s: float) -> None:
        nonlocal ahead_s
        ahead_s += by_s

    secret_rotation.attach(pushes[0], lambda: time.time() + ahead_s)
    return forward


def test_a_secret_is_rotated_whenever_its_time_comes(
    pushes: tuple[Line, list[Push]], clock: Callable[[float], None]
) -> None:
    from moto.secretsmanager.models import SecretsManagerBackend

    backend = SecretsManagerBackend("us-east-1", "123456789012")

    def rotated(name: str) -> int:
        finished = [push for push in pushes[1] if '"finishSecret"' in push.payload]
        return sum(name in push.source_arn for push in finished)

    for name in ("often", "cancelled", "kick"):
        backend.create_secret(name, "value", *[None] * 6, False)
    for name in ("often", "cancelled"):
        backend.rotate_secret(name, None, FUNCTION, {"ScheduleExpression": "rate(4 hours)"})
    wait_until(lambda: rotated("often") == rotated("cancelled") == 1, "the first rotation is at once")
    backend.cancel_rotate_secret("cancelled")
    for count in (2, 3):
        clock(4 * 3_600.0)
        # Whoever sets a time wakes the thread, which then sees that the clock was put forward.
        backend.rotate_secret("kick", None, FUNCTION, {"AutomaticallyAfterDays": 30})
        wait_until(lambda count=count: rotated("often") == count == rotated("kick") + 1, "it was not rotated in time")  # type: ignore[misc]
    described = backend.describe_secret("often").to_dict()
    assert described["RotationRules"] == {"ScheduleExpression": "rate(4 hours)"}
    assert described["NextRotationDate"] > time.time() + 11 * 3_600
    assert rotated("cancelled") == 1


def test_a_window_that_has_passed_is_not_made_up_for(
    pushes: tuple[Line, list[Push]], clock: Callable[[float], None], capfd: pytest.CaptureFixture[str]
) -> None:
    from moto.secretsmanager.models import SecretsManagerBackend

    backend = SecretsManagerBackend("us-east-1", "123456789012")
    for name in ("late", "kick"):
        backend.create_secret(name, "value", *[None] * 6, False)
    backend.rotate_secret("late", None, FUNCTION, {"ScheduleExpression": "rate(4 hours)", "Duration": "2h"})
    wait_until(lambda: len(pushes[1]) == 5, "the first rotation is at once")
    clock(6.5 * 3_600)
    backend.rotate_secret("kick", None, FUNCTION, {"AutomaticallyAfterDays": 30})
    told = ""

    def is_told() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return "was not rotated when it was due" in told

    wait_until(is_told, "nothing is told")
    assert sum("late" in push.source_arn for push in pushes[1]) == 5
    later_s = time.time() + 10 * 3_600
    wait_until(lambda: backend.describe_secret("late").next_rotation_date > later_s, "the next window is not set")
