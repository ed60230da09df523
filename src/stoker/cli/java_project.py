"""A directory with a Java function in it: the jar that its build tool made, and what the classes in it say.

A jar is a package already: Lambda takes it as it is. Nothing is compiled here.
"""

import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from stoker.cli.failures import CommandError, usage_error
from stoker.runtimes.java.jvm import read_jvm
from stoker.runtimes.names import KNOWN_RUNTIMES

# The build tool's own files, where it puts jars, and what makes them.
BUILDS = (
    ("pom.xml", "target", "mvn package"),
    ("build.gradle", "build/libs", "gradle build"),
    ("build.gradle.kts", "build/libs", "gradle build"),
)
# Made beside the jar that is meant, and how the jar is called that holds what it depends on.
_BESIDE = ("-sources", "-javadoc", "-tests", "-plain")
_COMPLETE = ("-jar-with-dependencies", "-all", "-aws", "-shaded", "-uber")
_INTERFACES = frozenset(
    f"com/amazonaws/services/lambda/runtime/{name}" for name in ("RequestHandler", "RequestStreamHandler")
)
# A class's version is that of the release of Java it needs and this: 61 is 17. None is offered below 8.
_CLASS_VERSIONS_BEFORE = 44
_RELEASE_MIN = 8


def is_java_project(directory: Path) -> bool:
    return any((directory / file).is_file() for file, _, _ in BUILDS) or any(directory.glob("*.jar"))


def find_jar(directory: Path) -> Path:
    """The one jar to deploy. Raises CommandError if there is none, or more than one that could be meant."""
    folders, command = [directory], ""
    for file, output, how in BUILDS:
        if (directory / file).is_file():
            folders, command = [directory / output, directory], how
            break
    for folder in folders:
        jars = [jar for jar in sorted(folder.glob("*.jar")) if not _is_beside(jar)]
        complete = [jar for jar in jars if jar.stem.endswith(_COMPLETE)]
        for found in (complete, jars):
            if len(found) == 1:
                return found[0]
        if jars:
            names = ", ".join(jar.name for jar in jars)
            raise usage_error(f"which of the jars in {folder} is the function: {names}?", "keep one of them there")
    raise CommandError(
        f"there is no jar in {folders[0]}", f"build it first: {command}" if command else "build it first"
    )


def guess_java_runtime(directory: Path) -> str:
    """That of this machine's `java`, or an older one's successor if the classes are newer. Raises CommandError."""
    offered = {int(known.release): known.name for known in KNOWN_RUNTIMES.values() if known.language == "java"}
    needed = max((version for version, _, _ in _classes(find_jar(directory))), default=min(offered))
    java = shutil.which("java")
    jvm = read_jvm(Path(java).resolve().parents[1], "PATH") if java else None
    own = int(jvm.release) if jvm else 0
    if own >= needed and own in offered:
        return offered[own]
    enough = [release for release in sorted(offered) if release >= needed]
    if not enough:
        raise CommandError(f"the classes are made for Java {needed}, and no runtime is that new")
    return offered[enough[0]]


def guess_java_handler(directory: Path) -> str:
    """The one class that is a RequestHandler or RequestStreamHandler. Raises CommandError."""
    found = [name for _, name, interfaces in _classes(find_jar(directory)) if _INTERFACES & set(interfaces)]
    if len(found) == 1:
        return found[0].replace("/", ".")
    what = f"several handlers were found: {', '.join(sorted(found))}" if found else "no handler was found"
    raise usage_error(what.replace("/", "."), "say which it is: --handler package.Class::method")


def _is_beside(jar: Path) -> bool:
    return jar.stem.endswith(_BESIDE) or jar.stem.startswith("original-")


def _classes(jar: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Of every class: the release of Java it needs, its name, its interfaces. Raises CommandError."""
    try:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                # What is in META-INF is for other releases of Java, or no class of the function's.
                if name.endswith(".class") and not name.startswith(("META-INF/", "module-info")):
                    yield _read_class(archive.read(name))
    except (OSError, zipfile.BadZipFile, struct.error, LookupError, UnicodeDecodeError) as error:
        raise CommandError(f"{jar} cannot be read: {error}") from None


# How many bytes an entry of a constant pool has after its tag (JVM specification, 4.4); text is not in it.
_ENTRY_BYTES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_TEXT, _LONG, _DOUBLE, _CLASS = 1, 5, 6, 7


def _read_class(data: bytes) -> tuple[int, str, list[str]]:
    """Source of the layout: the JVM specification, 4.1."""
    major, count = struct.unpack_from(">HH", data, 6)
    texts: dict[int, str] = {}
    names: dict[int, int] = {}
    at, index = 10, 1
    while index < count:
        tag = data[at]
        if tag == _TEXT:
            (length,) = struct.unpack_from(">H", data, at + 1)
            texts[index] = data[at + 3 : at + 3 + length].decode(errors="replace")
            at += 3 + length
        else:
            if tag == _CLASS:
                (names[index],) = struct.unpack_from(">H", data, at + 1)
            at += 1 + _ENTRY_BYTES[tag]
        # These two take the place of two entries.
        index += 2 if tag in (_LONG, _DOUBLE) else 1
    _, this, _, interface_count = struct.unpack_from(">4H", data, at)
    interfaces = struct.unpack_from(f">{interface_count}H", data, at + 8)
    release = max(major - _CLASS_VERSIONS_BEFORE, _RELEASE_MIN)
    return release, texts[names[this]], [texts[names[interface]] for interface in interfaces]
