"""Servers of AWS's API that others made, each a process on loopback: what they are fetched with, and how they start."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

FETCH_LIMIT_S = 100.0
START_LIMIT_S = 30.0
HEAP = "-Xmx256m"
KINESALITE = "kinesalite@3.3.3"
ELASTICMQ = "org.elasticmq:elasticmq-server_2.13:1.6.11"
DYNAMODB_LOCAL = "com.amazonaws:DynamoDBLocal:2.5.3"
_PROJECT = """
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>stoker</groupId><artifactId>fetched</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
  </dependency></dependencies>
</project>
"""
_ELASTICMQ_SETTINGS = """
include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-port = {port}, bind-hostname = "127.0.0.1", sqs-limits = strict }}
rest-stats {{ enabled = false }}
aws {{ region = us-east-1, accountId = {account} }}
"""


@contextmanager
def kinesalite(directory: Path) -> Iterator[str]:
    """A URL of Kinesis. It keeps streams in memory."""
    _fetch(directory, ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", KINESALITE])
    program = str(directory / "node_modules" / ".bin" / "kinesalite")
    # The listener cannot be held to loopback, so it lives as shortly as may be.
    with _running(directory, lambda port: [program, "--port", str(port), "--createStreamMs", "5"]) as url:
        yield url


@contextmanager
def elasticmq(directory: Path, account: str) -> Iterator[str]:
    """A URL of SQS. It keeps queues in memory."""
    _fetch_jars(directory, ELASTICMQ)
    settings = directory / "elasticmq.conf"

    def command(port: int) -> list[str]:
        settings.write_text(_ELASTICMQ_SETTINGS.format(port=port, account=account))
        return ["java", HEAP, f"-Dconfig.file={settings}", "-cp", "jars/*", "org.elasticmq.server.Main"]

    with _running(directory, command) as url:
        yield url


@contextmanager
def dynamodb_local(directory: Path) -> Iterator[str]:
    """A URL of DynamoDB and its streams, in memory."""
    _fetch_jars(directory, DYNAMODB_LOCAL)
    main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
    java = ["java", HEAP, "-Djava.library.path=jars", "-cp", "jars/*", main, "-inMemory", "-sharedDb", "-port"]
    with _running(directory, lambda port: [*java, str(port)]) as url:
        yield url


def _fetch_jars(directory: Path, artifact: str) -> None:
    (directory / "pom.xml").write_text(_PROJECT.format(*artifact.split(":")))
    _fetch(directory, ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=jars"])


def _fetch(directory: Path, command: Sequence[str]) -> None:
    """Skips the test, naming what is missing, where it cannot be had."""
    if shutil.which(command[0]) is None or (command[0] == "mvn" and shutil.which("java") is None):
        pytest.skip(f"{command[0]} is missing" if command[0] != "mvn" else "mvn or java is missing")
    output = directory / "fetching.log"
    with output.open("wb") as file:
        try:
            done = subprocess.run(
                command, cwd=directory, stdout=file, stderr=file, timeout=FETCH_LIMIT_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            done = -1
    if done != 0:
        pytest.skip(f"it cannot be fetched: {' '.join(command)}: {output.read_text()[-500:]}")


@contextmanager
def _running(directory: Path, command: Callable[[int], list[str]]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    output = directory / "server.log"
    with output.open("wb") as file:
        process = subprocess.Popen(command(port), cwd=directory, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        deadline_s = time.monotonic() + START_LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, output.read_text()
                assert time.monotonic() < deadline_s, output.read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
