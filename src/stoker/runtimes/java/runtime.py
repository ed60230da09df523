"""One Java runtime: which JVM, AWS's client beside it, and the archive that joins the two."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build
from stoker.runtimes.java.archive import write_archive
from stoker.runtimes.java.client import JARS, NATIVE, PACKAGE, VERSION, fetch_client, find_client
from stoker.runtimes.java.jvm import Jvm, outside_links
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeNotReadyError

MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
# From this release on a JVM can write an archive of classes that are not its own by itself (JEP 350).
ARCHIVE_SINCE = 17


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    known: KnownRuntime
    jvm: Jvm
    runtimes_dir: Path

    def find(self) -> RuntimeBuild:
        """The build, made on the spot if only the JVM is another one. Raises RuntimeNotReadyError."""
        client = find_client(self.runtimes_dir)
        if client is None:
            raise RuntimeNotReadyError(
                f"The runtime {self.known.name} is not ready on this machine. "
                f"Type: stoker runtimes install {self.known.name}"
            )
        make_build(self._path(), lambda directory: self._fill(directory, client))
        return self._build()

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Like `find`, but fetches the client if need be. Raises RuntimeInstallError."""
        fetch_client(self.runtimes_dir, self.jvm, progress)
        if not is_built(self._path()):
            progress(f"Writing an archive of its classes for Java {self.jvm.version}")
        return self.find()

    def status(self) -> InterpreterStatus:
        return InterpreterStatus(self.jvm.version, self.jvm.source, find_client(self.runtimes_dir) is not None)

    def _path(self) -> Path:
        own = {"home": str(self.jvm.home), "version": self.jvm.version, "flags": " ".join(self._flags("/"))}
        return build_path(self.runtimes_dir / self.known.name, {**JARS, **own})

    def _fill(self, directory: Path, client: Path) -> Mapping[str, str]:
        runtime = directory / "runtime"
        shutil.copytree(client, runtime / "lib")
        if int(self.known.release) >= ARCHIVE_SINCE:
            write_archive(self.jvm, runtime, tuple(JARS), self._flags(str(runtime)), MAIN)
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

    def _build(self) -> RuntimeBuild:
        path, name = self._path(), self.known.name
        runtime_dir = path / "runtime"
        execution_env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{name}"}
        archive: tuple[str, ...] = ()
        if (runtime_dir / "lib" / "client.jsa").is_file():
            # An archive that does not fit the function's own flags is not worth a line in its log.
            archive = ("-Xshare:auto", "-XX:SharedArchiveFile=/var/runtime/lib/client.jsa", "-Xlog:cds*=off")
        return RuntimeBuild(
            name=name,
            language="java",
            version=f"java:{self.known.release}.v1",
            source=self.jvm.source,
            lang_dir=self.jvm.home,
            runtime_dir=runtime_dir,
            interpreter="/var/lang/bin/java",
            command=("/var/lang/bin/java", *archive, *self._arguments("/var/runtime")),
            host_interpreter=str(self.jvm.executable),
            host_command=(str(self.jvm.executable), *self._arguments(str(runtime_dir))),
            can_fork=False,
            environment=execution_env,
            host_environment=execution_env,
            client=f"{PACKAGE} {VERSION}",
            lent=outside_links(self.jvm.home),
        )

    def _arguments(self, runtime: str) -> tuple[str, ...]:
        class_path = ":".join(f"{runtime}/lib/{jar}" for jar in JARS)
        return (*self._flags(runtime), "-classpath", class_path, MAIN)
