"""A zygote has run AWS's client before there was a function (decision 0068): nothing of that is to be seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import PYTHONS, Deploy

from .calls import invoke

SEEN = """
import importlib, json, logging, os, sys, threading
from concurrent.futures import ThreadPoolExecutor

def thread_name():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: threading.current_thread().name).result()

def spread_kb():
    client = sys.modules["awslambdaric.bootstrap"]
    functions = (client.run, client.handle_event_request, importlib.import_module, json.loads, os.environ.__getitem__)
    places = [id(getattr(it, "__func__", it).__code__) for it in functions]
    return (max(places) - min(places)) // 1024

def seen():
    client = sys.modules["awslambdaric.bootstrap"]
    return {
        "request": client._GLOBAL_AWS_REQUEST_ID,
        "handlers": [type(it).__name__ for it in logging.root.handlers],
        "level": logging.root.level,
        "streams": [type(it).__name__ for it in (sys.stdout, sys.stdout.stream, sys.stderr, sys.stderr.stream)],
        "threads": len(threading.enumerate()),
        "next pool": thread_name(),
        "path": sys.path.count("/var/task"),
        "task": sorted(os.listdir("/var/task")),
        "variables": sorted(set(os.environ) - {"MALLOC_ARENA_MAX", "LC_CTYPE"}),
        # The functions of `threading` came with Python 3.10.
        "traced": [
            get()
            for module in (sys, threading)
            for get in (getattr(module, "gettrace", None), getattr(module, "getprofile", None))
            if get is not None
        ],
        "rehearsed": [it for it in sys.modules if "rehears" in it],
    }

AT_INIT = seen()

def handler(event, context):
    if event.get("fail"):
        raise LookupError("as asked for")
    logging.warning("said once")
    return {"init": AT_INIT, "call": {**seen(), "request": None}, "spread_kb": spread_kb()}
"""


@pytest.mark.parametrize("runtime", PYTHONS)
def test_a_function_finds_the_client_as_if_it_had_not_run(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str], runtime: str
) -> None:
    """A variable that an interpreter reads when it starts makes a function start in an interpreter of its own."""
    forked, fresh = (
        deploy(None, {"index.py": SEEN}, install_runtime(runtime), "index.handler", Timeout=20, Environment=environment)
        for environment in ({}, {"Variables": {"MALLOC_ARENA_MAX": "2"}})
    )
    answers, failures = [], []
    for name in forked, fresh:
        answer = invoke(lambda_client, name)
        assert answer.log.count("said once") == 1
        answers.append(answer.value)
        failures.append({**json.loads(invoke(lambda_client, name, {"fail": True}).body), "requestId": ""})
    spread_kb, _ = [answer.pop("spread_kb") for answer in answers]
    # Before Python 3.11 code did not write into itself, and lies outside of what tells where it lies.
    assert spread_kb < 256 or runtime in ("python3.9", "python3.10")
    assert answers[0] == answers[1]
    assert failures[0] == failures[1]
    assert failures[0]["errorType"] == "LookupError"
