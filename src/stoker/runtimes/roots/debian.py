"""Root directories made of Debian's packages, for runtimes whose interpreter the host does not have.

apt fetches the packages and verifies them; they are unpacked and nothing more, so no script of theirs runs and nobody
needs to be root. What their scripts would have done and a function would miss is done here.
"""

import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoker.runtimes.builds import build_path, is_built, make_build, read_stamp
from stoker.runtimes.roots.apt import Apt
from stoker.runtimes.roots.tree import furnish

# Which release of Debian has the interpreter of which runtime, in the package of the interpreter's own name.
SUITES = {
    "python3.9": "bullseye",
    "python3.11": "bookworm",
    "python3.13": "trixie",
    "python3.14": "forky",
    "ruby3.3": "trixie",
}
# What programs expect of their surroundings, as little as Amazon Linux has of it; AWS's client for Python is C++.
_SYSTEM = (
    *("base-files", "bash", "coreutils", "grep", "sed", "findutils", "tar", "gzip"),
    *("ca-certificates", "tzdata", "libstdc++6"),
)
# Debian's name for the machine, as its libraries' directory has it; and the dynamic linker's file.
_MACHINES = {
    "x86_64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
_MERGED = ("bin", "sbin", "lib", "lib64")
_TREE, _PROGRAMS = "tree", "programs"


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """`tree` is the root directory. `program` starts its interpreter outside of any sandbox, by its own libraries;
    `inside` is where that lies in the root."""

    origin: str
    tree: Path
    program: Path
    inside: Path


def may_be_had(name: str) -> bool:
    """Whether Debian has the interpreter of the runtime `name`."""
    return name in SUITES


def find_debian_root(name: str, runtimes_dir: Path) -> DebianRoot | None:
    """The one that `make_debian_root` made earlier."""
    if not may_be_had(name) or not is_built(path := _path(name, runtimes_dir)):
        return None
    origin = f"Debian {SUITES[name]} ({read_stamp(path)[name]})"
    return DebianRoot(origin, path / _TREE, path / _PROGRAMS / name, Path("/usr/bin", name))


def make_debian_root(name: str, runtimes_dir: Path, mirror: str, progress: Callable[[str], None]) -> DebianRoot:
    """Make it unless it is there. `mirror` is a URL, or empty for the host's own. Raises RuntimeInstallError."""

    def fill(directory: Path) -> Mapping[str, str]:
        progress(f"Fetching {name} and what it needs of Debian {SUITES[name]}")
        tree = directory / _TREE
        tree.mkdir()
        _merge_usr(tree)
        with Apt(SUITES[name], mirror) as apt:
            versions = apt.unpack((name, *_SYSTEM), tree)
        _finish(tree)
        furnish(tree, for_packages=True)
        _write_program(directory / _PROGRAMS / name, _path(name, runtimes_dir) / _TREE, name)
        return versions

    make_build(_path(name, runtimes_dir), fill)
    found = find_debian_root(name, runtimes_dir)
    assert found is not None
    return found


def _path(name: str, runtimes_dir: Path) -> Path:
    recipe = {"suite": SUITES[name], "package": name, "system": " ".join(_SYSTEM)}
    return build_path(runtimes_dir / name / "debian", recipe)


def _merge_usr(tree: Path) -> None:
    """As every Debian is laid out since bookworm; packages of older ones are unpacked through the links."""
    (tree / "usr").mkdir()
    for name in _MERGED:
        (tree / "usr" / name).mkdir()
        (tree / name).symlink_to(f"usr/{name}")


def _finish(tree: Path) -> None:
    """In place of the packages' scripts."""
    certificates = sorted((tree / "usr" / "share" / "ca-certificates").rglob("*.crt"))
    bundle = tree / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in certificates))
    # Where Debian's OpenSSL looks for one file with all of them.
    (tree / "usr" / "lib" / "ssl").mkdir(parents=True, exist_ok=True)
    _link(tree / "usr" / "lib" / "ssl" / "cert.pem", "/etc/ssl/certs/ca-certificates.crt")
    _link(tree / "usr" / "bin" / "sh", "bash")
    # A function has no use for them.
    for path in ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/cache", "boot"):
        shutil.rmtree(tree / path, ignore_errors=True)


def _link(place: Path, target: str) -> None:
    if not place.is_symlink() and not place.exists():
        place.symlink_to(target)


def _write_program(place: Path, tree: Path, name: str) -> None:
    """A command that runs the interpreter on this host, which may have older libraries: by the root's own linker.

    `tree` is where the root will lie. Python finds its library beside the program, Ruby by a variable.
    """
    triple, linker = _MACHINES[platform.machine()]
    libraries = tree / "usr" / "lib" / triple
    lines = ["#!/bin/sh"]
    if name.startswith("ruby"):
        ruby, release = tree / "usr" / "lib" / "ruby", f"{name.removeprefix('ruby')}.0"
        paths = (ruby / "vendor_ruby", ruby / release, libraries / "ruby" / release)
        lines.append(f'export RUBYLIB="${{RUBYLIB:+$RUBYLIB:}}{":".join(map(str, paths))}"')
    lines.append(f'exec "{libraries / linker}" --library-path "{libraries}" "{tree}/usr/bin/{name}" "$@"')
    place.parent.mkdir()
    place.write_text("\n".join(lines) + "\n")
    place.chmod(0o755)
