"""What an interpreter that was started ahead saves a cold start: `python -m bench.ahead [runtime]`.

Two nodes, one with the setting `interpreters_ahead` and one without, take turns: each calls a function that was just
deployed, for the first time. Time is the caller's, and the node's Init Duration; processor time is that of all
interpreters during the call.
"""

import asyncio
import base64
import io
import re
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench.node import ROLE, BenchNode

CALLS = 25
# Until the next interpreter waits, also on a machine that has other things to do.
PAUSE_S = 1.0
MEMORY_MB = 512
WAIT = {"Delay": 0.02, "MaxAttempts": 1000}
CODE = "exports.handler = async (event) => event;"
SETTINGS = {"ahead": "2", "fresh": "0"}


def first_call(client: Any, name: str, runtime: str) -> tuple[float, float, float]:
    """The call's milliseconds, those of its Init Duration, and the interpreters' processor milliseconds."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.js", CODE)
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler="index.handler",
        Role=ROLE,
        MemorySize=MEMORY_MB,
        Code={"ZipFile": package.getvalue()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    time.sleep(PAUSE_S)
    before = interpreters_cpu_ms()
    began_s = time.perf_counter()
    answer = client.invoke(FunctionName=name, LogType="Tail", Payload=b"{}")
    took_ms = (time.perf_counter() - began_s) * 1000
    cpu_ms = sum(cpu - before.get(pid, 0.0) for pid, cpu in interpreters_cpu_ms().items())
    told = re.search(r"Init Duration: ([\d.]+)", base64.b64decode(answer["LogResult"]).decode())
    assert told, answer
    client.delete_function(FunctionName=name)
    return took_ms, float(told[1]), cpu_ms


def interpreters_cpu_ms() -> dict[str, float]:
    """Of each that runs AWS's client for Node.js (proc(5), schedstat)."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"/var/runtime/index.mjs" in (process / "cmdline").read_bytes():
                tasks = [path.read_text() for path in process.glob("task/*/schedstat")]
                found[process.name] = sum(int(task.split()[0]) for task in tasks) / 1e6
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def measured(endpoints: dict[str, str], runtime: str) -> None:
    keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "bench"}
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    clients: dict[str, Any] = {
        way: boto3.client("lambda", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)
        for way, endpoint in endpoints.items()
    }
    figures: dict[str, list[tuple[float, float, float]]] = {way: [] for way in clients}
    for number in range(CALLS + 1):
        for way, client in clients.items():
            figures[way].append(first_call(client, f"f{number}", runtime))
    print(f"{runtime}, {MEMORY_MB} MB, {CALLS} first calls each, taking turns; milliseconds: median (fastest, slowest)")
    for column, what in enumerate(("call", "Init Duration", "processor time")):
        for way, rows in figures.items():
            # The first one also starts the launcher.
            values = [row[column] for row in rows[1:]]
            print(f"{what:15} {way:6} {statistics.median(values):8.1f} ({min(values):.1f}, {max(values):.1f})")


async def main() -> None:
    runtime = sys.argv[1] if len(sys.argv) > 1 else "nodejs20.x"
    async with (
        BenchNode(interpreters_ahead=SETTINGS["ahead"]) as ahead,
        BenchNode(interpreters_ahead=SETTINGS["fresh"]) as fresh,
    ):
        endpoints = {"ahead": ahead.endpoint, "fresh": fresh.endpoint}
        await asyncio.to_thread(measured, endpoints, runtime)


if __name__ == "__main__":
    asyncio.run(main())
