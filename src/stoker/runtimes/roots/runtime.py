"""A runtime with an interpreter of Debian's, in a root directory that is made when the runtime is installed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, Runtime, RuntimeBuild, RuntimeNotReadyError
from stoker.runtimes.roots.debian import DebianRoot, find_debian_root, make_debian_root


@dataclass(frozen=True, slots=True)
class DebianRuntime:
    """A runtime whose interpreter this host lacks, and Debian has: `join` is the runtime with that interpreter."""

    known: KnownRuntime
    runtimes_dir: Path
    mirror: str
    join: Callable[[DebianRoot], Runtime]

    def find(self) -> RuntimeBuild:
        root = find_debian_root(self.known.name, self.runtimes_dir)
        if root is None:
            raise RuntimeNotReadyError(
                f"The runtime {self.known.name} is not ready on this machine. "
                f"Type: stoker runtimes install {self.known.name}"
            )
        return self.join(root).find()

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        root = make_debian_root(self.known.name, self.runtimes_dir, self.mirror, progress)
        return self.join(root).install(progress)

    def status(self) -> InterpreterStatus:
        root = find_debian_root(self.known.name, self.runtimes_dir)
        if root is None:
            hint = f"None on this machine; Debian has it. Type: stoker runtimes install {self.known.name}"
            return InterpreterStatus("", "", is_ready=False, hint=hint)
        return self.join(root).status()
