"""What moto does in several steps happens as one, whoever else asks meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

from tests.conftest import Node

CALLERS = 8
CALLS = 25


def all_at_once(call: Any) -> list[Any]:
    """What CALLERS threads were answered, each of which calls CALLS times: `call(number)`."""
    with ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(call, range(CALLERS * CALLS)))


def test_records_that_come_at_once_are_all_kept_in_a_shard(node: Node) -> None:
    with closing(node.client("kinesis")) as kinesis:
        kinesis.create_stream(StreamName="at-once", ShardCount=1)
        put = partial(kinesis.put_records, StreamName="at-once")
        answers = all_at_once(
            lambda number: put(Records=[{"Data": f"{number}-{k}", "PartitionKey": "p"} for k in range(20)])
        )
        numbers = [record["SequenceNumber"] for answer in answers for record in answer["Records"]]
        kinesis.delete_stream(StreamName="at-once")
    assert len(set(numbers)) == len(numbers) == CALLERS * CALLS * 20


def test_a_counter_in_a_table_counts_everyone(node: Node) -> None:
    with closing(node.client("dynamodb")) as dynamodb:
        with_table(dynamodb)
        update = {"UpdateExpression": "ADD calls :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
        all_at_once(lambda _: dynamodb.update_item(TableName="at-once", Key={"id": {"S": "counter"}}, **update))
        item = dynamodb.get_item(TableName="at-once", Key={"id": {"S": "counter"}})["Item"]
        dynamodb.delete_table(TableName="at-once")
    assert item["calls"] == {"N": f"{CALLERS * CALLS}"}


def test_one_of_many_writes_what_must_not_be_there_yet(node: Node) -> None:
    with closing(node.client("dynamodb")) as dynamodb:
        with_table(dynamodb)

        def is_first(number: int) -> bool:
            item = {"id": {"S": f"{number // CALLERS}"}}
            try:
                dynamodb.put_item(TableName="at-once", Item=item, ConditionExpression="attribute_not_exists(id)")
            except dynamodb.exceptions.ConditionalCheckFailedException:
                return False
            return True

        firsts = all_at_once(is_first)
        dynamodb.delete_table(TableName="at-once")
    assert sum(firsts) == CALLS


def with_table(dynamodb: Any) -> None:
    dynamodb.create_table(
        TableName="at-once",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
