"""Environments that are forked from the initialised function (decision 0044): what they share with it and what not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stoker.sandbox.host import examine
from tests.conftest import PYTHON, Deploy, Node, NodeProcess, deployer, zip_of

from .calls import invoke, log_messages
from .test_snap_start import ON, publish

LIMIT_S = 20.0
MORE_MB_THAN_ANYBODY_HAS = 100_000_000
BASE = """
import os, time
MARK = os.urandom(8).hex()
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return MARK
"""
# What init leaves behind, and how that is called.
REASONS = {
    "import threading; threading.Thread(target=threading.Event().wait, name='poller', daemon=True).start()": (
        "1 threads are alive at the end of init (poller)"
    ),
    "import subprocess; left = subprocess.Popen(['sleep', '1000'])": "a process that init started",
    "left = os.pipe()": "is open at the end of init (pipe:",
    "import asyncio; left = asyncio.new_event_loop()": "is open at the end of init",
    "import socket; left = socket.create_server(('127.0.0.1', 0))": "is open at the end of init",
    "import mmap; left = mmap.mmap(-1, 4096)": "memory that is shared",
    "left = open('/tmp/x', 'w'); os.remove('/tmp/x')": "a file is open for writing that is not in /tmp, or deleted",
}
LEAVING = """
import ctypes, os, socket, struct, time, boto3
from pathlib import Path
Path("/tmp/of-init").mkdir()
Path("/tmp/of-init/data").write_text("from init")
Path("/tmp/of-init/link").symlink_to("data")
LOG = open("/tmp/log", "a+")
LOG.write("init\\n")
LOG.flush()
READ = open("/var/task/text")
READ.readline()
DATAGRAMS = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
DATAGRAMS.connect(("169.254.100.1", 2000))
CLIENT = boto3.client("lambda")
CLIENT.list_functions()
CONNECTED = socket.create_connection(("169.254.100.1", 9001))
os.chdir("/tmp/of-init")

def handler(event, context):
    time.sleep(1)
    found = {"files": sorted(os.listdir("/tmp")), "here": os.listdir("."), "link": os.readlink("link")}
    Path(f"/tmp/{event['caller']}").write_text("mine")
    LOG.write(f"{event['caller']}\\n")
    LOG.flush()
    found["log"] = Path("/tmp/log").read_text()
    found["line"] = READ.readline()
    DATAGRAMS.send(b"x")
    found["functions"] = "Functions" in CLIENT.list_functions()
    found["end"] = CONNECTED.recv(1) == b""
    information = ctypes.create_string_buffer(128)
    ctypes.CDLL(None).sysinfo(information)
    found["memory"] = struct.unpack_from("=4xQ", information, 28)[0]
    return found
"""
NUMPY = """
import os, time, numpy
numpy.ones((300, 300)) @ numpy.ones((300, 300))
def handler(event, context):
    time.sleep(1)
    product = numpy.ones((300, 300)) @ numpy.ones((300, 300))
    return {"sum": product.sum(), "drawn": numpy.random.random(), "threads": len(os.listdir("/proc/self/task"))}
