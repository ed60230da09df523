"""Whoever is killed, every message that the broker has confirmed reaches the function at least once."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aiormq.exceptions import AMQPError, ChannelInvalidStateError

from tests.conftest import Node, NodeProcess, deployer
from tests.event_sources.polling import wait, witnessed
from tests.event_sources.rabbitmq.broker import RabbitBroker, publish
from tests.event_sources.rabbitmq.mappings import PLAIN, WITNESS, members

StartNode = Callable[..., tuple[NodeProcess, Node]]
MESSAGES = 10_000
AT_ONCE = 100


def test_nothing_is_lost_when_the_node_and_the_broker_are_killed(
    start_node: StartNode, broker: RabbitBroker, node_settings: dict[str, str], tmp_path: Path
) -> None:
    witness = tmp_path / "witness"
    broker.declare("killed")
    process, node = start_node(**node_settings)
    deploy, _ = deployer(node.client("lambda"))
    deploy("f", {"handler.py": WITNESS}, Environment={"Variables": {"WITNESS": str(witness)}}, Timeout=3)
    node.client("lambda").create_event_source_mapping(
        FunctionName="f", EventSourceArn=PLAIN, **members("killed", BatchSize=30)
    )
    sender = threading.Thread(target=lambda: asyncio.run(_send(broker.port)))
    sender.start()
    seen = []
    for kill_broker in (False, True, False):
        before = len(witnessed(witness))
        wait(lambda before=before: len(witnessed(witness)) > before + AT_ONCE, "messages to flow")  # type: ignore[misc]
        seen.append(len(set(witnessed(witness))))
        if kill_broker:
            broker.kill()
            time.sleep(0.5)
            broker.start()
        else:
            process.kill()
            process, node = start_node(data=node.data, **node_settings)
    sender.join()
    sent = {f"message-{number}" for number in range(MESSAGES)}
    wait(lambda: sent <= set(witnessed(witness)), f"all of {MESSAGES} messages")
    assert seen[-1] < MESSAGES  # they were still flowing
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text(), process.log.read_text()[-4000:]
    assert broker.depth("killed") == 0


async def _send(port: int) -> None:
    """Until the broker has confirmed each message; what it has not is sent again."""
    for first in range(0, MESSAGES, AT_ONCE):
        bodies = [f"message-{number}".encode() for number in range(first, first + AT_ONCE)]
        while True:
            try:
                async with asyncio.timeout(5):
                    await publish(port, "killed", bodies)
            except (AMQPError, ChannelInvalidStateError, OSError):
                await asyncio.sleep(0.2)
            else:
                break
        await asyncio.sleep(0.1)
