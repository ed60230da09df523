"""Forks an initialised function into a sandbox of the fork's own (decision 0044).

The process that is forked, the snapshot, has run the customer's code and has no rights, so it cannot make the fork a
sandbox; and the fork has the snapshot's memory, so it can be given no rights to do so itself. It is done to it: the
filter of such a process lets one form of clone(2) pass while somebody with rights traces it, and that somebody is
`run`, a child of the launcher for one fork. It holds the new process before its first instruction, moves it to its
control groups, builds its file systems and its network around it, takes from it what rights the new user namespace
gave it, and lets it go. Nothing that the snapshot or its fork says is read here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
from collections.abc import Callable
from typing import Any

from . import init, ptrace, resources
from . import syscalls as sc
from .messages import close_all, send

# Which descriptor of an order is which; then come those of the control groups, as for a sandbox that is made.
CONTROL, OUTPUT, CHANNEL, FIRST = range(4)
LIMIT_S = 5.0

_CAPSET, _PRCTL, _UNSHARE = 126, 157, 272
# What a call ends with that a signal interrupted, and that the kernel makes again (ERESTARTNOINTR).
_RESTARTED = 513
_SIGNALS_MAX = 16
_OPTIONS = ptrace.EXIT_KILL | ptrace.TRACE_SECCOMP | ptrace.TRACE_SYSGOOD


def start(node: socket.socket, spec: dict[str, Any], descriptors: list[int], host: resources.Host) -> None:
    """Carry out an order, beside the launcher; `node` is answered from there, as by a launcher that makes a sandbox.

    `spec`: {"id", "fork" and "first": process ids of the snapshot and of the first process beside it, "start": what the
    snapshot is told, "cgroup_v2", "is_part", "memory_mb", "cores", "tmp_bytes", "ports"}.
    """
    if os.fork() == 0:
        run(node, spec, descriptors, host)
    close_all(descriptors)


def run(node: socket.socket, spec: dict[str, Any], descriptors: list[int], host: resources.Host) -> None:
    """Never returns. It ends when its time is up, and a fork that it has not let go ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        child = _forked(spec, descriptors)
        pidfd = os.pidfd_open(child)
        _confine(child, pidfd, spec, descriptors, host)
        send(node, {"id": spec["id"], "pid": child}, [pidfd])
        ptrace.detach(child)
    except OSError as error:
        send(node, {"id": spec["id"], "error": {"step": str(error.strerror), "errno": error.errno}})
    finally:
        os._exit(0)


def _forked(spec: dict[str, Any], descriptors: list[int]) -> int:
    """The new process, stopped before its first instruction."""
    snapshot: int = spec["fork"]
    step = "1. the snapshot"
    try:
        sc.unshare(sc.CLONE_NEWNS)
        sc.mount("none", "/", "", sc.MS_REC | sc.MS_PRIVATE)
        sc.mount("proc", "/proc", "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC)
        # Whatever its number is: it may be another process by now, which nothing must happen to.
        ptrace.seize(snapshot, ptrace.TRACE_SECCOMP | ptrace.TRACE_SYSGOOD)
        _verify_place(snapshot, spec["first"], descriptors[FIRST])
        step = "2. fork"
        with socket.socket(fileno=os.dup(descriptors[CHANNEL])) as channel:
            send(channel, spec["start"], [descriptors[CONTROL], descriptors[OUTPUT]])
        child = _let_fork(snapshot)
        ptrace.detach(snapshot)
        if ptrace.wait(child, passes_signals=False) != ptrace.EVENT_STOP:
            raise ptrace.UnexpectedError(errno.EPERM, "the fork was not stopped")
        ptrace.set_options(child, _OPTIONS)  # nothing more that it forks
        _verify_closed(child)
        ptrace.own_code(child)
    except OSError as error:
        raise OSError(error.errno, f"{step}: {error}") from error
    return child


def _let_fork(snapshot: int) -> int:
    for _ in range(_SIGNALS_MAX):
        if ptrace.wait(snapshot) != ptrace.EVENT_SECCOMP:
            raise ptrace.UnexpectedError(errno.EPERM, "the snapshot was stopped")
        # Only here: nothing else that it may fork is traced. The fork begins with the same options, and ends with us.
        ptrace.set_options(snapshot, _OPTIONS | ptrace.TRACE_FORK)
        ptrace.go_on(snapshot, to_call=True)
        if ptrace.wait(snapshot) == ptrace.EVENT_FORK:
            return ptrace.new_child(snapshot)
        number = -ptrace.result(snapshot)
        if number != _RESTARTED:
            ptrace.detach(snapshot)  # the host does not let it; it may go on
            raise OSError(number, f"clone: {os.strerror(number)}")
        ptrace.set_options(snapshot, ptrace.TRACE_SECCOMP | ptrace.TRACE_SYSGOOD)
        ptrace.go_on(snapshot)
    raise ptrace.UnexpectedError(errno.EINTR, "the snapshot gets too many signals")


def _verify_closed(child: int) -> None:
    """That nobody but root can write its memory, or its user map: until it has no rights, what it has executed decides.

    The snapshot could: it has the same user and is above. A process that is not dumpable is root's in /proc (proc(5)).
    """
    if os.stat(f"/proc/{child}/mem").st_uid != 0:  # noqa: PTH116
        raise ptrace.UnexpectedError(errno.EPERM, "the fork is open to others")


def _verify_place(snapshot: int, first: int, first_pidfd: int) -> None:
    """That the traced process is in the sandbox whose first process the node named by a descriptor."""
    same = os.stat(f"/proc/{snapshot}/ns/pid").st_ino == os.stat(f"/proc/{first}/ns/pid").st_ino  # noqa: PTH116
    poll = select.poll()
    poll.register(first_pidfd, select.POLLIN)
    if not same or poll.poll(0):
        raise ptrace.UnexpectedError(errno.ESRCH, "the snapshot is gone")


def _confine(child: int, pidfd: int, spec: dict[str, Any], descriptors: list[int], host: resources.Host) -> None:
    step = ""
    try:
        step = "3. control groups"  # from here on, all that it touches is on the fork's account
        _join_groups(child, descriptors[FIRST + 1 :], spec["cgroup_v2"])
        with contextlib.suppress(OSError):  # a core may have been taken from the host
            os.sched_setaffinity(child, spec["cores"])
        # Its own groups are the roots, seen from inside. Some hosts (Ubuntu 24.04) give the new user namespace no
        # rights: then it sees where they are instead.
        ptrace.call(child, _UNSHARE, sc.CLONE_NEWCGROUP)
        step = "4. identity"  # called as in the snapshot
        _apart(lambda: _map_identity(spec["fork"], child))
        step = "5. file systems and network"
        _apart(lambda: _build(pidfd, spec, descriptors[CONTROL], host))
        step = "6. capabilities"
        for capability in range(sc.CAPABILITY_LAST + 1):
            ptrace.call(child, _PRCTL, sc.PR_CAPBSET_DROP, capability)
        ptrace.call(child, _CAPSET, struct.pack("=Ii", sc.CAPABILITY_VERSION_3, 0), bytes(24))
        step = "7. verification"
        with open(f"/proc/{child}/status") as file:  # noqa: PTH123
            _verify_powerless(file.read())
    except OSError as error:
        raise OSError(error.errno, f"{step}: {error}") from error


def _join_groups(child: int, groups: list[int], is_v2: bool) -> None:
    """`groups`: those of `cgroup.attach_descriptors`."""
    if is_v2:
        file = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=groups[0])
        os.write(file, str(child).encode())
        os.close(file)
    for descriptor in groups[1 if is_v2 else 0 :]:
        os.write(descriptor, str(child).encode())


