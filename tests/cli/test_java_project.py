import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from stoker.cli.failures import CommandError
from stoker.cli.java_project import find_jar
from stoker.cli.package import build
from stoker.cli.project import guess_handler, guess_runtime

HANDLER = """
package shop;
public class Order implements com.amazonaws.services.lambda.runtime.RequestStreamHandler {
    public static final long NUMBER = 1L << 40;
    public static final double FRACTION = 0.1;
    public void handle() { Runnable r = () -> System.out.println("é" + NUMBER + FRACTION); r.run(); }
}
"""
# What the interface is made of is not looked at: its name is enough.
INTERFACE = "package com.amazonaws.services.lambda.runtime; public interface RequestStreamHandler {}"


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classes for Java 11, by whatever compiler there is."""
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    directory = tmp_path_factory.mktemp("classes")
    (directory / "Order.java").write_text(HANDLER, "utf-8")
    (directory / "RequestStreamHandler.java").write_text(INTERFACE)
    sources = [str(path) for path in directory.glob("*.java")]
    command = ["javac", "-encoding", "UTF-8", "--release", "11", "-Xlint:-options", "-d", str(directory), *sources]
    subprocess.run(command, check=True, timeout=60)
    return directory


@pytest.fixture
def project(classes: Path, tmp_path: Path) -> Path:
    """A Maven project that was built."""
    (tmp_path / "pom.xml").write_text("<project/>")
    (tmp_path / "target").mkdir()
    with zipfile.ZipFile(tmp_path / "target" / "shop-1.0.jar", "w") as jar:
        for path in classes.rglob("*.class"):
            jar.write(path, path.relative_to(classes))
    return tmp_path


def test_a_built_project_is_deployed_as_its_jar(project: Path) -> None:
    jar = project / "target" / "shop-1.0.jar"
    for name in ("original-shop-1.0.jar", "shop-1.0-sources.jar"):
        shutil.copy(jar, project / "target" / name)
    runtime = guess_runtime(project, None)
    assert runtime.startswith("java")
    assert guess_handler(project, runtime) == "shop.Order"
    assert build(project, runtime, project, lambda _: None) == jar.read_bytes()


def test_the_jar_with_the_dependencies_is_preferred(project: Path) -> None:
    shutil.copy(project / "target" / "shop-1.0.jar", project / "target" / "shop-1.0-all.jar")
    assert find_jar(project).name == "shop-1.0-all.jar"


def test_without_a_java_the_runtime_is_the_oldest_that_the_classes_allow(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    assert guess_runtime(project, None) == "java11"


@pytest.mark.parametrize("file", ["pom.xml", "build.gradle", "build.gradle.kts"])
def test_a_project_that_was_not_built_is_told_how(tmp_path: Path, file: str) -> None:
    (tmp_path / file).touch()
    with pytest.raises(CommandError, match="there is no jar") as refused:
        guess_runtime(tmp_path, None)
    assert refused.value.next_step.startswith("build it first: ")


def test_several_jars_or_handlers_are_a_question(project: Path) -> None:
    with zipfile.ZipFile(project / "target" / "shop-1.0.jar", "a") as jar:
        data = jar.read("shop/Order.class")
        jar.writestr("shop/Other.class", data.replace(b"shop/Order", b"shop/Other"))
    with pytest.raises(CommandError, match=r"several handlers were found: shop\.Order, shop\.Other"):
        guess_handler(project, "java17")
    shutil.copy(project / "target" / "shop-1.0.jar", project / "target" / "shop-1.1.jar")
    with pytest.raises(CommandError, match="which of the jars"):
        find_jar(project)


def test_a_jar_that_is_none_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "function.jar").write_bytes(b"no zip")
    with pytest.raises(CommandError, match="cannot be read"):
        guess_handler(tmp_path, "java21")
