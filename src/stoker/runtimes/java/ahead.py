"""What lies over AWS's client in a sandbox whose JVM is started before there is a function (decision 0046).

A JVM takes its class path and main class from its command line, and so would everybody see a jar of ours there. Instead
one of AWS's jars has another in its place while the JVM waits, with our class added: one of no use at run time, which
holds nothing but annotations. It has the same size and time, which is what a JVM compares: so the archive of classes
(`archive.py`) is good for both, and what is in it of ours is never seen by a JVM that is started in the usual way.

In `inside/` our classes lie as javac makes them, since a JVM need not come with a compiler, beside their sources;
`tests/runtimes/test_java_ahead.py` compares.
"""

import hashlib
import logging
import os
import shutil
import zipfile
from pathlib import Path

from stoker.runtimes.java.archive import Ahead, write_archive
from stoker.runtimes.java.jvm import Jvm
from stoker.runtimes.records import Cover

log = logging.getLogger("stoker.runtimes")

MAIN = "com.amazonaws.services.lambda.runtime.api.client.Ahead"
COVERED = "annotations-2.34.0.jar"
INSIDE = Path(__file__).parent / "inside"
CLASSES = ("Ahead.class", "Rehearsed.class")
_FOLDER = "cover"


def digests() -> dict[str, str]:
    """Of our classes, by name."""
    return {name: hashlib.sha256((INSIDE / name).read_bytes()).hexdigest() for name in CLASSES}


def archived(directory: Path, jvm: Jvm, jars: tuple[str, ...], flags: tuple[str, ...], main: str) -> bool:
    """Write the archive of the build in `directory` with a JVM that waits, and the cover that makes others do so.

    Whether that worked: if not, such a JVM is not started ahead.
    """
    library, cover, kept = directory / "runtime" / "lib", directory / _FOLDER, directory / COVERED
    try:
        _make_cover(cover, library / COVERED)
    except ValueError as error:
        return _gave_up(cover, str(error))
    (library / COVERED).rename(kept)
    try:
        shutil.copy2(cover / COVERED, library)
        is_written = write_archive(jvm, library.parent, jars, flags, main, Ahead(MAIN, cover / "rehearsal"))
    finally:
        kept.replace(library / COVERED)
    return is_written or _gave_up(cover, f"a rehearsal with Java {jvm.version} failed")


def _gave_up(cover: Path, reason: str) -> bool:
    shutil.rmtree(cover)
    log.warning("Java will not be started ahead: %s", reason)
    return False


def cover_of(directory: Path) -> Cover | None:
    """That of the finished build in `directory`, if it has one."""
    cover = directory / _FOLDER
    return Cover(f"/var/runtime/lib/{COVERED}", cover, MAIN) if cover.is_dir() else None


def _make_cover(cover: Path, jar: Path) -> None:
    """Raises ValueError if `jar` has no room for our class."""
    _place_package(cover / "rehearsal")
    covered = cover / jar.name
    with zipfile.ZipFile(jar) as theirs, zipfile.ZipFile(covered, "w", zipfile.ZIP_DEFLATED) as ours:
        for entry in theirs.infolist():
            if entry.filename == "META-INF/MANIFEST.MF" or entry.filename.endswith(".class"):
                ours.writestr(entry, theirs.read(entry))
        ours.writestr(f"{MAIN.replace('.', '/')}.class", (INSIDE / "Ahead.class").read_bytes())
    status = jar.stat()
    missing = status.st_size - covered.stat().st_size
    if missing < 0:
        raise ValueError(f"{jar.name} has no room for a class of ours")
    with zipfile.ZipFile(covered, "a") as ours:
        ours.comment = b" " * missing
    os.utime(covered, ns=(status.st_atime_ns, status.st_mtime_ns))


def _place_package(directory: Path) -> None:
    """A function's package, twice: as classes and as a jar in lib/, since AWS's client looks into both."""
    (directory / "lib").mkdir(parents=True)
    shutil.copyfile(INSIDE / "Rehearsed.class", directory / "Rehearsed.class")
    with zipfile.ZipFile(directory / "lib" / "rehearsed.jar", "w") as jar:
        jar.write(INSIDE / "Rehearsed.class", "Rehearsed.class")
