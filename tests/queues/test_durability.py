"""What is acknowledged is on disk: a node is killed while many send, receive and delete."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Node, NodeProcess
from tests.queues.conftest import arn_of

StartNode = Callable[..., tuple[NodeProcess, Node]]
SENDERS, RECEIVERS = 4, 3
ENOUGH = 300


class Crowd:
    """Threads that go on until the node is gone. What they were told of is written down afterwards, not before."""

    def __init__(self, node: Node, urls: list[str]) -> None:
        self._node = node
        self._urls = urls
        self.sent: set[str] = set()
        # Of what was to be deleted when the node died nobody knows.
        self.to_delete: set[str] = set()
        self.deleted: set[str] = set()
        self.has_enough = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        self._threads += [threading.Thread(target=self._receive, args=(number,)) for number in range(RECEIVERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _send(self, sender: int) -> None:
        sqs, url = self._node.client("sqs"), self._urls[sender % len(self._urls)]
        group = {"MessageGroupId": str(sender)} if url.endswith(".fifo") else {}
        number = 0
        try:
            while True:
                bodies = [f"{sender}-{number + offset}" for offset in range(5)]
                entries = [{"Id": str(offset), "MessageBody": body, **group} for offset, body in enumerate(bodies)]
                assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 5
                self.sent.update(bodies)
                number += 5
        except (BotoCoreError, ClientError):
            return

    def _receive(self, receiver: int) -> None:
        sqs, url = self._node.client("sqs"), self._urls[receiver % len(self._urls)]
        try:
            while True:
                for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3).get("Messages", []):
                    self.to_delete.add(message["Body"])
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    self.deleted.add(message["Body"])
                if len(self.deleted) > ENOUGH and len(self.sent) > ENOUGH:
                    self.has_enough.set()
        except (BotoCoreError, ClientError):
            return


def test_nothing_that_was_acknowledged_is_lost_and_nothing_deleted_comes_back(start_node: StartNode) -> None:
    process, node = start_node(STOKER_ISOLATION="plain")
    sqs = node.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = f'{{"deadLetterTargetArn":"{arn_of(dead)}","maxReceiveCount":1000}}'
    attributes = {"VisibilityTimeout": "2", "RedrivePolicy": policy}
    urls = [sqs.create_queue(QueueName="q", Attributes=attributes, tags={"a": "b"})["QueueUrl"]]
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "2"}
    urls.append(sqs.create_queue(QueueName="q.fifo", Attributes=fifo)["QueueUrl"])
    crowd = Crowd(node, urls)
    crowd.start()
    assert crowd.has_enough.wait(60)
    process.kill()
    crowd.join()

    process, node = start_node(data=node.data, STOKER_ISOLATION="plain")
    sqs = node.client("sqs")
    found: Counter[str] = Counter()
    for url in sqs.list_queues()["QueueUrls"]:
        found.update(_drained(sqs, url))
    assert crowd.sent - found.keys() - crowd.to_delete == set(), "lost"
    assert found.keys() & crowd.deleted == set(), "deleted, and there again"
    assert set(found.values()) == {1}
    [url] = sqs.list_queues(QueueNamePrefix="q")["QueueUrls"][:1]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (shown["VisibilityTimeout"], shown["RedrivePolicy"]) == ("2", policy)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    # What a FIFO queue took before is still known to it.
    known = next(body for body in crowd.sent if body.startswith("1-"))
    sqs.send_message(QueueUrl=url.rpartition("/")[0] + "/q.fifo", MessageBody=known, MessageGroupId="1")
    assert _drained(sqs, url.rpartition("/")[0] + "/q.fifo") == []


def test_who_waits_at_a_queue_does_not_keep_a_node_from_stopping(start_node: StartNode) -> None:
    process, node = start_node(STOKER_ISOLATION="plain", STOKER_STOP_GRACE_S="10")
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    answers: list[Any] = []

    def wait() -> None:
        answers.append(node.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20))

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(1)
    # Within the grace, at whose end a call that still waits is answered with an error.
    assert process.stop() == 0
    waiter.join(30)
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [200]
    assert "Messages" not in answers[0]


def _drained(sqs: Any, url: str) -> list[str]:
    """Everything in a queue, also what was in flight for up to two seconds."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=3).get("Messages"):
        bodies += [message["Body"] for message in messages]
        entries = [{"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]} for number, one in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies
