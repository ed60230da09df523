"""Clients and runtimes for tests that run whole functions on a whole node."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stoker.config import Settings, default_runtimes_dir
from stoker.runtimes.records import RuntimeInstallError, RuntimeNotReadyError
from tests.catalogues import catalogue_of
from tests.conftest import Deploy, Node, deployer

Aws = Callable[..., Any]
AWS_LIMIT_S = 60


@pytest.fixture
def aws(platform: Node, tmp_path: Path) -> Aws:
    """The AWS CLI: `aws("lambda", "list-functions")` is the answer, parsed (None if there was no output)."""

    def aws(*arguments: str, access_key: str = "test") -> Any:
        command = [str(Path(sys.executable).with_name("aws")), *arguments]
        done = subprocess.run(
            command,
            env=aws_environment(platform, access_key),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=AWS_LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    return aws


def aws_environment(node: Node, access_key: str = "test") -> dict[str, str]:
    """All that the CLI needs to use the node, and nothing of the person who runs the tests."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": node.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
    }


@pytest.fixture(scope="session")
def install_runtime() -> Callable[[str], str]:
    """Makes a runtime ready, as `stoker runtimes install` would, and answers with its name; skips if that cannot be.

    The first time may take a minute; what was built stays in the user's cache.
    """
    catalogue = catalogue_of(Settings(data=Path("/nonexistent"), runtimes_dir=default_runtimes_dir()))

    def install(name: str) -> str:
        try:
            catalogue.install(name, lambda _: None)
        except (RuntimeInstallError, RuntimeNotReadyError) as error:
            pytest.skip(f"needs the runtime {name}: {error}")
        return name

    return install


@pytest.fixture(scope="session")
def nodejs(install_runtime: Callable[[str], str]) -> str:
    return install_runtime("nodejs20.x")


@pytest.fixture(scope="module")
def deploy_module(lambda_client: Any) -> Iterator[Deploy]:
    """Like `deploy`, for functions that all tests of a module share."""
    deploy, clean_up = deployer(lambda_client)
    yield deploy
    clean_up()
