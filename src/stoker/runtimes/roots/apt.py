"""apt as a program, for another release of Debian than the host's: packages fetched, verified, and unpacked.

It works in a directory of its own, with an empty list of installed packages, so neither the host's packages nor its
lists are touched, and whoever may run apt-get may do this. Sources: apt.conf(5), sources.list(5).
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from stoker.runtimes.records import RuntimeInstallError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_TIMEOUT_S = 600.0
_OS_RELEASE = Path("/etc/os-release")
_HOSTS_SOURCES = Path("/etc/apt")


class Apt:
    """A context: its directory goes when it is left."""

    def __init__(self, suite: str, mirror: str) -> None:
        """`mirror` is the URL of an archive of Debian's; empty: where the host gets its own packages from."""
        self._suite = suite
        self._mirror = mirror
        self._scratch = tempfile.TemporaryDirectory(prefix="stoker-apt-")
        self._directory = Path(self._scratch.name)

    def __enter__(self) -> "Apt":
        """Raises RuntimeInstallError."""
        try:
            self._prepare()
        except BaseException:
            self._scratch.cleanup()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._scratch.cleanup()

    def unpack(self, packages: Sequence[str], tree: Path) -> dict[str, str]:
        """Unpack `packages`, and all that they depend on, into `tree`: the versions of the named ones.

        Raises RuntimeInstallError.
        """
        self._run("update")
        self._run("install", "--yes", "--download-only", *packages)
        fetched = sorted((self._directory / "archives").glob("*.deb"))
        for package in fetched:
            _unpack(package, tree)
        return dict(_versions(fetched, packages))

    def _prepare(self) -> None:
        for program in ("apt-get", "dpkg-deb", "tar"):
            if shutil.which(program) is None:
                raise RuntimeInstallError(
                    f"{program} is needed to fetch packages of Debian, and is not on this machine"
                )
        if not KEYRING.exists():
            raise RuntimeInstallError(
                "Debian's keys are needed to verify its packages. Type: sudo apt-get install -y debian-archive-keyring"
            )
        mirror = self._mirror or _mirror_of_host()
        for name in ("lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
            (self._directory / name).mkdir(parents=True)
        (self._directory / "status").touch()
        (self._directory / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {self._suite} main\n")

    def _run(self, *arguments: str) -> None:
        options = {
            "Dir::Etc": self._directory / "etc",
            "Dir::Etc::sourcelist": self._directory / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": self._directory,
            "Dir::State::status": self._directory / "status",
            "Dir::State::lists": self._directory / "lists",
            "Dir::Cache": self._directory,
            "Dir::Cache::archives": self._directory / "archives",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "true",
        }
        command = [
            "apt-get",
            "--quiet",
            "--quiet",
            *(f"-o{name}={value}" for name, value in options.items()),
            *arguments,
        ]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=APT_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise RuntimeInstallError(f"apt-get did not finish within {APT_TIMEOUT_S:.0f} seconds") from None
        if ended.returncode != 0:
            raise RuntimeInstallError(
                f"apt-get {arguments[0]} failed:\n{(ended.stdout + ended.stderr).strip()[-2000:]}"
            )


def _unpack(package: Path, tree: Path) -> None:
    """dpkg-deb's own extraction would put a directory in the place of a link to one, such as /bin."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as reading:
        command = ["tar", "--extract", "--keep-directory-symlink", "--no-same-owner", f"--directory={tree}"]
        unpacking = subprocess.run(command, stdin=reading.stdout, capture_output=True, text=True)
        status = reading.wait()
    if status != 0 or unpacking.returncode != 0:
        raise RuntimeInstallError(f"{package.name} could not be unpacked: {unpacking.stderr.strip()[-500:]}")


def _versions(fetched: Iterable[Path], packages: Sequence[str]) -> Iterable[tuple[str, str]]:
    """apt names a file `<package>_<version>_<architecture>.deb`, with %3a for a colon."""
    for path in fetched:
        name, version, _ = path.name.split("_")
        if name in packages:
            yield name, version.replace("%3a", ":")


def _mirror_of_host() -> str:
    """Raises RuntimeInstallError where the host is no Debian."""
    if re.search(r"^ID=debian$", _OS_RELEASE.read_text() if _OS_RELEASE.exists() else "", re.MULTILINE):
        for file in sorted((*_HOSTS_SOURCES.glob("sources.list.d/*.sources"), _HOSTS_SOURCES / "sources.list")):
            text = file.read_text() if file.exists() else ""
            # Debian's own list, in either form, is that of its archive; its updates for security lie elsewhere.
            found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S+/debian)/?(?:\s|$)", text, re.MULTILINE)
            if found is not None:
                return found[1]
    raise RuntimeInstallError(
        "there is no archive of Debian's in this machine's own lists: name one in the setting 'debian_mirror'"
    )
