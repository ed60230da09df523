"""Node.js that was started before there was a function: it is what a fresh start would be, and nobody else's."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess, deployer, zip_of
from tests.end_to_end.extensions import SHELL_EXTENSION
from tests.end_to_end.footprint import Footprint
from tests.end_to_end.started_ahead import (
    LIMIT_S,
    MORE_MB_THAN_ANYBODY_HAS,
    OF_ONE_ENVIRONMENT,
    call,
    node_that_starts_ahead,
    wait_waiting,
    waiting,
)

MEMORY_MB = 256
# The last one is what the test itself sets, so that it gets a fresh start.
OF_ONE_START = (*OF_ONE_ENVIRONMENT, "_X_AMZN_TRACE_ID", "NODE_V8_COVERAGE")
# `fds` without what a directory that is read takes; `start` is proc(5)'s start time, which the host sees, too.
CODE = """
const fs = require("fs");
const lines = (path, pattern) => fs.readFileSync(path, "utf8").split("\\n").filter((line) => pattern.test(line));
exports.handler = async (event) => ({
  argv: process.argv, execArgv: process.execArgv, title: process.title, cwd: process.cwd(), environment: process.env,
  command: fs.readFileSync("/proc/self/cmdline", "utf8"),
  started: fs.readFileSync("/proc/self/environ", "utf8").split("\\0").filter((line) => line),
  start: fs.readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")[19],
  status: lines("/proc/self/status", /^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|SigBlk|SigIgn)/),
  limits: lines("/proc/self/limits", /./), mounts: lines("/proc/self/mountinfo", /./).map((line) => line.split(" ")[4]),
  fds: fs.readdirSync("/proc/self/fd").map((fd) => {
    try { return fd + " " + fs.readlinkSync("/proc/self/fd/" + fd).replace(/\\d+/, ""); } catch { return ""; }
  }).sort(),
  cached: Object.keys(require.cache), paths: module.paths, globals: require("module").globalPaths,
  main: String(require.main), names: Object.getOwnPropertyNames(globalThis),
  heap: require("v8").getHeapStatistics().heap_size_limit, memory: require("os").totalmem(),
  cpus: require("os").cpus().length, uid: process.getuid(), tmp: fs.readdirSync("/tmp"),
  versions: process.versions, ours: ["cover", "launcher"].flatMap((name) => fs.readdirSync("/run/stoker/" + name)),
  client: fs.readFileSync("/var/runtime/index.mjs", "utf8").slice(0, 20),
  worker: await new Promise((resolve) => new (require("worker_threads").Worker)(
    "require('worker_threads').parentPort.postMessage(process.execArgv)", { eval: true }).on("message", resolve)),
  stack: new Error().stack.split("\\n").slice(2),
  child: require("child_process").execFileSync("/bin/sh", ["-c", "env"], { encoding: "utf8" }),
});
"""
TELLS_START = """
const fs = require("fs");
const tmp = fs.readdirSync("/tmp");
fs.writeFileSync("/tmp/mine", "");
globalThis.mine = (globalThis.mine ?? 0) + 1;
exports.handler = async () => ({
  start: fs.readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ")[19],
  tmp, mine: globalThis.mine, environment: process.env, option: process.execArgv.join() + process.env.NODE_OPTIONS,
});
"""


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]) -> Iterator[Node]:
    yield from node_that_starts_ahead(tmp_path_factory.mktemp("ahead") / "data", isolation)


@pytest.fixture
def client(ahead: Node) -> Any:
    return ahead.client("lambda")


@pytest.fixture
def deploy_ahead(client: Any, nodejs: str) -> Iterator[Deploy]:
    """Deploys to that node, in Node.js, with the memory that its interpreters are started for."""
    deploy, delete = deployer(client)

    def deploy_here(name: str | None, code: str, **configuration: Any) -> str:
        return deploy(name, {"index.js": code}, nodejs, "index.handler", MemorySize=MEMORY_MB, **configuration)

    yield deploy_here
    delete()


def test_a_function_finds_what_a_fresh_start_gives_it(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    name = deploy_ahead("twin", CODE)
    starts = wait_waiting(ahead)
    found = call(client, name)
    assert found["start"] in starts
    # A variable that Node.js reads when it starts, and that changes nothing.
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"NODE_V8_COVERAGE": ""}})
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
    fresh = call(client, name)
    assert fresh["start"] not in starts
    assert all(found["environment"][own] != fresh["environment"][own] for own in OF_ONE_ENVIRONMENT)
    for told in (found, fresh):
        for own in OF_ONE_START:
            told["environment"].pop(own, None)
        told["started"] = [line for line in told["started"] if line.split("=")[0] not in OF_ONE_START]
        told["child"] = sorted(line.split("=")[0] for line in told["child"].split("\n") if "COVERAGE" not in line)
        del told["start"]
        told["environment"] = dict(sorted(told["environment"].items()))
    assert found == fresh
    assert found["ours"] == []


def test_nothing_passes_from_one_environment_to_another(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    first = deploy_ahead(None, TELLS_START, Environment={"Variables": {"FIRST": "x", "BOTH": "first"}})
    second = deploy_ahead(None, TELLS_START, Environment={"Variables": {"SECOND": "x", "BOTH": "second"}})
    told = []
    for name in (first, second):
        starts = wait_waiting(ahead)
        told.append(call(client, name))
        assert told[-1]["start"] in starts
    one, other = told
    assert one["start"] != other["start"]
    for answer in told:
        assert (answer["tmp"], answer["mine"]) == ([], 1)
    assert (one["environment"]["BOTH"], other["environment"]["BOTH"]) == ("first", "second")
    assert "SECOND" not in one["environment"]
    assert "FIRST" not in other["environment"]


def test_a_variable_that_node_reads_at_its_start_gets_a_start_of_its_own(
    ahead: Node, client: Any, deploy_ahead: Deploy
) -> None:
    options = {"NODE_OPTIONS": "--max-old-space-size=99"}
    name = deploy_ahead(None, TELLS_START, Environment={"Variables": options})
    starts = waiting(ahead)
    told = call(client, name)
    assert told["start"] not in starts
    assert told["option"].endswith("--max-old-space-size=99")


def test_an_interpreter_that_was_killed_while_it_waited_costs_nobody_a_call(
    ahead: Node, client: Any, deploy_ahead: Deploy
) -> None:
    name = deploy_ahead(None, TELLS_START)
    starts = wait_waiting(ahead)
    for pid in starts.values():
        os.kill(pid, signal.SIGKILL)
    assert call(client, name)["start"] not in starts


def test_what_waits_has_no_rights_and_no_variable_of_anybodys(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    call(client, deploy_ahead(None, TELLS_START, Environment={"Variables": {"SECRET": "x"}}))
    (pid,) = wait_waiting(ahead).values()
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        assert int(status["Uid"].split()[0]) >= 0x70000000
    assert b"SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.listdir(f"/proc/{pid}/root/var/task") == ["lib"]
    # Where the packages of all functions are mounted, for process 1 to choose from.
    packages = Path(f"/proc/{pid}/root/run/stoker/private").stat()
    assert (packages.st_uid, packages.st_mode & 0o777) == (os.geteuid(), 0o700)


def test_no_more_wait_than_the_setting_allows(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    for _ in range(3):
        call(client, deploy_ahead(None, TELLS_START))
    wait_waiting(ahead)
    time.sleep(1.0)  # in which more would have come
    assert len(waiting(ahead)) == 1


def test_what_waits_gives_way_to_a_function_that_needs_the_memory(
    ahead: Node, client: Any, deploy_ahead: Deploy
) -> None:
    call(client, deploy_ahead(None, TELLS_START))
    starts = wait_waiting(ahead)
    deploy, delete = deployer(client)
    files = {"handler.py": "def handler(event, context): pass"}
    name = deploy(None, files, MemorySize=MORE_MB_THAN_ANYBODY_HAS)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName=name)
    delete()
    deadline_s = time.monotonic() + LIMIT_S
    while starts.keys() & waiting(ahead).keys():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_an_extension_runs_beside_what_was_started_ahead(ahead: Node, client: Any, deploy_ahead: Deploy) -> None:
    content = zip_of({"extensions/mine": SHELL_EXTENSION})
    layer = client.publish_layer_version(LayerName="extension", Content={"ZipFile": content})["LayerVersionArn"]
    call(client, deploy_ahead(None, TELLS_START))
    starts = wait_waiting(ahead)
    name = deploy_ahead(None, TELLS_START, Layers=[layer], Environment={"Variables": {"MARK": "it"}})
    told = call(client, name)
    assert told["start"] in starts
    assert told["environment"]["MARK"] == "it"


def test_a_killed_node_takes_with_it_what_waits(
    start_node: Callable[..., tuple[NodeProcess, Node]], nodejs: str
) -> None:
    process, node = start_node(STOKER_INTERPRETERS_AHEAD="2")
    client = node.client("lambda")
    deploy, _ = deployer(client)
    call(client, deploy(None, {"index.js": TELLS_START}, nodejs, "index.handler"))
    wait_waiting(node)
    footprint = Footprint.of(node.pid, node.data)
    process.kill()
    # Its control groups are for the next node of this directory to sweep.
    deadline_s = time.monotonic() + LIMIT_S
    while any(left.startswith("process") for left in footprint.left()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
