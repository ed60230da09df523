"""Shards, progress, retries and windows, without a stream. Reference: event sources, 3."""

import json
import math
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.event_sources.calls import Called
from stoker.event_sources.failure_notices import Condition, s3_key
from stoker.event_sources.records import EventSource, EventSourceMapping, MappingState, SourceKind
from stoker.event_sources.streams.failures import GivenUp, failure_record
from stoker.event_sources.streams.pacing import Pacing
from stoker.event_sources.streams.progress import Progress
from stoker.event_sources.streams.records import Checkpoint, Shard, Start, StreamRecord
from stoker.event_sources.streams.retries import AfterFailure, Attempt, RetryPolicy, after_failure, expired
from stoker.event_sources.streams.shards import first_checkpoints, later_checkpoints, readable
from stoker.event_sources.streams.windows import STATE_BYTES_MAX, window_at
from stoker.invocation import InvocationResult

FOREVER = RetryPolicy(math.inf, math.inf, bisects=False, reports_failures=True)
STREAM = "arn:aws:kinesis:eu-west-1:000000000000:stream/s"


def record(number: int, arrived_s: float = 0.0) -> StreamRecord:
    return StreamRecord(str(number), "k", arrived_s, b"{}", {})


def batch(*numbers: int) -> tuple[StreamRecord, ...]:
    return tuple(record(number) for number in numbers)


def test_children_wait_for_their_parents() -> None:
    shards = [Shard("a", ("gone",), is_closed=True), Shard("b"), Shard("c", ("a",)), Shard("d", ("a", "b"))]
    known = {one.shard_id: one for one in first_checkpoints(shards, "s", Start.TRIM_HORIZON, None, 1.0)}
    assert [shard.id for shard in readable(shards, known)] == ["a", "b"]
    known["a"] = replace(known["a"], is_finished=True)
    assert [shard.id for shard in readable(shards, known)] == ["b", "c"]
    known["b"] = replace(known["b"], is_finished=True)
    assert [shard.id for shard in readable(shards, known)] == ["c", "d"]


def test_the_latest_is_in_open_shards_and_shards_that_come_later_are_read_whole() -> None:
    shards = [Shard("a", is_closed=True), Shard("b", ("a",))]
    first = first_checkpoints(shards, "s", Start.LATEST, None, 7.0)
    assert first == [Checkpoint("a", "s", Start.LATEST, 7.0, None, True), Checkpoint("b", "s", Start.LATEST, 7.0)]
    known = {one.shard_id: one for one in first}
    assert [shard.id for shard in readable(shards, known)] == ["b"]
    later = later_checkpoints([*shards, Shard("c", ("b",))], known, "s", 9.0)
    assert later == [Checkpoint("c", "s", Start.TRIM_HORIZON, 9.0)]


def test_a_time_to_start_from_is_kept() -> None:
    assert first_checkpoints([Shard("a")], "s", Start.AT_TIMESTAMP, 5.5, 7.0)[0].since_s == 5.5


@given(st.permutations(range(8)))
def test_progress_is_what_is_done_without_a_gap(order: list[int]) -> None:
    progress = Progress()
    progress.taken(str(number) for number in range(8))
    done: set[int] = set()
    for number in order:
        done.add(number)
        before = progress.last_done
        moved = progress.done([str(number)])
        without_gap = next(count for count in range(9) if count not in done)
        assert progress.last_done == (str(without_gap - 1) if without_gap else None)
        assert moved is (progress.last_done != before)
    assert progress.is_idle


RETRIES: dict[str, tuple[RetryPolicy, Attempt, set[str] | None, AfterFailure]] = {
    "the same batch again": (FOREVER, Attempt(batch(1, 2), 5), None, AfterFailure(0, (Attempt(batch(1, 2), 6),))),
    "no retries": (replace(FOREVER, retries_max=0), Attempt(batch(1, 2)), None, AfterFailure(0, gives_up=True)),
    "one retry": (
        replace(FOREVER, retries_max=1),
        Attempt(batch(1)),
        None,
        AfterFailure(0, (Attempt(batch(1), 1),)),
    ),
    "one retry, used": (replace(FOREVER, retries_max=1), Attempt(batch(1), 1), None, AfterFailure(0, gives_up=True)),
    "from the lowest that failed on": (
        FOREVER,
        Attempt(batch(1, 2, 3, 4), 3),
        {"4", "2"},
        AfterFailure(1, (Attempt(batch(2, 3, 4), 1),)),
    ),
    "the first failed again": (
        replace(FOREVER, retries_max=1),
        Attempt(batch(2, 3), 1),
        {"2"},
        AfterFailure(0, gives_up=True),
    ),
    "no retries, some done": (
        replace(FOREVER, retries_max=0),
        Attempt(batch(1, 2)),
        {"2"},
        AfterFailure(1, gives_up=True),
    ),
    "halves": (
        replace(FOREVER, bisects=True, retries_max=0),
        Attempt(batch(1, 2, 3), 0),
        None,
        AfterFailure(0, (Attempt(batch(1)), Attempt(batch(2, 3))), is_split=True),
    ),
    "split where it failed": (
        replace(FOREVER, bisects=True, retries_max=0),
        Attempt(batch(1, 2, 3)),
        {"3"},
        AfterFailure(2, (Attempt(batch(3)),), is_split=True),
    ),
    "one that cannot be split": (
        replace(FOREVER, bisects=True, retries_max=0),
        Attempt(batch(3)),
        None,
        AfterFailure(0, gives_up=True),
    ),
}


