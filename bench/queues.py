"""`python -m bench.queues`: sends and receives a second of one queue, empty and a million messages deep."""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import boto3
import click
from botocore.config import Config
from sqlalchemy import Connection

from bench.generator import ROOT
from bench.legs import Leg
from bench.load import CALL_LIMIT_S
from bench.node import BenchNode
from bench.queue_load import BATCH, Kind, QueueLoad
from bench.running import run_until_stopped
from stoker.database.dialects import insert_plain
from stoker.database.engine import Database, database_url
from stoker.queues.records import Queue
from stoker.queues.store import QueueStore
from stoker.queues.tables import queue_messages

ACCOUNT, REGION = "000000000000", "us-east-1"
ROWS_AT_ONCE = 50_000
EXIT_FAILED = 1

# What is measured, in this order: a queue, what is done, by how many callers, and messages of one call.
LEGS: tuple[tuple[str, Kind, int, int], ...] = (
    ("new", "send", 1, 1),
    ("new", "send", 32, 1),
    ("new", "send batch", 1, BATCH),
    ("new", "send batch", 32, BATCH),
    ("empty", "receive", 1, 0),
    ("empty", "receive", 32, 0),
    ("shallow", "receive", 1, 1),
    ("deep", "receive", 1, 1),
    ("shallow", "receive", 32, 1),
    ("deep", "receive", 32, 1),
    ("shallow", "receive batch", 32, BATCH),
    ("deep", "receive batch", 32, BATCH),
    ("shallow", "receive and delete", 32, 1),
    ("deep", "receive and delete", 32, 1),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--leg-s", type=click.FloatRange(0.1), default=3.0, show_default=True, help="How long each leg takes.")
@click.option("--depth", type=click.IntRange(1), default=1_000_000, show_default=True, help="Messages of the deep one.")
@click.option("--shallow", type=click.IntRange(1), default=100_000, show_default=True, help="Those of the shallow one.")
def main(leg_s: float, depth: int, shallow: int) -> None:
    """Measure one node's queues. Receiving callers leave messages in flight unless it says that they delete."""
    legs = run_until_stopped(_measure(leg_s, depth, shallow))
    if any(leg.errors for leg in legs):
        sys.exit(EXIT_FAILED)


async def _measure(leg_s: float, depth: int, shallow: int) -> list[Leg]:
    node = BenchNode()
    await asyncio.to_thread(node.data.mkdir)
    began_s = time.perf_counter()
    await _fill(node.data, {"deep": depth, "shallow": shallow, "empty": 0, "new": 0})
    click.echo(f"{depth + shallow:,} messages written in {time.perf_counter() - began_s:.1f} s")
    legs = []
    async with node:
        await asyncio.to_thread(_warm_up, node.endpoint)
        for queue, kind, callers, messages in LEGS:
            url = f"{node.endpoint}/{ACCOUNT}/{queue}"
            load = QueueLoad(node.endpoint, url, kind, callers, leg_s, may_be_empty=not messages)
            leg = await _leg(load)
            told = f"{leg.calls_per_s * messages:9,.0f} messages/s" if messages > 1 else " " * 20
            click.echo(
                f"{queue:8} {kind:19} {callers:3} callers {leg.calls_per_s:8,.0f} calls/s {told}  "
                f"p50 {leg.p50_ms:6.2f} ms  p99 {leg.p99_ms:7.2f} ms  {leg.errors} errors"
            )
            legs.append(leg)
    return legs


async def _leg(load: QueueLoad) -> Leg:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.queue_load", json.dumps(asdict(load)), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        async with asyncio.timeout(load.leg_s + 2 * CALL_LIMIT_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    outcome = json.loads(output)
    for problem in outcome["problems"]:
        click.echo(f"wrong answer: {problem}", err=True)
    return Leg(**outcome["leg"])


async def _fill(data: Path, depths: dict[str, int]) -> None:
    """Queues with messages that were sent a while ago, written straight into the database of a node to be started."""
    now_s = int(time.time())
    async with Database(database_url("", data)) as database:
        store = QueueStore(database)
        for number, (name, depth) in enumerate(depths.items(), start=1):
            await store.put_queue(Queue(ACCOUNT, REGION, name, number, now_s, now_s))
            for first in range(0, depth, ROWS_AT_ONCE):
                count = min(ROWS_AT_ONCE, depth - first)
                await database.write_relaxed(_insert, number, number * 10_000_000 + first, count, now_s * 1000)


def _insert(connection: Connection, content_id: int, first: int, count: int, now_ms: int) -> None:
    message_id = str(uuid4())
    rows = [
        (number, content_id, now_ms, message_id, now_ms, now_ms, ACCOUNT, None, None, 0, 0, 0, None, "", "x" * 200)
        for number in range(first, first + count)
    ]
    insert_plain(connection, queue_messages, [column.name for column in queue_messages.c], rows)


def _warm_up(endpoint: str) -> None:
    """Open every queue."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="bench",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


if __name__ == "__main__":
    main()
