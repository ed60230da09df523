"""Java functions with AWS's own client, on a whole node."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeBuild
from tests.conftest import deployer, zip_of
from tests.end_to_end.calls import Answer, invoke, log_messages

from .java_code import compile_handlers, jar_of, ready
from .runtime_api import RuntimeApi
from .test_running import run

RUNTIMES = ("java11", "java17", "java21", "java25")
# No test waits for processors that others use.
MEMORY_MB = 1769

Function = Callable[..., str]


@pytest.fixture(scope="session")
def classes(java: RuntimeBuild, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_handlers(java, tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="module")
def function(lambda_client: Any, java: RuntimeBuild, classes: Path) -> Iterator[Function]:
    """`function(handler, runtime=, files=, **configuration)` deploys; the same, asked for twice, is one function."""
    deploy, clean_up = deployer(lambda_client)
    made: dict[str, str] = {}

    def function(handler: str, runtime: str = java.name, files: Any = None, **configuration: Any) -> str:
        key = repr((handler, runtime, files and sorted(files), configuration))
        if key not in made:
            settings = {"MemorySize": MEMORY_MB, "Timeout": 20, **configuration}
            made[key] = deploy(None, files or classes, runtime, f"example.{handler}", **settings)
        return made[key]

    yield function
    clean_up()


def printed(answer: Answer) -> list[str]:
    """What the log has besides the platform's own lines."""
    own = ("INIT_START", "START", "END", "REPORT")
    return [line for line in answer.log.splitlines() if line and not line.startswith(own)]


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_function_runs_in_its_own_java_and_the_jvm_has_nothing_to_complain_of(
    lambda_client: Any, function: Function, installed: RuntimeCatalogue, name: str
) -> None:
    build = ready(installed, name)
    answer = invoke(lambda_client, function("Handlers::machine", build.name))
    machine = answer.value
    assert machine["version"].startswith(name.removeprefix("java"))
    assert machine["home"] == "/var/lang"
    # The security properties are there.
    assert machine["digest"] == 32
    assert machine["trace"].startswith("Root=1-")
    assert printed(answer) == []


def test_a_function_runs_without_a_sandbox(java: RuntimeBuild, classes: Path, runtime_api: RuntimeApi) -> None:
    process = run(java, classes, "example.Handlers::echo", runtime_api)
    try:
        path, body = runtime_api.answers.get(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert path.endswith("/response")
    assert json.loads(body) == {"number": 1}


@pytest.mark.parametrize(
    ("handler", "event", "expected"),
    [
        ("Handlers::doubled", {"item": "bolt", "count": 21}, {"item": "bolt", "count": 42}),
        ("Typed", {"numbers": [1, 2, 39]}, 42),
        ("Streamed", {"é": [None]}, {"was": {"é": [None]}}),
        ("Handlers::echo", ["ü", 1.5, None], ["ü", 1.5, None]),
        ("Handlers::nothing", {}, None),
    ],
    ids=["bean", "interface", "stream", "object", "void"],
)
def test_every_kind_of_handler_gets_its_event(
    lambda_client: Any, function: Function, handler: str, event: object, expected: object
) -> None:
    assert invoke(lambda_client, function(handler), event).value == expected


def test_an_exception_is_answered_as_awss_client_words_it(
    lambda_client: Any, logs_client: Any, function: Function
) -> None:
    """Reference: runtime side, 4.2: keys in this order."""
    name = function("Handlers::failing")
    answer = invoke(lambda_client, name)
    assert answer.error == "Unhandled"
    document = json.loads(answer.body)
    assert list(document) == ["errorMessage", "errorType", "stackTrace"]
    assert document["errorMessage"] == "no such thing"
    assert document["errorType"] == "java.lang.IllegalStateException"
    assert document["stackTrace"][0].startswith("example.Handlers.failing(Handlers.java:")
    # The environment goes on; what the client logged of the first exception is there by now.
    assert invoke(lambda_client, name).error == "Unhandled"
    traces = [line for line in log_messages(logs_client, name) if "IllegalStateException: no such thing" in line]
    assert traces
    assert "Caused by: java.lang.IllegalArgumentException: the cause" in traces[0]


@pytest.mark.parametrize(
    ("handler", "message", "kind"),
    [
        ("BrokenInit::handle", "Error loading class example.BrokenInit", "java.lang.ExceptionInInitializerError"),
        ("Absent::handle", "Class not found: example.Absent", "java.lang.ClassNotFoundException"),
    ],
)
def test_a_class_that_cannot_be_loaded_is_the_functions_error(
    lambda_client: Any, function: Function, handler: str, message: str, kind: str
) -> None:
    answer = invoke(lambda_client, function(handler))
    assert answer.error == "Unhandled"
    assert json.loads(answer.body) == {"errorMessage": message, "errorType": kind}


def test_an_exit_ends_the_environment_and_the_next_call_has_a_new_one(lambda_client: Any, function: Function) -> None:
    name = function("Handlers::exiting")
    for _ in range(2):
        answer = invoke(lambda_client, name)
        assert answer.body == answer.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 7")


def test_a_handler_that_sleeps_too_long_times_out(lambda_client: Any, function: Function) -> None:
    answer = invoke(lambda_client, function("Handlers::sleeping", Timeout=1))
    assert answer.body == answer.platform_error("Sandbox.Timedout", "Task timed out after 1.00 seconds")


def test_a_warm_call_meets_the_object_that_the_first_one_made(lambda_client: Any, function: Function) -> None:
    name = function("Handlers::counted")
    assert [invoke(lambda_client, name).value for _ in range(3)] == [1, 2, 3]


def test_the_context_is_complete(lambda_client: Any, function: Function) -> None:
    name = function("Handlers::context")
    answer = invoke(lambda_client, name)
    context = answer.value
    assert context["name"] == name
    assert context["version"] == "$LATEST"
    assert context["arn"].endswith(f":function:{name}")
    assert context["memory_mb"] == MEMORY_MB
    assert context["request_id"] == answer.request_id
    assert 15_000 < context["remaining_ms"] <= 20_000
    assert context["log_group"] == f"/aws/lambda/{name}"
    assert "[$LATEST]" in context["log_stream"]


def test_everything_that_is_printed_or_logged_is_in_the_log_in_order(lambda_client: Any, function: Function) -> None:
    answer = invoke(lambda_client, function("Handlers::logging"))
    assert answer.value == "logged"
    assert printed(answer) == [
        "from the logger",
        "[DEBUG] only if asked for",
        "[ERROR] severe",
        "from standard output",
        "from standard error",
    ]


def test_the_logger_writes_json_and_leaves_out_what_is_below_the_level(lambda_client: Any, function: Function) -> None:
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"}
    answer = invoke(lambda_client, function("Handlers::logging", LoggingConfig=logging))
    assert answer.value == "logged"
    records = [json.loads(line) for line in answer.log.splitlines() if '"AWSRequestId"' in line]
    assert [(record["level"], record["message"]) for record in records] == [
        ("UNDEFINED", "from the logger\n"),
        ("ERROR", "severe"),
    ]
    assert {record["AWSRequestId"] for record in records} == {answer.request_id}


@pytest.mark.parametrize("memory_mb", [256, 1024])
def test_the_heap_follows_the_functions_memory(lambda_client: Any, function: Function, memory_mb: int) -> None:
    machine = invoke(lambda_client, function("Handlers::machine", MemorySize=memory_mb)).value
    # A JVM counts its heap without one of the two survivor spaces.
    assert 0.80 * memory_mb * 1024 < machine["heap_kb"] <= 0.85 * memory_mb * 1024 + 1
    assert "-XX:TieredStopAtLevel=1" in machine["flags"]
    assert machine["collectors"] == ["Copy", "MarkSweepCompact"], "the serial collector"


def test_options_of_the_customers_own_win(lambda_client: Any, function: Function) -> None:
    options = "-XX:+UseParallelGC -Xmx100m -XX:TieredStopAtLevel=4"
    answer = invoke(
        lambda_client, function("Handlers::machine", Environment={"Variables": {"JAVA_TOOL_OPTIONS": options}})
    )
    assert answer.value["collectors"] == ["PS MarkSweep", "PS Scavenge"]
    assert answer.value["heap_kb"] <= 100 * 1024
    assert "-XX:TieredStopAtLevel=1" not in answer.value["flags"]


def test_a_share_of_the_memory_is_one_of_the_functions(lambda_client: Any, function: Function) -> None:
    """And not one of the host's."""
    options = {"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=50"}
    machine = invoke(lambda_client, function("Handlers::machine", Environment={"Variables": options})).value
    assert 0.45 * MEMORY_MB * 1024 < machine["heap_kb"] <= 0.5 * MEMORY_MB * 1024 + 1


def test_hooks_run_around_a_snapshot(lambda_client: Any, function: Function) -> None:
    """SnapStart: the client calls what the function has registered with CRaC's context."""
    name = function("Restored", SnapStart={"ApplyOn": "PublishedVersions"})
    version = lambda_client.publish_version(FunctionName=name)["Version"]
    waiting = {"Delay": 0.1, "MaxAttempts": 300}
    lambda_client.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig=waiting
    )
    answer = invoke(lambda_client, name, Qualifier=version)
    assert answer.value == ["made", "before the snapshot", "after the restore", "called"]
    assert "Restore Duration: " in answer.report
    assert invoke(lambda_client, name, Qualifier="$LATEST").value == ["made", "called"]


