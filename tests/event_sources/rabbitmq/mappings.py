"""Mappings of queues of RabbitMQ, and functions that tell what they were given."""

from typing import Any

from tests.event_sources.polling import OWNER, World

_BROKER = f"arn:aws:mq:us-east-1:{OWNER}:broker"
# What the node's setting knows: by TCP, by TLS, and one where nobody listens.
PLAIN, TLS, LONE = (f"{_BROKER}:{name}:b-{name}" for name in ("plain", "tls", "lone"))
UNKNOWN = f"{_BROKER}:unknown:b-unknown"

# Prints what it was given. With POISON a batch that has such a body fails, but for the first time with ONCE.
RECORDER = """
import base64, json, os, time

def handler(event, context):
    messages = [message for queue in event["rmqMessagesByQueue"].values() for message in queue]
    contents = [base64.b64decode(message["data"]).decode(errors="replace")[:100] for message in messages]
    print("SEEN " + json.dumps({"event": event if len(str(event)) < 10_000 else None, "contents": contents,
                                "redelivered": [m["redelivered"] for m in messages], "at": time.time()}))
    time.sleep(float(os.environ.get("SECONDS", "0")))
    if set(contents) & set(os.environ.get("POISON", "").split()):
        if "ONCE" not in os.environ or not all(message["redelivered"] for message in messages):
            raise ValueError("poison")
"""

# Writes the bodies down outside of the node.
WITNESS = """
import base64, os

def handler(event, context):
    (messages,) = event["rmqMessagesByQueue"].values()
    witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(witness, "".join(base64.b64decode(m["data"]).decode() + "\\n" for m in messages).encode())
    os.close(witness)
"""


def recorder(here: World, **variables: str) -> str:
    return here.deploy(None, {"handler.py": RECORDER}, Timeout=5, Environment={"Variables": variables})


def access(secret: str = "right", virtual_host: str | None = None) -> list[dict[str, str]]:
    given = [{"Type": "BASIC_AUTH", "URI": f"arn:aws:secretsmanager:us-east-1:{OWNER}:secret:{secret}"}]
    return given if virtual_host is None else [*given, {"Type": "VIRTUAL_HOST", "URI": virtual_host}]


def members(queue: str, secret: str = "right", virtual_host: str | None = None, **further: Any) -> dict[str, Any]:
    """Of a mapping, beside its function and its broker."""
    return {"Queues": [queue], "SourceAccessConfigurations": access(secret, virtual_host), **further}
