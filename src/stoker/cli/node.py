"""The node that runs on this machine: its record in the data directory, and whether it is alive."""

import http.client
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stoker.cli.failures import CommandError

HEALTH_PATH = "/_stoker/health"
HEALTH_TIMEOUT_S = 3.0
AUTHORITY_PATH = "/_stoker/tls/authority.pem"
# Making it takes a node half a second, once.
AUTHORITY_TIMEOUT_S = 20.0
RECORD_NAME = "node.json"
# Below the data directory.
AUTHORITY = "tls/authority.pem"
# Neither a record in the data directory nor a process of ours tells us when it is done; looking is cheap.
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What a node writes at its start, and removes at its end."""

    pid: int
    endpoint: str
    version: str
    isolation: str


def read_record(data: Path) -> NodeRecord | None:
    """None when no node has written one, or when it cannot be read."""
    try:
        members = json.loads((data / RECORD_NAME).read_text())
        return NodeRecord(members["pid"], members["endpoint"], members["version"], members["isolation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_health(endpoint: str) -> dict[str, Any] | None:
    """What the node at `endpoint` says of itself; None when nothing there answers as a node does."""
    address = urlsplit(endpoint)
    if not address.hostname:
        return None
    connect = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = connect(address.hostname, address.port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", HEALTH_PATH)
        answer = connection.getresponse()
        health = json.loads(answer.read()) if answer.status == 200 else None
        return health if isinstance(health, dict) else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def make_authority(endpoint: str) -> None:
    """Have the node make the authority of its own certificate, unless it has one. Raises CommandError."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=AUTHORITY_TIMEOUT_S)
    try:
        connection.request("GET", AUTHORITY_PATH)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"the node at {endpoint} does not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise CommandError(f"the node has no authority: {json.loads(content)['message']}")


def find_running(data: Path) -> NodeRecord | None:
    """The record of a node that answers and is the very process it names."""
    record = read_record(data)
    if record is None:
        return None
    health = read_health(record.endpoint)
    return record if health is not None and health.get("pid") == record.pid else None


def wait_for_end(pid: int, timeout_s: float) -> bool:
    """Whether process `pid` ended in time."""
    deadline_s = time.monotonic() + timeout_s
    while is_alive(pid):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that nobody has waited for yet counts as ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        # Without /proc, or for a process of another user, what `kill` found counts.
        return True
