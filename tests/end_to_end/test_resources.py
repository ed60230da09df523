"""Every runtime sizes itself by the function's memory and by the cores that AWS shows, or by fewer if there are fewer.

The node of these tests may use one core, so that what functions see cannot be the host's by accident.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer

from .calls import invoke

MEMORY_MB = 640
PYTHON = """
import multiprocessing, os, subprocess

def handler(event, context):
    with open("/proc/meminfo") as file:
        total_kb = int(file.readline().split()[1])
    return {
        "cores": [os.cpu_count(), len(os.sched_getaffinity(0)), multiprocessing.cpu_count(), int(run("nproc"))],
        "memory_mb": [total_kb // 1024, int(run("free", "-m").split("Mem:")[1].split()[0])],
    }

def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
"""
NODEJS = """
const os = require("os");
exports.handler = async () => ({
  cores: [os.cpus().length, os.availableParallelism()],
  memory_mb: [os.totalmem(), os.freemem(), process.constrainedMemory()].map((bytes) => bytes / 1048576),
});
"""
JAVA = """
package example;

import java.util.List;
import java.util.Map;

public class Seen {
  public Map<String, Object> handler(Map<String, Object> event) {
    Runtime runtime = Runtime.getRuntime();
    int parallel = java.util.concurrent.ForkJoinPool.commonPool().getParallelism();
    return Map.of("cores", List.of(runtime.availableProcessors(), parallel), "heap_mb", runtime.maxMemory() >> 20);
  }
}
"""


@pytest.fixture(scope="module", params=[{}, {"STOKER_FRESH": "true"}], ids=["forked", "fresh"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        process = NodeProcess(tmp_path_factory.mktemp("node") / "data", **request.param)
    finally:
        os.sched_setaffinity(0, before)
    with process as node:
        yield node


@pytest.fixture
def client(node: Node) -> Any:
    return node.client("lambda")


@pytest.fixture
def deploy(client: Any) -> Iterator[Deploy]:
    deploy, clean_up = deployer(client)
    yield deploy
    clean_up()


def test_python_sees_its_share(client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"handler.py": PYTHON}, MemorySize=MEMORY_MB)
    assert invoke(client, name).value == {"cores": [1] * 4, "memory_mb": [MEMORY_MB] * 2}


@pytest.mark.parametrize("node", [{}], indirect=True)
def test_node_sees_its_share(client: Any, deploy: Deploy, nodejs: str) -> None:
    name = deploy(None, {"index.js": NODEJS}, nodejs, "index.handler", MemorySize=MEMORY_MB)
    assert invoke(client, name).value == {"cores": [1] * 2, "memory_mb": [MEMORY_MB] * 3}


@pytest.mark.parametrize("node", [{}], indirect=True)
def test_java_sees_its_share(
    client: Any, deploy: Deploy, install_runtime: Callable[[str], str], tmp_path: Path
) -> None:
    runtime = install_runtime("java17")
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    (tmp_path / "Seen.java").write_text(JAVA)
    classes = tmp_path / "classes"
    subprocess.run(["javac", "--release", "17", "-d", classes, tmp_path / "Seen.java"], check=True, timeout=60)
    files = {"example/Seen.class": (classes / "example" / "Seen.class").read_bytes()}
    name = deploy(None, files, runtime, "example.Seen::handler", MemorySize=MEMORY_MB, Timeout=30)
    answer = invoke(client, name).value
    assert answer["cores"] == [1, 1]
    assert 0.7 * MEMORY_MB < answer["heap_mb"] < MEMORY_MB


def test_all_processors_of_a_small_host_are_seen(lambda_client: Any) -> None:
    """The node of the other tests: at 128 MB AWS shows two."""
    deploy, clean_up = deployer(lambda_client)
    try:
        name = deploy(None, {"handler.py": PYTHON})
        assert invoke(lambda_client, name).value["cores"] == [min(2, len(os.sched_getaffinity(0)))] * 4
    finally:
        clean_up()
