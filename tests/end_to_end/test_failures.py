"""How a function can end badly: what the caller gets, what the log says, and that the next invocation works.

Bodies: reference, runtime side, 5.1 and 2.2. Lines: 6.1. What is kept: 4.
"""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Deploy, deployer
from tests.handlers import SYNTAX_ERROR, folder

from .calls import Answer, invoke, log_messages

MS = r"\d+\.\d\d ms"
REPORT = (
    r"REPORT RequestId: {id}\tDuration: " + MS + r"\tBilled Duration: \d+ ms\tMemory Size: {memory} MB\t"
    r"Max Memory Used: \d+ MB\t(Init Duration: " + MS + r"\t)?{failure}"
)
INIT_REPORT = r"INIT_REPORT Init Duration: " + MS + r"\tPhase: {phase}\tStatus: {failure}\n"


@pytest.fixture(scope="module", autouse=True)
def slow_inits(lambda_client: Any) -> Iterator[dict[str, "Future[Answer]"]]:
    """Two functions that take 15 s to start, called while the other tests here run: one has 2 s for it, one 20 s."""
    deploy, clean_up = deployer(lambda_client)
    slow = folder("init_failures")
    names = [deploy(None, slow, handler="sleeps.handler", Timeout=timeout_s) for timeout_s in (2, 20)]
    with ThreadPoolExecutor(2) as threads:
        yield {name: threads.submit(invoke, lambda_client, name, {"is": "echoed"}) for name in names}
    clean_up()


def assert_report(answer: Answer, failure: str = "", memory: int = 128) -> None:
    """The REPORT line, with `failure` such as "Status: timeout" at its end."""
    assert re.fullmatch(REPORT.format(id=answer.request_id, memory=memory, failure=failure), answer.report)


def assert_init_reports(logs_client: Any, name: str, *expected: tuple[str, str]) -> None:
    """The INIT_REPORT lines of the function so far, as (phase, failure)."""
    lines = [line for line in log_messages(logs_client, name) if line.startswith("INIT_REPORT")]
    assert len(lines) == len(expected), lines
    for line, (phase, failure) in zip(lines, expected, strict=True):
        assert re.fullmatch(INIT_REPORT.format(phase=phase, failure=failure), line)


def test_a_good_invocation_is_reported_in_aws_own_lines(lambda_client: Any, logs_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_python"), handler="index.handler")
    first, second = invoke(lambda_client, name), invoke(lambda_client, name)
    for answer in (first, second):
        assert_report(answer)
    assert "Init Duration" in first.report
    assert "Init Duration" not in second.report
    # Reference, 6.2: rounded up, and the init counts.
    duration, billed, init = re.findall(r"(?:Duration|Billed Duration|Init Duration): ([\d.]+) ms", first.report)
    assert int(billed) == pytest.approx(float(duration) + float(init), abs=1.01)
    messages = log_messages(logs_client, name)
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.\d+\.v\d+\tRuntime Version ARN: "
        r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n",
        messages[0],
    )
    kinds = [message.split(" ")[0] for message in messages]
    assert kinds == ["INIT_START", *["START", "END", "REPORT"] * 2]


def test_an_exception_is_the_runtimes_own_document(lambda_client: Any, deploy: Deploy) -> None:
    """Reference, 4.2: keys in this order; it is an answer like any other to the platform, so REPORT has no status."""
    name = deploy(None, folder("crashing"), handler="index.raise_error")
    answer = invoke(lambda_client, name)
    assert (answer.status, answer.error) == (200, "Unhandled")
    document = json.loads(answer.body)
    assert list(document) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert document["errorMessage"] == "no money left"
    assert document["errorType"] == "PaymentRefusedError"
    assert document["requestId"] == answer.request_id
    assert document["stackTrace"][-1].endswith('raise PaymentRefusedError("no money left")\n')
    assert "[ERROR] PaymentRefusedError: no money left" in answer.log
    assert_report(answer)


