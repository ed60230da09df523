"""One Python runtime: which interpreter, which packages, and the build that joins them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.python import packages
from stoker.runtimes.python.discovery import PythonInterpreter
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeNotReadyError


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """`root` is this runtime's own directory for builds."""

    known: KnownRuntime
    interpreter: PythonInterpreter
    root: Path

    def find(self) -> RuntimeBuild:
        """The build, made on the spot where that needs no network. Raises RuntimeNotReadyError, RuntimeInstallError."""
        path = self._path()
        if not is_built(path):
            if not self.interpreter.is_ours:
                raise RuntimeNotReadyError(
                    f"The runtime {self.known.name} is not ready on this machine. "
                    f"Type: stoker runtimes install {self.known.name}"
                )
            make_build(path, self._fill_with_ours)
        return self._build(path)

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Like `find`, but fetches what is missing. Raises RuntimeInstallError."""
        path = self._path()
        if not self.interpreter.is_ours:
            make_build(path, lambda directory: self._fill_from_wheels(directory, progress))
        return self.find()

    def status(self) -> InterpreterStatus:
        is_ready = self.interpreter.is_ours or is_built(self._path())
        return InterpreterStatus(self.interpreter.version, self.interpreter.source, is_ready)

    def _path(self) -> Path:
        recipe = packages.copy_recipe() if self.interpreter.is_ours else packages.fetch_recipe(self.interpreter)
        # The bytecode is the interpreter's, and /var/lang of a system Python points at it: another one, another build.
        own = {"prefix": str(self.interpreter.prefix), "version": self.interpreter.version}
        if self.interpreter.root is not None:
            own["root"] = str(self.interpreter.root)
        return build_path(self.root, recipe | own | {"bootstrap": packages.BOOTSTRAP.read_text()})

    def _fill_with_ours(self, directory: Path) -> Mapping[str, str]:
        runtime = directory / "runtime"
        runtime.mkdir()
        packages.copy_packages(runtime)
        return self._finish(directory, runtime)

    def _fill_from_wheels(self, directory: Path, progress: Callable[[str], None]) -> Mapping[str, str]:
        runtime = directory / "runtime"
        runtime.mkdir()
        packages.fetch_packages(self.interpreter, runtime, progress)
        progress("Compiling bytecode")
        return self._finish(directory, runtime)

    def _finish(self, directory: Path, runtime: Path) -> Mapping[str, str]:
        packages.finish(self.interpreter, runtime)
        if self.interpreter.prefix == Path("/usr"):
            self._link_to_usr(directory / "lang")
        return packages.versions_in(runtime)

    def _link_to_usr(self, lang: Path) -> None:
        """A /var/lang for a system Python: sandboxes have /usr, so links into it are enough."""
        name = f"python{self.known.release}"
        (lang / "bin").mkdir(parents=True)
        for link in (name, "python3", "python"):
            (lang / "bin" / link).symlink_to(self.interpreter.inside or self.interpreter.executable)
        # Where the distribution keeps it may not be on AWS's LD_LIBRARY_PATH, but /var/lang/lib is.
        (lang / "lib").mkdir()
        if (library := self.interpreter.library) is not None:
            (lang / "lib" / library.name).symlink_to(library)

    def _build(self, path: Path) -> RuntimeBuild:
        runtime_dir = path / "runtime"
        lang_dir = path / "lang" if (path / "lang").is_dir() else self.interpreter.prefix
        inside = f"/var/lang/bin/python{self.known.release}"
        execution_env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{self.known.name}"}
        return RuntimeBuild(
            name=self.known.name,
            language="python",
            version=f"python:{self.known.release}.v1",
            source=self.interpreter.source,
            lang_dir=lang_dir,
            runtime_dir=runtime_dir,
            interpreter=inside,
            command=(inside, "/var/runtime/bootstrap.py"),
            host_interpreter=str(self.interpreter.executable),
            host_command=(str(self.interpreter.executable), str(runtime_dir / "bootstrap.py")),
            can_fork=True,
            environment={**execution_env, "PYTHONPATH": "/var/runtime"},
            host_environment={**execution_env, "PYTHONPATH": str(runtime_dir)},
            client=f"awslambdaric {read_stamp(path)['awslambdaric']}",
            root=self.interpreter.root,
        )
