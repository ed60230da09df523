"""Looking at interpreters that wait for a function, from outside."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Node, NodeProcess
from tests.end_to_end.footprint import descendants

LIMIT_S = 60.0
MORE_MB_THAN_ANYBODY_HAS = 1_000_000_000
# Variables that no two environments have in common.
OF_ONE_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_METADATA_TOKEN",
)


def node_that_starts_ahead(data: Path, isolation: dict[str, str]) -> Iterator[Node]:
    """One of each kind; skips where none can be."""
    limits = json.dumps({"memory_mb_max": MORE_MB_THAN_ANYBODY_HAS})
    settings = {"STOKER_INTERPRETERS_AHEAD": "1", "STOKER_LIMITS": limits}
    with NodeProcess(data, **settings, **isolation) as node:
        if json.loads((node.data / "node.json").read_text())["isolation"] != "namespaces":
            pytest.skip("needs isolation by namespaces")
        yield node


def waiting(node: Node, runtime: str = "nodejs20.x") -> dict[str, int]:
    """The interpreters that wait: start time and process id. They have the descriptor by which they hear."""
    found = {}
    for pid in descendants(node.pid):
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if (
                os.path.lexists(f"/proc/{pid}/fd/63")
                and f"AWS_EXECUTION_ENV=AWS_Lambda_{runtime}".encode() in variables
            ):
                found[Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]] = pid
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def wait_waiting(node: Node, runtime: str = "nodejs20.x") -> dict[str, int]:
    """Until one waits, and reads: what it does before takes processor time, what it does then takes none."""
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        found = waiting(node, runtime)
        if found and all(map(_reads, found.values())):
            return found
        time.sleep(0.05)
    raise AssertionError("no interpreter waits")


def _reads(pid: int) -> bool:
    """Any of its threads: the one in which Java runs is not the first."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return any("unix_stream" in (thread / "wchan").read_text() for thread in threads)


def call(client: Any, name: str) -> Any:
    answer = client.invoke(FunctionName=name)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload
