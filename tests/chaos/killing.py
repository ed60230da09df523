"""A node that is killed at random points of ten thousand events, and what its function has seen of them."""

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Node, NodeProcess, deployer
from tests.neighbours.processes import neighbours_of

StartNode = Callable[..., tuple[NodeProcess, Node]]

EVENTS = int(os.environ.get("CHAOS_EVENTS", "10000"))
SENDERS = 4
CONCURRENCY = 4
LIMIT_S = 240.0
# Written down outside of the node: log lines of the last moments die with it.
WITNESS = """
import base64, json, os

def contents(event):
    for record in event["Records"] if "Records" in event else [event]:
        if "Sns" in record:
            yield record["Sns"]["Message"]
        elif "s3" in record:
            yield record["s3"]["object"]["key"]
        elif "kinesis" in record:
            yield base64.b64decode(record["kinesis"]["data"]).decode()
        elif "dynamodb" in record:
            yield record["dynamodb"]["Keys"]["id"]["S"]
        else:
            yield record["body"]

def handler(event, context):
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, "".join(f"{text}\\n" for text in contents(event)).encode())
    os.close(witness)
"""


class Killing:
    """One node with the function `f`, always at the same endpoint.

    `points` is how often it is killed; where, is drawn from `seed`, which a failure shows.
    """

    def __init__(self, start_node: StartNode, folder: Path, points: int = 4, **settings: str) -> None:
        self.seed = time.time_ns()
        draw = random.Random(self.seed)
        self._points = sorted(draw.randrange(1, EVENTS * 9 // 10) for _ in range(points))
        self._witness = folder / "seen" / "witness"
        self._witness.parent.mkdir()
        self._witness.parent.chmod(0o777)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._start_node = start_node
        # Whoever writes outside of its sandbox is not in one.
        self._settings = {"STOKER_ISOLATION": "plain", "STOKER_UPDATE_DELAY_S": "0.05", **settings}
        self._process, self.node = start_node("--port", self._port, **self._settings)
        client = self.node.client("lambda")
        deploy, _ = deployer(client)
        deploy("f", {"handler.py": WITNESS}, Environment={"Variables": {"WITNESS": str(self._witness)}}, Timeout=10)
        # More environments would only start anew after each kill, two processors' whole time long.
        client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=CONCURRENCY)
        client.close()

    def seen(self) -> list[str]:
        return self._witness.read_text().split() if self._witness.exists() else []

    def seen_first(self) -> list[str]:
        """Each event once, in the order in which they came for the first time."""
        return list(dict.fromkeys(self.seen()))

    def run(self, send: Callable[[range], None], *, with_neighbour: bool = False) -> None:
        """Until all is sent and seen. Each of several threads sends its part; what one has sent must be seen.

        `with_neighbour`: every other time it is the embedded neighbours' process that is killed. One thread sends then:
        another would send to what the first has made anew, before that leads to the function.
        """
        with _sending(send, 1 if with_neighbour else SENDERS) as senders:
            for number, point in enumerate(self._points):
                self._wait(lambda point=point: len(set(self.seen())) >= point, f"event {point}")  # type: ignore[misc]
                if with_neighbour and number % 2:
                    for pid in neighbours_of(self._process.process.pid):
                        os.kill(pid, signal.SIGKILL)
                else:
                    self._process.kill()
                    self._process, self.node = self._start_node(
                        "--port", self._port, data=self.node.data, **self._settings
                    )
            for sender in senders:
                sender.result(LIMIT_S)
        every = {f"{number}" for number in range(EVENTS)}
        self._wait(lambda: every <= {text.rpartition("-")[2] for text in self.seen()}, "all of them")

    def stop(self) -> None:
        assert self._process.stop() == 0
        assert "Traceback" not in self._process.log.read_text(), self._process.log.read_text()[-4000:]

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"{what}: {len(set(self.seen()))} were seen (seed {self.seed})"
            time.sleep(0.05)


@contextmanager
def _sending(send: Callable[[range], None], many: int) -> Iterator[list["Future[None]"]]:
    with ThreadPoolExecutor(many) as threads:
        yield [threads.submit(send, range(first, EVENTS, many)) for first in range(many)]


def until_taken(call: Callable[..., Any], make_anew: Callable[[], None] | None = None, **members: Any) -> Any:
    """Again and again until it is acknowledged. `make_anew`: what it is sent to, if that may be gone."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            answer = call(**members)
            if not answer.get("Failed") and not answer.get("FailedRecordCount"):
                return answer
        except (BotoCoreError, ClientError):
            if make_anew is not None:
                _try(make_anew)
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _try(make: Callable[[], None]) -> None:
    try:
        make()
    except (BotoCoreError, ClientError):
        return


def parts(numbers: range, size: int) -> Iterator[range]:
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]