@pytest.mark.parametrize(("policy", "attempt", "failed", "expected"), RETRIES.values(), ids=list(RETRIES))
def test_what_follows_a_failure(
    policy: RetryPolicy, attempt: Attempt, failed: frozenset[str] | None, expected: AfterFailure
) -> None:
    after = after_failure(policy, attempt, failed)
    assert replace(after, attempts=()) == replace(expected, attempts=())
    assert [(tuple(one.records), one.failures) for one in after.attempts] == [
        (tuple(one.records), one.failures) for one in expected.attempts
    ]


@given(st.sets(st.integers(0, 30)), st.booleans(), st.integers(0, 3), st.booleans())
def test_every_record_is_taken_or_given_up_in_order_and_no_poison_blocks_for_ever(
    poison: set[int], bisects: bool, retries_max: int, reports: bool
) -> None:
    policy = RetryPolicy(retries_max, math.inf, bisects, reports)
    attempts, done, given_up, calls = [Attempt(batch(*range(31)))], list[int](), list[int](), 0
    while attempts:
        attempt = attempts.pop(0)
        calls += 1
        numbers = [int(one.sequence_number) for one in attempt.records]
        failing = {str(number) for number in numbers if number in poison}
        if not failing:
            done += numbers
            continue
        after = after_failure(policy, attempt, failing if reports else None)
        done += numbers[: after.done]
        given_up += numbers[after.done :] if after.gives_up else []
        attempts[:0] = after.attempts
        assert calls < 500
    assert sorted(done + given_up) == list(range(31))
    assert done == sorted(done)
    assert given_up == sorted(given_up)
    if bisects:  # nobody suffers for another
        assert set(given_up) == poison


def test_only_the_first_records_can_be_too_old() -> None:
    policy = replace(FOREVER, age_s_max=60.0)
    records = [record(1, 10.0), record(2, 39.0), record(3, 41.0)]
    assert [expired(policy, records, now_s) for now_s in (70.0, 71.0, 100.0, 1_000.0)] == [0, 1, 2, 3]
    assert expired(FOREVER, records, 1e12) == 0


def test_minus_one_is_until_the_stream_itself_forgets() -> None:
    settings: dict[str, Any] = {
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    assert RetryPolicy.of(settings, 86_400.0) == RetryPolicy(math.inf, 86_400.0, bisects=True, reports_failures=True)
    limited = settings | {"MaximumRetryAttempts": 0, "MaximumRecordAgeInSeconds": 60, "FunctionResponseTypes": []}
    assert RetryPolicy.of(limited, 86_400.0) == RetryPolicy(0, 60, bisects=True, reports_failures=False)


def test_windows_follow_each_other_without_gaps() -> None:
    window = window_at(1_700_000_059.9, 60)
    assert (window.start_s, window.end_s) == (1_700_000_040, 1_700_000_100)
    assert window_at(1_700_000_100.0, 60).start_s == 1_700_000_100
    assert window.with_state({"n": 1}).members("shard", STREAM, is_final=True) == {
        "window": {"start": "2023-11-14T22:14:00Z", "end": "2023-11-14T22:15:00Z"},
        "state": {"n": 1},
        "shardId": "shard",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    assert not window.is_overfull
    assert window.with_state({"s": "x" * STATE_BYTES_MAX}).is_overfull


def test_idle_shards_are_looked_into_less_often_the_more_there_are() -> None:
    pacing = Pacing()
    with pacing.sharing():
        assert [pacing.pause_s(empty) for empty in (0, 1, 2, 3, 1_000)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    with ExitStack() as shards:
        for _ in range(100):
            shards.enter_context(pacing.sharing())
        assert (pacing.pause_s(0), pacing.pause_s(1_000)) == (0.25, 2.5)


MAPPING = EventSourceMapping(
    uuid="u",
    account_id="000000000000",
    region="eu-west-1",
    function_arn="arn:aws:lambda:eu-west-1:000000000000:function:f",
    source=EventSource(SourceKind.KINESIS, STREAM),
    settings={},
    is_enabled=True,
    state=MappingState.ENABLED,
    state_transition_reason="",
    last_processing_result=None,
    last_modified_s=0.0,
    tags={},
)
CALLED = Called("request", InvocationResult(b"{}", "$LATEST", "Unhandled"))


def test_the_record_of_a_failure_is_awss() -> None:
    records = [record(7, 1_700_000_000.25), record(8, 1_700_000_001.0)]
    given_up = GivenUp("shardId-1", records, Condition.RETRY_ATTEMPTS_EXHAUSTED, 3, CALLED)
    shown = failure_record(MAPPING, "KinesisBatchInfo", given_up, 1_700_000_002.5)
    expected = {
        "requestContext": {
            "requestId": "request",
            "functionArn": MAPPING.function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:22.500Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": "7",
            "endSequenceNumber": "8",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.250Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:21.000Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }
    assert json.dumps(shown) == json.dumps(expected)


def test_records_that_got_too_old_have_no_response_and_tables_tell_whole_seconds() -> None:
    given_up = GivenUp("s", [record(7, 1_700_000_000.25)], Condition.RECORD_AGE_EXCEEDED, 1, CALLED)
    shown = failure_record(MAPPING, "DDBStreamBatchInfo", given_up, 0.0)
    assert "responseContext" not in shown
    assert shown["requestContext"]["condition"] == "RecordAgeExceeded"
    assert shown["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "2023-11-14T22:13:20Z"


def test_objects_are_named_by_mapping_shard_and_time() -> None:
    key = s3_key("u", "shardId-1", "moment", 1_700_000_000.0)
    assert key == "aws/lambda/u/shardId-1/2023/11/14/2023-11-14T22.13.20-moment"
