"""The Java handlers of tests/handlers/java, compiled."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.runtimes.records import RuntimeBuild, RuntimeInstallError, RuntimeNotReadyError
from tests.handlers import folder

# The oldest release that the tests run.
RELEASE = "11"


def ready(installed: RuntimeCatalogue, name: str) -> RuntimeBuild:
    """The runtime `name`, installed if need be; skips where it cannot be had."""
    try:
        return installed.install(name, progress=lambda _: None)
    except (RuntimeNotReadyError, RuntimeInstallError) as error:
        pytest.skip(str(error))


def compile_handlers(build: RuntimeBuild, directory: Path) -> Path:
    """`directory` with the classes of `example` and `library`, made against AWS's libraries; skips without javac."""
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    assert build.runtime_dir is not None
    sources = [str(path) for path in folder("java").rglob("*.java")]
    command = ["javac", "-Xlint:-options", "--release", RELEASE, "-classpath", f"{build.runtime_dir}/lib/*"]
    subprocess.run([*command, "-d", str(directory), *sources], check=True, timeout=60)
    return directory


def jar_of(classes: Path, package: str, target: Path) -> bytes:
    """A jar with the classes of `package`."""
    subprocess.run(["jar", "--create", "--file", target, "-C", classes, package], check=True, timeout=60)
    return target.read_bytes()
