"""One node for all that asks it through the API, and queues of their own for each test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Node, NodeProcess
from tests.database.conftest import postgresql, url

__all__ = ["postgresql", "url"]

MakeQueue = Callable[..., str]


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with NodeProcess(tmp_path_factory.mktemp("queues") / "data", STOKER_ISOLATION="plain") as node:
        yield node


@pytest.fixture(scope="package")
def sqs(node: Node) -> Any:
    return node.client("sqs")


@pytest.fixture
def make_queue(sqs: Any) -> MakeQueue:
    """A queue's URL; `fifo=True` for a FIFO queue, attributes by name."""

    def make(*, fifo: bool = False, **attributes: str) -> str:
        name = f"q-{uuid4().hex[:10]}"
        if fifo:
            name, attributes = f"{name}.fifo", {"FifoQueue": "true", **attributes}
        queue_url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return queue_url

    return make


def arn_of(queue_url: str) -> str:
    account_id, name = queue_url.split("/")[-2:]
    return f"arn:aws:sqs:us-east-1:{account_id}:{name}"


@dataclass
class VirtualClock:
    """A time of day that only tests move."""

    s: float = 1_800_000_000.0

    def now_s(self) -> float:
        return self.s
