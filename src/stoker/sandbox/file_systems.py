"""Directories of the host that functions may write: what the settings say of them, and opening them for a sandbox.

AWS's file systems are named by access points; the settings say which directory of this host stands for each. The
launcher mounts them (`launcher/file_systems.py`).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stoker.config import Settings, SettingsError
from stoker.sandbox.launcher import syscalls
from stoker.sandbox.launcher.file_systems import LENT
from stoker.sandbox.sandbox import FileSystemError, HostDirectory

# Lambda's own pattern (service model, FileSystemArn), without S3's.
_ACCESS_POINT = re.compile(r"arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:access-point/fsap-[a-f0-9]{17}")
_PROBE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from launcher.file_systems import main; main()"
PROBE_LIMIT_S = 30
# Sandboxes are few users, over and over (`namespaces.py` gives the lowest number that is free).
NAMESPACES_MAX = 256
# Any that no user has (`namespaces.py`): the probe's sandbox is none.
_PROBE_UID = 0x70000000


def declared_file_systems(settings: Settings) -> Mapping[str, Path]:
    """Directories by access point, without symbolic links. Raises SettingsError."""
    return {arn: _declared(arn, text, settings.data) for arn, text in settings.file_systems.items()}


def _declared(arn: str, text: str, data: Path) -> Path:
    where = f"setting 'file_systems': {arn}"
    if not _ACCESS_POINT.fullmatch(arn):
        raise SettingsError(
            f"setting 'file_systems': {arn!r} is no access point; "
            "write arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-<17 hexadecimal digits>"
        )
    if not Path(text).is_absolute():
        raise SettingsError(f"{where}: {text!r} is no absolute path")
    directory = Path(text).resolve()
    if not directory.is_dir():
        raise SettingsError(f"{where}: there is no directory {text}")
    own = data.resolve()
    if own.is_relative_to(directory) or directory.is_relative_to(own):
        raise SettingsError(f"{where}: {text} and the node's own directory {own} must not lie in one another")
    return directory


def check_mappable(directories: Sequence[Path]) -> None:
    """Whether a privileged node can lend these directories under another owner. Raises SettingsError."""
    for directory in directories:
        try:
            tree, owner = opened_tree(directory)
        except FileSystemError as error:
            raise SettingsError(f"setting 'file_systems': {error}") from None
        try:
            refused_with = _refused_with(tree, owner)
        finally:
            os.close(tree)
        if refused_with != 0:
            raise SettingsError(
                f"setting 'file_systems': {directory} lies on {_kind_of(directory)}, which cannot be mounted under "
                f"another owner here ({os.strerror(refused_with)}; see mount_setattr(2)). Use a directory on ext4, "
                "XFS, Btrfs or tmpfs, or run the node as the directory's owner"
            )


def _refused_with(tree: int, owner: tuple[int, int]) -> int:
    """The errno; in a process of its own, because a node may not fork."""
    interpreter = getattr(sys, "_base_executable", sys.executable)
    folder = str(Path(__file__).parent)
    arguments = [str(number) for number in (tree, *owner, _PROBE_UID)]
    done = subprocess.run(
        [interpreter, "-I", "-S", "-c", _PROBE, folder, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=(tree,),
        env={},
        timeout=PROBE_LIMIT_S,
        check=True,
    )
    number: int = json.loads(done.stdout)["errno"]
    return number


def _kind_of(directory: Path) -> str:
    """The type of its file system (proc(5): mountinfo; of mounts on one place the last one is seen)."""
    kind, longest = "an unknown file system", -1
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        # Spaces and the like are written as \040.
        mount_point = Path(fields[4].encode().decode("unicode_escape"))
        if directory.is_relative_to(mount_point) and len(mount_point.parts) >= longest:
            kind, longest = fields[fields.index("-") + 1], len(mount_point.parts)
    return kind


UserMap = tuple[int, int, int]
"""User and group on disk, and who they are on the host while a sandbox has them: both its user and its group."""


@dataclass(frozen=True, slots=True)
class OpenedDirectories:
    """What the order for a sandbox says of its file systems, and the descriptors that go with it.

    `unmapped` says which user namespaces the sandbox has to make and hand back.
    """

    orders: list[dict[str, Any]] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    unmapped: list[UserMap] = field(default_factory=list)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


class Directories:
    """All that the settings name; opens those of one sandbox."""

    def __init__(self, lent: Sequence[Path], *, is_privileged: bool) -> None:
        """`lent` are all that sandboxes can be given."""
        self._lent = tuple(lent)
        self._is_privileged = is_privileged
        self._namespaces: dict[UserMap, int] = {}

    @property
    def are_lent(self) -> bool:
        """Whether sandboxes can be given any."""
        return bool(self._lent)

    @property
    def steps(self) -> list[list[str]]:
        """For the root of a launcher (`recipe.py`).

        With privileges a sandbox is handed what is its own, and no launcher can reach any of it. Without them only the
        mounts that a launcher began with can be mounted anew.
        """
        if self._is_privileged or not self._lent:
            return []
        return [["lend", *map(str, self._lent)]]

    @property
    def hidden(self) -> list[str]:
        """What a complete sandbox must see no more."""
        return [LENT] if self.steps else []

    def opened(self, wanted: Sequence[HostDirectory], outside_uid: int) -> OpenedDirectories:
        """For a sandbox that is the user `outside_uid` on the host. Raises FileSystemError."""
        opened = OpenedDirectories()
        try:
            for directory in wanted:
                self._open(directory, outside_uid, opened)
        except BaseException:
            opened.close()
            raise
        return opened

    def keep(self, opened: OpenedDirectories, namespaces: Sequence[int]) -> None:
        """Take the user namespaces that a sandbox made for itself: the next one of the same user is quicker."""
        for user_map, descriptor in zip(opened.unmapped, namespaces, strict=True):
            if user_map in self._namespaces or len(self._namespaces) == NAMESPACES_MAX:
                os.close(descriptor)
            else:
                self._namespaces[user_map] = descriptor

    def close(self) -> None:
        while self._namespaces:
            os.close(self._namespaces.popitem()[1])

    def _open(self, wanted: HostDirectory, outside_uid: int, opened: OpenedDirectories) -> None:
        order: dict[str, Any] = {"target": wanted.target}
        if self._is_privileged:
            tree, owner = opened_tree(wanted.source)
            opened.descriptors.append(tree)
            user_map = (*owner, outside_uid)
            namespace = self._namespaces.get(user_map)
            order |= {"owner": owner, "is_mapped": namespace is not None}
            if namespace is None:
                opened.unmapped.append(user_map)
            else:
                opened.descriptors.append(os.dup(namespace))
        else:
            order["source"] = f"{LENT}/{self._lent.index(wanted.source)}"
            order["identity"] = _identity(wanted.source)
        opened.orders.append(order)


def opened_tree(directory: Path) -> tuple[int, tuple[int, int]]:
    """A descriptor of what is mounted there, attached nowhere; its owning user and group. Raises FileSystemError."""
    descriptor = _opened(directory)
    try:
        owner = os.fstat(descriptor)
        if owner.st_uid == 0 or owner.st_gid == 0:
            # What functions write would be root's, set-uid programs among it that anybody on the host could start.
            raise FileSystemError(
                f"{directory} belongs to root; give it to the user and group that functions shall write as: "
                f"chown USER:GROUP {directory}"
            )
        return syscalls.open_tree(descriptor), (owner.st_uid, owner.st_gid)
    except OSError as error:
        raise FileSystemError(f"{directory} cannot be mounted: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _identity(directory: Path) -> tuple[int, int]:
    descriptor = _opened(directory)
    try:
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)


def _opened(directory: Path) -> int:
    """A descriptor of the place. Step by step, because a symbolic link in it may be a function's work."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open("/", flags)
    for part in directory.parts[1:]:
        try:
            inner = os.open(part, flags, dir_fd=descriptor)
        except OSError as error:
            raise FileSystemError(f"{directory} cannot be opened: {error.strerror}") from None
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor
