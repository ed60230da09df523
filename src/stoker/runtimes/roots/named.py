"""Runtimes whose root directory somebody else made: an OCI image, AWS's base images above all, or a directory.

Such a root brings its interpreter, AWS's client and the bootstrap that joins them, as AWS's base images do (one for
custom runtimes brings none of these); a function's package and layers are laid into it. `install` makes a copy of what
the source is at that moment, and `find` takes the last copy, so that a running node keeps what it started with and asks
nobody.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.names import KnownRuntime
from stoker.runtimes.records import InterpreterStatus, RuntimeBuild, RuntimeInstallError, RuntimeNotReadyError
from stoker.runtimes.roots.tree import clear, furnish, inside

TREE = "tree"
# Where a base image keeps what starts it (reference: runtime side, 4.2 and 4.5).
BOOTSTRAPS = ("/var/runtime/bootstrap", "/var/runtime/bootstrap.sh")
COPY_TIMEOUT_S = 600.0


class RootImages(Protocol):
    """Where images come from."""

    def resolve(self, uri: str) -> str:
        """The digest (hex) that `uri` means now, for this machine. Raises RuntimeInstallError."""

    def unpack(self, uri: str, digest: str, tree: Path, progress: Callable[[str], None]) -> Mapping[str, str]:
        """Make the image's root directory at the new path `tree`: the variables it sets. Raises RuntimeInstallError."""


@dataclass(frozen=True, slots=True)
class NamedRoot:
    """`source` is an image's name, or the absolute path of a directory; `place` is this runtime's own directory."""

    known: KnownRuntime
    source: str
    images: RootImages
    place: Path

    def find(self) -> RuntimeBuild:
        """The copy that was made last. Raises RuntimeNotReadyError."""
        path = self._last()
        if path is None:
            raise RuntimeNotReadyError(
                f"The runtime {self.known.name} has not been fetched from {self.source} yet. "
                f"Type: stoker runtimes install {self.known.name}"
            )
        return self._build(path)

    def install(self, progress: Callable[[str], None]) -> RuntimeBuild:
        """Make a copy of what the source is now, unless there is one. Raises RuntimeInstallError."""
        is_directory = self.source.startswith("/")
        state = _fingerprint(Path(self.source)) if is_directory else self.images.resolve(self.source)
        path = build_path(self.place, {"source": self.source, "state": state, "machine": platform.machine()})
        fill = self._copied if is_directory else self._pulled
        make_build(path, lambda directory: fill(directory, state, progress))
        self._pointer().write_text(path.name)
        return self.find()

    def status(self) -> InterpreterStatus:
        path = self._last()
        version = read_stamp(path)["state"][:12] if path is not None else ""
        return InterpreterStatus(version, self.source, is_ready=path is not None)

    def _pointer(self) -> Path:
        return self.place / f"root-{hashlib.sha256(self.source.encode()).hexdigest()[:12]}"

    def _last(self) -> Path | None:
        try:
            path = self.place / self._pointer().read_text()
        except FileNotFoundError:
            return None
        return path if is_built(path) else None

    def _pulled(self, directory: Path, digest: str, progress: Callable[[str], None]) -> Mapping[str, str]:
        variables = self.images.unpack(self.source, digest, directory / TREE, progress)
        return self._checked(directory / TREE, digest, variables)

    def _copied(self, directory: Path, state: str, progress: Callable[[str], None]) -> Mapping[str, str]:
        progress(f"Copying {self.source}")
        _copy(Path(self.source), directory / TREE)
        furnish(directory / TREE, for_packages=True)
        return self._checked(directory / TREE, state, {})

    def _checked(self, tree: Path, state: str, variables: Mapping[str, str]) -> Mapping[str, str]:
        return {
            "state": state,
            "source": self.source,
            "bootstrap": "" if self.known.language == "provided" else _bootstrap(tree, self.source),
            "variables": json.dumps(dict(variables)),
        }

    def _build(self, path: Path) -> RuntimeBuild:
        stamp = read_stamp(path)
        bootstrap = stamp["bootstrap"]
        variables = json.loads(stamp["variables"])
        # The platform's time zone is UTC, whatever the image says (reference: runtime side, 3.1 and 4.5).
        variables.pop("TZ", None)
        return RuntimeBuild(
            name=self.known.name,
            language=self.known.language,
            version=f"{self.known.language}:{self.known.release}.v1",
            source=self.source,
            lang_dir=None,
            runtime_dir=None,
            interpreter=None,
            command=(bootstrap,) if bootstrap else (),
            host_interpreter=None,
            host_command=(),
            can_fork=False,
            environment=variables,
            client=stamp["state"],
            root=path / TREE,
            starts_itself=bool(bootstrap),
        )


def _bootstrap(tree: Path, source: str) -> str:
    """Raises RuntimeInstallError where there is none: not every image is a base image for functions."""
    for path in BOOTSTRAPS:
        found = inside(tree, path)
        if found is not None and os.access(found, os.X_OK) and found.is_file():
            return path
    raise RuntimeInstallError(
        f"{source} has no program {BOOTSTRAPS[0]}, which AWS's base images have: it must start AWS's runtime client "
        "for the handler in the variable _HANDLER"
    )


def _fingerprint(directory: Path) -> str:
    """Another one when a file of `directory` was changed. Raises RuntimeInstallError."""
    if not directory.is_dir():
        raise RuntimeInstallError(f"{directory} is no directory")
    newest_ns, count = 0, 0
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            newest_ns = max(newest_ns, os.lstat(os.path.join(folder, name)).st_ctime_ns)  # noqa: PTH118
            count += 1
    return hashlib.sha256(f"{newest_ns} {count}".encode()).hexdigest()


def _copy(source: Path, tree: Path) -> None:
    """Without what is mounted in it. Raises RuntimeInstallError."""
    # Where a link leads: what is done to a copy of the link itself would be done to the original.
    places = (str(source.resolve()), str(tree))
    command = ["cp", "--archive", "--reflink=auto", "--one-file-system", "--no-preserve=ownership", *places]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=COPY_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise RuntimeInstallError(f"copying {source} took longer than {COPY_TIMEOUT_S:.0f} seconds") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeInstallError(f"{source} could not be copied:\n{error.stderr.strip()[-2000:]}") from None
    for name in ("proc", "sys", "dev", "tmp"):
        clear(tree / name)
