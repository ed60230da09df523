"""Fetches AWS's runtime client for Java with Maven, once for all releases, and checks every byte of it."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build
from stoker.runtimes.java.jvm import Jvm
from stoker.runtimes.records import RuntimeInstallError

GROUP, PACKAGE, VERSION = "com.amazonaws", "aws-lambda-java-runtime-interface-client", "2.9.0"
# The client and all it needs, in the order of AWS's class path, with the digests that they had when this was written.
JARS = {
    "aws-lambda-java-core-1.4.0.jar": "575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed",
    f"{PACKAGE}-{VERSION}.jar": "26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9",
    "aws-lambda-java-serialization-1.2.0.jar": "1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7",
    "utils-lite-2.34.0.jar": "efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a",
    "annotations-2.34.0.jar": "fafdcb55f4e5af603f5219f4a2b080aa0decb562a7c0944f7a7eca82dd47e487",
}
# The client's native part, which it would otherwise unpack into every environment's /tmp.
_MACHINES = {"x86_64": "x86_64", "aarch64": "aarch_64"}
NATIVE = f"jni/libaws-lambda-jni.linux-{_MACHINES.get(platform.machine(), platform.machine())}.so"

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_PROJECT = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>stoker</groupId><artifactId>client</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>{GROUP}</groupId><artifactId>{PACKAGE}</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
MAVEN_TIMEOUT_S = 600.0


def find_client(runtimes_dir: Path) -> Path | None:
    """The directory with the jars and the native part, if they were fetched before."""
    path = _path(runtimes_dir)
    return path / "lib" if is_built(path) else None


def fetch_client(runtimes_dir: Path, jvm: Jvm, progress: Callable[[str], None]) -> Path:
    """Fetch the client unless it is there; `jvm` is for Maven. Raises RuntimeInstallError."""

    def fill(directory: Path) -> Mapping[str, str]:
        progress(f"Fetching AWS's runtime client for Java ({PACKAGE} {VERSION})")
        library = directory / "lib"
        library.mkdir()
        _run_maven(library, jvm)
        check_jars(library)
        with zipfile.ZipFile(library / f"{PACKAGE}-{VERSION}.jar") as archive:
            archive.extract(NATIVE, library)
        return {"version": VERSION}

    make_build(_path(runtimes_dir), fill)
    return _path(runtimes_dir) / "lib"


def _path(runtimes_dir: Path) -> Path:
    return build_path(runtimes_dir / "java-client", {**JARS, "native": NATIVE})


def _run_maven(library: Path, jvm: Jvm) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeInstallError(
            "Maven is needed once, to fetch AWS's runtime client for Java. Type: sudo apt-get install -y maven"
        )
    with tempfile.TemporaryDirectory(prefix="stoker-java-") as scratch:
        Path(scratch, "pom.xml").write_text(_PROJECT)
        command = [maven, "--batch-mode", "--no-transfer-progress", _PLUGIN]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={library}"]
        try:
            ended = subprocess.run(
                command,
                cwd=scratch,
                env={**os.environ, "JAVA_HOME": str(jvm.home)},
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=MAVEN_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeInstallError(f"mvn did not finish within {MAVEN_TIMEOUT_S:.0f} seconds") from None
    if ended.returncode != 0:
        raise RuntimeInstallError(f"mvn failed:\n{(ended.stdout + ended.stderr).strip()[-2000:]}")


def check_jars(library: Path) -> None:
    """Raises RuntimeInstallError unless `library` holds the pinned files and nothing else."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in library.iterdir()}
    wrong = sorted(name for name in found.keys() | JARS.keys() if found.get(name) != JARS.get(name))
    if wrong:
        raise RuntimeInstallError(
            f"what Maven fetched is not what AWS published: {', '.join(wrong)} has another digest or is missing. "
            "Look at the mirror in Maven's settings, and at its local repository"
        )
