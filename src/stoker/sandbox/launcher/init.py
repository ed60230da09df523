"""The first process of a sandbox: makes the sandbox around itself, gives up every right, then starts and reaps.

Numbered steps, the first half of them (`_prepare`) done ahead of any function; after the last one (`_complete`) this
process is as powerless as the function that it starts, so a function that takes it over gains nothing. It stays
process 1 so that the runtime is an ordinary process (a signal kills it, orphans are reaped) and so that a crashed
runtime starts anew in the same sandbox with /tmp kept.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import time
from typing import Any

from . import ahead, file_systems, gvisor, held, limits, resources, runtime, sysinfo, waiting_copy
from . import syscalls as sc
from .messages import close_all, receive, send
from .processes import Processes

# Which descriptor of a spec is which. The last one is a network namespace if the sandbox has a network.
CONTROL, OUTPUT, CGROUP = range(3)

INSIDE_UID, INSIDE_GID = 993, 990  # sbx_user1051, as on AWS
LINK_LOCAL_ADDRESS = "169.254.100.1"
DAEMON_PORT = 2000
RUNTIME_API_PORT = 9001
_SIOCSIFADDR, _SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8916, 0x8913, 0x8914, 1
# Readable by root only, or not at all, in any case; masked so that a slip elsewhere does not matter.
_MASKED_FILES = ("kcore", "keys", "sysrq-trigger", "timer_list")
_READ_ONLY_DIRECTORIES = ("sys", "irq", "bus", "fs")

# How large /tmp is until the function is known, for what an interpreter leaves there when it starts.
_TMP_AHEAD_BYTES = 1024 * 1024


class Steps:
    """When each step ended, in seconds of the kernel's monotonic clock (`stoker trace-start` shows them)."""

    def __init__(self) -> None:
        self._ended = [("clone", time.monotonic())]

    def end(self, name: str) -> None:
        self._ended.append((name, time.monotonic()))

    def take(self) -> list[tuple[str, float]]:
        """Those since the last time."""
        ended, self._ended = self._ended, []
        return ended


def namespaces(spec: dict[str, Any]) -> int:
    """Those that a sandbox is made with. One that has a network joins a namespace that was made for it."""
    network = 0 if spec["has_network"] else sc.CLONE_NEWNET
    return sc.CLONE_NEWNS | sc.CLONE_NEWPID | sc.CLONE_NEWIPC | sc.CLONE_NEWUTS | network


def run(
    spec: dict[str, Any],
    descriptors: list[int],
    is_privileged: bool,
    zygote: runtime.Zygote | None,
    host: resources.Host,
) -> None:
    """Never returns."""
    status = 1
    steps = Steps()
    try:
        control = socket.socket(fileno=descriptors[CONTROL])
        network = descriptors.pop() if spec["has_network"] else None
        try:
            listeners = _prepare(spec, descriptors, network, host, steps)
            # The last one is the X-Ray daemon's.
            listeners.append(daemon())
            steps.end("network")
            prepared = {"event": "prepared", "steps": steps.take()}
            send(control, prepared, [listener.fileno() for listener in listeners])
            for listener in listeners:
                listener.close()
            order, directories = receive(control)
            waiting = None
            if order is not None and "waits" in order:
                waiting = _start_ahead(order, descriptors[OUTPUT], is_privileged, zygote, host)
                order, directories = waiting.wait(control)
            steps.end("order")
            if order is not None:
                kept, asked = _complete(order, directories, is_privileged, host, waiting, steps)
                if order["keeper_uid"] is None:
                    memory = sysinfo.Sysinfo(asked, order["memory_mb"] * 1024 * 1024)
                    if waiting is not None:
                        waiting.memory.memory_bytes = memory.memory_bytes
                    processes = Processes(control, descriptors[OUTPUT], zygote, memory, waiting)
                else:
                    gvisor.boot()
                    processes = gvisor.Guests(control, descriptors[OUTPUT], (INSIDE_UID, INSIDE_GID))
                channel, node_channel = held.channel() if order["is_snapshot"] else ([], [])
                ready = {"event": "ready", "steps": steps.take(), "is_snapshot": order["is_snapshot"]}
                send(control, ready, kept + node_channel)
                close_all(kept + node_channel)
                processes.serve(order["start"], channel, held.install if channel else None)
            status = 0
        except OSError as error:
            is_mount = isinstance(error, file_systems.MountFailedError)
            send(
                control,
                {"event": "failed", "step": str(error.strerror), "errno": error.errno, "is_file_system": is_mount},
            )
    finally:
        os._exit(status)


