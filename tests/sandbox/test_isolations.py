"""Isolations that other packages bring: a node takes the one installed, or says in one line why not."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Node, NodeProcess, deployer
from tests.handlers import folder

ROOT = Path(__file__).parent.parent.parent
PACKAGE = '''
"""Pretends to be another kind of isolation: namespaces, counted."""

from stoker.sandbox.isolations import MakerContext
from stoker.sandbox.namespaces import NamespaceSandboxes


class Counted:
    isolation = "microvm"

    def __init__(self, context: MakerContext) -> None:
        self._own = context.data / "run" / self.isolation
        self._inner = NamespaceSandboxes(
            context.data, context.code, context.networks, limits=context.limits, directories=context.directories
        )

    async def __aenter__(self):
        await self._inner.__aenter__()
        self._own.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *error):
        await self._inner.__aexit__(*error)

    async def prepare(self, build, *, fork, network):
        await self._inner.prepare(build, fork=False, network=network)

    async def make(self, spec, first, on_exit):
        (self._own / spec.name).mkdir()
        return await self._inner.make(spec, first, on_exit)


def broken(context):
    raise OSError("no virtual machines today")


def impostor(context):
    return NamespaceSandboxes(context.data, context.code, limits=context.limits)
'''


@pytest.fixture
def install(tmp_path: Path) -> Callable[[str, str], str]:
    """`install(name, factory)` puts a package on a path, as an installer would; answers with PYTHONPATH."""
    site = tmp_path / "site"

    def install(name: str, factory: str) -> str:
        information = site / f"{name}-1.0.dist-info"
        information.mkdir(parents=True)
        (site / f"{name}.py").write_text(PACKAGE)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[stoker.isolations]\nmicrovm = {name}:{factory}\n")
        return str(site)

    return install


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the package that is installed makes namespaces")
def test_a_node_runs_functions_in_the_sandboxes_of_an_installed_package(
    install: Callable[[str, str], str], start_node: Callable[..., tuple[NodeProcess, Node]]
) -> None:
    process, node = start_node(STOKER_ISOLATION="microvm", PYTHONPATH=install("counted", "Counted"))
    deploy, _ = deployer(node.client("lambda"))
    name = deploy(None, folder("echo_python"), handler="index.handler")
    response = node.client("lambda").invoke(FunctionName=name, Payload=b'{"number": 1}')
    assert json.load(response["Payload"]) == {"number": 1}
    with urllib.request.urlopen(f"{node.endpoint}/_stoker/health", timeout=10) as health:
        assert json.load(health)["isolation"] == "microvm"
    assert len(list((node.data / "run" / "microvm").iterdir())) == 1
    assert process.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the package that is installed makes namespaces")
def test_a_package_can_hold_its_sandboxes_against_the_contract(install: Callable[[str, str], str]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--isolation", "microvm"),
            *("tests/sandbox/test_contract.py", "-k", "exit_status or reset or kill"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": install("counted", "Counted")},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def refusal(data: Path, **environment: str) -> str:
    """What `stoker up` says instead of starting."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOKER_")}
    done = subprocess.run(
        [sys.executable, "-m", "stoker", "up", "--data", str(data), "--port", "0"],
        env={**clean, **environment},
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    return done.stderr


def test_without_a_package_the_node_does_not_start_and_says_what_is_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "data", STOKER_ISOLATION="microvm") == (
        "stoker: isolation 'microvm' needs a package that provides it (entry point microvm in stoker.isolations), and "
        "none is installed. See docs/isolation.md\n"
    )


def test_two_packages_a_broken_one_and_an_impostor_are_named(
    tmp_path: Path, install: Callable[[str, str], str]
) -> None:
    settings = {"STOKER_ISOLATION": "microvm", "PYTHONPATH": install("one", "broken")}
    assert refusal(tmp_path / "data", **settings) == (
        "stoker: isolation 'microvm': one:broken failed: OSError: no virtual machines today\n"
    )
    install("two", "impostor")
    assert refusal(tmp_path / "data", **settings) == (
        "stoker: isolation 'microvm' is provided more than once: by one:broken and two:impostor. "
        "Uninstall all but one\n"
    )
    (tmp_path / "site" / "one-1.0.dist-info" / "entry_points.txt").unlink()
    assert refusal(tmp_path / "data", **settings) == (
        "stoker: isolation 'microvm': two:impostor made sandboxes of isolation 'namespaces'\n"
    )


def test_without_runsc_the_node_does_not_start_and_says_what_to_install(tmp_path: Path) -> None:
    settings = {"STOKER_ISOLATION": "gvisor", "STOKER_RUNSC": "/no/such/runsc"}
    assert refusal(tmp_path / "data", **settings) == (
        "stoker: isolation 'gvisor' is not possible here: gVisor's program runsc is not on PATH: install gVisor, or "
        "name the program with the setting runsc. See: stoker doctor\n"
    )
