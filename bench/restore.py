"""How long a call takes that SnapStart restores: `python -m bench.restore`.

The init of its function sleeps for a second. Each figure is the first call of an environment that was ready, on a node
with nothing else to do; beside it stand the call that has to initialise, and the warm call, of the same function.
"""

import asyncio
import base64
import io
import json
import re
import statistics
import sys
import time
import zipfile
from typing import Any
from urllib.request import urlopen

import boto3
from botocore.config import Config

from bench.node import ROLE, BenchNode

INIT_S = 1.0
RESTORES = 25
# SnapStart is for Python from 3.12 on.
RUNTIME = f"python3.{max(sys.version_info[1], 12)}"
CODE = f"""
import os, time
time.sleep({INIT_S})
def handler(event, context):
    if event.get("end"):
        os._exit(0)
    return event
"""
WAIT = {"Delay": 0.05, "MaxAttempts": 600}
READY_LIMIT_S = 60.0


class Restores:
    """One published version with SnapStart on one node."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "bench"}
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        self._client: Any = boto3.client(
            "lambda", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys
        )

    def deploy(self) -> None:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("index.py", CODE)
        self._client.create_function(
            FunctionName="restored",
            Runtime=RUNTIME,
            Handler="index.handler",
            Role=ROLE,
            MemorySize=512,
            Code={"ZipFile": package.getvalue()},
            SnapStart={"ApplyOn": "PublishedVersions"},
            Publish=True,
        )
        waiter = self._client.get_waiter("published_version_active")
        waiter.wait(FunctionName="restored", Qualifier="1", WaiterConfig=WAIT)

    def call(self, qualifier: str) -> tuple[float, str]:
        """How long it took in milliseconds, and what the log told."""
        began_s = time.perf_counter()
        answer = self._client.invoke(FunctionName="restored", Qualifier=qualifier, LogType="Tail", Payload=b"{}")
        took_ms = (time.perf_counter() - began_s) * 1000
        return took_ms, base64.b64decode(answer["LogResult"]).decode()

    def end(self) -> None:
        """No environment of the version is warm afterwards."""
        self._client.invoke(FunctionName="restored", Qualifier="1", Payload=b'{"end": true}')

    def wait_ready(self) -> None:
        deadline_s = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline_s:
            with urlopen(f"{self._endpoint}/_stoker/health") as answer:
                environments = json.load(answer)["environments"]
            if environments["idle"] == environments["all"] > 0:
                time.sleep(0.5)  # they are frozen meanwhile
                return
            time.sleep(0.02)
        raise TimeoutError("no environment became ready")


def measured(endpoint: str) -> None:
    function = Restores(endpoint)
    function.deploy()
    calls, restores, warm = [], [], []
    for _ in range(RESTORES):
        function.wait_ready()
        took_ms, log = function.call("1")
        restore = re.search(r"\tRestore Duration: ([\d.]+) ms", log)
        assert restore, log
        calls.append(took_ms)
        restores.append(float(restore[1]))
        warm.append(function.call("1")[0])
        function.end()
    cold_ms, _ = function.call("$LATEST")
    print(f"{RUNTIME}, init of {INIT_S:.0f} s, {RESTORES} restores, milliseconds: median (slowest)")
    for name, figures in (("restored call", calls), ("Restore Duration", restores), ("warm call", warm)):
        print(f"{name:18} {statistics.median(figures):8.2f} ({max(figures):.2f})")
    print(f"{'initialised call':18} {cold_ms:8.2f}")


async def main() -> None:
    async with BenchNode() as node:
        await asyncio.to_thread(measured, node.endpoint)


if __name__ == "__main__":
    asyncio.run(main())
