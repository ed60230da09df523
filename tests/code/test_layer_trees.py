"""Merged layers on a real file system."""

import asyncio
import os
from pathlib import Path

import pytest

from stoker.code.layer_trees import LayerTrees, layer_list
from stoker.code.records import CodePackage
from stoker.code.store import FLUSHED, FRESH_S, CodeStore
from stoker.runtimes.records import RuntimeBuild
from tests.code.archives import archive, file, link, raw_archive


@pytest.fixture
async def trees(code_store: CodeStore) -> LayerTrees:
    trees = LayerTrees(code_store)
    await trees.open()
    return trees


async def merged(trees: LayerTrees, code_store: CodeStore, *archives: bytes) -> tuple[Path, tuple[CodePackage, ...]]:
    packages = tuple([await code_store.put(content) for content in archives])
    tree = await trees.tree(packages)
    assert tree is not None
    return tree, packages


async def test_later_layers_overwrite_equal_paths(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, _ = await merged(
        trees,
        code_store,
        archive({"python/a.py": "first", "python/both.py": "first"}),
        archive({"python/b.py": "second", "python/both.py": "second"}),
    )
    texts = {path.name: path.read_text() for path in (tree / "python").iterdir()}
    assert texts == {"a.py": "first", "b.py": "second", "both.py": "second"}


async def test_the_order_makes_another_tree(trees: LayerTrees, code_store: CodeStore) -> None:
    one, two = archive({"x": "1"}), archive({"x": "2"})
    assert ((await merged(trees, code_store, one, two))[0] / "x").read_text() == "2"
    assert ((await merged(trees, code_store, two, one))[0] / "x").read_text() == "1"


async def test_a_file_a_directory_and_a_link_replace_each_other(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, _ = await merged(
        trees,
        code_store,
        raw_archive(file("was_file"), file("was_directory/inner"), link("was_link", "was_directory")),
        raw_archive(file("was_file/inner"), file("was_link/inner", b"new"), link("was_directory", "was_link")),
    )
    assert (tree / "was_file/inner").read_bytes() == b"x"
    assert not (tree / "was_link").is_symlink()
    assert (tree / "was_directory").readlink() == Path("was_link")
    assert (tree / "was_directory/inner").read_bytes() == b"new"


async def test_nothing_is_written_through_a_link(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, packages = await merged(
        trees,
        code_store,
        raw_archive(file("real/inner", b"old"), link("alias", "real")),
        raw_archive(file("alias/inner", b"new")),
    )
    assert (tree / "real/inner").read_bytes() == b"old"
    assert (code_store.tree(packages[0]) / "real/inner").read_bytes() == b"old"


async def test_files_cost_their_space_once_and_keep_their_modes(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, packages = await merged(trees, code_store, archive({"bin/tool": "x"}))
    (package,) = packages
    merged_stat, stat = (tree / "bin/tool").stat(), (code_store.tree(package) / "bin/tool").stat()
    assert (merged_stat.st_ino, merged_stat.st_mode) == (stat.st_ino, stat.st_mode)
    assert oct((tree / "bin").stat().st_mode) == oct((code_store.tree(package) / "bin").stat().st_mode)


async def test_one_tree_for_everybody_who_asks_at_once(trees: LayerTrees, code_store: CodeStore) -> None:
    packages = tuple([await code_store.put(archive({str(number): "x"})) for number in range(5)])
    paths = await asyncio.gather(*(trees.tree(packages) for _ in range(10)))
    assert len(set(paths)) == 1
    assert await trees.tree(()) is None


async def test_bytecode_is_made_for_opt_and_once(
    trees: LayerTrees, code_store: CodeStore, python_build: RuntimeBuild
) -> None:
    tree, packages = await merged(trees, code_store, archive({"python/m.py": "A = 1\n"}))
    await trees.compile_bytecode(packages, python_build)
    (compiled,) = (tree / "python/__pycache__").iterdir()
    assert b"/opt/python/m.py" in compiled.read_bytes()
    made_ns = compiled.stat().st_mtime_ns
    await trees.compile_bytecode(packages, python_build)
    assert compiled.stat().st_mtime_ns == made_ns
    assert not (code_store.tree(packages[0]) / "python/__pycache__").exists()


async def test_bytecode_of_a_package_that_is_also_a_functions_code_stays_out(
    trees: LayerTrees, code_store: CodeStore, python_build: RuntimeBuild
) -> None:
    package = await code_store.put(archive({"m.py": "A = 1\n"}))
    await code_store.compile_bytecode(package, python_build)
    override = await code_store.put(archive({"m.py": "A = 2\n"}))
    tree = await trees.tree((package, override))
    assert tree is not None
    assert os.listdir(tree / "__pycache__") == []


async def test_an_unfinished_tree_is_deleted_at_start_and_made_again(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, packages = await merged(trees, code_store, archive({"x": "1"}))
    (tree.parent / FLUSHED).unlink()
    again = LayerTrees(code_store)
    await again.open()
    assert not tree.parent.exists()
    assert await again.tree(packages) == tree
    assert (tree / "x").read_text() == "1"


async def test_trees_survive_a_restart(trees: LayerTrees, code_store: CodeStore) -> None:
    tree, packages = await merged(trees, code_store, archive({"x": "1"}))
    made = tree.stat().st_ino
    again = LayerTrees(code_store)
    await again.open()
    await again.tree(packages)
    assert tree.stat().st_ino == made


async def test_unused_trees_are_swept_once_they_are_no_longer_fresh(
    trees: LayerTrees, code_store: CodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, used_packages = await merged(trees, code_store, archive({"x": "1"}))
    unused, packages = await merged(trees, code_store, archive({"x": "2"}))
    in_use = {layer_list(used_packages)}
    assert await trees.delete_unused(in_use) == 0
    now_s = asyncio.get_running_loop().time()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s + FRESH_S + 1)
    assert await trees.delete_unused(in_use) == 1
    assert used.exists()
    assert not unused.exists()
    assert await trees.tree(packages) == unused
    assert (unused / "x").read_text() == "2"


async def test_a_package_that_is_gone_leaves_nothing_half_made(trees: LayerTrees, code_store: CodeStore) -> None:
    present = await code_store.put(archive({"x": "1"}))
    before = set(code_store.root.iterdir())
    with pytest.raises(FileNotFoundError):
        await trees.tree((present, CodePackage("ab" * 32, 1)))
    assert set(code_store.root.iterdir()) == before
