"""What makes a JVM wait: our classes, and the jar that brings them."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from stoker.runtimes.java import ahead
from stoker.runtimes.java.client import JARS
from stoker.runtimes.records import COVER, RuntimeBuild


def test_the_classes_are_what_javac_makes_of_the_sources_beside_them(java: RuntimeBuild, tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("needs javac: sudo apt-get install openjdk-17-jdk-headless")
    sources = sorted(ahead.INSIDE.glob("*.java"))
    command = ["javac", "-Xlint:-options", "-g:none", "--release", "8", "-classpath", f"{java.runtime_dir}/lib/*"]
    subprocess.run([*command, "-d", str(tmp_path), *map(str, sources)], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.rglob("*.class")}
    assert made == {name: (ahead.INSIDE / name).read_bytes() for name in ahead.CLASSES}


def test_the_jar_that_covers_awss_passes_for_it(java: RuntimeBuild) -> None:
    """A JVM compares size and time with those in its archive of classes."""
    assert java.cover is not None
    assert java.runtime_dir is not None
    theirs, ours = java.runtime_dir / "lib" / ahead.COVERED, java.cover.directory / ahead.COVERED
    assert (ours.stat().st_size, int(ours.stat().st_mtime)) == (theirs.stat().st_size, int(theirs.stat().st_mtime))
    with zipfile.ZipFile(theirs) as theirs_read, zipfile.ZipFile(ours) as ours_read:
        names = [name for name in theirs_read.namelist() if name.endswith(".class")]
        assert [ours_read.read(name) for name in names] == [theirs_read.read(name) for name in names]
        assert f"{ahead.MAIN.replace('.', '/')}.class" in ours_read.namelist()
    assert ahead.COVERED in JARS
    assert java.cover.source == f"{COVER}/{ahead.COVERED}"