def test_a_result_that_is_no_json_is_a_marshal_error(lambda_client: Any, deploy: Deploy) -> None:
    answer = invoke(lambda_client, deploy(None, folder("crashing"), handler="index.answer_nonsense"))
    assert answer.error == "Unhandled"
    assert json.loads(answer.body)["errorType"] == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        ("exit_cleanly", "Runtime exited without providing a reason"),
        ("leave_by_sys_exit", "Runtime exited without providing a reason"),
        ("exit_three", "Runtime exited with error: exit status 3"),
        ("kill_itself", "Runtime exited with error: signal: killed"),
        ("abort", "Runtime exited with error: signal: aborted"),
        # Here we differ on purpose: AWS's platform is kept busy by the core dump until the function times out.
        ("segfault", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_runtime_that_ends_is_an_exit_error(
    lambda_client: Any, logs_client: Any, deploy: Deploy, handler: str, text: str
) -> None:
    code = {**_files("crashing"), "main.py": CRASH_ON_DEMAND}
    name = deploy(None, code, handler="main.handler")
    first = invoke(lambda_client, name)
    answer = invoke(lambda_client, name, {"crash": handler})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.body == answer.platform_error("Runtime.ExitError", text)
    assert_report(answer, "Status: error\tError Type: Runtime.ExitError")
    # A new process in the same environment, whose init is no longer reported but part of the duration.
    after = invoke(lambda_client, name)
    assert after.value == {"in_memory": 1, "in_tmp": 3, "environment": first.value["environment"]}
    assert "Init Duration" not in after.report
    assert_init_reports(logs_client, name)


def _files(name: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder(name).iterdir() if file.is_file()}


CRASH_ON_DEMAND = """
import os, index
count = 0

def handler(event, context):
    global count
    count += 1
    with open("/tmp/count", "a") as file:
        file.write("x")
    if "crash" in event:
        getattr(index, event["crash"])(event, context)
    if not os.path.exists("/tmp/environment"):
        with open("/tmp/environment", "w") as file:
            file.write(os.urandom(8).hex())
    return {"in_memory": count, "in_tmp": os.path.getsize("/tmp/count"), "environment": open("/tmp/environment").read()}
"""


def test_a_timeout_keeps_tmp_and_resets_globals(lambda_client: Any, logs_client: Any, deploy: Deploy) -> None:
    """Reference, 4: a file survives a timeout, a global variable resets."""
    code = {
        "main.py": "import time, index\n"
        "def handler(event, context):\n"
        "    counted = index.handler(event, context)\n"
        "    time.sleep(event.get('seconds', 0))\n"
        "    return counted\n",
        **_files("counter"),
    }
    name = deploy(None, code, handler="main.handler", Timeout=1)
    first = invoke(lambda_client, name).value
    began_s = time.monotonic()
    answer = invoke(lambda_client, name, {"seconds": 30})
    assert 1.0 <= time.monotonic() - began_s < 3.0
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.body == answer.platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert_report(answer, "Status: timeout")
    after = invoke(lambda_client, name)
    assert after.value == {"in_memory": 1, "in_tmp": 3, "environment": first["environment"]}
    assert_report(after)
    assert_init_reports(logs_client, name)


def test_too_much_memory_ends_the_runtime_and_says_so(lambda_client: Any, deploy: Deploy) -> None:
    code = {**_files("greedy"), "counter.py": _files("counter")["index.py"], "main.py": GREEDY_ON_DEMAND}
    name = deploy(None, code, handler="main.handler", Timeout=30)
    first = invoke(lambda_client, name).value
    answer = invoke(lambda_client, name, {"megabytes": 300})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: signal: killed")
    assert_report(answer, "Status: error\tError Type: Runtime.OutOfMemory")
    assert "Max Memory Used: 128 MB" in answer.report
    after = invoke(lambda_client, name).value
    assert (after["in_memory"], after["in_tmp"], after["environment"]) == (1, 3, first["environment"])
    # Once more, since whatever noticed the first time must notice again.
    again = invoke(lambda_client, name, {"megabytes": 300})
    assert_report(again, "Status: error\tError Type: Runtime.OutOfMemory")


GREEDY_ON_DEMAND = """
import counter, index

def handler(event, context):
    counted = counter.handler(event, context)
    if "megabytes" in event:
        index.memory(event, context)
    return counted
"""


def test_a_file_in_tmp_is_no_memory_of_the_function(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(
        None, folder("greedy"), handler="index.disk", Timeout=30, MemorySize=512, EphemeralStorage={"Size": 550}
    )
    written = invoke(lambda_client, name, {"megabytes": 600}).value
    assert written["error"] == "ENOSPC"
    assert written["megabytes"] == pytest.approx(550, abs=2)
    assert invoke(lambda_client, name, {"megabytes": 1}).value == {"megabytes": 1, "error": None}


FAILING_INITS = [
    ("import_error", "Runtime.ImportModuleError", "Unable to import module 'import_error': No module named"),
    ("raises", "RuntimeError", "the configuration is missing"),
]


@pytest.mark.parametrize(("module", "error_type", "message"), FAILING_INITS)
def test_an_init_that_fails_is_run_again_in_the_invocation_and_answers_with_its_error(
    lambda_client: Any, logs_client: Any, deploy: Deploy, module: str, error_type: str, message: str
) -> None:
    """Reference, 5 and 6.1: one INIT_REPORT for each time; 4.2: the request id of an init failure is empty."""
    name = deploy(None, folder("init_failures"), handler=f"{module}.handler")
    answer = invoke(lambda_client, name)
    document = json.loads(answer.body)
    assert answer.error == "Unhandled"
    assert (document["errorType"], document["requestId"]) == (error_type, "")
    assert message in document["errorMessage"]
    # Reference, 2.3: a type that is not of the platform's own form is not repeated.
    kept = error_type if error_type.startswith("Runtime.") else "Runtime.Unknown"
    assert_report(answer, f"Status: error\tError Type: {kept}")
    failure = f"error\tError Type: {kept}"
    assert_init_reports(logs_client, name, ("init", failure), ("invoke", failure))
    again = invoke(lambda_client, name)
    assert json.loads(again.body)["errorType"] == error_type
    assert_init_reports(logs_client, name, ("init", failure), ("invoke", failure), ("invoke", failure))


def test_a_module_that_is_no_python_is_a_syntax_error(lambda_client: Any, deploy: Deploy) -> None:
    answer = invoke(lambda_client, deploy(None, SYNTAX_ERROR, handler="index.handler"))
    assert json.loads(answer.body)["errorType"] == "Runtime.UserCodeSyntaxError"
    missing = invoke(lambda_client, deploy(None, folder("echo_python"), handler="index.absent"))
    assert json.loads(missing.body)["errorType"] == "Runtime.HandlerNotFound"


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("exits", "Runtime exited without providing a reason"),
        ("exits_three", "Runtime exited with error: exit status 3"),
    ],
)
def test_an_init_that_exits_is_an_exit_error(
    lambda_client: Any, logs_client: Any, deploy: Deploy, module: str, text: str
) -> None:
    name = deploy(None, folder("init_failures"), handler=f"{module}.handler")
    answer = invoke(lambda_client, name)
    assert answer.error == "Unhandled"
    assert answer.body == answer.platform_error("Runtime.ExitError", text)
    failure = "error\tError Type: Runtime.ExitError"
    assert_report(answer, f"Status: {failure}")
    assert_init_reports(logs_client, name, ("init", failure), ("invoke", failure))


def test_an_environment_that_crashed_while_idle_is_started_anew(lambda_client: Any, deploy: Deploy) -> None:
    code = {
        "index.py": "import os, threading\n"
        "def handler(event, context):\n"
        "    if event.get('later'):\n"
        "        threading.Timer(0.05, os._exit, [1]).start()\n"
        "    return 'fine'\n"
    }
    name = deploy(None, code, handler="index.handler")
    for _ in range(3):
        assert invoke(lambda_client, name, {"later": True}).value == "fine"
        time.sleep(0.15)
        assert invoke(lambda_client, name).value == "fine"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_any_json_comes_back_as_it_was_sent(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_python"), handler="index.handler")

    @settings(max_examples=150, deadline=None, database=None)
    @given(JSON)
    def sent_and_returned(event: Any) -> None:
        assert invoke(lambda_client, name, Payload=json.dumps(event)).value == event

    sent_and_returned()


def test_an_init_of_more_than_ten_seconds_is_run_again_under_the_functions_timeout(
    lambda_client: Any, logs_client: Any, slow_inits: dict[str, "Future[Answer]"]
) -> None:
    """Reference, 5: the init phase has 10 s; the second try has the function's own timeout."""
    (short, long), (in_vain, at_last) = slow_inits, (call.result() for call in slow_inits.values())
    assert in_vain.body == in_vain.platform_error("Sandbox.Timedout", "Task timed out after 2.00 seconds")
    assert_report(in_vain, "Status: timeout")
    assert_init_reports(logs_client, short, ("init", "timeout"), ("invoke", "timeout"))
    (line, _) = [line for line in log_messages(logs_client, short) if line.startswith("INIT_REPORT")]
    assert 9_990 < float(line.split()[3]) < 10_500
    assert at_last.value == {"is": "echoed"}
    assert_report(at_last)
    assert_init_reports(logs_client, long, ("init", "timeout"))
    assert invoke(lambda_client, long, {"is": "warm"}).value == {"is": "warm"}


def test_what_is_printed_and_what_is_logged_keep_their_order(
    lambda_client: Any, logs_client: Any, deploy: Deploy
) -> None:
    source = (
        "import logging, sys\n"
        "log = logging.getLogger()\n"
        "def handler(event, context):\n"
        "    for number in range(50):\n"
        "        print('printed', number)\n"
        "        log.warning('logged %d', number)\n"
        "        print('complained', number, file=sys.stderr)\n"
    )
    name = deploy(None, {"index.py": source}, handler="index.handler")
    invoke(lambda_client, name)
    kinds = ("printed", "[WARNING]", "complained")
    shown = [line.strip().split("\t")[-1] for line in log_messages(logs_client, name) if line.startswith(kinds)]
    assert shown == [f"{what} {number}" for number in range(50) for what in ("printed", "logged", "complained")]
