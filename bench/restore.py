"""How long a call takes that SnapStart restores: `python -m bench.restore`, with `pandas` for an init that imports it.

The init of its function sleeps for a second, or for the time that pandas takes. Each figure is the first call of an
environment that was ready, on a node with nothing else to do; beside it stand the call that has to initialise, and the
warm call, of the same function. Then as many calls come at once as BURST says, each of which needs an environment of
its own, and it is told what the environments that are ready afterwards hold in memory.
"""

import asyncio
import base64
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import click
from botocore.config import Config

from bench.goals.wanted import RESTORE_P50_MS_MAX, Goal
from bench.node import ROLE, BenchNode
from bench.running import run_until_stopped

INIT_S = 1.0
RESTORES = 25
BURST = 20
BURST_CALL_S = 4
READY_MAX = 10
# SnapStart is for Python from 3.12 on.
RUNTIME = f"python3.{max(sys.version_info[1], 12)}"
HANDLER = """
import os, time
def handler(event, context):
    if event.get("end"):
        os._exit(0)
    time.sleep(event.get("sleep", 0))
"""
PANDAS = """
import pandas
FRAME = pandas.DataFrame({"a": range(1000)})
"""
WAIT = {"Delay": 0.05, "MaxAttempts": 600}
READY_LIMIT_S = 60.0
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """A function to restore: what it is called in the output, its module, and a package index's names of libraries."""

    title: str
    code: str
    libraries: tuple[str, ...] = ()


SLEEPS = Measured(f"init of {INIT_S:.0f} s", f"{HANDLER}\ntime.sleep({INIT_S})\n")
IMPORTS_PANDAS = Measured("init imports pandas", HANDLER + PANDAS, ("pandas",))


class Restores:
    """One published version with SnapStart on one node."""

    def __init__(self, endpoint: str, function: Measured) -> None:
        self._endpoint = endpoint
        self._function = function
        keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "bench"}
        config = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=BURST)
        self._client: Any = boto3.client(
            "lambda", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys
        )

    def deploy(self) -> None:
        self._client.create_function(
            FunctionName="restored",
            Runtime=RUNTIME,
            Handler="index.handler",
            Role=ROLE,
            MemorySize=512,
            Timeout=30,
            Code={"ZipFile": _package(self._function)},
            SnapStart={"ApplyOn": "PublishedVersions"},
            Publish=True,
        )
        waiter = self._client.get_waiter("published_version_active")
        waiter.wait(FunctionName="restored", Qualifier="1", WaiterConfig=WAIT)

    def call(self, qualifier: str, event: dict[str, int] | None = None) -> tuple[float, str]:
        """How long it took in milliseconds, and what the log told."""
        began_s = time.perf_counter()
        payload = json.dumps(event or {})
        answer = self._client.invoke(FunctionName="restored", Qualifier=qualifier, LogType="Tail", Payload=payload)
        took_ms = (time.perf_counter() - began_s) * 1000
        return took_ms, base64.b64decode(answer["LogResult"]).decode()

    def burst(self) -> list[float]:
        """How long calls took that came at once, without what each of them slept, in milliseconds."""
        with ThreadPoolExecutor(BURST) as threads:
            calls = [threads.submit(self.call, "1", {"sleep": BURST_CALL_S}) for _ in range(BURST)]
            return [call.result()[0] - BURST_CALL_S * 1000 for call in calls]

    def end(self) -> None:
        """No environment of the version is warm afterwards."""
        self._client.invoke(FunctionName="restored", Qualifier="1", Payload=b'{"end": true}')

    def wait_ready(self, number: int = 1) -> None:
        deadline_s = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline_s:
            with urlopen(f"{self._endpoint}/_stoker/health") as answer:
                environments = json.load(answer)["environments"]
            if environments["idle"] == environments["all"] >= number:
                time.sleep(0.5)  # they are frozen meanwhile
                return
            time.sleep(0.02)
        raise TimeoutError("no environment became ready")


def _package(function: Measured) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as directory:
        archive.writestr("index.py", function.code)
        if function.libraries:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", directory]
            release = RUNTIME.removeprefix("python")
            subprocess.run([*pip, "--python-version", release, *function.libraries], check=True, stderr=subprocess.PIPE)
        for file in sorted(Path(directory).rglob("*")):
            name = file.relative_to(directory)
            if file.is_file() and not {"tests", "__pycache__"} & set(name.parts):  # or it would be too large
                archive.write(file, name)
    return package.getvalue()


def _memory_mb(node: int) -> float:
    """What the processes below a node hold, a page that several share divided among them (proc(5), Pss)."""
    parents, kb = {}, 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    for pid in parents:
        above = pid
        while above not in (0, node):
            above = parents.get(above, 0)
        if above == node and pid != node:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kb += int(text.split("\nPss:")[1].split()[0])
    return kb / 1024


def measured(node: BenchNode, measured: Measured) -> None:
    function = Restores(node.endpoint, measured)
    function.deploy()
    function.wait_ready()
    before_mb = _memory_mb(node.pid)
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
    function.wait_ready(READY_MAX)
    ready_mb = (_memory_mb(node.pid) - before_mb) / (READY_MAX - 1)
    burst = function.burst()
    cold_ms, _ = function.call("$LATEST")
    click.echo(f"{RUNTIME}, {measured.title}, {RESTORES} restores, milliseconds: median (slowest)")
    for name, figures in (("restored call", calls), ("Restore Duration", restores), ("warm call", warm)):
        click.echo(f"{name:18} {statistics.median(figures):8.2f} ({max(figures):.2f})")
    click.echo(f"{'initialised call':18} {cold_ms:8.2f}")
    click.echo(f"{f'{BURST} calls at once':18} {statistics.median(burst):8.2f} ({max(burst):.2f})")
    click.echo(f"{ready_mb:.1f} MB for each environment that is ready")
    restored_ms = statistics.median(calls)
    text = f"a call that is restored, {measured.title}, p50 ≤ {RESTORE_P50_MS_MAX:g} ms"
    click.echo(Goal(text, f"{restored_ms:.1f} ms", restored_ms <= RESTORE_P50_MS_MAX))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("init", type=click.Choice(["sleeps", "pandas"]), default="sleeps")
def main(init: str) -> None:
    """Measure calls that SnapStart restores, of a function whose init sleeps, or imports pandas."""
    run_until_stopped(_measure({"sleeps": SLEEPS, "pandas": IMPORTS_PANDAS}[init]))


async def _measure(function: Measured) -> None:
    async with BenchNode(snapshots_ready_max=str(READY_MAX)) as node:
        await asyncio.to_thread(measured, node, function)


if __name__ == "__main__":
    main()
