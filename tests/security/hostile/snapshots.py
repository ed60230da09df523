"""Functions that make trouble where an initialised function is forked. `PLAN` says which, while they begin."""

import contextlib
import ctypes
import mmap
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


def _call(number, *arguments):
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(argument) for argument in arguments))


def _shared_call():
    """A system call whose instruction is in memory that a fork has in common with whoever was forked."""
    global area  # or it would be gone with this function
    area = mmap.mmap(-1, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # mov rax, rdi; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx; mov r10, r8; mov r8, r9; syscall; ret
    area.write(bytes.fromhex("4889f8 4889f7 4889d6 4889ca 4d89c2 4d89c8 0f05 c3"))
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    return ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_ulong] * 6)(address)


AT_INIT = {"namespaces": namespaces(), "clone": clone_apart(), "unshare": call(UNSHARE, NEW_CGROUP), "pid": os.getpid()}
PLAN = os.environ.get("PLAN", "")

if PLAN == "says it is held and never answers":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    time.sleep(1000)
if PLAN.startswith("asks over and over"):
    # Held, it says; but it calls whenever somebody may be there to let it, and its fork goes on as it likes.
    libc.prctl(4, 1 if PLAN.endswith("open to others") else 0, 0, 0, 0)
    ask = _shared_call() if PLAN.endswith("by code in shared memory") else _call
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    while True:
        if ask(CLONE, APART, 0, 0, 0, 0) == 0:
            print("forked", status()["CapEff"], status()["CapPrm"], status()["CapBnd"], flush=True)
            time.sleep(1000)
if PLAN == "says it is held and ends":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    os._exit(0)
if PLAN == "says it is held and stops":
    socket.socket(fileno=os.dup(CHANNEL)).send(b"held")
    os.kill(os.getpid(), 19)
    time.sleep(1000)
if PLAN == "says what is too long":
    with contextlib.suppress(OSError):  # it may not be listened to so long
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
