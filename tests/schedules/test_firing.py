"""The timetable and the deliveries in virtual time, on both databases, with everything between them real."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stoker.errors import LambdaError
from stoker.neighbours.pushes.records import DeadLetter
from stoker.schedules.bell import Bell
from stoker.schedules.deliveries import PLACES, Deliveries
from stoker.schedules.kept_rules import kept_rule
from stoker.schedules.records import Due, Entry, EntryKey, Queued
from stoker.schedules.requests import given_input
from stoker.schedules.store import ScheduleStore
from stoker.schedules.targets import Outcome, Refusal
from stoker.schedules.timetable import Timetable
from stoker.schedules.timing import BEGUN, first_schedule_due
from stoker.supervision import Background

from .conftest import BEGIN_S, VirtualTime

TARGET = {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": "arn:aws:iam::123456789012:role/r"}
LETTERS = "arn:aws:sqs:us-east-1:123456789012:letters"


class Ends:
    """The end of the line: what targets and dead-letter queues are given. `refuses` is said to the next attempts."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.sent: list[tuple[float, str]] = []
        self.letters: list[DeadLetter] = []
        self.refuses: list[Refusal] = []

    async def send(self, queued: Queued) -> Outcome:
        self.sent.append((self._time.s - BEGIN_S, given_input(queued.delivery, queued.attempts + 1)))
        return Outcome(self.refuses.pop(0) if self.refuses else None)


class Letters:
    def __init__(self, ends: Ends) -> None:
        self._ends = ends

    async def send(self, letter: DeadLetter, refusal: LambdaError) -> None:
        self._ends.letters.append(letter)


class Running:
    """A timetable with its deliveries."""

    def __init__(self, store: ScheduleStore, time: VirtualTime, ends: Ends) -> None:
        self.store, self.time, self.ends = store, time, ends
        self._background = Background()
        self._deliveries = Deliveries(
            store, ends, Letters(ends), self._background, time, Bell(time, time.sleep), jitter=lambda: 1.0
        )
        self._timetable = Timetable(store, time, Bell(time, time.sleep), self._deliveries.wake)

    def start(self) -> None:
        self._background.start(self._timetable.run(), "timetable")
        self._background.start(self._deliveries.run(), "deliveries")

    async def stop(self) -> None:
        await self._background.stop()

    async def add(self, name: str, expression: str, target: dict[str, Any] | None = None, **members: Any) -> None:
        key = EntryKey("schedule", "123456789012", "us-east-1", "default", name)
        document = {
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": TARGET | {"Input": name} | (target or {}),
            BEGUN: self.time.s,
        } | members
        entry = Entry(key, "ENABLED", first_schedule_due(document, key.arn, self.time.s), document)
        await self.store.change(key, lambda _: entry)
        assert entry.due is not None
        self._timetable.note(entry.due.due_s)

    async def forward(self, by_s: float) -> None:
        """Move time, and let everything come to rest."""
        await self.time.move(by_s)
        await self.rest()

    async def rest(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0.005)
            page = await self.store.due_deliveries(self.time.s, (), 1)
            next_s = await self.store.next_due_s()
            if not page.items and (next_s is None or next_s > self.time.s):
                await asyncio.sleep(0.02)
                return
        raise AssertionError("it does not come to rest")


@pytest.fixture
async def ends(time: VirtualTime) -> Ends:
    return Ends(time)


@pytest.fixture
async def running(store: ScheduleStore, time: VirtualTime, ends: Ends) -> AsyncIterator[Running]:
    running = Running(store, time, ends)
    running.start()
    yield running
    await running.stop()


async def test_each_tick_is_delivered_once_and_in_time(running: Running, ends: Ends) -> None:
    await running.add("r", "rate(1 minute)")
    await running.rest()
    for _ in range(6):
        await running.forward(30)
    assert ends.sent == [(0, "r"), (60, "r"), (120, "r"), (180, "r")]


async def test_something_sooner_than_what_is_waited_for_is_seen(running: Running, ends: Ends) -> None:
    await running.add("later", "rate(1 hour)", StartDate=BEGIN_S + 3_600)
    await running.rest()
    await running.add("sooner", "at(2027-01-15T08:00:05)")  # five seconds after the beginning
    await running.rest()
    await running.forward(5)
    assert ends.sent == [(5, "sooner")]


async def test_ticks_while_nobody_was_there_are_not_made_up_for_but_what_happens_once_is(
    store: ScheduleStore, time: VirtualTime, ends: Ends
) -> None:
    first = Running(store, time, ends)
    await first.add("often", "rate(1 minute)", StartDate=BEGIN_S + 60)
    await first.add("once", "at(2027-01-15T08:01:00)", ActionAfterCompletion="DELETE")
    await first.add("too late", "at(2027-01-15T08:01:00)", {"RetryPolicy": {"MaximumEventAgeInSeconds": 600}})
    await time.move(3_630)
    second = Running(store, time, ends)
    second.start()
    await second.rest()
    assert sorted(ends.sent) == [(3_630, "often"), (3_630, "once")]
    left = {entry.key.name: entry.due for entry in await store.entries("schedule")}
    assert left == {"often": Due(BEGIN_S + 3_660, BEGIN_S + 3_660), "too late": None}
    await second.stop()


