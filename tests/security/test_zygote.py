"""What environments that are forked from one zygote have in common: the libraries, and nothing else."""

import os
import threading
from typing import Any

from tests.conftest import Deploy
from tests.end_to_end.calls import invoke

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


def test_no_two_environments_draw_the_same_from_anything_random(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"index.py": DRAWING}, handler="index.handler", MemorySize=256)
    drawn: list[list[Any]] = []
    callers = [threading.Thread(target=lambda: drawn.append(invoke(lambda_client, name).value)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(drawn) == 4
    for column in zip(*drawn, strict=True):
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
