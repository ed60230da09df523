"""Tries what the kernel allows, each thing in a process of its own that then ends, and prints one JSON line for each.

A program of its own, because a node has threads and may not fork, and because a try changes the process that makes it.
Standard library only; `host.py` runs it and reads the lines `{"what": …, "errno": 0}`. Sources: namespaces(7),
user_namespaces(7), seccomp(2), landlock(7), the kernel's kvm/api.rst.
"""

import ctypes
import errno
import fcntl
import json
import os
import struct
from collections.abc import Callable

NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "time": 0x00000080,
}
_NEWUSER, _NEWNS, _NEWPID = 0x10000000, NAMESPACES["mount"], NAMESPACES["pid"]
_MS_REC_PRIVATE = 16384 | 1 << 18
_MS_BIND = 4096
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_SYS_CLONE3, _SYS_MOUNT_SETATTR, _SYS_LANDLOCK_CREATE_RULESET = 435, 442, 444  # the same on every architecture
_KVM_GET_API_VERSION = 0xAE00
_NOBODY = 65534
_UNEXPECTED = 255

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    for what, attempt in _attempts():
        print(json.dumps({"what": what, "errno": _try(attempt)}), flush=True)


def _attempts() -> list[tuple[str, Callable[[], None]]]:
    attempts: list[tuple[str, Callable[[], None]]] = []
    for kind, enter in (("privileged", _stay), ("unprivileged", _become_root_of_a_user_namespace)):
        if kind == "privileged" and os.geteuid() != 0:
            continue
        if kind == "unprivileged":
            attempts.append(("unprivileged user", enter))
        attempts += [(f"{kind} {name}", _unshared(enter, flag)) for name, flag in NAMESPACES.items()]
        attempts.append((f"{kind} tmpfs", _in_own_mounts(enter, _mount_tmpfs)))
        attempts.append((f"{kind} overlay", _in_own_mounts(enter, _mount_overlay)))
        attempts.append((f"{kind} proc", _proc_of_own(enter)))
        attempts.append((f"{kind} read-only bind", _in_own_mounts(enter, _bind_read_only)))
    attempts.append(("privileged user", lambda: _unshare(_NEWUSER)))
    attempts.append(("seccomp", _filter))
    attempts.append(("pidfd", lambda: os.close(os.pidfd_open(os.getpid()))))
    attempts.append(("clone3", _clone3))
    attempts.append(("landlock", _landlock))
    attempts.append(("kvm", _kvm))
    return attempts


def _try(attempt: Callable[[], None]) -> int:
    """The errno that `attempt` failed with, 0 if it did not."""
    child = os.fork()
    if child == 0:
        code = _UNEXPECTED
        try:
            attempt()
            code = 0
        except OSError as error:
            code = error.errno or _UNEXPECTED
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else errno.EINTR


def _stay() -> None:
    pass


def _become_root_of_a_user_namespace() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        # A change of identity makes /proc/self root's, and the maps could not be written.
        _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
    uid, gid = os.geteuid(), os.getegid()
    _unshare(_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")


def _unshared(enter: Callable[[], None], flag: int) -> Callable[[], None]:
    def attempt() -> None:
        enter()
        _unshare(flag)

    return attempt


def _in_own_mounts(enter: Callable[[], None], then: Callable[[], None]) -> Callable[[], None]:
    def attempt() -> None:
        enter()
        _unshare(_NEWNS)
        _mount("none", "/", None, _MS_REC_PRIVATE)
        then()

    return attempt


def _proc_of_own(enter: Callable[[], None]) -> Callable[[], None]:
    """A container with a masked /proc allows a process namespace, but no fresh /proc for it."""

    def attempt() -> None:
        enter()
        _unshare(_NEWNS | _NEWPID)
        _mount("none", "/", None, _MS_REC_PRIVATE)
        failed_with = _try(lambda: _mount("proc", "/proc", "proc", 0))
        if failed_with:
            raise OSError(failed_with, os.strerror(failed_with))

    return attempt


def _mount_tmpfs() -> None:
    # On top of a directory that every machine has; only this process sees it.
    _mount("probe", "/tmp", "tmpfs", 0, "size=1m")  # noqa: S108


def _mount_overlay() -> None:
    _mount_tmpfs()
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"/tmp/{name}")  # noqa: S108, PTH102
    _mount("overlay", "/tmp/merged", "overlay", 0, "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work")  # noqa: S108


def _bind_read_only() -> None:
    _mount("/usr", "/usr", None, _MS_BIND)
    attributes = struct.pack("=4Q", 1, 0, 0, 0)
    number, here, recursive = ctypes.c_long(_SYS_MOUNT_SETATTR), -100, 0x8000
    _check(_libc.syscall(number, here, b"/usr", recursive, attributes, ctypes.c_size_t(len(attributes))))


def _filter() -> None:
    program = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)  # return SECCOMP_RET_ALLOW
    buffer = ctypes.create_string_buffer(program, len(program))
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer)), 0, 0))


def _clone3() -> None:
    # Without arguments it is refused as invalid where it exists; a container's old filter says otherwise.
    if _libc.syscall(ctypes.c_long(_SYS_CLONE3), None, ctypes.c_size_t(0)) < 0 and ctypes.get_errno() != errno.EINVAL:
        _check(-1)


def _landlock() -> None:
    number, version_only = ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET), ctypes.c_uint(1)
    _check(_libc.syscall(number, None, ctypes.c_size_t(0), version_only))


def _kvm() -> None:
    descriptor = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, _KVM_GET_API_VERSION)


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    kind_bytes = None if kind is None else kind.encode()
    _check(_libc.mount(source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), options.encode()))


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
