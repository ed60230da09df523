"""Which functions have a preloaded package themselves: each of its files, and nothing that would come before them."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stoker.environments.same_files import found_at
from stoker.runtimes.python.preload import PreloadFile, PreloadPackage

FILES = {"heavy/__init__.py": "VALUE = 1\n", "heavy/part/__init__.py": "", "heavy/part/more.py": "VALUE = 2\n"}


def package(files: dict[str, str] = FILES, label: str = "heavy 1.0") -> PreloadPackage:
    return PreloadPackage(
        label=label,
        modules=("heavy",),
        tree=Path("/nowhere"),
        files={name: PreloadFile(len(text), hashlib.sha256(text.encode()).hexdigest()) for name, text in files.items()},
        names=frozenset({"heavy", "json", "booster"}),
        absent=("booster", "heavy.part.local"),
        variables=frozenset(),
    )


def lay(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


@pytest.fixture
def task(tmp_path: Path) -> Path:
    return lay(tmp_path / "task", {**FILES, "handler.py": ""})


def place(task: Path, opt: Path | None = None, heavy: PreloadPackage | None = None) -> str:
    return found_at((heavy or package(),), task, opt, "3.12")[0]


def test_a_function_with_the_same_files_has_the_package(task: Path) -> None:
    assert place(task) == "/var/task"


@pytest.mark.parametrize("folder", ["python", "python/lib/python3.12/site-packages"])
def test_a_layer_has_it_in_either_of_two_places(tmp_path: Path, folder: str) -> None:
    task, opt = lay(tmp_path / "task", {"handler.py": ""}), tmp_path / "opt"
    lay(opt / folder, FILES)
    assert place(task, opt) == f"/opt/{folder}"


def test_another_python_does_not_look_there(tmp_path: Path) -> None:
    task, opt = lay(tmp_path / "task", {"handler.py": ""}), tmp_path / "opt"
    lay(opt / "python/lib/python3.11/site-packages", FILES)
    assert place(task, opt) == ""


@pytest.mark.parametrize(
    "added",
    [
        {"heavy/__init__.py": "VALUE = 3\n"},  # of the same size
        {"heavy/part/more.py": ""},
        {"booster.py": ""},  # what the package would have imported if it had been there
        {"booster/__init__.py": ""},
        {"heavy/part/local.py": ""},
        {"json/__init__.py": ""},
        {"heavy/part/more.cpython-312-x86_64-linux-gnu.so": ""},
        {"heavy/part/more/__init__.py": ""},
    ],
)
def test_what_a_function_has_otherwise_wins(task: Path, added: dict[str, str]) -> None:
    lay(task, added)
    assert place(task) == ""


def test_what_a_function_has_besides_does_not_matter(task: Path) -> None:
    lay(
        task,
        {"heavy/part/extra.py": "", "heavy/part/more.pyi": "", "other/__init__.py": "", "heavy-1.0.dist-info/x": ""},
    )
    assert place(task) == "/var/task"


def test_a_missing_file_and_a_link_are_not_the_same(task: Path) -> None:
    more = task / "heavy/part/more.py"
    more.rename(task / "elsewhere.py")
    assert place(task) == ""
    more.symlink_to(task / "elsewhere.py")
    assert place(task) == ""
    more.unlink()
    os.mkfifo(more)
    assert place(task) == ""


def test_a_folder_that_is_a_link_is_not_the_same(task: Path) -> None:
    (task / "heavy").rename(task / "real")
    (task / "heavy").symlink_to("real")
    assert place(task) == ""


def test_a_layers_other_version_does_not_count_where_the_package_has_its_own(task: Path, tmp_path: Path) -> None:
    opt = tmp_path / "opt"
    lay(opt / "python", {"heavy/__init__.py": "VALUE = 9\n"})
    assert place(task, opt) == ""


def test_libraries_in_the_linkers_path_win_over_a_packages_own(task: Path) -> None:
    native = package({**FILES, "heavy/fast.so": "machine code"})
    lay(task, {"heavy/fast.so": "machine code"})
    assert place(task, heavy=native) == "/var/task"
    lay(task, {"lib/libgfortran.so.5": ""})
    assert place(task, heavy=native) == ""


def test_the_place_with_most_packages_is_taken(tmp_path: Path, make: Callable[[str], PreloadPackage]) -> None:
    task = lay(tmp_path / "task", {"one.py": ""})
    opt = tmp_path / "opt"
    lay(opt / "python", {"two.py": "", "three.py": ""})
    found = found_at((make("one"), make("two"), make("three")), task, opt, "3.12")
    assert (found[0], [it.label for it in found[1]]) == ("/opt/python", ["two", "three"])


def test_a_module_of_one_file_can_be_shadowed_too(tmp_path: Path, make: Callable[[str], PreloadPackage]) -> None:
    task = lay(tmp_path / "task", {"one.py": ""})
    assert found_at((make("one"),), task, None, "3.12")[0] == "/var/task"
    lay(task, {"one/__init__.py": ""})
    assert found_at((make("one"),), task, None, "3.12")[0] == ""


@pytest.fixture
def make() -> Callable[[str], PreloadPackage]:
    """A package of one empty file."""
    empty = PreloadFile(0, hashlib.sha256().hexdigest())
    return lambda name: PreloadPackage(
        name, (name,), Path("/nowhere"), {f"{name}.py": empty}, frozenset({name}), (), frozenset()
    )
