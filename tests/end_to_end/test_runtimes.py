"""Every kind of runtime that is implemented, with a real interpreter of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import PYTHON, Deploy
from tests.handlers import folder

from .calls import invoke

WHICH_PYTHON = {
    "index.py": "import sys, boto3\n"
    "def handler(event, context):\n"
    "    return ['python%d.%d' % sys.version_info[:2], boto3.__file__]\n"
}


@pytest.mark.parametrize("runtime", sorted({PYTHON, "python3.12", "python3.13"}))
def test_a_python_function_runs_in_its_own_python(
    lambda_client: Any, deploy: Deploy, install_runtime: Callable[[str], str], runtime: str
) -> None:
    name = deploy(None, WHICH_PYTHON, install_runtime(runtime), "index.handler")
    python, boto3 = invoke(lambda_client, name).value
    assert python == runtime
    assert boto3.startswith("/var/runtime/")
    assert invoke(lambda_client, name).value[0] == runtime


def test_a_node_function_answers_fails_and_recovers(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    code = {
        "index.mjs": "let count = 0;\n"
        "export const handler = async (event) => {\n"
        "  count += 1;\n"
        "  if (event.exit) process.exit(event.exit);\n"
        "  if (event.fail) throw new TypeError('no such thing');\n"
        "  return event.nothing ? undefined : [event, count];\n"
        "};\n"
    }
    name = deploy(None, code, nodejs, "index.handler", Timeout=10, MemorySize=256)
    assert invoke(lambda_client, name, {"é": [1, None]}).value == [{"é": [1, None]}, 1]
    # Reference: runtime side, 4.2: nothing becomes null; an error's keys in this order.
    assert invoke(lambda_client, name, {"nothing": 1}).body == b"null"
    failed = invoke(lambda_client, name, {"fail": 1})
    assert list(json.loads(failed.body)) == ["errorType", "errorMessage", "trace"]
    assert invoke(lambda_client, name).value == [{}, 4]
    ended = invoke(lambda_client, name, {"exit": 7})
    assert ended.body == ended.platform_error("Runtime.ExitError", "Runtime exited with error: exit status 7")
    assert invoke(lambda_client, name).value == [{}, 1]


def test_a_node_stream_is_buffered_for_an_ordinary_invoke(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    """Reference: runtime side, 2.4, last point."""
    streaming = folder("streaming_nodejs")
    name = deploy(None, streaming, nodejs, "index.handler", MemorySize=256)
    assert invoke(lambda_client, name, {"chunks": 3}).body == b"chunk 0\nchunk 1\nchunk 2\n"
    assert invoke(lambda_client, name, {"chunks": 1}).body == b"chunk 0\n"


def test_a_node_stream_that_breaks_is_a_function_error(lambda_client: Any, deploy: Deploy, nodejs: str) -> None:
    """Reference: runtime side, 2.4: an error in the middle comes in the trailers."""
    name = deploy(None, folder("streaming_nodejs"), nodejs, "index.failing", MemorySize=256)
    answer = invoke(lambda_client, name)
    assert answer.error == "Unhandled"
    assert json.loads(answer.body)["errorMessage"] == "the stream broke"


def test_a_custom_runtime_in_shell_answers(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, folder("echo_shell"), "provided.al2023", "any.thing", MemorySize=1769, Timeout=10)
    for event in ({"number": 1}, ["a", "ü"], "text"):
        assert invoke(lambda_client, name, event).value == event


@pytest.mark.parametrize(
    "files",
    [{"no-bootstrap": "#!/bin/sh\n"}, {"bootstrap": "echo not executable\n"}],
    ids=["missing", "not executable"],
)
def test_a_custom_runtime_without_a_bootstrap_is_an_invalid_entrypoint(
    lambda_client: Any, deploy: Deploy, files: dict[str, str]
) -> None:
    """Reference: runtime side, 4.1."""
    name = deploy(None, files, "provided.al2023", "any.thing")
    for _ in range(2):
        answer = invoke(lambda_client, name)
        assert (answer.status, answer.error) == (200, "Unhandled")
        assert answer.body == answer.platform_error(
            "Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        )


def test_a_bootstrap_that_cannot_be_run_is_an_exit_error(lambda_client: Any, deploy: Deploy) -> None:
    name = deploy(None, {"bootstrap": "#!/no/such/interpreter\n"}, "provided.al2023", "any.thing")
    answer = invoke(lambda_client, name)
    assert answer.error == "Unhandled"
    assert json.loads(answer.body)["errorType"] in ("Runtime.ExitError", "Runtime.InvalidEntrypoint")


def test_a_wrapper_script_starts_the_runtime(lambda_client: Any, deploy: Deploy) -> None:
    """Reference: runtime side, 4.3."""
    code = {
        "wrapper": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n',
        "index.py": "import os\ndef handler(event, context):\n    return os.environ.get('WRAPPED')\n",
    }
    for wrapper, expected in (("/var/task/wrapper", "yes"), ("/var/task/absent", None)):
        variables = {"AWS_LAMBDA_EXEC_WRAPPER": wrapper}
        name = deploy(None, code, handler="index.handler", Environment={"Variables": variables})
        answer = invoke(lambda_client, name)
        if expected:
            assert answer.value == expected
        else:
            assert answer.body == answer.platform_error(
                "Runtime.ExitError", "Runtime exited with error: exit status 127"
            )


def test_a_packages_own_library_wins_over_the_runtimes(lambda_client: Any, deploy: Deploy) -> None:
    code = {
        "boto3/__init__.py": "__version__ = 'of the package'\n",
        "index.py": "import boto3\ndef handler(event, context):\n    return boto3.__version__\n",
    }
    assert invoke(lambda_client, deploy(None, code, handler="index.handler")).value == "of the package"
