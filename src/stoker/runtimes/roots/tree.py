"""Root directories of sandboxes, whoever they came from: what each needs (places to mount on, a few files of ours), and
where a path leads in one.

Nothing is ever done through a symbolic link, which could lead out of the directory.
"""

import os
import shutil
from pathlib import Path, PurePosixPath

_HOPS_MAX = 40  # the kernel's own bound on links in one path
# What a sandbox mounts something on, or writes itself, so that the root's own file system can stay read-only.
_MOUNT_POINTS = ("proc", "sys", "dev", "tmp", "mnt", "run/stoker/proc")
# Where a runtime and a function with a package are laid as well.
_FUNCTION_PLACES = ("var/task/lib", "var/lang", "var/runtime", "opt/lib")
_NETWORK_FILES = {
    "etc/hosts": "127.0.0.1 localhost\n169.254.100.1 sandbox.localdomain sandbox\n",
    "etc/resolv.conf": "",
}
# What functions with a package see besides: on AWS they run as sbx_user1051.
SYSTEM_FILES = {
    **_NETWORK_FILES,
    "etc/passwd": (
        "root:x:0:0:root:/root:/sbin/nologin\n"
        "sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
    ),
    "etc/group": "root:x:0:\nsbx_user1051:x:990:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def furnish(root: Path, *, for_packages: bool = False) -> None:
    """Add what is missing in `root`; `for_packages`: also what a package and its runtime need. Raises OSError."""
    for path in (*_MOUNT_POINTS, *(_FUNCTION_PLACES if for_packages else ())):
        make_directories(root, path)
    for path, text in (SYSTEM_FILES if for_packages else _NETWORK_FILES).items():
        make_directories(root, str(PurePosixPath(path).parent))
        # Never written to: the file there may be a link to one that others have.
        clear(root / path)
        (root / path).write_text(text)
        (root / path).chmod(0o644)


def make_directories(root: Path, path: str) -> None:
    place = root
    for part in PurePosixPath(path).parts:
        place = place / part
        make_directory(place)


def make_directory(place: Path) -> None:
    """Make sure that `place` is a directory itself, and not a link to one."""
    if place.is_symlink() or not place.is_dir():
        place.unlink(missing_ok=True)
        place.mkdir()
        place.chmod(0o755)  # mkdir's own mode is subject to the umask


def clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def inside(root: Path, path: str) -> Path | None:
    """Where `path` leads when `root` is the root directory (path_resolution(7)); None if that is nowhere."""
    place: list[str] = []
    ahead = path.split("/")[::-1]
    hops = 0
    while ahead:
        part = ahead.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del place[-1:]
            continue
        here = root.joinpath(*place, part)
        if here.is_symlink():
            hops += 1
            target = os.readlink(here)  # noqa: PTH115 - as it is written
            if hops > _HOPS_MAX:
                return None
            if target.startswith("/"):
                place.clear()
            ahead.extend(target.split("/")[::-1])
        elif not here.exists():
            return None
        else:
            place.append(part)
    return root.joinpath(*place)