def test_a_wrapper_script_may_change_the_command_line(
    lambda_client: Any, function: Function, classes: Path, tmp_path: Path
) -> None:
    wrapper = b'#!/bin/sh\njava=$1\nshift\nexec "$java" -Dwrapped=yes "$@"\n'
    files = {str(path.relative_to(classes)): path.read_bytes() for path in classes.rglob("*.class")}
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    name = function("Handlers::machine", files={**files, "wrapper": wrapper}, Environment={"Variables": variables})
    assert invoke(lambda_client, name).value["flags"][0] == "-Dwrapped=yes"


def test_a_jar_in_lib_is_found(lambda_client: Any, function: Function, classes: Path, tmp_path: Path) -> None:
    files = {
        "lib/example.jar": jar_of(classes, "example", tmp_path / "example.jar"),
        "lib/library.jar": jar_of(classes, "library", tmp_path / "library.jar"),
    }
    name = function("Handlers::fromLibrary", files=files)
    assert invoke(lambda_client, name).value == "from the library"


def test_a_jar_in_a_layer_is_found(lambda_client: Any, function: Function, classes: Path, tmp_path: Path) -> None:
    library = jar_of(classes, "library", tmp_path / "library.jar")
    layer = lambda_client.publish_layer_version(
        LayerName="java-library", Content={"ZipFile": zip_of({"java/lib/library.jar": library})}
    )
    files = {str(path.relative_to(classes)): path.read_bytes() for path in (classes / "example").rglob("*.class")}
    name = function("Handlers::fromLibrary", files=files, Layers=[layer["LayerVersionArn"]])
    assert invoke(lambda_client, name).value == "from the library"


def test_the_variables_are_those_of_a_runtime_that_no_shell_starts(lambda_client: Any, function: Function) -> None:
    """Reference: runtime side, 3.1."""
    found = invoke(lambda_client, function("Handlers::environment")).value
    assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_java17"
    assert found["_LAMBDA_TELEMETRY_LOG_FD"] == "62"
    assert found["_HANDLER"] == "example.Handlers::environment"
    assert found["TZ"] == ":UTC"
    assert not found.keys() & {"PWD", "SHLVL", "HOME", "_X_AMZN_TRACE_ID", "JAVA_HOME", "CLASSPATH"}


def test_the_clients_classes_come_from_the_archive(lambda_client: Any, logs_client: Any, function: Function) -> None:
    """Or a cold start takes twice as long."""
    variables = {"JAVA_TOOL_OPTIONS": "-Xlog:class+load"}
    name = function("Handlers::echo", Environment={"Variables": variables})
    assert invoke(lambda_client, name, 1).value == 1
    lines = [line for line in log_messages(logs_client, name) if "com.amazonaws." in line]
    archived = [line for line in lines if line.rstrip().endswith("shared objects file (top)")]
    assert len(archived) > 100
    assert len(archived) > 0.95 * len(lines)