"""


@pytest.fixture(autouse=True, scope="module")
def _needs_forks() -> None:
    report = examine()
    if report.isolation != "namespaces" or os.geteuid() != 0 or os.uname().machine != "x86_64":
        pytest.skip("needs isolation by namespaces, root and x86-64: elsewhere each environment is initialised")


@pytest.fixture(scope="module")
def runtime(install_runtime: Callable[[str], str]) -> str:
    return install_runtime(PYTHON if sys.version_info >= (3, 12) else "python3.12")


def concurrently(client: Any, name: str, *events: dict[str, Any]) -> list[Any]:
    with ThreadPoolExecutor(len(events)) as threads:
        calls = [threads.submit(invoke, client, name, event, Qualifier="1") for event in events]
        answers = [call.result() for call in calls]
    assert all("Restore Duration" in answer.report for answer in answers)
    return [answer.value for answer in answers]


@pytest.mark.namespaces_only("nothing is forked")
@pytest.mark.parametrize(("left", "reason"), REASONS.items())
def test_what_cannot_be_copied_is_told_and_initialised_for_each_environment(
    node: Node, lambda_client: Any, deploy: Deploy, runtime: str, left: str, reason: str
) -> None:
    name = deploy(None, {"index.py": f"{BASE}\n{left}\n"}, runtime, "index.handler", SnapStart=ON)
    publish(lambda_client, name)
    first, second = concurrently(lambda_client, name, {"sleep": 1}, {"sleep": 1})
    assert first != second
    log = node.data.with_name(f"{node.data.name}.log").read_text()
    told = [line for line in log.splitlines() if f"function:{name}:1 is initialised for each environment anew" in line]
    assert told
    assert reason in told[0]


@pytest.mark.namespaces_only("nothing is forked")
def test_a_copy_has_files_positions_and_a_tmp_of_its_own_and_connects_again(
    lambda_client: Any, deploy: Deploy, runtime: str
) -> None:
    files = {"index.py": LEAVING, "text": "first\nsecond\nthird\n"}
    name = deploy(None, files, runtime, "index.handler", SnapStart=ON, MemorySize=512, Timeout=20)
    publish(lambda_client, name)
    callers = ["one", "two", "three"]
    answers = concurrently(lambda_client, name, *({"caller": caller} for caller in callers))
    for caller, found in zip(callers, answers, strict=True):
        assert found["files"] == ["log", "of-init"]
        assert (sorted(found["here"]), found["link"]) == (["data", "link"], "data")
        assert found["log"] == f"init\n{caller}\n"
        assert found["line"] == "second\n"
        assert found["functions"]
        assert found["end"]
        assert found["memory"] == 512 * 1024 * 1024


@pytest.mark.namespaces_only("nothing is forked")
def test_numpy_works_in_copies_and_draws_differently(
    lambda_client: Any, logs_client: Any, deploy: Deploy, runtime: str, numpy_layer: str
) -> None:
    """Its threads end before the fork, and come again when they are needed."""
    configuration = {"Layers": [numpy_layer], "MemorySize": 1769, "Timeout": 20}
    name = deploy(None, {"index.py": NUMPY}, runtime, "index.handler", SnapStart=ON, **configuration)
    publish(lambda_client, name)
    answers = concurrently(lambda_client, name, {}, {}, {})
    assert [answer["sum"] for answer in answers] == [300.0**3] * 3
    assert len({answer["drawn"] for answer in answers}) == 3
    assert sum(message.startswith("INIT_START") for message in log_messages(logs_client, name)) == 1


@pytest.fixture(scope="module")
def numpy_layer(lambda_client: Any, runtime: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("numpy")
    release = runtime.removeprefix("python")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
    target = ["--python-version", release, "--target", str(directory / "python"), "numpy"]
    if subprocess.run([*pip, *target], check=False, capture_output=True, timeout=100).returncode:
        pytest.skip("needs numpy from a package index")
    for tests in directory.rglob("tests"):
        for file in tests.rglob("*.py"):
            file.unlink()
    content = zip_of(directory)
    arn: str = lambda_client.publish_layer_version(LayerName="numpy", Content={"ZipFile": content})["LayerVersionArn"]
    return arn


@pytest.mark.namespaces_only("nothing is forked")
def test_copies_outlive_what_they_were_copied_from(
    start_node: Callable[..., tuple[NodeProcess, Node]], runtime: str
) -> None:
    process, node = start_node(STOKER_SNAPSHOTS_READY_MAX="1")
    client, logs = node.client("lambda"), node.client("logs")
    deploy, _ = deployer(client)
    name = deploy(None, {"index.py": BASE}, runtime, "index.handler", SnapStart=ON, Timeout=30)
    publish(client, name)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(invoke, client, name, {"sleep": 3}, Qualifier="1")
        (snapshot,) = wait_for(lambda: snapshots(node))
        wait_for(lambda: copies(node)[1:])  # the one that runs, and the one that is ready
        os.kill(snapshot, signal.SIGKILL)
        wait_for(lambda: snapshot not in snapshots(node))
        first = running.result().value
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(invoke, client, name, {"sleep": 1}, Qualifier="1") for _ in range(3)]
        marks = {call.result().value for call in calls}
    assert first in marks  # that environment is warm
    assert len(marks) > 1  # what came later was initialised, once more at least
    # Another snapshot was made for what is to be ready.
    (snapshot,) = wait_for(lambda: snapshots(node))
    assert sum(message.startswith("INIT_START") for message in log_messages(logs, name)) >= 2
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(invoke, client, name, {"sleep": 2}, Qualifier="1")
        time.sleep(0.5)
        client.delete_function(FunctionName=name)
        wait_for(lambda: not snapshots(node))
        assert running.result().value
    wait_for(lambda: not copies(node))
    assert "Traceback" not in process.log.read_text()


@pytest.mark.namespaces_only("nothing is forked")
def test_a_snapshot_gives_way_to_a_function_that_needs_the_memory(
    start_node: Callable[..., tuple[NodeProcess, Node]], runtime: str
) -> None:
    _, node = start_node(STOKER_LIMITS=json.dumps({"memory_mb_max": MORE_MB_THAN_ANYBODY_HAS}))
    client = node.client("lambda")
    deploy, _ = deployer(client)
    name = deploy(None, {"index.py": BASE}, runtime, "index.handler", SnapStart=ON, Timeout=30)
    publish(client, name)
    (snapshot,) = wait_for(lambda: snapshots(node))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(invoke, client, name, {"sleep": 2}, Qualifier="1")
        wait_for(lambda: copies(node)[1:])
        greedy = deploy(None, {"index.py": BASE}, PYTHON, "index.handler", MemorySize=MORE_MB_THAN_ANYBODY_HAS)
        with pytest.raises(client.exceptions.TooManyRequestsException):
            client.invoke(FunctionName=greedy)
        wait_for(lambda: snapshot not in snapshots(node))
        assert running.result().value
    # A call that needs another environment initialises its own, and another snapshot is made behind it.
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(invoke, client, name, {"sleep": 1}, Qualifier="1") for _ in range(2)]
        assert len({call.result().value for call in calls}) == 2
    wait_for(lambda: snapshots(node))


@pytest.mark.namespaces_only("nothing is forked")
def test_a_node_that_is_killed_leaves_neither_snapshots_nor_copies(
    start_node: Callable[..., tuple[NodeProcess, Node]], runtime: str
) -> None:
    process, node = start_node()
    client = node.client("lambda")
    deploy, _ = deployer(client)
    name = deploy(None, {"index.py": BASE}, runtime, "index.handler", SnapStart=ON, Timeout=30)
    publish(client, name)
    invoke(client, name, Qualifier="1")
    wait_for(lambda: copies(node)[1:])
    left = [*snapshots(node), *copies(node)]
    process.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))
    _, node = start_node(data=process.data)
    assert invoke(node.client("lambda"), name, Qualifier="1").value


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline_s = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return found


def snapshots(node: Node) -> list[int]:
    """Runtimes that are held; their children in other process namespaces are the copies."""
    held = {_parent(pid) for pid, depth in _sandboxed(node) if depth == 3 and _inside(pid) == 1}
    return [pid for pid, depth in _sandboxed(node) if depth == 2 and _parent(pid) in held and _inside(pid) != 1]


def copies(node: Node) -> list[int]:
    """Runtimes that were forked."""
    return [pid for pid, depth in _sandboxed(node) if depth == 3 and _inside(pid) != 1]


def _sandboxed(node: Node) -> list[tuple[int, int]]:
    """Process ids of what runs below a node, and in how many process namespaces beyond its own each is, plus one."""
    depths = {}
    own = len(_field(node.pid, "NSpid"))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_below(int(entry.name), node.pid):
            depths[int(entry.name)] = len(_field(int(entry.name), "NSpid")) - own + 1
    return [(pid, depth) for pid, depth in sorted(depths.items()) if depth > 1]


def _is_below(pid: int, above: int) -> bool:
    while pid > 1:
        if pid == above:
            return True
        pid = _parent(pid)
    return False


def _parent(pid: int) -> int:
    return int((_field(pid, "PPid") or ["0"])[0])


def _inside(pid: int) -> int:
    return int((_field(pid, "NSpid") or ["0"])[-1])


def _field(pid: int, name: str) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    if "State:\tZ" in text:
        return []
    return next(line for line in text.splitlines() if line.startswith(f"{name}:")).split()[1:]
