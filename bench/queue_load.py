"""The load on queues: a process of its own, as `load.py` is, whose connections it uses.

    python -m bench.queue_load '{"endpoint": …, "queue_url": …, "kind": "send", "callers": 32}'

Every caller has one connection and calls again as soon as it has its answer. It prints what that comes to.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal
from urllib.parse import urlsplit

import uvloop

from bench.legs import leg_of
from bench.load import CALL_LIMIT_S, Connection, Outcome

BATCH = 10
# So short that what one leg leaves in flight does not add up to the limit of 120,000.
VISIBILITY_S = 1
_BODY = "x" * 200
_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=000000000000/20250101/us-east-1/sqs/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
)

Kind = Literal["send", "send batch", "receive", "receive batch", "receive and delete"]


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """What to do, at most `leg_s` long. Of an empty queue nothing is received, and that is right if `may_be_empty`."""

    endpoint: str
    queue_url: str
    kind: Kind
    callers: int = 1
    leg_s: float = 3.0
    may_be_empty: bool = False


class QueueRun:
    """One load from beginning to end; latencies are those of single calls."""

    def __init__(self, load: QueueLoad) -> None:
        self._load = load
        address = urlsplit(load.endpoint)
        self._host, self._port = address.hostname or "", address.port or 80
        self._problems: list[str] = []
        self._errors = 0

    async def measure(self) -> Outcome:
        began_s = perf_counter()
        counted = await asyncio.gather(*(self._caller(began_s + self._load.leg_s) for _ in range(self._load.callers)))
        elapsed_s = perf_counter() - began_s
        return Outcome([latency for some in counted for latency in some], elapsed_s, self._errors, self._problems)

    async def _caller(self, deadline_s: float) -> list[float]:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        latencies = []
        try:
            calls = self._calls(connection)
            while perf_counter() < deadline_s:
                sent_s = perf_counter()
                if not await anext(calls):
                    self._errors += 1
                latencies.append(perf_counter() - sent_s)
        finally:
            connection.close()
        return latencies

    async def _calls(self, connection: Connection) -> AsyncIterator[bool]:
        """One call after the other; whether each was answered rightly."""
        kind, queue = self._load.kind, {"QueueUrl": self._load.queue_url}
        batch = [{"Id": str(number), "MessageBody": _BODY} for number in range(BATCH)]
        while True:
            if kind == "send":
                yield "MessageId" in await self._ask(connection, "SendMessage", queue | {"MessageBody": _BODY})
            elif kind == "send batch":
                answer = await self._ask(connection, "SendMessageBatch", queue | {"Entries": batch})
                yield len(answer.get("Successful", ())) == BATCH
            else:
                count = BATCH if kind == "receive batch" else 1
                asked = queue | {"MaxNumberOfMessages": count, "VisibilityTimeout": VISIBILITY_S}
                answer = await self._ask(connection, "ReceiveMessage", asked)
                messages = answer.get("Messages", [])
                yield bool(messages) or (self._load.may_be_empty and not answer)
                if kind == "receive and delete" and messages:
                    handle = {"ReceiptHandle": messages[0]["ReceiptHandle"]}
                    yield await self._ask(connection, "DeleteMessage", queue | handle) == {}

    async def _ask(self, connection: Connection, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(members).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nX-Amz-Date: 20250101T000000Z\r\n"
            f"X-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"Authorization: {_AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer_head, answer = await connection.send(head.encode() + body)
        if not answer_head.startswith(b"HTTP/1.1 200 "):
            if len(self._problems) < 3:
                self._problems.append(f"{operation}: {answer_head[:40]!r} {answer[:200]!r}")
            return {"error": True}
        parsed: dict[str, Any] = json.loads(answer or b"{}")
        return parsed


async def _bounded(load: QueueLoad) -> Outcome:
    async with asyncio.timeout(load.leg_s + CALL_LIMIT_S):
        return await QueueRun(load).measure()


def main() -> None:
    load = QueueLoad(**json.loads(sys.argv[1]))
    outcome = uvloop.run(_bounded(load))
    leg = leg_of(outcome.latencies_s, outcome.elapsed_s, outcome.errors)
    print(json.dumps({"leg": leg.as_json(), "problems": outcome.problems}))


if __name__ == "__main__":
    main()
