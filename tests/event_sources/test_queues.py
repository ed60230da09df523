"""Mappings of queues on a whole node, with the embedded neighbours. Reference: event sources, 1.4 and 2."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.event_sources.polling import World, queue_arn, wait


def test_messages_reach_the_function_as_awss_do_and_leave_the_queue(here: World) -> None:
    url, function = here.queue("plain"), here.function()
    uuid = here.map(function, queue_arn("plain"))
    attributes = {"b": {"DataType": "Binary", "BinaryValue": b"\x01"}}
    sent = here.sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    here.wait_contents(function, "hello")
    here.wait_empty(url)
    (record,) = here.seen(function)[0]["event"]["Records"]
    assert record["messageId"] == sent["MessageId"]
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["md5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert record["messageAttributes"]["b"] == {
        "binaryValue": "AQ==",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "Binary",
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert (record["eventSourceARN"], record["awsRegion"]) == (queue_arn("plain"), "us-east-1")
    assert "LastProcessingResult" not in here.mapping(uuid)


def test_a_message_in_an_idle_queue_is_seen_within_a_second(here: World) -> None:
    url, function = here.queue("idle"), here.function()
    here.map(function, queue_arn("idle"))
    here.sqs.send_message(QueueUrl=url, MessageBody="warm")
    here.wait_contents(function, "warm")
    time.sleep(1.5)  # for as long as it takes to be idle
    sent_s = time.time()
    here.sqs.send_message(QueueUrl=url, MessageBody="now")
    here.wait_contents(function, "now")
    assert here.seen(function)[-1]["at"] - sent_s < 1.0


def test_a_window_gathers_a_batch(here: World) -> None:
    url, function = here.queue("window"), here.function()
    here.map(function, queue_arn("window"), BatchSize=12, MaximumBatchingWindowInSeconds=2)
    for number in range(12):
        here.sqs.send_message(QueueUrl=url, MessageBody=str(number))
    here.wait_contents(function, *map(str, range(12)))
    here.sqs.send_message(QueueUrl=url, MessageBody="last")
    here.wait_contents(function, "last")
    batches = [sorted(one["contents"]) for one in here.seen(function)]
    assert batches == [sorted(map(str, range(12))), ["last"]]
    full, alone = (one["event"]["Records"][0]["attributes"]["SentTimestamp"] for one in here.seen(function))
    assert here.seen(function)[0]["at"] * 1000 - int(full) < 1_500  # a full batch does not wait
    assert here.seen(function)[1]["at"] * 1000 - int(alone) >= 1_800


def test_only_reported_messages_come_again_and_then_go_to_the_dead_letter_queue(here: World) -> None:
    dead = here.queue("letters")
    redrive = json.dumps({"deadLetterTargetArn": queue_arn("letters"), "maxReceiveCount": 2})
    url = here.queue("reported", VisibilityTimeout="2", RedrivePolicy=redrive)
    function = here.function(POISON="bad", REPORTS="1")
    for body in ("good", "bad"):
        here.sqs.send_message(QueueUrl=url, MessageBody=body)
    uuid = here.map(function, queue_arn("reported"), FunctionResponseTypes=["ReportBatchItemFailures"])
    here.wait_contents(function, "good", "bad")
    wait(lambda: here.depth(url) == (0, 1), "the good message to be deleted")
    wait(lambda: here.depth(dead) == (1, 0), "the bad message to be given up by its queue")
    assert sorted(here.contents(function)) == ["bad", "bad", "good"]
    counts = [
        record["attributes"]["ApproximateReceiveCount"]
        for one in here.seen(function)
        for record in one["event"]["Records"]
        if record["body"] == "bad"
    ]
    assert counts == ["1", "2"]
    assert here.mapping(uuid)["State"] == "Enabled"


def test_a_failed_batch_stays_and_the_mapping_says_so_until_it_goes_well_again(here: World) -> None:
    url, function = here.queue("failing", VisibilityTimeout="10"), here.function(POISON="bad")
    here.sqs.send_message(QueueUrl=url, MessageBody="bad")
    uuid = here.map(function, queue_arn("failing"))
    wait(lambda: "LastProcessingResult" in here.mapping(uuid), "a problem to be told")
    assert here.mapping(uuid)["LastProcessingResult"] == "PROBLEM: Function call failed"
    assert here.depth(url) == (0, 1)
    here.sqs.send_message(QueueUrl=url, MessageBody="good")
    wait(lambda: "LastProcessingResult" not in here.mapping(uuid), "the problem to be forgotten")


def test_messages_that_no_filter_wants_are_deleted_unseen(here: World) -> None:
    url, function = here.queue("filtered"), here.function()
    pattern = json.dumps({"body": {"kind": ["order"], "n": [{"numeric": [">", 1]}]}})
    here.map(function, queue_arn("filtered"), FilterCriteria={"Filters": [{"Pattern": pattern}]})
    wanted = '{"kind": "order", "n": 2}'
    for body in ('{"kind": "order", "n": 1}', "plain", '{"kind": "other", "n": 3}', wanted):
        here.sqs.send_message(QueueUrl=url, MessageBody=body)
    here.wait_contents(function, wanted)
    here.wait_empty(url)
    assert here.contents(function) == [wanted]


def test_groups_of_a_fifo_queue_keep_their_order(here: World) -> None:
    url = here.queue("groups.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    function = here.function()
    here.map(function, queue_arn("groups.fifo"), BatchSize=3)
    for number in range(12):
        for group in "ab":
            here.sqs.send_message(QueueUrl=url, MessageBody=f"{group}{number}", MessageGroupId=group)
    here.wait_empty(url)
    contents = here.contents(function)
    for group in "ab":
        assert [text for text in contents if text[0] == group] == [f"{group}{number}" for number in range(12)]
    record = here.seen(function)[0]["event"]["Records"][0]
    assert {"MessageGroupId", "MessageDeduplicationId"} <= record["attributes"].keys()


def test_no_more_batches_run_at_once_than_maximum_concurrency_says(here: World) -> None:
    url, function = here.queue("bounded"), here.function(SECONDS="0.3")
    for number in range(8):
        here.sqs.send_message(QueueUrl=url, MessageBody=str(number))
    here.map(function, queue_arn("bounded"), BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    here.wait_empty(url)
    begun_s = [float(one["at"]) for one in here.seen(function)]
    at_once = max(sum(1 for other_s in begun_s if 0 <= at_s - other_s < 0.29) for at_s in begun_s)
    assert (len(begun_s), at_once) == (8, 2)


def test_throttled_messages_wait_for_room(here: World) -> None:
    url, function = here.queue("throttled"), here.function()
    here.client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    here.sqs.send_message(QueueUrl=url, MessageBody="patient")
    uuid = here.map(function, queue_arn("throttled"))
    wait(lambda: "LastProcessingResult" in here.mapping(uuid), "a problem to be told")
    here.client.delete_function_concurrency(FunctionName=function)
    here.wait_contents(function, "patient")
    here.wait_empty(url)
    (one,) = here.seen(function)
    assert one["event"]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_a_mapping_stops_and_goes_on_as_it_is_told(here: World) -> None:
    url, function = here.queue("switched"), here.function()
    uuid = here.map(function, queue_arn("switched"))
    begun_s = time.monotonic()
    assert here.client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    here.wait_state(uuid, "Disabled")
    assert time.monotonic() - begun_s < 3
    here.sqs.send_message(QueueUrl=url, MessageBody="early")
    time.sleep(0.5)
    assert here.contents(function) == []
    wait(lambda: here.depth(url) == (1, 0), "the message to be left alone")
    assert here.client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    here.wait_contents(function, "early")
    other = here.function()
    here.wait_state(uuid, "Enabled")
    assert here.client.update_event_source_mapping(UUID=uuid, FunctionName=other)["State"] == "Updating"
    here.wait_state(uuid, "Enabled")
    here.sqs.send_message(QueueUrl=url, MessageBody="late")
    here.wait_contents(other, "late")
    assert here.client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    with pytest.raises(here.client.exceptions.ResourceNotFoundException):
        wait(lambda: not here.mapping(uuid), "the mapping to be gone")
    here.sqs.send_message(QueueUrl=url, MessageBody="never")
    time.sleep(0.5)
    assert "never" not in here.contents(function) + here.contents(other)


def test_a_queue_that_vanishes_is_a_problem_until_it_is_there_again(here: World) -> None:
    url, function = here.queue("vanishing"), here.function()
    uuid = here.map(function, queue_arn("vanishing"))
    here.sqs.delete_queue(QueueUrl=url)
    here.client.update_event_source_mapping(UUID=uuid, BatchSize=5)  # its poller begins anew
    wait(lambda: "LastProcessingResult" in here.mapping(uuid), "a problem to be told")
    assert "NonExistentQueue" in here.mapping(uuid)["LastProcessingResult"]
    here.sqs.send_message(QueueUrl=here.queue("vanishing"), MessageBody="again")
    here.wait_contents(function, "again")
    wait(lambda: "LastProcessingResult" not in here.mapping(uuid), "the problem to be forgotten")


def test_a_deleted_function_is_a_problem_and_its_messages_stay(here: World) -> None:
    url, function = here.queue("orphaned"), here.function()
    uuid = here.map(function, queue_arn("orphaned"))
    here.client.delete_function(FunctionName=function)
    here.sqs.send_message(QueueUrl=url, MessageBody="left")
    expected = ("PROBLEM: Function call failed", "PROBLEM: Function not found")
    wait(lambda: here.mapping(uuid).get("LastProcessingResult") in expected, "a problem to be told")
    assert sum(here.depth(url)) == 1


def refusal(here: World, **members: Any) -> str:
    with pytest.raises(ClientError) as raised:
        here.client.create_event_source_mapping(**members)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValueException"
    return str(raised.value.response["Error"]["Message"])


def test_sources_that_are_not_there_are_refused_in_awss_words(here: World) -> None:
    function = here.function()
    assert refusal(here, FunctionName=function, EventSourceArn=queue_arn("nowhere")) == (
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist."
    )
    here.queue("hasty", VisibilityTimeout="1")
    assert refusal(here, FunctionName=function, EventSourceArn=queue_arn("hasty")) == (
        "Queue visibility timeout: 1 seconds is less than Function timeout: 2 seconds"
    )
    for arn in (
        "arn:aws:kinesis:us-east-1:000000000000:stream/nowhere",
        "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere/stream/2025-01-01T00:00:00.000",
    ):
        message = refusal(here, FunctionName=function, EventSourceArn=arn, StartingPosition="LATEST")
        assert message == f"Stream not found: {arn}"
