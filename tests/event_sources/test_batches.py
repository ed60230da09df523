"""When a batch is closed, its event, and how many are under way. Reference: event sources, 1.1 and 2."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from stoker.event_sources.batches import BatchLimits, Gathering, event_of
from stoker.event_sources.long_polls import LongPolls
from stoker.event_sources.scaling import Scaling, queue_bounds

PAYLOAD_BYTES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Record:
    number: int
    encoded: bytes


def records(*sizes: int) -> list[Record]:
    return [Record(number, b'"' + b"x" * (size - 2) + b'"') for number, size in enumerate(sizes)]


def gathering(records_max: int = 3, window_s: float = 0.0) -> Gathering[Record]:
    return Gathering(BatchLimits(records_max, window_s, PAYLOAD_BYTES_MAX))


def numbers(batch: list[Record]) -> list[int]:
    return [record.number for record in batch]


def test_without_a_window_whatever_is_there_is_a_batch() -> None:
    waiting = gathering()
    assert waiting.due_s(0.0) is None
    waiting.add(records(10, 10), 5.0)
    assert waiting.due_s(5.0) == 5.0
    assert numbers(waiting.take(5.0)) == [0, 1]
    assert waiting.due_s(5.0) is None


def test_a_window_counts_from_the_first_record_and_a_full_batch_does_not_wait_for_it() -> None:
    waiting = gathering(window_s=10.0)
    waiting.add(records(10), 5.0)
    waiting.add(records(10), 9.0)
    assert (waiting.due_s(9.0), waiting.missing, waiting.is_full) == (15.0, 1, False)
    waiting.add(records(10, 10), 9.5)
    assert waiting.due_s(9.5) == 9.5
    assert len(waiting.take(9.5)) == 3
    assert waiting.due_s(9.5) == 19.5  # what stays begins a window


def test_a_payload_never_gets_too_large_but_by_one_record_alone() -> None:
    waiting = gathering(records_max=10, window_s=60.0)
    waiting.add(records(400, 400, 400, 5_000, 10), 0.0)
    assert waiting.is_full
    batches = []
    while len(waiting):
        batches.append(waiting.take(0.0))
    assert [numbers(batch) for batch in batches] == [[0, 1], [2], [3], [4]]
    assert all(len(event_of(batch)) <= PAYLOAD_BYTES_MAX for batch in batches if len(batch) > 1)
    assert waiting.size_bytes == 0


@pytest.mark.parametrize("size", range(485, 500))
def test_the_bound_of_a_payload_is_exact(size: int) -> None:
    waiting = gathering(records_max=10)
    waiting.add(records(size, size), 0.0)
    is_one_batch = len(waiting.take(0.0)) == 2
    assert is_one_batch is (len(event_of(records(size, size))) + 1 <= PAYLOAD_BYTES_MAX)


def test_a_batch_ends_where_records_do_not_belong_together() -> None:
    waiting = gathering(records_max=10)
    waiting.add(records(10, 10, 10), 0.0)
    assert numbers(waiting.take(0.0, lambda first, other: other.number < 2)) == [0, 1]
    assert numbers(waiting.take_all()) == [2]


def test_an_event_is_made_of_the_records_as_they_are_encoded() -> None:
    event = event_of([Record(0, b'{"a":1}'), Record(1, b'{"a":2}')], {"state": {}})
    assert json.loads(event) == {"Records": [{"a": 1}, {"a": 2}], "state": {}}
    assert event_of([]) == b'{"Records":[]}'


def running(settings: dict[str, Any]) -> Scaling:
    return Scaling(queue_bounds(settings), 0.0)


def test_a_queue_begins_with_five_batches_and_gets_300_more_a_minute() -> None:
    scaling = running({})
    assert scaling.places(0, 0.0) == 5
    assert scaling.places(5, 60.0) == 305
    assert scaling.places(305, 3_600.0) == 1_250
    assert scaling.places(100, 3_700.0) == 1_250
    assert scaling.places(0, 3_701.0) == 5


def test_places_are_bounded_by_what_is_configured_and_reserved() -> None:
    scaling = running({"ScalingConfig": {"MaximumConcurrency": 2}})
    assert scaling.places(0, 0.0) == 2
    assert scaling.places(2, 100.0) == 2
    assert running({}).places(0, 0.0, reserved=3) == 3
    assert running({}).places(0, 0.0, reserved=0) == 5  # all of it is throttled, and goes where the queue says
    provisioned = running({"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 3}})
    assert (provisioned.places(0, 0.0), provisioned.places(20, 60.0)) == (20, 30)


def test_throttling_halves_the_places() -> None:
    scaling = running({})
    scaling.places(5, 10.0)
    scaling.throttled()
    assert scaling.places(20, 10.0) == 27
    for _ in range(10):
        scaling.throttled()
    assert scaling.places(3, 10.0) == 1


def test_queues_beyond_the_places_are_waited_at_for_a_shorter_time() -> None:
    polls = LongPolls(places=2)
    assert polls.wait_s == 20
    with polls.sharing(), polls.sharing():
        assert polls.wait_s == 20
        with polls.sharing(), polls.sharing():
            assert polls.wait_s == 10
    assert polls.wait_s == 20
