import importlib.util
import marshal
import os
import py_compile
from dataclasses import replace
from pathlib import Path
from types import CodeType

import pytest

from stoker.code.store import CodeStore
from stoker.runtimes.records import RuntimeBuild
from tests.code.archives import archive, file, link, raw_archive

UNCHECKED_HASH = 0b01  # PEP 552


def bytecode(tree: Path, name: str) -> bytes:
    return Path(importlib.util.cache_from_source(str(tree / name))).read_bytes()


def loaded(tree: Path, name: str) -> CodeType:
    code = marshal.loads(bytecode(tree, name)[16:])
    assert isinstance(code, CodeType)
    return code


async def test_bytecode_is_believed_unseen_and_names_the_path_in_the_sandbox(
    code_store: CodeStore, python_build: RuntimeBuild
) -> None:
    package = await code_store.put(archive({"app.py": "x = 1\n", "lib/deep.py": "y = 2\n"}))
    await code_store.compile_bytecode(package, python_build)
    tree = code_store.tree(package)
    assert int.from_bytes(bytecode(tree, "app.py")[4:8], "little") == UNCHECKED_HASH
    assert loaded(tree, "app.py").co_filename == "/var/task/app.py"
    assert loaded(tree, "lib/deep.py").co_filename == "/var/task/lib/deep.py"


async def test_nothing_of_the_package_is_executed(
    code_store: CodeStore, python_build: RuntimeBuild, tmp_path: Path
) -> None:
    evil = f"open({str(tmp_path / 'proof')!r}, 'w').close()\n"
    names = ("app.py", "sitecustomize.py", "usercustomize.py", "py_compile.py", "os.py", "contextlib.py")
    package = await code_store.put(archive(dict.fromkeys(names, evil)))
    await code_store.compile_bytecode(package, python_build)
    assert not (tmp_path / "proof").exists()
    assert loaded(code_store.tree(package), "os.py").co_filename == "/var/task/os.py"


@pytest.mark.parametrize(
    "source",
    [b"def broken(:\n", b"\0\0\0", b"# coding: klingon\n", b"\xff\xfe\xff", b"(" * 100_000, b"-" * 200_000 + b"1"],
    ids=["syntax", "NULs", "coding", "no UTF-8", "nested", "stacked"],
)
async def test_a_file_that_does_not_compile_harms_no_other(
    source: bytes, code_store: CodeStore, python_build: RuntimeBuild
) -> None:
    package = await code_store.put(archive({"a_bad.py": source, "b_good.py": "x = 1\n"}))
    await code_store.compile_bytecode(package, python_build)
    assert loaded(code_store.tree(package), "b_good.py")


async def test_a_package_is_compiled_once_for_each_version_of_a_runtime(
    code_store: CodeStore, python_build: RuntimeBuild
) -> None:
    package = await code_store.put(archive({"app.py": "x = 1\n"}))
    await code_store.compile_bytecode(package, python_build)
    cached = Path(importlib.util.cache_from_source(str(code_store.tree(package) / "app.py")))
    cached.unlink()
    await code_store.compile_bytecode(package, python_build)
    assert not cached.exists()
    await code_store.compile_bytecode(package, replace(python_build, version="python:3.x.v2"))
    assert cached.exists()


async def test_bytecode_that_came_along_stays_only_if_python_would_believe_it(
    code_store: CodeStore, python_build: RuntimeBuild, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("shipped = True\n")
    modes = py_compile.PycInvalidationMode
    brought = {}
    for name, mode in (("believed", modes.UNCHECKED_HASH), ("stale", modes.TIMESTAMP)):
        target = tmp_path / name
        py_compile.compile(str(tmp_path / "app.py"), str(target), invalidation_mode=mode)
        brought[importlib.util.cache_from_source(f"{name}.py")] = target.read_bytes()
    package = await code_store.put(archive({"believed.py": "x = 1\n", "stale.py": "x = 1\n", **brought}))
    await code_store.compile_bytecode(package, python_build)
    assert "shipped" in loaded(code_store.tree(package), "believed.py").co_names
    assert "x" in loaded(code_store.tree(package), "stale.py").co_names


async def test_links_are_not_followed(code_store: CodeStore, python_build: RuntimeBuild) -> None:
    package = await code_store.put(
        raw_archive(file("real.py", b"x = 1"), link("alias.py", "real.py"), link("d/__pycache__", ".."), file("d/m.py"))
    )
    await code_store.compile_bytecode(package, python_build)
    tree = code_store.tree(package)
    assert sorted(path.name for path in (tree / "__pycache__").iterdir()) == [
        os.path.basename(importlib.util.cache_from_source("real.py"))
    ]
    assert not list(tree.glob("*.pyc"))


async def test_an_interpreter_that_is_not_there_does_not_fail_a_deployment(
    code_store: CodeStore, python_build: RuntimeBuild, caplog: pytest.LogCaptureFixture
) -> None:
    package = await code_store.put(archive({"app.py": ""}))
    await code_store.compile_bytecode(package, replace(python_build, host_interpreter="/no/such/python"))
    assert "cannot compile" in caplog.text


async def test_other_languages_have_nothing_to_compile(code_store: CodeStore, python_build: RuntimeBuild) -> None:
    package = await code_store.put(archive({"app.py": ""}))
    await code_store.compile_bytecode(package, replace(python_build, language="nodejs"))
    assert [path.name for path in code_store.tree(package).iterdir()] == ["app.py"]
