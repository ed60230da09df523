"""The node's own clients, on embedded neighbours of the test's own."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from stoker.errors import LambdaError
from stoker.lambda_model.call import ApiAnswer, ApiCall
from stoker.neighbours.choices import read_choices
from stoker.neighbours.clients import AwsClients, ObjectTooLargeError
from stoker.neighbours.embedded import EmbeddedNeighbours
from stoker.neighbours.errors import NeighbourError
from tests.neighbours.processes import neighbours_of, wait_gone

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedNeighbours]:
    # Longer than the 108 bytes of a unix socket's address, as data directories are.
    async with EmbeddedNeighbours(tmp_path / ("d" * 100) / "run") as embedded:
        yield embedded
    assert neighbours_of(os.getpid()) == []
    assert list((tmp_path / ("d" * 100)).glob("run/*")) == []


@pytest.fixture
def clients(embedded: EmbeddedNeighbours) -> Iterator[AwsClients]:
    clients = AwsClients(read_choices({}), embedded)
    yield clients
    clients.close()


async def test_calls_are_made_as_the_account_in_the_region(clients: AwsClients, embedded: EmbeddedNeighbours) -> None:
    assert neighbours_of(os.getpid()) == [], "nobody has asked for anything yet"
    assert (await clients.call("sts", ACCOUNT, REGION, "GetCallerIdentity"))["Account"] == ACCOUNT
    key = await clients.call("kms", ACCOUNT, REGION, "CreateKey", Description="of a test")
    assert key["KeyMetadata"]["Arn"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/")
    assert stat.S_IMODE(Path(embedded.address).stat().st_mode) == 0o600


async def test_an_object_is_downloaded_up_to_the_limit(clients: AwsClients) -> None:
    await clients.call("s3", ACCOUNT, "us-east-1", "CreateBucket", Bucket="code")
    await clients.call("s3", ACCOUNT, "us-east-1", "PutObject", Bucket="code", Key="a b/ü.zip", Body=b"x" * 200_000)
    body = await clients.download(ACCOUNT, "us-east-1", "code", "a b/ü.zip", None, 200_000)
    assert body == b"x" * 200_000
    with pytest.raises(ObjectTooLargeError):
        await clients.download(ACCOUNT, "us-east-1", "code", "a b/ü.zip", None, 199_999)
    with pytest.raises(ClientError, match="NoSuchKey"):
        await clients.download(ACCOUNT, "us-east-1", "code", "none", None, 1)


async def test_a_process_that_was_killed_is_replaced(clients: AwsClients) -> None:
    await clients.call("sts", ACCOUNT, REGION, "GetCallerIdentity")
    [first] = neighbours_of(os.getpid())
    os.kill(first, signal.SIGKILL)
    answers = await asyncio.gather(*(clients.call("sts", ACCOUNT, REGION, "GetCallerIdentity") for _ in range(8)))
    assert [answer["Account"] for answer in answers] == [ACCOUNT] * 8
    wait_gone(first)
    [second] = neighbours_of(os.getpid())
    assert second != first


@pytest.mark.parametrize(
    ("table", "service", "text"),
    [
        ({"sqs": "off"}, "sqs", r"off on this node \(setting neighbours.sqs\)"),
        ({"sqs": "http://127.0.0.1:1"}, "sqs", r"sqs \(http://127.0.0.1:1\) cannot be reached"),
        ({}, "braket", "do not have the service braket"),
        ({}, "lambda", "served by Stoker itself"),
    ],
)
async def test_a_service_that_cannot_answer_says_why(
    embedded: EmbeddedNeighbours, table: dict[str, str], service: str, text: str
) -> None:
    clients = AwsClients(read_choices(table), embedded)
    calls = {"sqs": ("ListQueues", {}), "braket": ("SearchJobs", {"filters": []}), "lambda": ("ListFunctions", {})}
    operation, parameters = calls[service]
    with pytest.raises(NeighbourError, match=text):
        await clients.call(service, ACCOUNT, REGION, operation, **parameters)


async def test_neighbours_use_no_network_and_deliver_no_event_by_themselves(clients: AwsClients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        topic = (await clients.call("sns", ACCOUNT, REGION, "CreateTopic", Name="t"))["TopicArn"]
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        await clients.call("sns", ACCOUNT, REGION, "Subscribe", TopicArn=topic, Protocol="lambda", Endpoint=function)
        assert (await clients.call("sns", ACCOUNT, REGION, "Publish", TopicArn=topic, Message="m"))["MessageId"]
        await clients.call("sns", ACCOUNT, REGION, "Subscribe", TopicArn=topic, Protocol="http", Endpoint=url)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_a_service_of_the_nodes_own_is_called_without_a_detour(embedded: EmbeddedNeighbours) -> None:
    async def get_queue_url(call: ApiCall) -> ApiAnswer:
        if call.members["QueueName"] != "q":
            raise LambdaError("none", code="QueueDoesNotExist", query_code="AWS.SimpleQueueService.NonExistentQueue")
        return ApiAnswer({"QueueUrl": f"{call.caller.region}/{call.caller.account_id}/q", "Other": None})

    own = {"sqs": {"GetQueueUrl": get_queue_url}}
    clients = AwsClients(read_choices({}), embedded, own)
    for call in (clients.call, clients.call_patiently):
        answer = await call("sqs", ACCOUNT, REGION, "GetQueueUrl", QueueName="q")
        assert answer == {"QueueUrl": f"{REGION}/{ACCOUNT}/q"}
        with pytest.raises(ClientError) as refused:
            await call("sqs", ACCOUNT, REGION, "GetQueueUrl", QueueName="other")
        assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    elsewhere = AwsClients(read_choices({"sqs": "off"}), embedded, own)
    with pytest.raises(NeighbourError, match="off on this node"):
        await elsewhere.call("sqs", ACCOUNT, REGION, "GetQueueUrl", QueueName="q")
