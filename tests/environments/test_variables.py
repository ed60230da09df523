"""Which variables win, and which ones forbid a start by fork (reference: runtime side, 3.1)."""

from dataclasses import replace

import pytest

from stoker.clock import SystemClock
from stoker.environments.variables import may_fork, may_start_ahead, variables
from stoker.functions.records import FunctionVersion
from stoker.role_sessions import RoleSessions
from stoker.runtimes.records import RuntimeBuild
from tests.functions.test_store import new_function

BASE = {"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8", "PATH": "/bin"}

KEYS = RoleSessions(b"k", SystemClock()).begin("000000000000", "arn:aws:iam::000000000000:role/r", "f")


def version(**environment: str) -> FunctionVersion:
    return replace(new_function("f").latest, environment=environment)


def build(language: str) -> RuntimeBuild:
    name = {"python": "python3.12", "nodejs": "nodejs24.x", "java": "java21", "provided": "provided.al2023"}[language]
    return RuntimeBuild(name, language, "", "", None, None, None, (), None, (), False)


def made(language: str = "python", **environment: str) -> dict[str, str]:
    return variables(
        version(**environment),
        build(language),
        "stream",
        "169.254.100.1:9001",
        BASE,
        credentials=KEYS,
        metadata_token="token",
    )


@pytest.mark.parametrize("name", ["LANG", "PATH", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS"])
def test_the_customer_may_override_what_is_not_reserved(name: str) -> None:
    """Reference, 3.2, "Not reserved"."""
    assert made()[name] != "mine"
    assert made(**{name: "mine"})[name] == "mine"


@pytest.mark.parametrize(
    "name",
    [
        "_HANDLER",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    ],
)
def test_the_platforms_own_win(name: str) -> None:
    """Reference, 3.1, last sentence; creating a function refuses them anyway."""
    assert made(**{name: "mine"})[name] == made()[name] != "mine"


def test_a_custom_runtime_gets_nothing_of_the_managed_ones() -> None:
    managed = {"AWS_EXECUTION_ENV", "PWD", "SHLVL", "_LAMBDA_TELEMETRY_LOG_FD"}
    assert made().keys() - made("provided").keys() == managed
    assert made()["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"


def test_no_shell_starts_a_jvm() -> None:
    assert made().keys() - made("java").keys() == {"PWD", "SHLVL"}
    assert made("java")["_LAMBDA_TELEMETRY_LOG_FD"] == "62"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("COLOUR", True),
        ("PATH", True),
        ("NODE_OPTIONS", True),
        ("MY_PYTHONPATH", True),
        ("LCX", True),
        ("PYTHONPATH", False),
        ("PYTHONHASHSEED", False),
        ("LD_LIBRARY_PATH", False),
        ("LD_PRELOAD", False),
        ("MALLOC_ARENA_MAX", False),
        ("LC_ALL", False),
        ("LANG", False),
        ("TZ", False),
        ("OPENSSL_CONF", False),
        ("AWS_LAMBDA_EXEC_WRAPPER", False),
    ],
)
def test_a_variable_that_is_read_at_the_start_forbids_a_fork(name: str, expected: bool) -> None:
    assert may_fork(version(**{name: "x"})) is expected
    assert may_fork(version(COLOUR="x"))
    assert may_fork(replace(version(), environment=None))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("COLOUR", True),
        ("AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA", True),
        ("HTTPS_PROXY", True),
        ("NODE_OPTIONS", False),
        ("NODE_PATH", False),
        ("UV_THREADPOOL_SIZE", False),
        ("SSL_CERT_FILE", False),
        ("RES_OPTIONS", False),
        ("JAVA_TOOL_OPTIONS", False),
        ("_JAVA_OPTIONS", False),
        ("JDK_JAVA_OPTIONS", False),
        ("AWS_LAMBDA_JAVA_NETWORKADDRESS_CACHE_NEGATIVE_TTL", True),
        ("LD_PRELOAD", False),
        ("TZ", False),
        ("AWS_LAMBDA_EXEC_WRAPPER", False),
    ],
)
def test_a_variable_that_an_interpreter_reads_at_its_start_forbids_one_that_was_started_ahead(
    name: str, expected: bool
) -> None:
    assert may_start_ahead(version(**{name: "x"})) is expected
    assert may_start_ahead(replace(version(), environment=None))


def test_a_snapshot_has_no_keys_and_no_log_in_it() -> None:
    """Reference, 2.6: credentials are fetched, and each restore has a log stream of its own."""
    usual = made()
    snapped = variables(
        version(AWS_CONTAINER_AUTHORIZATION_TOKEN="mine"),
        build("python"),
        "stream",
        "169.254.100.1:9001",
        BASE,
        "snap-start",
        credentials_token="token",
        credentials=KEYS,
        metadata_token="token",
    )
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    logs = {"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}
    assert usual.keys() - snapped.keys() == keys | logs
    assert {name: snapped[name] for name in snapped.keys() - usual.keys()} == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/2021-04-23/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
    }
    assert snapped["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
