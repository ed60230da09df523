"""The runtimes of this host: which are known, which are ready, and how one is made ready.

Everything here may run programs and copy files, so the event loop calls it in a thread; the answers are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Protocol, assert_never

from stoker.config import Settings, SettingsError
from stoker.runtimes.java.jvm import find_jvm
from stoker.runtimes.java.runtime import JavaRuntime
from stoker.runtimes.names import ABSENT_RUNTIMES, KNOWN_RUNTIMES, KnownRuntime
from stoker.runtimes.nodejs.runtime import NodejsRuntime
from stoker.runtimes.python.discovery import PythonInterpreter, find_interpreter
from stoker.runtimes.python.runtime import PythonRuntime
from stoker.runtimes.records import (
    InterpreterStatus,
    RuntimeBuild,
    RuntimeInstallError,
    RuntimeNotReadyError,
    RuntimeStatus,
)
from stoker.runtimes.ruby.interpreter import find_ruby
from stoker.runtimes.ruby.runtime import RubyRuntime

# Languages whose interpreters can be named in the setting `interpreters`; Python's and Node.js's are always found.
NAMED_LANGUAGES = ("java", "ruby")


class RuntimeCatalogue:
    """Safe to use from several threads; several processes may share one runtimes directory."""

    def __init__(self, settings: Settings, today: Callable[[], date] = date.today) -> None:
        """Raises SettingsError."""
        _check_interpreters(settings)
        self._settings = settings
        self._today = today
        self._builds: dict[str, RuntimeBuild] = {}
        self._pythons: dict[str, PythonInterpreter | None] = {}
        self._lock = Lock()

    def is_known(self, name: str) -> bool:
        """Whether `name` is a runtime that Stoker offers, ready or not."""
        return name in KNOWN_RUNTIMES

    def find(self, name: str) -> RuntimeBuild:
        """The runtime `name`, ready to run. The first call may take seconds, the others do not.

        Raises RuntimeNotReadyError with what to type, and KeyError for a name that is not known.
        """
        known = KNOWN_RUNTIMES[name]
        with self._lock:
            if name not in self._builds:
                self._builds[name] = self._find(known)
            return self._builds[name]

    def found(self, name: str) -> RuntimeBuild | None:
        """The runtime `name` if it was found before: no waiting, for the path of an invocation."""
        return self._builds.get(name)

    def install(self, name: str, progress: Callable[[str], None]) -> RuntimeBuild:
        """Fetch and build what `name` needs; nothing happens if it is ready.

        `progress` gets one line for each step. Raises RuntimeInstallError or RuntimeNotReadyError (no interpreter).
        """
        known = KNOWN_RUNTIMES[name]
        with self._lock:
            self._builds.pop(name, None)
            self._pythons.pop(known.release, None)
            self._builds[name] = self._runtime(known).install(progress)
            return self._builds[name]

    def list(self) -> Sequence[RuntimeStatus]:
        """Every known runtime and what is missing for it, then those of AWS's that are not offered.

        Runs each interpreter once.
        """
        with self._lock:
            statuses = [self._status(known) for known in KNOWN_RUNTIMES.values()]
        absent = [
            RuntimeStatus(
                name,
                name.rstrip("0123456789"),
                is_ready=False,
                version="",
                source="",
                hint=f"Not offered. {instead}",
                is_deprecated=False,
            )
            for name, instead in ABSENT_RUNTIMES.items()
        ]
        return [*statuses, *absent]

    def _find(self, known: KnownRuntime) -> RuntimeBuild:
        try:
            return self._runtime(known).find()
        except RuntimeInstallError as error:
            raise RuntimeNotReadyError(f"The runtime {known.name} could not be made ready: {error}") from error

    def _status(self, known: KnownRuntime) -> RuntimeStatus:
        try:
            status = self._runtime(known).status()
        except RuntimeNotReadyError as error:
            status = InterpreterStatus("", "", is_ready=False, hint=str(error))
        hint = status.hint
        if not status.is_ready and not hint:
            hint = f"Type: stoker runtimes install {known.name}"
        is_deprecated = known.is_deprecated(self._today())
        return RuntimeStatus(
            known.name, known.language, status.is_ready, status.version, status.source, hint, is_deprecated
        )

    def _runtime(self, known: KnownRuntime) -> "_Runtime":
        """Raises RuntimeNotReadyError where there is no interpreter and none can be fetched."""
        match known.language:
            case "python":
                return self._python(known)
            case "nodejs":
                return NodejsRuntime(known, self._settings.runtimes_dir)
            case "java":
                return self._java(known)
            case "ruby":
                return self._ruby(known)
            case "provided":
                return _ProvidedRuntime(known)
        assert_never(known.language)

    def _python(self, known: KnownRuntime) -> PythonRuntime:
        release = known.release
        if release not in self._pythons:
            self._pythons[release] = find_interpreter(release, self._must_not_be_shown())
        interpreter = self._pythons[release]
        if interpreter is None:
            raise RuntimeNotReadyError(
                f"No Python {release} was found on this machine. Install one, for example: uv python install {release} "
                f"(or: pyenv install {release}), then type: stoker runtimes install {known.name}"
            )
        return PythonRuntime(known, interpreter, self._settings.runtimes_dir / known.name)

    def _java(self, known: KnownRuntime) -> JavaRuntime:
        jvm = find_jvm(known.release, self._named(known), self._must_not_be_shown())
        return JavaRuntime(known, jvm, self._settings.runtimes_dir)

    def _ruby(self, known: KnownRuntime) -> RubyRuntime:
        release = known.release
        ruby = find_ruby(release, self._named(known), self._must_not_be_shown())
        if ruby is None:
            raise RuntimeNotReadyError(
                f"No Ruby {release} was found on this machine. Install one, for example: rbenv install {release} "
                f"(or name one in the setting 'interpreters'), then type: stoker runtimes install {known.name}"
            )
        return RubyRuntime(known, ruby, self._settings.runtimes_dir / known.name)

    def _named(self, known: KnownRuntime) -> Path | None:
        named = self._settings.interpreters.get(known.name)
        return Path(named).expanduser() if named else None

    def _must_not_be_shown(self) -> tuple[Path, ...]:
        return (Path.home().resolve(), self._settings.data.resolve())


def _check_interpreters(settings: Settings) -> None:
    """Raises SettingsError: a name in `interpreters` is that of a runtime whose interpreter can be named."""
    for name in settings.interpreters:
        known = KNOWN_RUNTIMES.get(name)
        if known is None or known.language not in NAMED_LANGUAGES:
            raise SettingsError(f"setting 'interpreters': {name!r} is not a Java or Ruby runtime such as 'java21'")


class _Runtime(Protocol):
    """One runtime on this host."""

    def find(self) -> RuntimeBuild: ...

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild: ...

    def status(self) -> InterpreterStatus: ...


@dataclass(frozen=True, slots=True)
class _ProvidedRuntime:
    """A custom runtime has nothing of ours: the sandbox looks for the customer's bootstrap."""

    known: KnownRuntime

    def find(self) -> RuntimeBuild:
        return RuntimeBuild(
            name=self.known.name,
            language="provided",
            version=f"provided:{self.known.release}.v1",
            source=self.status().source,
            lang_dir=None,
            runtime_dir=None,
            interpreter=None,
            command=(),
            host_interpreter=None,
            host_command=(),
            can_fork=False,
        )

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        progress("Nothing to do: a custom runtime is the function's own")
        return self.find()

    def status(self) -> InterpreterStatus:
        return InterpreterStatus("", "the function's own bootstrap", is_ready=True)
