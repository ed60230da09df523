"""What preloaded modules save a cold start: `python -m bench.preload [PACKAGE]`, pandas if none is named.

Two nodes, one with the setting `preload` and one without, take turns: each calls a function whose package has it and
imports it, in an environment that is started for the call. Time is the caller's, and the node's Init Duration.
"""

import asyncio
import base64
import io
import re
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config

from bench.node import ROLE, RUNTIME, BenchNode
from bench.running import run_until_stopped
from stoker.runtimes.pip import install_wheels

CALLS = 20
# Until the sandboxes that wait are there again, also on a machine that has other things to do.
PAUSE_S = 1.0
MEMORY_MB = 1769
WAIT = {"Delay": 0.05, "MaxAttempts": 3000}
CODE = "import sys\nPRELOADED = {0!r} in sys.modules\nimport {0}\ndef handler(event, context):\n    return PRELOADED\n"
PRELOAD_LIMIT_S = 120.0


def package_of(requirement: str, module: str) -> bytes:
    """A zip of the package as pip installs it, without tests, and of a handler that imports `module`."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as directory, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        install_wheels([sys.executable], RUNTIME.removeprefix("python"), [requirement], Path(directory))
        for file in sorted(Path(directory).rglob("*")):
            name = file.relative_to(directory)
            if file.is_file() and "tests" not in name.parts and "__pycache__" not in name.parts:
                archive.write(file, name)
        archive.writestr("index.py", CODE.format(module))
    return packed.getvalue()


class Caller:
    """One node's function, called in a new environment each time."""

    def __init__(self, endpoint: str, package: bytes) -> None:
        keys = {"aws_access_key_id": "000000000000", "aws_secret_access_key": "bench"}
        config = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=120)
        self._client: Any = boto3.client(
            "lambda", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys
        )
        self._timeout_s = 60
        self._client.create_function(
            FunctionName="f",
            Runtime=RUNTIME,
            Handler="index.handler",
            Role=ROLE,
            MemorySize=MEMORY_MB,
            Timeout=self._timeout_s,
            Code={"ZipFile": package},
        )
        self._client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig=WAIT)

    def first_call(self) -> tuple[float, float, bool]:
        """The call's milliseconds, those of its Init Duration, and whether the module was preloaded."""
        self._timeout_s += 1
        self._client.update_function_configuration(FunctionName="f", Timeout=self._timeout_s)
        self._client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig=WAIT)
        time.sleep(PAUSE_S)
        began_s = time.perf_counter()
        answer = self._client.invoke(FunctionName="f", LogType="Tail")
        took_ms = (time.perf_counter() - began_s) * 1000
        told = re.search(r"Init Duration: ([\d.]+)", base64.b64decode(answer["LogResult"]).decode())
        assert told, answer
        return took_ms, float(told[1]), answer["Payload"].read() == b"true"

    def wait_preloaded(self) -> None:
        """Until it was fetched and imported."""
        deadline_s = time.monotonic() + PRELOAD_LIMIT_S
        while not self.first_call()[2]:
            assert time.monotonic() < deadline_s, "nothing is preloaded"


def measured(endpoints: dict[str, str], requirement: str, module: str) -> None:
    package = package_of(requirement, module)
    callers = {way: Caller(endpoint, package) for way, endpoint in endpoints.items()}
    callers["preloaded"].wait_preloaded()
    figures: dict[str, list[tuple[float, float, bool]]] = {way: [] for way in callers}
    for _ in range(CALLS):
        for way, caller in callers.items():
            figures[way].append(caller.first_call())
            assert figures[way][-1][2] == (way == "preloaded")
    click.echo(f"{requirement}, {RUNTIME}, {MEMORY_MB} MB, {CALLS} first calls each, taking turns")
    click.echo("milliseconds: median (fastest, slowest)")
    for column, what in enumerate(("call", "Init Duration")):
        for way, rows in figures.items():
            values = [row[column] for row in rows]
            click.echo(f"{what:14} {way:10} {statistics.median(values):8.1f} ({min(values):.1f}, {max(values):.1f})")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("package", default="pandas")
def main(package: str) -> None:
    """Measure cold starts that import PACKAGE (such as pandas==2.2.3), with the setting `preload` and without."""
    run_until_stopped(_measure(package))


async def _measure(requirement: str) -> None:
    match = re.match(r"[\w.-]+", requirement)
    if match is None:
        raise click.UsageError(f"{requirement} names no package: type one such as pandas==2.2.3")
    async with BenchNode(preload=requirement) as preloaded, BenchNode() as plain:
        endpoints = {"preloaded": preloaded.endpoint, "imported": plain.endpoint}
        await asyncio.to_thread(measured, endpoints, requirement, match[0])


if __name__ == "__main__":
    main()
