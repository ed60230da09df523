"""What environments that are forked from one zygote have in common: the libraries, and nothing else.

All of it also holds for interpreters that were started anew (`fresh`), so each test meets both.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import Deploy, Node, NodeProcess
from tests.end_to_end.calls import invoke
from tests.end_to_end.conftest import install_runtime as install_runtime

# SnapStart is for Python from 3.12 on.
SNAPPED = "python3.12"
# So many of DRAWING's answers are of its init.
AT_INIT = 3

DRAWING = """
import os, random, secrets, ssl, tempfile, time, uuid
AT_INIT = [random.random(), uuid.uuid4().hex, ssl.RAND_bytes(8).hex()]
def handler(event, context):
    time.sleep(1)
    drawn = [random.random(), uuid.uuid1().hex, uuid.uuid4().hex, secrets.token_hex(8), ssl.RAND_bytes(8).hex()]
    names = [next(tempfile._get_candidate_names()), os.urandom(8).hex()]
    return [*AT_INIT, *drawn, *names]
"""
LOOKING = """
def handler(event, context):
    found, wanted = [], bytes(event["wanted"])
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            area, rights, *_, name = [*line.split(), ""][:7]
            begin, end = (int(part, 16) for part in area.split("-"))
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            memory.seek(begin)
            # Looked for one byte changed, so that nothing here holds it but whoever had it before.
            data = memory.read(end - begin).translate(bytes((byte + 1) % 256 for byte in range(256)))
            if wanted in data:
                found.append(line)
    return found
"""


LEAVING = """
import os, socket, sys
import boto3
KEPT = []
def handler(event, context):
    os.environ["LEFT"] = sys.argv.append("left") or event["secret"]
    boto3.LEFT = sys.modules["left"] = event["secret"]
    sys.path.append("/tmp/left")
    for name in ("left", event["secret"]):
        with open("/tmp/" + name, "w") as file:
            file.write(event["secret"])
    for kind in (socket.AF_INET, socket.AF_UNIX):
        listener = socket.socket(kind)
        listener.bind(("127.0.0.1", 7000) if kind == socket.AF_INET else "/tmp/listening")
        listener.listen()
        KEPT.append(listener)
    os.environ.update(HOME="/tmp/left")
    return sorted(os.listdir("/tmp"))
"""
FINDING = """
import os, socket, sys
import boto3

def descriptors():
    # One of the numbers was that of the directory itself.
    numbers = [number for number in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + number)]
    return [described(int(number)) for number in numbers]

def described(number):
    target = os.readlink(f"/proc/self/fd/{number}")
    if not target.startswith("socket:"):
        return [number, target.partition("[")[0]]
    with socket.socket(fileno=os.dup(number)) as it:
        name = it.getsockname()
        return [number, it.family.name, name[0] if it.family == socket.AF_INET else name]

def handler(event, context):
    with socket.socket() as caller:
        is_listened_to = caller.connect_ex(("127.0.0.1", 7000)) == 0
    return {
        "variables": sorted(set(os.environ) & {"LEFT", "HOME"}),
        "arguments": sys.argv,
        "modules": [hasattr(boto3, "LEFT"), "left" in sys.modules, "/tmp/left" in sys.path],
        "tmp": os.listdir("/tmp"),
        "is_listened_to": is_listened_to,
        "descriptors": descriptors(),
    }
"""
OWN_LIBRARIES = {
    "index.py": "import boto3, botocore, simplejson\n"
    "def handler(event, context):\n"
    "    return [boto3.__version__, botocore.__version__, simplejson.__file__]\n",
    "boto3/__init__.py": "__version__ = 'its own'\n",
    "botocore/__init__.py": "__version__ = 'its own'\n",
}


@pytest.fixture(scope="module", params=["forked", "fresh"])
def node(request: pytest.FixtureRequest, platform: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    if request.param == "forked":
        yield platform
        return
    with NodeProcess(tmp_path_factory.mktemp("fresh") / "data", STOKER_FRESH="true") as node:
        yield node


@pytest.fixture
def lambda_client(node: Node) -> Any:
    return node.client("lambda")


def drawn_at_once(client: Any, name: str) -> list[tuple[Any, ...]]:
    """What four environments answered, each answer's members in turn."""
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda _: invoke(client, name).value, range(4)))
    return list(zip(*answers, strict=True))


def test_no_two_environments_draw_the_same_from_anything_random(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"index.py": DRAWING}, handler="index.handler", MemorySize=256)
    for column in drawn_at_once(lambda_client, name):
        assert len(set(column)) == 4, column


def test_nothing_of_one_functions_variables_is_in_anothers_memory(lambda_client: Any, deploy: Deploy) -> None:
    secret = os.urandom(12).hex()
    keeper = deploy(
        None,
        {"index.py": "import os\ndef handler(event, context):\n    return os.environ['SECRET']\n"},
        handler="index.handler",
        Environment={"Variables": {"SECRET": secret}},
    )
    looks = {"index.py": LOOKING}
    # What is looked for comes one byte changed as well.
    event = {"wanted": [byte + 1 for byte in secret.encode()]}
    assert invoke(lambda_client, keeper).value == secret
    first = deploy(None, looks, handler="index.handler", MemorySize=1769, Timeout=30)
    assert invoke(lambda_client, first, event).value == []
    # The search finds what there is.
    own = deploy(
        None,
        looks,
        handler="index.handler",
        MemorySize=1769,
        Timeout=30,
        Environment={"Variables": {"SECRET": secret}},
    )
    assert invoke(lambda_client, own, event).value


def test_what_one_environment_leaves_is_not_found_in_another(lambda_client: Any, deploy: Deploy) -> None:
    leaving = deploy(None, {"index.py": LEAVING}, handler="index.handler")
    finding = {"index.py": FINDING}
    before = invoke(lambda_client, deploy(None, finding, handler="index.handler")).value
    assert invoke(lambda_client, leaving, {"secret": "of the first"}).value == ["left", "listening", "of the first"]
    after = invoke(lambda_client, deploy(None, finding, handler="index.handler")).value
    assert after == before
    assert before.pop("arguments") == ["/var/runtime/bootstrap.py"]
    descriptors = {number: rest for number, *rest in before.pop("descriptors")}
    assert before == {"variables": [], "modules": [False, False, False], "tmp": [], "is_listened_to": False}
    assert [descriptors.pop(number) for number in (0, 1, 2, 62)] == [["/dev/null"], ["pipe:"], ["pipe:"], ["pipe:"]]
    # What is left belongs to AWS's client: its connection to the Runtime API, and a pair by which it wakes itself.
    assert sorted(descriptors.values()) == [["AF_INET", "169.254.100.1"], ["AF_UNIX", ""], ["AF_UNIX", ""]]


def test_libraries_of_a_package_win(lambda_client: Any, deploy: Deploy) -> None:
    versions = invoke(lambda_client, deploy(None, OWN_LIBRARIES, handler="index.handler")).value
    assert versions[:2] == ["its own", "its own"]
    assert versions[2].startswith("/var/runtime/")


def test_no_two_restored_environments_draw_the_same_from_anything_random(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str]
) -> None:
    name = deploy(
        None,
        {"index.py": DRAWING},
        install_runtime(SNAPPED),
        "index.handler",
        MemorySize=256,
        Publish=True,
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    wait = {"Delay": 0.1, "MaxAttempts": 300}
    lambda_client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1", WaiterConfig=wait)
    for column in drawn_at_once(lambda_client, f"{name}:1")[AT_INIT:]:
        assert len(set(column)) == 4, column
