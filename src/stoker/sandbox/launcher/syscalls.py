"""The system calls that the standard library does not offer (or not on 3.9), each raising OSError with its name.

Sources: clone(2), mount(2), mount_setattr(2), open_tree(2), move_mount(2), pivot_root(2), prctl(2), seccomp(2),
capabilities(7), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

CLONE_FS = 0x00000200
CLONE_PARENT = 0x00008000
CLONE_THREAD = 0x00010000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_PIDFD = 0x00001000
CLONE_PARENT = 0x00008000
CLONE_CHILD_SETTID = 0x01000000
CLONE_INTO_CGROUP = 0x200000000

# How an initialised function is forked (`snapshot.py`), and nothing else is: its filter knows these very flags. The
# fork is a child of its first process, not of the function, and gets namespaces of its own.
APART = (
    17  # SIGCHLD
    | (CLONE_PARENT | CLONE_CHILD_SETTID)
    | (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
)

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_TID_ADDRESS = 40
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITY_LAST = 40

_SYSCALL_NUMBERS = {
    "x86_64": {"pivot_root": 155, "seccomp": 317},
    "aarch64": {"pivot_root": 41, "seccomp": 277},
}[os.uname().machine]
# Since Linux 5.1 calls have the same number everywhere.
_SYSCALL_NUMBERS.update({"open_tree": 428, "move_mount": 429, "clone3": 435, "mount_setattr": 442})
_CLONE = 56
_AT_FDCWD = -100
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_MOUNT_ATTR_IDMAP = 0x00100000
_OPEN_TREE_CLONE = 1
_SECCOMP_SET_FILTER, _FILTER_LISTENS = 1, 8
_MOVE_MOUNT_F_EMPTY_PATH = 4

_libc = ctypes.CDLL(None, use_errno=True)
# PyDLL keeps the interpreter lock across the call: between PyOS_BeforeFork and PyOS_AfterFork_* nothing else may run.
_libc_locked = ctypes.PyDLL(None, use_errno=True)
_libc_locked.syscall.restype = ctypes.c_long
# What is looked up for the first time in a fork is looked up in each; and arrays of `ctypes` are avoided below, each of
# which is a class that is made anew (50 microseconds).
for _name in ("mount", "umount2", "unshare", "setns", "prctl", "capget", "capset", "syscall"):
    getattr(_libc, _name)
_capabilities = ctypes.create_string_buffer(24)


def _check(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    _check(
        _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()),
        f"mount {target}",
    )


def make_read_only(target: str) -> None:
    """Make a mount and all below it read-only, without set-uid programs and devices.

    mount_setattr(2) only adds flags; a remount would have to repeat those that a user namespace may not clear.
    """
    _mount_setattr(_AT_FDCWD, target, struct.pack("=4Q", MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0))


def make_harmless(target: str) -> None:
    """Take set-uid programs and devices out of a mount and all below it, which stay writable."""
    _mount_setattr(_AT_FDCWD, target, struct.pack("=4Q", MS_NOSUID | MS_NODEV, 0, 0, 0))


def map_owners(tree: int, user_namespace: int) -> None:
    """Let a tree that is attached nowhere show its files' owners as `user_namespace` maps them (the owner on disk is
    its inside), without set-uid programs and devices. EINVAL: a file system in it cannot do that."""
    flags = _MOUNT_ATTR_IDMAP | MS_NOSUID | MS_NODEV
    _mount_setattr(tree, "", struct.pack("=4Q", flags, 0, MS_PRIVATE, user_namespace))


def _mount_setattr(directory: int, path: str, attributes: bytes) -> None:
    result = _libc.syscall(
        ctypes.c_long(_SYSCALL_NUMBERS["mount_setattr"]),
        ctypes.c_int(directory),
        path.encode(),
        ctypes.c_uint(_AT_RECURSIVE | (0 if path else _AT_EMPTY_PATH)),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, f"mount_setattr {path}".rstrip())


def open_tree(directory: int) -> int:
    """A copy of what is mounted at an open directory, and in it, which is attached nowhere: a descriptor of it."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_EMPTY_PATH | _AT_RECURSIVE
    number = ctypes.c_long(_SYSCALL_NUMBERS["open_tree"])
    return _check(_libc.syscall(number, ctypes.c_int(directory), b"", ctypes.c_uint(flags)), "open_tree")


def attach_tree(tree: int, target: str) -> None:
    """Mount what `open_tree` gave, in whichever mount namespace that was."""
    number, flags = ctypes.c_long(_SYSCALL_NUMBERS["move_mount"]), ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
    result = _libc.syscall(number, ctypes.c_int(tree), b"", ctypes.c_int(_AT_FDCWD), target.encode(), flags)
    _check(result, f"move_mount {target}")


def umount_detached(target: str) -> None:
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    number = ctypes.c_long(_SYSCALL_NUMBERS["pivot_root"])
    _check(_libc.syscall(number, new_root.encode(), put_old.encode()), "pivot_root")


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def setns(descriptor: int, flags: int) -> None:
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(flags)), f"setns {flags:#x}")