def _prepare(
    spec: dict[str, Any], descriptors: list[int], network: int | None, host: resources.Host, steps: Steps
) -> list[socket.socket]:
    step = ""
    try:
        step = "1. control groups"  # from here on, all that this process touches is on the sandbox's account
        for descriptor in descriptors[CGROUP + 1 if spec["cgroup_v2"] else CGROUP :]:
            os.write(descriptor, b"0")
        # Seen from inside, these groups are the roots: /proc/self/cgroup tells nothing of the host's.
        sc.unshare(sc.CLONE_NEWCGROUP)
        limits.let_others_finish()
        steps.end("control groups")
        step = "2. descriptors"  # nothing of the launcher's stays open
        _keep_only(descriptors[:CGROUP] + ([] if network is None else [network]))
        # This process ends with the launcher; the change of identity in step 7 makes the kernel forget it.
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        step = "3. /proc and /sys"
        mount_proc()
        resources.prepare(host, is_part=spec["is_part"], is_ahead=spec["is_ahead"])
        # The runtime makes itself the first to go when memory runs out (`runtime.py`); this process stays to tell.
        _write("/proc/self/oom_score_adj", "0")
        steps.end("/proc and /sys")
        step = "4. network"  # loopback only, or what the node has made ahead; and our listeners on it
        if network is not None:
            sc.setns(network, sc.CLONE_NEWNET)
            os.close(network)
        listeners = listen(spec["ports"])
        step = "5. host name"
        socket.sethostname(spec["hostname"])
    except OSError as error:
        raise OSError(error.errno, f"{step}: {error}") from error
    return listeners


def _start_ahead(
    order: dict[str, Any], output: int, is_privileged: bool, zygote: runtime.Zygote | None, host: resources.Host
) -> ahead.Waiting:

    def become() -> None:
        limits.set_own(order["files_max"], order["processes_max"])
        _become_nobody(order["outside_uid"], is_privileged)

    if order["waits"] == "copy":
        assert zygote is not None
        return waiting_copy.start(zygote, output, become)
    # What an interpreter looks at when it starts is what it would find later.
    resources.show(host, order["memory_mb"], order["cores"], is_part=order["is_part"])
    _mount_tmp(_TMP_AHEAD_BYTES)  # a JVM leaves a file there when it starts
    return ahead.start(order, output, become)


def _complete(
    order: dict[str, Any],
    directories: list[int],
    is_privileged: bool,
    host: resources.Host,
    waiting: ahead.Waiting | None,
    steps: Steps,
) -> tuple[list[int], int]:
    """`directories` are the function's file systems, opened by the node; the answer is what it may keep of them, and
    the filter's listener."""
    step = ""
    try:
        step = "6. the function's directories"
        kept = file_systems.mount_all(order["file_systems"], directories, order["outside_uid"], order["keeper_uid"])
        _mount_function(order, is_privileged, waiting)
        if waiting is None or not waiting.has_looked:
            resources.show(host, order["memory_mb"], order["cores"], is_part=order["is_part"])
        steps.end("mounts")
        if order["keeper_uid"] is not None:
            step = "7. gVisor"  # it has limits, an identity and filters of its own
            gvisor.prepare(order)
            gvisor.become_keeper(order["keeper_uid"], *_two_users(order["outside_uid"], order["keeper_uid"]))
            return kept, -1
        step = "7. limits and identity"
        # All forks of a snapshot are its user's: its user namespace bounds nothing, or one could starve the others.
        limits.go_first()
        limits.set_own(order["files_max"], limits.ENDLESS if order["is_snapshot"] else order["processes_max"])
        _become_nobody(order["outside_uid"], is_privileged, None if waiting is None else waiting.namespace)
        limits.set_processes_softly(order["processes_max"])
        steps.end("identity")
        step = "8. filter"  # after it this process can only do what the function can
        listener = ahead.install_filter(forks_apart=order["is_snapshot"])
        steps.end("filter")
    except file_systems.MountFailedError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"{step}: {error}") from error
    return kept, listener


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _keep_only(descriptors: list[int]) -> None:
    low = 3
    for descriptor in sorted(descriptors):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 1 << 20)