async def test_a_restart_repeats_nothing(store: ScheduleStore, time: VirtualTime, ends: Ends) -> None:
    running = Running(store, time, ends)
    running.start()
    await running.add("r", "rate(1 minute)")
    await running.rest()
    await running.stop()
    again = Running(store, time, ends)
    again.start()
    await again.rest()
    await again.forward(60)
    assert ends.sent == [(0, "r"), (60, "r")]
    await again.stop()


async def test_refusals_are_tried_again_as_the_policy_says_and_end_in_the_dead_letter_queue(
    running: Running, ends: Ends
) -> None:
    ends.refuses = [Refusal("ThrottlingException", "Rate exceeded", is_final=False)] * 3
    policy = {"RetryPolicy": {"MaximumRetryAttempts": 2}, "DeadLetterConfig": {"Arn": LETTERS}}
    await running.add("r", "at(2027-01-15T08:00:00)", policy | {"Input": "<aws.scheduler.attempt-number>"})
    await running.rest()
    for _ in range(6):
        await running.forward(1)
    assert ends.sent == [(0, "1"), (1, "2"), (3, "3")]
    [letter] = ends.letters
    attributes = dict(letter.attributes)
    assert len(attributes.pop("EXECUTION_ID")) == 36
    assert letter.queue_arn == LETTERS
    assert attributes == {
        "ERROR_CODE": "ThrottlingException",
        "ERROR_MESSAGE": "Rate exceeded",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "2",
        "SCHEDULED_TIME": "2027-01-15T08:00:00Z",
        "SCHEDULE_ARN": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/r",
        "TARGET_ARN": TARGET["Arn"],
    }


async def test_what_is_refused_for_good_is_not_tried_again(running: Running, ends: Ends) -> None:
    ends.refuses = [Refusal("ResourceNotFoundException", "gone", is_final=True)]
    await running.add("r", "at(2027-01-15T08:00:00)", {"DeadLetterConfig": {"Arn": LETTERS}})
    await running.rest()
    await running.forward(3_600)
    assert [at for at, _ in ends.sent] == [0]
    assert ends.letters[0].attributes["RETRY_ATTEMPTS"] == "0"


async def test_more_than_there_is_room_for_is_delivered_all_the_same(running: Running, ends: Ends) -> None:
    count = 5 * PLACES
    for number in range(count):
        await running.add(str(number), "rate(1 hour)", StartDate=BEGIN_S + 10)
    await running.forward(10)
    assert sorted(given for _, given in ends.sent) == sorted(map(str, range(count)))


def test_a_rule_keeps_its_time_until_its_expression_or_state_changes() -> None:
    key = EntryKey("rule", "123456789012", "us-east-1", "default", "r")

    def rule(**members: Any) -> dict[str, Any]:
        return {
            "Name": "r",
            "ScheduleExpression": "rate(1 hour)",
            "State": "ENABLED",
            "Targets": [],
            "Tags": [],
        } | members

    def due_s(entry: Entry) -> float | None:
        return None if entry.due is None else entry.due.due_s

    made = kept_rule(key, rule(), None, 1_000.0)
    assert due_s(made) == 4_600.0
    targeted = kept_rule(key, rule(Targets=[{"Id": "t", "Arn": "a"}]), made, 2_000.0)
    assert due_s(targeted) == 4_600.0
    assert targeted.document["Targets"]
    assert due_s(kept_rule(key, rule(ScheduleExpression="rate(1 minute)"), targeted, 2_000.0)) == 2_060.0
    off = kept_rule(key, rule(State="DISABLED"), targeted, 2_000.0)
    assert due_s(off) is None
    assert due_s(kept_rule(key, rule(), off, 9_000.0)) == 11_800.0


async def test_a_rule_sends_each_target_what_it_asks_for(running: Running, ends: Ends) -> None:
    key = EntryKey("rule", "123456789012", "us-east-1", "default", "r")
    targets = [
        {"Id": "whole", "Arn": TARGET["Arn"]},
        {"Id": "constant", "Arn": TARGET["Arn"], "Input": '{"a":1}'},
        {"Id": "path", "Arn": TARGET["Arn"], "InputPath": "$.source"},
    ]
    rule = {"Name": "r", "ScheduleExpression": "rate(1 hour)", "State": "ENABLED", "Targets": targets, "Tags": []}
    entry = kept_rule(key, rule, None, BEGIN_S)
    await running.store.change(key, lambda _: entry)
    running._timetable.note(BEGIN_S + 3_600)
    await running.forward(3_600)
    given = [json.loads(text) for _, text in ends.sent]
    assert len(given) == 3
    assert "aws.events" in given
    assert {"a": 1} in given
    [event] = [event for event in given if isinstance(event, dict) and "id" in event]
    assert {name: value for name, value in event.items() if name != "id"} == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2027-01-15T09:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/r"],
        "detail": {},
    }
