"""Functions whose packages were imported before they were called: they see no difference, and their own files win."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PYTHON, Deploy, Node, NodeProcess, deployer, zip_of
from tests.end_to_end.calls import invoke
from tests.wheels import wheel_files, write_wheel

# Fetching, surveying and starting a zygote, on a machine that has other things to do.
LIMIT_S = 100.0
HEAVY = {
    "heavy/__init__.py": "import os\nMODE = os.environ.get('HEAVY_MODE', 'none')\nfrom . import part\n",
    "heavy/part.py": "WHO = 'theirs'\ndef fail():\n    raise RuntimeError('in part')\n",
    "heavy/later.py": "WHO = 'later'\n",
}
KEEPS_A_THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
LOOKING = """
import sys
LOADED = sorted({name.partition(".")[0] for name in sys.modules} & {"heavy", "numpy", "threaded", "stoker"})
import heavy, heavy.part
def handler(event, context):
    import heavy.later, traceback
    try:
        heavy.part.fail()
    except (RuntimeError, AttributeError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1].filename
    return {"loaded": LOADED, "who": heavy.part.WHO, "mode": heavy.MODE, "frame": frame,
            "files": [heavy.__file__, heavy.__spec__.origin, heavy.later.__file__, *heavy.__path__],
            "mounts": [line.split()[4] for line in open("/proc/self/mountinfo")]}
"""
COMPUTING = """
import sys
LOADED = "numpy" in sys.modules
import boto3, os, time
import numpy
from numpy.polynomial import chebyshev
def handler(event, context):
    import numpy.testing
    ones = numpy.ones((400, 400))
    time.sleep(event.get("sleep_s", 0))
    return {"loaded": LOADED, "sum": float(ones.dot(ones).sum()), "drawn": numpy.random.random(),
            "threads": len(os.listdir("/proc/self/task")), "cores": len(os.sched_getaffinity(0)),
            "files": [numpy.__file__, chebyshev.__file__, numpy.testing.__file__],
            "boto3": boto3.client("sts", region_name="us-east-1").meta.region_name}
