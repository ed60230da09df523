"""Finds the Ruby interpreters of this host."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.records import RuntimeNotReadyError
from stoker.runtimes.roots.debian import DebianRoot

PROBE_TIMEOUT_S = 10.0

_PROBE = """
require "json"
require "rbconfig"
puts JSON.generate([RUBY_ENGINE, RUBY_VERSION, RbConfig.ruby, RbConfig::CONFIG["prefix"]])
"""


@dataclass(frozen=True, slots=True)
class RubyInterpreter:
    """One installation; `origin` is said to the user.

    With a `root` it lies in that root directory, at `inside` there, and `executable` starts it on this host.
    """

    version: str
    executable: Path
    prefix: Path
    origin: str
    root: Path | None = None
    inside: Path | None = None

    @property
    def release(self) -> str:
        """ "3.3" of "3.3.5"."""
        return ".".join(self.version.split(".")[:2])

    @property
    def source(self) -> str:
        return self.origin if self.root else f"{self.origin} ({self.executable})"


def find_ruby(release: str, named: Path | None, must_not_hold: tuple[Path, ...]) -> RubyInterpreter | None:
    """The first Ruby of `release` ("3.3"): the one that the settings name, then rbenv's, RVM's and PATH's.

    One whose installation holds a directory of `must_not_hold` is passed over: all of it is seen inside every sandbox.
    Raises RuntimeNotReadyError if `named` is of another release or no Ruby at all.
    """
    if named is not None:
        ruby = probe(named / "bin" / "ruby", "the settings")
        if ruby is None or ruby.release != release:
            what = f"Ruby {ruby.version}" if ruby else "no Ruby installation (there is no bin/ruby that runs)"
            raise RuntimeNotReadyError(
                f"The setting 'interpreters' names {named} for Ruby {release}, but that is {what}"
            )
        return ruby
    for candidate, origin in _candidates(release):
        ruby = probe(candidate, origin)
        if ruby is None or ruby.release != release:
            continue
        if ruby.prefix == Path("/usr") or not any(path.is_relative_to(ruby.prefix) for path in must_not_hold):
            return ruby
    return None


def of_debian(root: DebianRoot) -> RubyInterpreter:
    """The Ruby of a root that was made of Debian's packages."""
    found = probe(root.program, root.origin)
    if found is None:
        raise RuntimeNotReadyError(f"The Ruby of {root.origin} does not run on this machine")
    return RubyInterpreter(found.version, root.program, root.inside.parents[1], root.origin, root.tree, root.inside)


def probe(executable: Path, origin: str) -> RubyInterpreter | None:
    """Ask `executable` what it is; None if it does not run or is another implementation than Ruby's own."""
    try:
        answer = subprocess.run(
            [executable, "--disable=gems", "-e", _PROBE],
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        engine, version, ruby, prefix = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return RubyInterpreter(version, Path(ruby).resolve(), Path(prefix).resolve(), origin) if engine == "ruby" else None


def _candidates(release: str) -> Iterator[tuple[Path, str]]:
    rbenv = Path(os.environ.get("RBENV_ROOT") or Path.home() / ".rbenv") / "versions"
    rvm = Path.home() / ".rvm" / "rubies"
    for folder, name, origin in ((rbenv, f"{release}.*", "rbenv"), (rvm, f"ruby-{release}.*", "RVM")):
        yield from ((path / "bin" / "ruby", origin) for path in sorted(folder.glob(name), reverse=True))
    for directory in os.get_exec_path():
        for name in (f"ruby{release}", "ruby"):
            if directory and (path := Path(directory, name)).is_file():
                yield path, "PATH"
