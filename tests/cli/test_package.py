import io
import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from stoker.cli.failures import CommandError
from stoker.cli.package import build, pip_command

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


def built(directory: Path, work: Path, runtime: str = PYTHON) -> zipfile.ZipFile:
    work.mkdir()
    return zipfile.ZipFile(io.BytesIO(build(directory, runtime, work, lambda text: None)))


@pytest.fixture
def function(tmp_path: Path) -> Path:
    directory = tmp_path / "function"
    (directory / "data").mkdir(parents=True)
    (directory / "app.py").write_text("def handler(event, context): ...\n")
    (directory / "data" / "table.csv").write_text("a,b\n")
    (directory / "tool.sh").write_text("#!/bin/sh\n")
    (directory / "tool.sh").chmod(0o700)
    (directory / "link").symlink_to("app.py")
    return directory


def test_the_same_files_give_the_same_bytes(function: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(function, copy, symlinks=True)
    (copy / "app.py").touch()
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    assert build(function, PYTHON, first, lambda text: None) == build(copy, PYTHON, second, lambda text: None)


def test_modes_and_links_are_kept(function: Path, tmp_path: Path) -> None:
    modes = {entry.filename: entry.external_attr >> 16 for entry in built(function, tmp_path / "work").infolist()}
    assert modes == {"app.py": 0o100644, "data/table.csv": 0o100644, "tool.sh": 0o100755, "link": 0o120777}


def test_what_tools_leave_behind_is_not_packed(function: Path, tmp_path: Path) -> None:
    for name in (".git/config", ".venv/pyvenv.cfg", "__pycache__/app.cpython-311.pyc", "data/__pycache__/x.pyc"):
        (function / name).parent.mkdir(parents=True, exist_ok=True)
        (function / name).write_text("x")
    (function / "function.toml").write_text("")
    names = set(built(function, tmp_path / "work").namelist())
    assert names == {"app.py", "data/table.csv", "tool.sh", "link"}


def test_requirements_are_installed_for_the_runtime(function: Path, tmp_path: Path) -> None:
    (function / "requirements.txt").write_text("six==1.17.0\n")
    names = built(function, tmp_path / "work").namelist()
    assert "six.py" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_requirements_that_cannot_be_had_are_one_message(function: Path, tmp_path: Path) -> None:
    (function / "requirements.txt").write_text("./nowhere\n")
    with pytest.raises(CommandError, match=r"pip failed: .*nowhere"):
        built(function, tmp_path / "work")


def test_pip_is_told_the_runtime_and_not_this_interpreter() -> None:
    command = " ".join(pip_command(Path("/p"), "python3.12"))
    assert "--python-version 3.12 --abi cp312 --abi abi3 --abi none" in command
    assert "--only-binary=:all:" in command
    assert "--platform manylinux_2_28_" in command
    assert "manylinux_2_28" not in " ".join(pip_command(Path("/p"), "python3.11"))


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is missing")
def test_npm_installs_without_what_is_for_development(tmp_path: Path) -> None:
    directory = tmp_path / "function"
    for name in ("used", "tool"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0"}))
    (directory / "node_modules" / "stale").mkdir(parents=True)
    (directory / "node_modules" / "stale" / "index.js").write_text("")
    (directory / "index.js").write_text("exports.handler = async () => 1")
    for name in ("used", "tool"):
        shutil.make_archive(str(tmp_path / name), "gztar", tmp_path, name)
    wanted = {
        "dependencies": {"used": f"file:{tmp_path}/used.tar.gz"},
        "devDependencies": {"tool": f"file:{tmp_path}/tool.tar.gz"},
    }
    (directory / "package.json").write_text(json.dumps({"name": "f", "version": "1.0.0", **wanted}))
    names = built(directory, tmp_path / "work", "nodejs22.x").namelist()
    assert "node_modules/used/package.json" in names
    assert not [name for name in names if "stale" in name or "tool" in name]


def test_gems_that_are_not_beside_the_code_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text("source 'x'\n  gem 'nokogiri'\n")
    with pytest.raises(CommandError, match="not in vendor/bundle") as refused:
        build(tmp_path, "ruby3.4", tmp_path / "work", lambda _: None)
    assert "bundle install" in refused.value.next_step
    for release in ("3.3.0", "3.4.0"):
        with pytest.raises(CommandError, match=r"vendor/bundle has no gems for ruby3\.4|not in vendor/bundle"):
            build(tmp_path, "ruby3.4", tmp_path / "work", lambda _: None)
        (tmp_path / "vendor" / "bundle" / "ruby" / release).mkdir(parents=True)
    assert build(tmp_path, "ruby3.4", tmp_path / "work", lambda _: None)