def mount_proc() -> None:
    sc.mount("none", "/", "", sc.MS_REC | sc.MS_PRIVATE)
    sc.mount("proc", "/proc", "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC)
    for name in _MASKED_FILES:
        if os.path.exists("/proc/" + name):  # noqa: PTH110
            sc.mount("/dev/null", "/proc/" + name, "", sc.MS_BIND)
    for name in _READ_ONLY_DIRECTORIES:
        path = "/proc/" + name
        if os.path.isdir(path):  # noqa: PTH112
            sc.mount(path, path, "", sc.MS_BIND)
            sc.make_read_only(path)


def _mount_function(order: dict[str, Any], is_privileged: bool, waiting: ahead.Waiting | None) -> None:
    _mount_tmp(order["tmp_bytes"], sc.MS_REMOUNT if waiting is not None and waiting.has_looked else 0)
    for source, target in order["binds"]:
        sc.mount(source, target, "", sc.MS_BIND)
    if waiting is not None:
        waiting.enter()
    for path in order["hidden"]:
        sc.umount_detached(path)
    if not is_privileged:
        sc.umount_detached("/run/stoker/proc")


def _mount_tmp(size_bytes: int, how: int = 0) -> None:
    sc.mount("tmp", "/tmp", "tmpfs", sc.MS_NOSUID | sc.MS_NODEV | how, f"mode=1777,size={size_bytes}")  # noqa: S108


def listen(ports: list[int]) -> list[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as interface:
        _set_address(interface, b"lo:1", LINK_LOCAL_ADDRESS)
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(interface, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(interface, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))
    listeners = []
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        address = LINK_LOCAL_ADDRESS
        if port == RUNTIME_API_PORT:
            # Also at 127.0.0.1, the only kind of address from which AWS's SDKs fetch credentials by plain HTTP; bound
            # to the loopback device, so that nobody beyond this sandbox reaches it (socket(7), SO_BINDTODEVICE).
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
            address = "0.0.0.0"  # noqa: S104
        listener.bind((address, port))
        listener.listen(128)
        listeners.append(listener)
    return listeners


def daemon() -> socket.socket:
    """Where X-Ray's SDKs send their segments: datagrams, which the node reads."""
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind((LINK_LOCAL_ADDRESS, DAEMON_PORT))
    return daemon


def _set_address(interface: socket.socket, label: bytes, address: str) -> None:
    # netdevice(7): struct ifreq with a struct sockaddr_in.
    request = struct.pack("16sHH4s8x", label, socket.AF_INET, 0, socket.inet_aton(address))
    fcntl.ioctl(interface, _SIOCSIFADDR, request)


def _two_users(outside_uid: int, keeper_uid: int) -> tuple[str, str]:
    """The function's, called as in `_become_nobody`, and the one that keeps it, called root: uid_map and gid_map."""
    return (
        f"0 {keeper_uid} 1\n{INSIDE_UID} {outside_uid} 1",
        f"0 {keeper_uid} 1\n{INSIDE_GID} {outside_uid} 1",
    )


def _become_nobody(outside_uid: int, is_privileged: bool, namespace: int | None = None) -> None:
    """An identity that owns nothing on the host and is called sbx_user1051 inside, without any capability.

    `namespace` is the user namespace of a process that has become so already; it is closed.
    """
    if is_privileged:
        # Capabilities are kept up to the new user namespace: some hosts (Debian, Ubuntu 24.04) let only
        # CAP_SYS_ADMIN make one.
        sc.prctl(sc.PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(outside_uid, outside_uid, outside_uid)
        os.setresuid(outside_uid, outside_uid, outside_uid)
        sc.make_permitted_effective()
        # A change of identity made this process's /proc files root's; the next step writes one.
        sc.prctl(sc.PR_SET_DUMPABLE, 1)
        outside_gid = outside_uid
    else:
        outside_uid = outside_gid = 0
    if namespace is not None:
        _join_user_namespace(namespace)
    else:
        _make_user_namespace(outside_uid, outside_gid, is_privileged)
    sc.drop_capabilities()
    sc.prctl(sc.PR_SET_DUMPABLE, 0)
    # After the identity: the kernel forgets this setting when the identity changes.
    sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)


def _join_user_namespace(namespace: int) -> None:
    # It is this process's own where the host allows no others.
    if os.fstat(namespace).st_ino != os.stat("/proc/self/ns/user").st_ino:  # noqa: PTH116
        sc.setns(namespace, sc.CLONE_NEWUSER)
    os.close(namespace)


def _make_user_namespace(outside_uid: int, outside_gid: int, is_privileged: bool) -> None:
    try:
        sc.unshare(sc.CLONE_NEWUSER)
    except OSError:
        # The host forbids user namespaces to everybody (user.max_user_namespaces=0, or a kernel without them). As root
        # they are the second wall, not the first: the identity stays the outside one, which owns nothing, and without
        # capabilities, set-uid programs and new privileges this process can do no more than in a namespace of its own.
        if not is_privileged:
            raise
    else:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{INSIDE_UID} {outside_uid} 1")
        _write("/proc/self/gid_map", f"{INSIDE_GID} {outside_gid} 1")
