"""Functions that make trouble where an initialised function is forked. `PLAN` says which, while they begin."""

import ctypes
import os
import socket
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE, MOUNT, PTRACE, UNSHARE, SETNS = 56, 165, 101, 272, 308
# What the launcher waits for: these very flags, SIGCHLD among them.
APART = 17 | 0x8000 | 0x01000000 | 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
NEW_CGROUP = 0x02000000
CHANNEL = 63
KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def call(number, *arguments):
    """The errno of a system call; 0 if it succeeded."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(argument) for argument in arguments))
    if number == CLONE and result == 0:
        os._exit(0)
    return ctypes.get_errno() if result < 0 else 0


def clone_apart():
    return call(CLONE, APART, 0, 0, 0, 0)


def namespaces():
    return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}


def status():
    with open("/proc/self/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def written(path):
    try:
        with open(path, "w") as file:
            file.write("0")
    except OSError as error:
        return error.errno
    return 0


AT_INIT = {"namespaces": namespaces(), "clone": clone_apart(), "unshare": call(UNSHARE, NEW_CGROUP), "pid": os.getpid()}
PLAN = os.environ.get("PLAN", "")

if PLAN == "says it is held and never answers":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    time.sleep(1000)
if PLAN == "says it is held and asks for the call over and over":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    while True:
        # A fork of it, which is to become a sandbox, does the same.
        pid = libc.syscall(ctypes.c_long(CLONE), *(ctypes.c_ulong(argument) for argument in (APART, 0, 0, 0, 0)))
        if pid == 0:
            print("fork", status()["CapEff"], status()["CapPrm"], status()["CapBnd"], flush=True)
            time.sleep(1000)
if PLAN == "says it is held and ends":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    os._exit(0)
if PLAN == "says it is held and stops":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    os.kill(os.getpid(), 19)
    time.sleep(1000)
if PLAN == "says what is too long":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"\xff" * 100_000)


def walls(event, context):
    """What a restored fork is, and is let do."""
    time.sleep(event.get("sleep", 0))
    found = {
        "at_init": AT_INIT,
        "namespaces": namespaces(),
        "status": status(),
        "clone": clone_apart(),
        "unshare_cgroup": call(UNSHARE, NEW_CGROUP),
        "unshare": call(UNSHARE, 0x20000),
        "mount": call(MOUNT, 0, 0, 0, 0, 0),
        "ptrace": call(PTRACE, 0, 0, 0, 0),
        "setns": call(SETNS, 0, 0),
        "user_map": written("/proc/self/uid_map"),
        "processes": sorted(entry for entry in os.listdir("/proc") if entry.isdigit()),
        "pid": os.getpid(),
        "descriptors": {number: _target(number) for number in os.listdir("/proc/self/fd")},
        "first_descriptors": _refused("/proc/1/fd"),
        "tmp": os.listdir("/tmp"),
    }
    with open("/tmp/mine", "w") as file:
        file.write(str(os.getpid()))
    return found


def _target(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:  # that of the list itself
        return ""


def _refused(path):
    try:
        os.listdir(path)
    except OSError as error:
        return error.errno
    return 0


def echo(event, context):
    time.sleep(event.get("sleep", 0))
    return event
