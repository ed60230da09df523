"""From a directory to the zip that Lambda takes: dependencies built for the runtime, then the same bytes every time."""

import io
import json
import platform
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stoker.cli.failures import CommandError
from stoker.cli.java_project import find_jar, is_java_project
from stoker.cli.project import STATEMENTS

# What tools leave behind, and what is built anew; none of it belongs to the function.
LEFT_OUT = frozenset(
    (".git", ".hg", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store")
)
# The earliest time that a zip can name: the same files give the same bytes, and so the same CodeSha256.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
# glibc of Amazon Linux 2023 and 2, on which AWS's runtimes run: what is built for it runs there too.
GLIBC_MINOR_AL2023 = 34
GLIBC_MINOR_AL2 = 26
# manylinux2014 is 2.17; older tags are still in use for a few wheels (PEP 600).
OLD_TAGS = ("manylinux2014", "manylinux2010", "manylinux1")
OUTPUT_SHOWN = 2_000

Progress = Callable[[str], None]


def build(directory: Path, runtime: str, work: Path, progress: Progress) -> bytes:
    """The zip of the function in `directory`; `work` is an empty directory to build in. Raises CommandError."""
    if runtime.startswith("java") and is_java_project(directory):
        jar = find_jar(directory)
        progress(f"packing {jar.name}")
        return jar.read_bytes()
    _check_gems(directory, runtime)
    package = work / "package"
    shutil.copytree(directory, package, symlinks=True, ignore=_left_out(directory, runtime))
    if runtime.startswith("python") and _has_lines(package / "requirements.txt"):
        progress("installing requirements.txt")
        _run(pip_command(package, runtime), package)
    if runtime.startswith("nodejs") and _has_dependencies(package / "package.json"):
        progress("installing package.json's dependencies")
        _run(npm_command(package), package)
    progress("packing")
    return zip_bytes(package)


def pip_command(package: Path, runtime: str) -> list[str]:
    """pip, for the interpreter and the C library that the function will meet; this process may have others."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(package), "--requirement", str(package / "requirements.txt")]
    release = runtime.removeprefix("python")
    machine = platform.machine()
    # Wheels only: what is compiled here would be for this interpreter and this C library.
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", release]
    for abi in (f"cp{release.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    for tag in (*(f"manylinux_2_{minor}" for minor in range(_glibc_minor(release), 4, -1)), *OLD_TAGS):
        command += ["--platform", f"{tag}_{machine}"]
    return command


def npm_command(package: Path) -> list[str]:
    """`npm ci` where the versions are locked, else `npm install`."""
    npm = shutil.which("npm")
    if npm is None:
        raise CommandError("package.json has dependencies, and there is no npm", "install Node.js with npm")
    verb = "ci" if (package / "package-lock.json").is_file() else "install"
    return [npm, verb, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]


def node_release() -> int | None:
    """The main version of this machine's Node.js; None when there is none."""
    node = shutil.which("node")
    if node is None:
        return None
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.", done.stdout)
    return int(found[1]) if found else None


def zip_bytes(package: Path) -> bytes:
    """Sorted, without times and owners; only the permissions that matter are kept."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in _files(package):
            entry = zipfile.ZipInfo(path.relative_to(package).as_posix(), ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix: the mode below counts
            if path.is_symlink():
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, str(path.readlink()))
                continue
            mode = 0o755 if path.stat().st_mode & 0o111 else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _files(package: Path) -> Iterator[Path]:
    for path in sorted(package.rglob("*")):
        if path.is_symlink() or path.is_file():
            yield path


def _left_out(directory: Path, runtime: str) -> Callable[[str, list[str]], set[str]]:
    def ignored(folder: str, names: list[str]) -> set[str]:
        found = {name for name in names if name in LEFT_OUT or name.endswith(".pyc")}
        if Path(folder) == directory:
            found |= set(names) & set(STATEMENTS)
            # Built anew, without what is only for development.
            if runtime.startswith("nodejs") and _has_dependencies(directory / "package.json"):
                found.add("node_modules")
        return found

    return ignored


def _has_lines(requirements: Path) -> bool:
    if not requirements.is_file():
        return False
    lines = (line.strip() for line in requirements.read_text().splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _has_dependencies(package_json: Path) -> bool:
    try:
        return bool(json.loads(package_json.read_text()).get("dependencies"))
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError) as error:
        raise CommandError(f"{package_json} cannot be read: {error}") from None


def _check_gems(directory: Path, runtime: str) -> None:
    """Raises CommandError: gems are built for the Ruby that installs them, which may be another than the runtime's."""
    gemfile, bundle = directory / "Gemfile", directory / "vendor" / "bundle"
    release = runtime.removeprefix("ruby")
    if not runtime.startswith("ruby") or not gemfile.is_file() or (bundle / "ruby" / f"{release}.0").is_dir():
        return
    if any(line.lstrip().startswith("gem ") for line in gemfile.read_text(errors="replace").splitlines()):
        install = "bundle config set --local path vendor/bundle && bundle install"
        missing = f"vendor/bundle has no gems for {runtime}" if bundle.is_dir() else "its gems are not in vendor/bundle"
        raise CommandError(f"there is a Gemfile, and {missing}", f"install them first, with Ruby {release}: {install}")


def _glibc_minor(release: str) -> int:
    """The newest C library that wheels may ask for: AWS's, unless this host's is older."""
    there = GLIBC_MINOR_AL2 if tuple(map(int, release.split("."))) < (3, 12) else GLIBC_MINOR_AL2023
    name, version = platform.libc_ver()
    return min(there, int(version.split(".")[1])) if name == "glibc" else there


def _run(command: Sequence[str], directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        tool = Path(command[0]).name if "pip" not in command else "pip"
        said = (done.stderr.strip() or done.stdout.strip())[-OUTPUT_SHOWN:]
        raise CommandError(f"{tool} failed: {said}")