def prctl(option: int, argument: int = 0) -> None:
    _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), 0, 0, 0), f"prctl {option}")


def set_process_name(name: str) -> None:
    _libc.prctl(ctypes.c_int(PR_SET_NAME), name.encode()[:15], 0, 0, 0)


def hide_arguments() -> None:
    """Empty this process's command line as /proc shows it (proc(5): arg_start and arg_end of `stat`)."""
    with open("/proc/self/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    name = b"stoker-launcher"[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, name, len(name))


def replace_argument(first: str, other: str) -> None:
    """Let /proc show `other` where this process's command line has `first`, its first argument, which is as long.

    Arguments lie one behind the other in memory, from the program's name on (GNU C library, Error Messages).
    """
    wanted = first.encode() + b"\0"
    try:
        place = ctypes.c_void_p.in_dll(_libc, "program_invocation_name").value
    except ValueError:  # another C library
        return
    assert place is not None
    place += len(ctypes.string_at(place)) + 1
    if len(other) == len(first) and ctypes.string_at(place, len(wanted)) == wanted:
        ctypes.memmove(place, other.encode(), len(other))


def make_permitted_effective() -> None:
    """Take up again the capabilities that a change of identity with PR_SET_KEEPCAPS left merely permitted."""
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _check(_libc.capget(header, _capabilities), "capget")
    _, permitted_low, _, _, permitted_high, _ = struct.unpack("=6I", _capabilities.raw)
    data = struct.pack("=6I", permitted_low, permitted_low, 0, permitted_high, permitted_high, 0)
    _check(_libc.capset(header, data), "capset")


def drop_capabilities() -> None:
    """Every capability out of every set of this process."""
    for capability in range(CAPABILITY_LAST + 1):
        # EINVAL: this kernel knows fewer capabilities.
        _libc.prctl(ctypes.c_int(PR_CAPBSET_DROP), ctypes.c_ulong(capability), 0, 0, 0)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def install_seccomp(program: bytes, *, listens: bool) -> int:
    """Install a classic BPF program (8 bytes an instruction) for this process and all it will start.

    Answers with the descriptor that is told of calls (close-on-exec), or with -1 if it does not listen.
    """
    sock_fprog = struct.pack(
        "HxxxxxxP", len(program) // 8, ctypes.cast(ctypes.c_char_p(program), ctypes.c_void_p).value
    )
    number, flags = ctypes.c_long(_SYSCALL_NUMBERS["seccomp"]), _FILTER_LISTENS if listens else 0
    result = _libc.syscall(number, ctypes.c_uint(_SECCOMP_SET_FILTER), ctypes.c_uint(flags), sock_fprog)
    descriptor = _check(result, "seccomp")
    return descriptor if listens else -1


def fork_apart() -> int:
    """Fork with the flags APART, which somebody with rights must be waiting for; 0 in the child. x86-64 only.

    As with `clone3`, Python's own fork handlers run, the C library's do not.
    """
    sys.stdout.flush()
    tid_address = ctypes.c_ulong(_own_tid_address())
    number, flags, none = ctypes.c_long(_CLONE), ctypes.c_ulong(APART), ctypes.c_ulong(0)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = _libc_locked.syscall(number, flags, none, none, tid_address, none)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, f"clone: {os.strerror(error)}")
    return int(pid)


def fork_in_vain() -> None:
    """Run what the C library's users want to be done before a fork: OpenBLAS, for one, ends its threads."""
    pid = _libc_locked.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _own_tid_address() -> int:
    """Where glibc keeps this thread's id (0 if the kernel does not tell).

    A raw clone leaves the parent's id there, and raise(3) or a mutex of the child would use it; with
    CLONE_CHILD_SETTID the kernel writes the child's own.
    """
    address = ctypes.c_ulong(0)
    result = _libc.prctl(ctypes.c_int(PR_GET_TID_ADDRESS), ctypes.byref(address), 0, 0, 0)
    return address.value if result == 0 else 0


def clone3(flags: int, cgroup_fd: int = -1) -> tuple[int, int]:
    """Fork, into new namespaces for example. Returns (pid, pidfd) in the caller, (0, -1) in the new process.

    The C library's fork handlers do not run (a launcher holds no threads); Python's own do.
    """
    pidfd = ctypes.c_int(-1)
    tid_address = _own_tid_address()
    flags |= CLONE_PIDFD
    if tid_address:
        flags |= CLONE_CHILD_SETTID
    if cgroup_fd >= 0:
        flags |= CLONE_INTO_CGROUP
    arguments = struct.pack(
        "=11Q",
        flags,
        ctypes.addressof(pidfd),
        tid_address,
        0,
        0 if flags & CLONE_PARENT else signal.SIGCHLD,  # a sibling ends as its parent's other children do
        0,
        0,
        0,
        0,
        0,
        max(cgroup_fd, 0),
    )
    number, size = ctypes.c_long(_SYSCALL_NUMBERS["clone3"]), ctypes.c_size_t(len(arguments))
    sys.stdout.flush()
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = _libc_locked.syscall(number, arguments, size)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0, -1
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, f"clone3: {os.strerror(error)}")
    return int(pid), pidfd.value
