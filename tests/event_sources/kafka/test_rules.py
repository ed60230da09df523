"""Batches, retries, answers, brokers and events of topics, without a broker. Reference: event sources, 1 and 4."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.config import SettingsError
from stoker.errors import InvalidParameterValueException
from stoker.event_sources.answers import MalformedAnswerError
from stoker.event_sources.batches import BatchLimits
from stoker.event_sources.kafka.access import check_access
from stoker.event_sources.kafka.brokers import Brokers, read_brokers
from stoker.event_sources.kafka.gathering import KafkaGathering, positions_after
from stoker.event_sources.kafka.records import KafkaRecord, Partition, event_head, event_of, record_of
from stoker.event_sources.kafka.retries import (
    KafkaAttempt,
    KafkaRetryPolicy,
    after_failure,
    expired,
    failed_offsets,
)
from stoker.event_sources.records import EventSource, SourceKind
from stoker.event_sources.scaling import topic_bounds

A, B = Partition("t", 0), Partition("t", 1)
ENDLESS = KafkaRetryPolicy(math.inf, math.inf, bisects=False, reports_failures=True)
HEAD = event_head(EventSource(SourceKind.SELF_MANAGED_KAFKA, None, ("b:1", "c:2"), ("t",)), ("b:1", "c:2"))


def record(partition: Partition, offset: int, value: bytes = b"x") -> KafkaRecord:
    return record_of(partition, offset, ("CREATE_TIME", 1_700_000_000_000 + offset), None, value, ())


def gathering(records_max: int = 4, window_s: float = 1.0, room_bytes: int = 10_000) -> KafkaGathering:
    return KafkaGathering(BatchLimits(records_max, window_s, room_bytes), len(event_of(HEAD, ())))


def test_an_event_has_records_by_partition() -> None:
    event = json.loads(event_of(HEAD, [record(A, 0), record(B, 5), record(A, 1)]))
    assert (event["eventSource"], event["bootstrapServers"]) == ("SelfManagedKafka", "b:1,c:2")
    assert {name: [one["offset"] for one in group] for name, group in event["records"].items()} == {
        "t-0": [0, 1],
        "t-1": [5],
    }


def test_a_batch_waits_for_its_window_or_its_size() -> None:
    gathered = gathering()
    assert gathered.due_s(0.0) is None
    gathered.add([record(A, 0)], 10.0)
    assert gathered.due_s(10.5) == 11.0
    gathered.add([record(B, number) for number in range(3)], 10.5)
    assert gathered.due_s(10.5) == 10.5
    assert len(gathered.take(10.5)) == 4


def test_a_partition_is_in_one_batch_at_a_time() -> None:
    gathered = gathering(records_max=2, window_s=0)
    gathered.add([record(A, 0), record(A, 1), record(A, 2), record(B, 0)], 0.0)
    first, second = gathered.take(0.0), gathered.take(0.0)
    assert [(one.partition, one.offset) for one in first + second] == [(A, 0), (A, 1), (B, 0)]
    assert gathered.due_s(0.0) is None
    gathered.read_until(A, 3)
    assert gathered.release([A]) == {A: 2}
    assert [one.offset for one in gathered.take(0.0)] == [2]
    gathered.read_until(A, 9)  # nobody wants 3 to 8
    assert gathered.idle_positions([A]) == {}
    assert gathered.release([A]) == {A: 9}


def test_a_partition_that_was_taken_away_is_accounted_for_no_more() -> None:
    gathered = gathering(window_s=0)
    gathered.add([record(A, 0), record(B, 0)], 0.0)
    batch = gathered.take(0.0)
    gathered.forget([A])
    gathered.add([record(A, 0)], 0.0)  # ours again, from the committed offset on
    assert gathered.still_ours(positions_after(batch)) == {B: 1}
    assert gathered.due_s(0.0) is None
    assert A not in gathered.release([A, B])
    assert [one.offset for one in gathered.take(0.0)] == [0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 600)), max_size=40), st.integers(1, 9))
def test_no_payload_is_too_large_and_no_order_is_lost(sizes: list[tuple[int, int]], records_max: int) -> None:
    gathered, sent, taken = gathering(records_max, 0, 2_000), [], []
    for offset, (partition, size) in enumerate(sizes):
        sent.append(record(Partition("topic", partition), offset, bytes(size)))
    gathered.add(sent, 0.0)
    while gathered.due_s(0.0) is not None:
        batch = gathered.take(0.0)
        assert 0 < len(batch) <= records_max
        assert len(batch) == 1 or len(event_of(HEAD, batch)) <= 2_000
        taken.extend(batch)
        gathered.release({one.partition for one in batch})
    for partition in {one.partition for one in sent}:
        assert [one for one in taken if one.partition == partition] == [
            one for one in sent if one.partition == partition
        ]
    assert gathered.waiting() == (0, 0)


def test_a_failed_batch_comes_again_as_it_was() -> None:
    attempt = KafkaAttempt([record(A, 0), record(B, 0)])
    after = after_failure(ENDLESS, attempt, None)
    assert (after.done, after.gives_up, after.attempts) == ((), False, (KafkaAttempt(attempt.records, 1),))


def test_of_each_partition_all_from_the_lowest_reported_on_comes_again() -> None:
    records = [record(A, 0), record(A, 1), record(A, 2), record(B, 0), record(B, 1)]
    after = after_failure(ENDLESS, KafkaAttempt(records, 4), {A: 1})
    assert after.done == [records[0], *records[3:]]
    assert after.attempts == (KafkaAttempt(records[1:3], 1),)


def test_retries_are_counted_and_halves_are_not() -> None:
    policy = KafkaRetryPolicy(1, math.inf, bisects=True, reports_failures=False)
    records = [record(A, 0), record(A, 1)]
    halves = after_failure(policy, KafkaAttempt(records), None)
    assert (halves.is_split, [one.failures for one in halves.attempts]) == (True, [0, 0])
    again = after_failure(policy, halves.attempts[0], None)
    assert (again.gives_up, again.attempts[0].failures) == (False, 1)
    assert after_failure(policy, again.attempts[0], None).gives_up


def test_records_before_an_expired_one_of_their_partition_go_with_it() -> None:
    policy = KafkaRetryPolicy(math.inf, 60, bisects=False, reports_failures=False)
    old = record_of(A, 1, ("CREATE_TIME", 0), None, b"", ())
    records = [record(A, 0), old, record(A, 2), record(B, 0)]
    assert expired(policy, records, 1_700_000_001.0) == records[:2]
    assert expired(ENDLESS, records, 1_800_000_000.0) == []


def test_how_often_a_batch_is_tried() -> None:
    destination = {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}}}
    assert KafkaRetryPolicy.of({}).retries_max == math.inf
    assert KafkaRetryPolicy.of(destination).retries_max == 10
    assert KafkaRetryPolicy.of({**destination, "MaximumRetryAttempts": 3}).retries_max == 3
    assert KafkaRetryPolicy.of({"MaximumRetryAttempts": 0}).retries_max == 0
    assert topic_bounds({}) == (1, 1_250)
    assert topic_bounds({"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 3}}) == (10, 15)


RECORDS = [record(A, 3), record(A, 4), record(B, 7)]


@pytest.mark.parametrize(
    "answer", ["", "null", "{}", '""', "[]", '{"batchItemFailures":[]}', '{"batchItemFailures":null}']
)
def test_answers_of_success(answer: str) -> None:
    assert failed_offsets(answer.encode(), RECORDS) == {}


def test_reported_records() -> None:
    reported = [{"itemIdentifier": {"partition": "t-0", "offset": offset}} for offset in (4, 3)]
    assert failed_offsets(json.dumps({"batchItemFailures": reported}).encode(), RECORDS) == {A: 3}


@pytest.mark.parametrize(
    "identifier",
    [None, "", "t-0", {}, {"partition": "t-0"}, {"partition": "t-0", "offset": 9}, {"partition": "t-0", "offset": "3"}],
)
def test_answers_that_are_failures(identifier: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        failed_offsets(json.dumps({"batchItemFailures": [{"itemIdentifier": identifier}]}).encode(), RECORDS)


def test_the_setting_of_brokers() -> None:
    arn = "arn:aws:kafka:us-east-1:000000000000:cluster/c/u"
    assert read_brokers({arn: "plaintext://h:1,i:2", "b:1": "tls://h:3", "c:1": "h:4"}) == {
        arn: Brokers(("h:1", "i:2"), False),
        "b:1": Brokers(("h:3",), True),
        "c:1": Brokers(("h:4",), None),
    }


@pytest.mark.parametrize(
    ("name", "value"), [("arn:aws:s3:::b", "h:1"), ("broker", "h:1"), ("b:1", "h"), ("b:1", "http://h:1"), ("b:1", "")]
)
def test_brokers_that_cannot_be_meant(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="kafka_brokers"):
        read_brokers({name: value})


def test_a_cluster_of_msk_has_fewer_ways_to_log_in() -> None:
    secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf"
    for kind in ("BASIC_AUTH", "SASL_SCRAM_256_AUTH", "VPC_SUBNET"):
        given_ = [{"Type": kind, "URI": secret}]
        check_access(SourceKind.SELF_MANAGED_KAFKA, given_)
        with pytest.raises(InvalidParameterValueException, match=kind):
            check_access(SourceKind.MSK, given_)
    check_access(SourceKind.MSK, [{"Type": "SASL_SCRAM_512_AUTH", "URI": secret}])
