"""Mappings of streams on a whole node, with the embedded neighbours. Reference: event sources, 3."""

import json
import time
from typing import Any

from tests.event_sources.polling import World, data_of, queue_arn, stream_arn, wait


def stream(here: World, name: str, shards: int = 1) -> str:
    here.kinesis.create_stream(StreamName=name, ShardCount=shards)
    return stream_arn(name)


def put(here: World, name: str, *texts: str) -> None:
    """Records whose keys are their texts."""
    for text in texts:
        here.kinesis.put_record(StreamName=name, PartitionKey=text, Data=text.encode())


def numbered(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


def letters(here: World, url: str) -> list[dict[str, Any]]:
    """What a destination was told, once it was."""
    found: list[dict[str, Any]] = []

    def receive() -> bool:
        messages = here.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.extend(json.loads(message["Body"]) for message in messages.get("Messages", ()))
        return bool(found)

    wait(receive, "the destination to be told")
    return found


def test_both_shards_of_a_stream_are_read_in_their_order_from_the_beginning(here: World) -> None:
    arn, function, texts = stream(here, "two", shards=2), here.function(), numbered(30)
    put(here, "two", *texts[:20])
    uuid = here.map(function, arn, StartingPosition="TRIM_HORIZON")
    put(here, "two", *texts[20:])
    here.wait_contents(function, *texts)
    by_shard: dict[str, list[str]] = {}
    for one in here.seen(function):
        shards = {record["eventID"].partition(":")[0] for record in one["event"]["Records"]}
        assert len(shards) == 1
        by_shard.setdefault(shards.pop(), []).extend(map(data_of, one["event"]["Records"]))
    assert len(by_shard) == 2
    assert sorted(text for shard in by_shard.values() for text in shard) == sorted(texts)
    assert all(shard == sorted(shard, key=texts.index) for shard in by_shard.values())
    wait(lambda: here.mapping(uuid)["LastProcessingResult"] == "OK", "the result to be told")
    record = here.seen(function)[0]["event"]["Records"][0]
    assert record["invokeIdentityArn"] == "arn:aws:iam::000000000000:role/lambda-role"
    assert record["eventSourceARN"] == arn


def test_the_latest_begins_when_the_mapping_does_and_goes_on_where_it_was_stopped(here: World) -> None:
    arn, function = stream(here, "latest"), here.function()
    put(here, "latest", "old")
    uuid = here.map(function, arn, StartingPosition="LATEST")
    assert here.mapping(uuid)["LastProcessingResult"] == "No records processed"
    time.sleep(0.5)
    put(here, "latest", "new")
    here.wait_contents(function, "new")
    here.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    here.wait_state(uuid, "Disabled")
    put(here, "latest", "meanwhile")
    here.client.update_event_source_mapping(UUID=uuid, Enabled=True)
    here.wait_contents(function, "meanwhile")
    assert here.contents(function) == ["new", "meanwhile"]


def test_a_time_to_start_from(here: World) -> None:
    arn, function = stream(here, "timed"), here.function()
    put(here, "timed", "before")
    time.sleep(1.1)
    start_s = time.time()
    put(here, "timed", "after")
    here.map(function, arn, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=start_s)
    here.wait_contents(function, "after")
    assert here.contents(function) == ["after"]


def test_a_poison_record_is_split_off_and_its_destination_told(here: World) -> None:
    dead, arn, function = here.queue("poisoned"), stream(here, "poison"), here.function(POISON="r5")
    put(here, "poison", *numbered(8))
    uuid = here.map(
        function,
        arn,
        StartingPosition="TRIM_HORIZON",
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": queue_arn("poisoned")}},
    )
    (letter,) = letters(here, dead)
    context, info = letter["requestContext"], letter["KinesisBatchInfo"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 2)
    assert letter["responseContext"]["functionError"] == "Unhandled"
    assert (info["batchSize"], info["streamArn"]) == (1, arn)
    put(here, "poison", "later")
    here.wait_contents(function, "later")
    clean = [text for one in here.seen(function) if "r5" not in one["contents"] for text in one["contents"]]
    assert [text for text in clean if text != "later"] == [text for text in numbered(8) if text != "r5"]
    assert here.mapping(uuid)["LastProcessingResult"] == "OK"


def test_a_partial_failure_is_retried_from_its_lowest_record_on(here: World) -> None:
    arn, function = stream(here, "partial"), here.function(POISON="r3", REPORTS="1")
    put(here, "partial", *numbered(6))
    here.client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    here.map(
        function,
        arn,
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    wait(lambda: len(here.seen(function)) == 2, "one retry")
    put(here, "partial", "later")
    here.wait_contents(function, "later")
    assert [one["contents"] for one in here.seen(function)] == [numbered(6), numbered(6)[3:], ["later"]]


def test_a_bucket_gets_the_records_themselves_and_keys_are_kept_in_order_by_parallel_batches(here: World) -> None:
    arn, function = stream(here, "parallel"), here.function(POISON="r1")
    bucket = here.node.client("s3")
    bucket.create_bucket(Bucket="given-up")
    uuid = here.map(
        function,
        arn,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
        ParallelizationFactor=4,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}},
    )
    for round_of_all in range(2):
        for key in numbered(6):
            text = key if round_of_all else f"{key}-first"
            here.kinesis.put_record(StreamName="parallel", PartitionKey=key, Data=text.encode())
    contents = [f"{key}{suffix}" for key in numbered(6) for suffix in ("-first", "")]
    here.wait_contents(function, *contents)
    seen = here.contents(function)
    assert sorted(seen) == sorted(contents)
    assert all(seen.index(f"{key}-first") < seen.index(key) for key in numbered(6))
    wait(lambda: bucket.list_objects_v2(Bucket="given-up")["KeyCount"] == 1, "the bucket to be told")
    key = bucket.list_objects_v2(Bucket="given-up")["Contents"][0]["Key"]
    assert key.startswith(f"aws/lambda/{uuid}/shardId-000000000000/")
    told = json.loads(bucket.get_object(Bucket="given-up", Key=key)["Body"].read())
    assert [data_of(record) for record in json.loads(told["payload"])["Records"]] == ["r1"]


