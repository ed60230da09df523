"""The runtimes of this host: which are known, which are ready, and how one is made ready.

Everything here may run programs and copy files, so the event loop calls it in a thread; the answers are kept.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from threading import Lock
from typing import assert_never

from stoker.config import Settings, SettingsError
from stoker.runtimes.java.jvm import find_jvm
from stoker.runtimes.java.runtime import JavaRuntime
from stoker.runtimes.names import DEFAULT_ROOTS, KNOWN_RUNTIMES, KnownRuntime
from stoker.runtimes.nodejs.runtime import NodejsRuntime
from stoker.runtimes.provided import ProvidedRuntime
from stoker.runtimes.python.discovery import PythonInterpreter, find_interpreter
from stoker.runtimes.python.discovery import of_debian as python_of_debian
from stoker.runtimes.python.preload import PreloadStore, Requirement, preload_store, requirements_of
from stoker.runtimes.python.runtime import PythonRuntime
from stoker.runtimes.records import (
    InterpreterStatus,
    Runtime,
    RuntimeBuild,
    RuntimeInstallError,
    RuntimeNotReadyError,
    RuntimeStatus,
)
from stoker.runtimes.roots.debian import DebianRoot, may_be_had
from stoker.runtimes.roots.named import NamedRoot, RootImages
from stoker.runtimes.roots.runtime import DebianRuntime
from stoker.runtimes.ruby.interpreter import find_ruby
from stoker.runtimes.ruby.interpreter import of_debian as ruby_of_debian
from stoker.runtimes.ruby.runtime import RubyRuntime

# Languages whose interpreters can be named in the setting `interpreters`; Python's and Node.js's are always found.
NAMED_LANGUAGES = ("java", "ruby")


class RuntimeCatalogue:
    """Safe to use from several threads; several processes may share one runtimes directory."""

    def __init__(self, settings: Settings, images: RootImages, today: Callable[[], date] = date.today) -> None:
        """Raises SettingsError. `images` are the source of roots that the settings name."""
        _check_interpreters(settings)
        _check_roots(settings)
        self._preload = _requirements(settings)
        self._images = images
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

    def preloads(self, build: RuntimeBuild) -> PreloadStore | None:
        """What the settings want preloaded into the zygote of `build`; None for nothing, or where there is none."""
        return preload_store(build, self._settings.runtimes_dir / "preload", self._preload)

    def list(self) -> Sequence[RuntimeStatus]:
        """Every known runtime and what is missing for it. Runs each interpreter once."""
        with self._lock:
            return [self._status(known) for known in KNOWN_RUNTIMES.values()]

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

    def _runtime(self, known: KnownRuntime) -> Runtime:
        """Raises RuntimeNotReadyError where there is no interpreter and none can be fetched."""
        if source := self._settings.runtime_roots.get(known.name) or DEFAULT_ROOTS.get(known.name):
            return NamedRoot(known, source, self._images, self._settings.runtimes_dir / known.name)
        assert known.language != "dotnet"
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
                return ProvidedRuntime(known)
        assert_never(known.language)

    def _python(self, known: KnownRuntime) -> Runtime:
        release = known.release
        if release not in self._pythons:
            self._pythons[release] = find_interpreter(release, self._must_not_be_shown())
        interpreter, place = self._pythons[release], self._settings.runtimes_dir / known.name
        if interpreter is not None:
            return PythonRuntime(known, interpreter, place)
        if may_be_had(known.name):
            return self._debian(known, lambda root: PythonRuntime(known, python_of_debian(root, release), place))
        raise RuntimeNotReadyError(
            f"No Python {release} was found on this machine. Install one, for example: uv python install {release} "
            f"(or: pyenv install {release}), then type: stoker runtimes install {known.name}"
        )

    def _java(self, known: KnownRuntime) -> JavaRuntime:
        jvm = find_jvm(known.release, self._named(known), self._must_not_be_shown())
        return JavaRuntime(known, jvm, self._settings.runtimes_dir)

    def _ruby(self, known: KnownRuntime) -> Runtime:
        release, place = known.release, self._settings.runtimes_dir / known.name
        ruby = find_ruby(release, self._named(known), self._must_not_be_shown())
        if ruby is not None:
            return RubyRuntime(known, ruby, place)
        if may_be_had(known.name):
            return self._debian(known, lambda root: RubyRuntime(known, ruby_of_debian(root), place))
        raise RuntimeNotReadyError(
            f"No Ruby {release} was found on this machine. Install one, for example: rbenv install {release} "
            f"(or name one in the setting 'interpreters'), then type: stoker runtimes install {known.name}"
        )

    def _debian(self, known: KnownRuntime, join: Callable[[DebianRoot], Runtime]) -> Runtime:
        return DebianRuntime(known, self._settings.runtimes_dir, self._settings.debian_mirror, join)

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


def _requirements(settings: Settings) -> tuple[Requirement, ...]:
    """Of the setting `preload`. Raises SettingsError."""
    try:
        return requirements_of(settings.preload)
    except ValueError as error:
        raise SettingsError(f"setting 'preload': {error}") from None


def _check_roots(settings: Settings) -> None:
    """Raises SettingsError: `runtime_roots` names runtimes, each in one place only."""
    for name in settings.runtime_roots:
        if name not in KNOWN_RUNTIMES:
            raise SettingsError(f"setting 'runtime_roots': {name!r} is not a runtime, such as 'dotnet8'")
        if name in settings.interpreters:
            raise SettingsError(f"settings 'runtime_roots' and 'interpreters' both name {name!r}: one is enough")
