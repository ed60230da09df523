"""What an interpreter that was started ahead saves a cold start: `python -m bench.ahead [RUNTIME]`.

Two nodes, one with the setting `interpreters_ahead` and one without, take turns: each calls a function that was just
deployed, for the first time. Time is the caller's, and the node's Init Duration; processor time is that of all
interpreters during the call. For a Java function javac is needed.
"""

import asyncio
import base64
import io
import re
import statistics
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config

from bench.goals.wanted import AHEAD_P50_MS_MAX, Goal
from bench.node import ROLE, BenchNode
from bench.running import run_until_stopped

CALLS = 25
# Until the next interpreter waits, also on a machine that has other things to do.
PAUSE_S = 1.0
MEMORY_MB = 512
WAIT = {"Delay": 0.02, "MaxAttempts": 1000}
NODEJS = "exports.handler = async (event) => event;"
JAVA = """\
package example;
public class Hello {
    public java.util.Map<String, Object> handle(java.util.Map<String, Object> event) { return event; }
}
"""
SETTINGS = {"ahead": "2", "fresh": "0"}


def function_of(runtime: str) -> tuple[str, bytes]:
    """Handler and package of one that answers with its event."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive, tempfile.TemporaryDirectory() as scratch:
        if not runtime.startswith("java"):
            archive.writestr("index.js", NODEJS)
            handler = "index.handler"
        else:
            source = Path(scratch, "Hello.java")
            source.write_text(JAVA)
            subprocess.run(["javac", "-Xlint:-options", "--release", "11", "-d", scratch, source], check=True)
            archive.write(Path(scratch, "example", "Hello.class"), "example/Hello.class")
            handler = "example.Hello::handle"
    return handler, package.getvalue()


def first_call(client: Any, name: str, runtime: str, handler: str, package: bytes) -> tuple[float, float, float]:
    """The call's milliseconds, those of its Init Duration, and the interpreters' processor milliseconds."""
    client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=ROLE,
        MemorySize=MEMORY_MB,
        Code={"ZipFile": package},
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
    """Of each that runs AWS's client, with all its threads, also those that have ended."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"/var/runtime/" in (process / "cmdline").read_bytes():
                # What clock_getcpuclockid(3) gives.
                found[process.name] = time.clock_gettime(~int(process.name) << 3 | 2) * 1000
        except OSError:
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
    function = function_of(runtime)
    for number in range(CALLS + 1):
        for way, client in clients.items():
            figures[way].append(first_call(client, f"f{number}", runtime, *function))
    click.echo(
        f"{runtime}, {MEMORY_MB} MB, {CALLS} first calls each, taking turns; milliseconds: median (fastest, slowest)"
    )
    for column, what in enumerate(("call", "Init Duration", "processor time")):
        for way, rows in figures.items():
            # The first one also starts the launcher.
            values = [row[column] for row in rows[1:]]
            click.echo(f"{what:15} {way:6} {statistics.median(values):8.1f} ({min(values):.1f}, {max(values):.1f})")
    call_ms = statistics.median([row[0] for row in figures["ahead"][1:]])
    max_ms = next(max_ms for language, max_ms in AHEAD_P50_MS_MAX.items() if runtime.startswith(language))
    click.echo(Goal(f"{runtime} cold start, p50 ≤ {max_ms:g} ms", f"{call_ms:.1f} ms", call_ms <= max_ms))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("runtime", default="nodejs20.x")
def main(runtime: str) -> None:
    """Measure cold starts of RUNTIME, one of Node.js or Java, with interpreters that were started ahead and without."""
    if not runtime.startswith(tuple(AHEAD_P50_MS_MAX)):
        raise click.UsageError(f"{runtime} is not started ahead: name a runtime of Node.js or Java, such as java21")
    run_until_stopped(_measure(runtime))


async def _measure(runtime: str) -> None:
    async with (
        BenchNode(interpreters_ahead=SETTINGS["ahead"]) as ahead,
        BenchNode(interpreters_ahead=SETTINGS["fresh"]) as fresh,
    ):
        endpoints = {"ahead": ahead.endpoint, "fresh": fresh.endpoint}
        await asyncio.to_thread(measured, endpoints, runtime)


if __name__ == "__main__":
    main()