def test_a_tumbling_window_hands_its_state_on_and_ends(here: World) -> None:
    arn, function = stream(here, "tumbling"), here.function()
    here.map(function, arn, StartingPosition="TRIM_HORIZON", TumblingWindowInSeconds=2, BatchSize=2)
    time.sleep(2 - time.time() % 2)
    put(here, "tumbling", *numbered(5))
    wait(lambda: any(one["event"]["isFinalInvokeForWindow"] for one in here.seen(function)), "the window's end")
    *batches, final = (one["event"] for one in here.seen(function))
    counts = [batch["state"].get("count", 0) for batch in batches]
    sizes = [len(batch["Records"]) for batch in batches]
    assert counts == [sum(sizes[:number]) for number in range(len(sizes))]
    assert sum(sizes) == 5
    assert (final["state"], final["Records"], final["shardId"]) == ({"count": 5}, [], "shardId-000000000000")
    assert len({json.dumps(event["window"]) for event in (*batches, final)}) == 1


def test_changes_of_a_table_from_the_beginning(here: World) -> None:
    dynamodb, function = here.node.client("dynamodb"), here.function()
    table = dynamodb.create_table(
        TableName="watched",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    key = {"id": {"S": "a"}}
    dynamodb.put_item(TableName="watched", Item={**key, "b": {"B": b"\x01"}})
    pattern = json.dumps({"dynamodb": {"Keys": {"id": {"S": [{"anything-but": ["hidden"]}]}}}})
    here.map(
        function,
        table["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )
    dynamodb.put_item(TableName="watched", Item={"id": {"S": "hidden"}})
    dynamodb.put_item(TableName="watched", Item={**key, "b": {"B": b"\x02"}})
    dynamodb.delete_item(TableName="watched", Key=key)
    here.wait_contents(function, "INSERT", "MODIFY", "REMOVE")
    assert here.contents(function) == ["INSERT", "MODIFY", "REMOVE"]
    insert, modify, remove = (record for one in here.seen(function) for record in one["event"]["Records"])
    assert insert["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "b": {"B": "AQ=="}}
    assert "OldImage" not in insert["dynamodb"]
    assert modify["dynamodb"]["OldImage"]["b"] == {"B": "AQ=="}
    assert (remove["eventVersion"], remove["eventSourceARN"]) == ("1.1", table["LatestStreamArn"])


def test_a_stream_that_was_made_again_is_read_from_its_beginning(here: World) -> None:
    arn, function = stream(here, "again"), here.function()
    uuid = here.map(function, arn, StartingPosition="TRIM_HORIZON")
    put(here, "again", *numbered(3))
    here.wait_contents(function, *numbered(3))
    here.kinesis.delete_stream(StreamName="again")
    wait(lambda: here.mapping(uuid)["LastProcessingResult"].startswith("PROBLEM"), "a problem to be told")
    stream(here, "again")
    put(here, "again", "new")
    here.wait_contents(function, "new")