def _map_identity(snapshot: int, child: int) -> None:
    """Only somebody in the user namespace above may write it (user_namespaces(7))."""
    namespace = os.open(f"/proc/{snapshot}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    sc.setns(namespace, sc.CLONE_NEWUSER)
    for kind, number in (("uid", init.INSIDE_UID), ("gid", init.INSIDE_GID)):
        with open(f"/proc/{child}/{kind}_map", "w") as file:  # noqa: PTH123
            file.write(f"{number} {number} 1")


def _build(pidfd: int, spec: dict[str, Any], control: int, host: resources.Host) -> None:
    sc.setns(pidfd, sc.CLONE_NEWCGROUP | sc.CLONE_NEWPID | sc.CLONE_NEWNET)
    # A process enters a process namespace by being born in it; only from there its /proc can be mounted.
    _apart(lambda: _build_inside(pidfd, spec, control, host))


def _build_inside(pidfd: int, spec: dict[str, Any], control: int, host: resources.Host) -> None:
    """What is the fork's own is made here, as for every sandbox, and then put over what it has of the snapshot."""
    sc.unshare(sc.CLONE_NEWNS)
    init.mount_proc()
    resources.prepare(host, is_part=spec["is_part"], is_ahead=False)
    resources.show(host, spec["memory_mb"], spec["cores"], is_part=spec["is_part"])
    options = f"mode=1777,size={spec['tmp_bytes']}"
    sc.mount("tmp", "/tmp", "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, options)  # noqa: S108
    trees = {path: _tree(path) for path in ("/proc", "/sys", "/tmp")}  # noqa: S108
    sc.setns(pidfd, sc.CLONE_NEWNS)
    for path, tree in trees.items():
        sc.attach_tree(tree, path)
    listeners = [*init.listen(spec["ports"]), init.daemon()]
    with socket.socket(fileno=control) as connection:
        prepared = {"event": "prepared", "steps": []}
        send(connection, prepared, [listener.fileno() for listener in listeners])


def _tree(path: str) -> int:
    directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return sc.open_tree(directory)
    finally:
        os.close(directory)


def _verify_powerless(status: str) -> None:
    """`status` is the fork's file of that name (proc(5)).

    Not the bounding set, which those hosts do not let it empty: no exec gives it anything, with no_new_privs.
    """
    values = dict(line.split(":", 1) for line in status.splitlines())
    capabilities = [values[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")]
    if any(int(value, 16) for value in capabilities):
        raise ptrace.UnexpectedError(errno.EPERM, "the fork has capabilities")
    if values["NoNewPrivs"].strip() != "1" or values["Seccomp"].strip() != "2":
        raise ptrace.UnexpectedError(errno.EPERM, "the fork has no filter")


def _apart(work: Callable[[], None]) -> None:
    """Do it in a process of its own, which may go where it likes. Raises OSError."""
    pid = os.fork()
    if pid == 0:
        number = 255
        try:
            work()
            number = 0
        except OSError as error:
            number = error.errno or 255
        finally:
            os._exit(number)
    _, status = os.waitpid(pid, 0)
    number = os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EINTR
    if number:
        raise OSError(number, os.strerror(number))