"""
ABSENT = """
import sys
LOADED = sorted({name.partition(".")[0] for name in sys.modules} & {"heavy", "numpy"})
def handler(event, context):
    try:
        import heavy
    except ModuleNotFoundError as error:
        return [*LOADED, str(error)]
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip finds packages: numpy, once it is fetched, and those made up."""
    wheels = tmp_path_factory.mktemp("wheels")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--only-binary=:all:",
        "--no-deps",
        "--dest",
        str(wheels),
    ]
    if subprocess.run([*pip, "numpy"], capture_output=True, timeout=LIMIT_S).returncode != 0:
        pytest.skip("numpy cannot be fetched")
    write_wheel(wheels, "heavy", "1.0", HEAVY)
    write_wheel(wheels, "threaded", "1.0", {"threaded.py": KEEPS_A_THREAD})
    return wheels


@pytest.fixture(scope="module")
def numpy_files(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip installs."""
    target = tmp_path_factory.mktemp("numpy")
    where = ["--no-index", "--find-links", str(index), "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *where, "numpy"], check=True, timeout=LIMIT_S)
    for tests in list(target.rglob("tests")):
        subprocess.run(["rm", "-r", str(tests)], check=True)
    return target


@pytest.fixture(scope="module")
def preloading(
    index: Path, tmp_path_factory: pytest.TempPathFactory, isolation: dict[str, str]
) -> Iterator[NodeProcess]:
    directory = tmp_path_factory.mktemp("preloading")
    process = NodeProcess(
        directory / "data",
        STOKER_PRELOAD="heavy==1.0 numpy threaded",
        STOKER_RUNTIMES_DIR=str(directory / "runtimes"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(index),
        **isolation,
    )
    node = process.wait_ready()
    if json.loads((node.data / "node.json").read_text())["isolation"] != "namespaces":
        process.stop()
        pytest.skip("needs isolation by namespaces")
    client = node.client("lambda")
    deploy, delete = deployer(client)
    # A runtime's first function begins the fetching; the last package cannot be had.
    deploy(None, {"index.py": ABSENT}, PYTHON, "index.handler")
    wait_until(lambda: "threaded cannot be preloaded" in process.log.read_text())
    delete()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text(), process.log.read_text()[-4000:]


@pytest.fixture(scope="module")
def node(preloading: NodeProcess) -> Node:
    return preloading.wait_ready()


@pytest.fixture(scope="module")
def client(node: Node) -> Any:
    return node.client("lambda")


@pytest.fixture
def deploy_here(client: Any) -> Iterator[Deploy]:
    deploy, delete = deployer(client)
    yield lambda *arguments, **more: deploy(None, *arguments, PYTHON, "index.handler", **more)
    delete()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def preloaded(client: Any, name: str, **event: Any) -> dict[str, Any]:
    """What the function answers in an environment that had something preloaded: such ones are begun beside calls."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        answer: dict[str, Any] = invoke(client, name, event).value
        if answer["loaded"]:
            return answer
        renew(client, name)
    raise AssertionError("nothing was preloaded")


def renew(client: Any, name: str) -> None:
    """The next call starts an environment."""
    timeout_s = client.get_function_configuration(FunctionName=name)["Timeout"]
    client.update_function_configuration(FunctionName=name, Timeout=timeout_s + 1)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def not_preloaded(client: Any, name: str) -> dict[str, Any]:
    """What it answers, asked until all that is known of it must be."""
    for _ in range(4):
        answer: dict[str, Any] = invoke(client, name).value
        assert not answer["loaded"], answer
        renew(client, name)
        time.sleep(0.2)
    return answer


def files(own: Mapping[str, str] = HEAVY, **more: str) -> dict[str, str]:
    """A package with heavy 1.0 as it is when it is installed, or with others of its files."""
    return {"index.py": LOOKING, **wheel_files("heavy", "1.0", own), **more}


def test_a_function_with_the_very_files_is_given_modules_that_look_like_its_own(
    client: Any, deploy_here: Deploy
) -> None:
    name = deploy_here(files())
    answer = preloaded(client, name)
    assert answer["loaded"] == ["heavy"]
    assert answer["who"] == "theirs"
    assert answer["frame"] == "/var/task/heavy/part.py"
    init = "/var/task/heavy/__init__.py"
    assert answer["files"] == [init, init, "/var/task/heavy/later.py", "/var/task/heavy"]
    assert not [mount for mount in answer["mounts"] if "preload" in mount or mount.startswith(("/opt", "/run/"))]
    assert answer["mounts"].count("/var/task") == 1
    # What a fork has in common with others is not what it changes.
    fresh = deploy_here(files(), Environment={"Variables": {"PYTHONHASHSEED": "1"}})
    assert invoke(client, fresh).value == {**answer, "loaded": []}


def test_a_functions_own_version_wins(client: Any, deploy_here: Deploy) -> None:
    preloaded(client, deploy_here(files()))
    mine = {**HEAVY, "heavy/part.py": HEAVY["heavy/part.py"].replace("theirs", "my own")}
    assert not_preloaded(client, deploy_here(files(mine)))["who"] == "my own"


def test_a_layer_may_bring_the_files_and_a_package_override_them(client: Any, deploy_here: Deploy) -> None:
    layered = {f"python/{path}": text for path, text in wheel_files("heavy", "1.0", HEAVY).items()}
    layer = client.publish_layer_version(LayerName="heavy", Content={"ZipFile": zip_of(layered)})["LayerVersionArn"]
    answer = preloaded(client, deploy_here({"index.py": LOOKING}, Layers=[layer]))
    assert answer["files"][2:] == ["/opt/python/heavy/later.py", "/opt/python/heavy"]
    assert answer["frame"] == "/opt/python/heavy/part.py"
    mine = {"heavy/__init__.py": "MODE = ''\n", "heavy/part.py": "WHO = 'my own'\n", "heavy/later.py": ""}
    overriding = deploy_here({"index.py": LOOKING, **mine}, Layers=[layer])
    answer = not_preloaded(client, overriding)
    assert (answer["who"], answer["files"][0]) == ("my own", "/var/task/heavy/__init__.py")


def test_a_variable_that_a_package_looks_at_when_it_is_imported_is_the_functions(
    client: Any, deploy_here: Deploy
) -> None:
    preloaded(client, deploy_here(files()))
    name = deploy_here(files(), Environment={"Variables": {"HEAVY_MODE": "other"}})
    assert not_preloaded(client, name)["mode"] == "other"


def test_a_function_without_a_package_does_not_find_it(client: Any, deploy_here: Deploy) -> None:
    preloaded(client, deploy_here(files()))
    assert invoke(client, deploy_here({"index.py": ABSENT})).value == ["No module named 'heavy'"]


def test_numpy_computes_draws_anew_in_every_fork_and_leaves_the_rest_alone(
    client: Any, deploy_here: Deploy, numpy_files: Path
) -> None:
    package = {
        str(path.relative_to(numpy_files)): path.read_bytes() for path in numpy_files.rglob("*") if path.is_file()
    }
    name = deploy_here({"index.py": COMPUTING.encode(), **package}, MemorySize=512, Timeout=30)
    preloaded(client, name)
    answers: list[dict[str, Any]] = []
    callers = [threading.Thread(target=_collect(client, name, answers)) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [answer["loaded"] for answer in answers] == [True] * 3
    assert len({answer["drawn"] for answer in answers}) == 3
    for answer in answers:
        assert answer["sum"] == 400.0**3
        assert answer["threads"] == answer["cores"]
        assert all(file.startswith("/var/task/numpy/") for file in answer["files"])
        assert answer["boto3"] == "us-east-1"


def _collect(client: Any, name: str, answers: list[dict[str, Any]]) -> Callable[[], None]:
    return lambda: answers.append(invoke(client, name, {"sleep_s": 1}).value)


def test_what_cannot_be_preloaded_is_in_the_log_and_works_as_ever(
    client: Any, deploy_here: Deploy, preloading: NodeProcess
) -> None:
    name = deploy_here(files(threaded="", **wheel_files("threaded", "1.0", {"threaded.py": KEEPS_A_THREAD})))
    assert preloaded(client, name)["loaded"] == ["heavy"]
    told = [line for line in preloading.log.read_text().splitlines() if "threaded cannot be preloaded" in line]
    assert len(told) == 1
    assert told[0].endswith("importing it leaves a thread behind")
