"""The runtimes of this host: which are known, which are ready, and how one is made ready.

Everything here may run programs and copy files, so the event loop calls it in a thread; the answers are kept.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from threading import Lock
from typing import assert_never

from stoker.config import Settings
from stoker.runtimes.names import KNOWN_RUNTIMES, KnownRuntime
from stoker.runtimes.nodejs.runtime import NodejsRuntime
from stoker.runtimes.python.discovery import PythonInterpreter, find_interpreter
from stoker.runtimes.python.runtime import PythonRuntime
from stoker.runtimes.records import RuntimeBuild, RuntimeInstallError, RuntimeNotReadyError, RuntimeStatus


class RuntimeCatalogue:
    """Safe to use from several threads; several processes may share one runtimes directory."""

    def __init__(self, settings: Settings, today: Callable[[], date] = date.today) -> None:
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
            self._builds[name] = self._install(known, progress)
            return self._builds[name]

    def list(self) -> Sequence[RuntimeStatus]:
        """Every known runtime and what is missing for it. Runs each interpreter once."""
        with self._lock:
            return [self._status(known) for known in KNOWN_RUNTIMES.values()]

    def _find(self, known: KnownRuntime) -> RuntimeBuild:
        try:
            match known.language:
                case "python":
                    return self._python(known).find()
                case "nodejs":
                    return self._nodejs(known).find()
                case "provided":
                    return _provided(known)
        except RuntimeInstallError as error:
            raise RuntimeNotReadyError(f"The runtime {known.name} could not be made ready: {error}") from error
        assert_never(known.language)

    def _install(self, known: KnownRuntime, progress: Callable[[str], None]) -> RuntimeBuild:
        match known.language:
            case "python":
                return self._python(known).install(progress)
            case "nodejs":
                return self._nodejs(known).install(progress)
            case "provided":
                return _provided(known)
        assert_never(known.language)

    def _status(self, known: KnownRuntime) -> RuntimeStatus:
        version = source = hint = ""
        try:
            match known.language:
                case "python":
                    python = self._python(known)
                    version, source, is_ready = python.interpreter.version, python.interpreter.source, python.is_ready()
                case "nodejs":
                    version, source, is_ready, hint = self._nodejs(known).status()
                case "provided":
                    source, is_ready = "the function's own bootstrap", True
        except RuntimeNotReadyError as error:
            is_ready, hint = False, str(error)
        if not is_ready and not hint:
            hint = f"Type: stoker runtimes install {known.name}"
        is_deprecated = known.is_deprecated(self._today())
        return RuntimeStatus(known.name, known.language, is_ready, version, source, hint, is_deprecated)

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

    def _nodejs(self, known: KnownRuntime) -> NodejsRuntime:
        return NodejsRuntime(known, self._settings.runtimes_dir)

    def _must_not_be_shown(self) -> tuple[Path, ...]:
        return (Path.home().resolve(), self._settings.data.resolve())


def _provided(known: KnownRuntime) -> RuntimeBuild:
    """A custom runtime has nothing of ours: the sandbox looks for the customer's bootstrap."""
    return RuntimeBuild(
        name=known.name,
        language="provided",
        version=f"provided:{known.release}.v1",
        source="the function's own bootstrap",
        lang_dir=None,
        runtime_dir=None,
        interpreter=None,
        command=(),
        host_interpreter=None,
        host_command=(),
        can_fork=False,
    )
