"""Finds the Java virtual machines of this host."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.records import RuntimeNotReadyError

_VERSION = re.compile(r'^JAVA_VERSION="([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Jvm:
    """One installation. `home` becomes /var/lang: whole, since a JVM finds its parts beside its program."""

    version: str
    home: Path
    origin: str

    @property
    def release(self) -> str:
        return _release(self.version)

    @property
    def source(self) -> str:
        return f"{self.origin} ({self.home})"

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"


def find_jvm(release: str, named: Path | None, must_not_hold: tuple[Path, ...]) -> Jvm | None:
    """The first JVM of `release` ("21"): the one that the settings name, then JAVA_HOME's, PATH's, and the system's.

    One whose directory holds a directory of `must_not_hold` is passed over: all of it is seen inside every sandbox.
    Raises RuntimeNotReadyError if `named` is of another release or no JVM at all.
    """
    if named is not None:
        jvm = read_jvm(named, "the settings")
        if jvm is None or jvm.release != release:
            what = f"Java {jvm.version}" if jvm else "no Java installation (there is no bin/java, or no file `release`)"
            raise RuntimeNotReadyError(
                f"The setting 'interpreters' names {named} for Java {release}, but that is {what}"
            )
        return jvm
    for home, origin in _candidates():
        jvm = read_jvm(home, origin)
        if jvm is None or jvm.release != release:
            continue
        if not any(path.is_relative_to(jvm.home) for path in must_not_hold):
            return jvm
    return None


def read_jvm(home: Path, origin: str) -> Jvm | None:
    """The JVM in `home`, by the file `release` that every build since Java 8 has; nothing is run."""
    try:
        found = _VERSION.search((home / "release").read_text())
    except (OSError, UnicodeDecodeError):
        return None
    if found is None or not os.access(home / "bin" / "java", os.X_OK):
        return None
    return Jvm(found[1], home.resolve(), origin)


def outside_links(home: Path) -> tuple[Path, ...]:
    """What links in `home` lead to outside of it and of /usr, such as Debian's /etc/java-17-openjdk.

    A directory of Java's own in /etc is named as one; anything else by its file, lest more be shown than is needed.
    """
    found = set()
    for folder, folders, files in os.walk(home):
        for link in (Path(folder, name) for name in (*folders, *files)):
            if not link.is_symlink():
                continue
            target = link.resolve()
            if target.exists() and not target.is_relative_to(home) and not target.is_relative_to("/usr"):
                found.add(_directory_of_java(target) or target)
    return tuple(sorted(found))


def _directory_of_java(target: Path) -> Path | None:
    parts = target.parts
    is_javas = len(parts) > 3 and parts[1] == "etc" and parts[2].startswith("java")
    return Path(*parts[:3]) if is_javas else None


def _release(version: str) -> str:
    """ "17" of "17.0.15", "8" of "1.8.0_412"."""
    numbers = re.split(r"[._+-]", version)
    return numbers[1] if numbers[0] == "1" and len(numbers) > 1 else numbers[0]


def _candidates() -> Iterator[tuple[Path, str]]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home), "JAVA_HOME"
    if java := shutil.which("java"):
        # Java 8 has its `release` one directory further up, beside jre/.
        real = Path(java).resolve()
        yield real.parents[1], "PATH"
        yield real.parents[2], "PATH"
    yield from ((home, "system") for home in sorted(Path("/usr/lib/jvm").glob("*"), reverse=True))
    sdkman = Path(os.environ.get("SDKMAN_DIR") or Path.home() / ".sdkman") / "candidates" / "java"
    yield from ((home, "SDKMAN") for home in sorted(sdkman.glob("*"), reverse=True))
