"""The launcher's loop: enter the runtime's root, load what a zygote holds, then one sandbox for each spec that arrives.

It speaks JSON over a SOCK_SEQPACKET socket with the node (`sandbox/namespaces.py`). When that socket closes it ends,
and the kernel ends its sandboxes with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from typing import Any

from . import init, limits, resources, root, runtime, seccomp, shared_pages, snapshot
from . import syscalls as sc
from .messages import close_all, receive, send

# What the second stage of a zygote finds open.
_NODE, _ORDER = 3, 4


def main() -> None:
    """First stage, in the interpreter that runs Stoker: build the root, then become or start the serving stage."""
    node = socket.socket(fileno=int(sys.argv[1]))
    order, _ = receive(node)
    if order is None:
        return
    # What the command line told (this program's own paths) is not for the sandboxes, which can read it in /proc.
    sc.hide_arguments()
    # A node that died may still hold a socket somewhere: this is the surer sign.
    sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
    order["host"] = resources.read_host()
    limits.set_common()
    try:
        root.enter(order["root"], order["is_privileged"])
    except OSError as error:
        send(node, {"error": {"step": str(error), "errno": error.errno}})
        sys.exit(1)
    if order["zygote"] is None:
        serve(node, order, zygote=None)
        return
    zygote = order["zygote"]
    # By descriptor, not on the command line, for the same reason. They may be each other's before they are moved.
    carried = os.memfd_create("order")
    os.write(carried, json.dumps(order).encode())
    node.set_inheritable(False)
    above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _ORDER + 1) for descriptor in (node.fileno(), carried)]
    for descriptor, number in zip(above, (_NODE, _ORDER)):  # noqa: B905 - Python 3.9
        os.dup2(descriptor, number)
    os.execve(zygote["interpreter"], [zygote["interpreter"], zygote["script"]], zygote["environment"])  # noqa: S606


def serve_as_zygote() -> None:
    """Second stage of a zygote, in the runtime's own interpreter."""
    node = socket.socket(fileno=_NODE)
    node.set_inheritable(False)
    order = json.loads(os.pread(_ORDER, os.fstat(_ORDER).st_size, 0))
    os.close(_ORDER)
    sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        zygote = runtime.Zygote(**order["zygote"]["imports"], is_privileged=order["is_privileged"])
    except OSError as error:
        send(node, {"error": {"step": str(error.strerror), "errno": error.errno}})
        sys.exit(1)
    serve(node, order, zygote)


def serve(node: socket.socket, order: dict[str, Any], zygote: runtime.Zygote | None) -> None:
    sc.set_process_name("stoker-zygote" if zygote else "stoker-launch")
    # Whoever started the node may have ignored some; no function shall inherit that.
    for number in set(range(1, signal.NSIG)) - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    # Ended sandboxes need no reaping; the node watches them by pidfd.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seccomp.make_ahead()
    host = resources.Host(order["host"])
    shared_pages.settle()
    send(node, {"event": "ready", "pid": os.getpid()})
    while True:
        spec, descriptors = receive(node)
        if spec is None:
            return
        if "fork" in spec:
            snapshot.start(node, spec, descriptors, host)
            continue
        try:
            pid, pidfd = sc.clone3(init.namespaces(spec), descriptors[init.CGROUP] if spec["cgroup_v2"] else -1)
        except OSError as error:
            close_all(descriptors)
            send(node, {"id": spec["id"], "error": {"step": str(error), "errno": error.errno}})
            continue
        if pid == 0:
            node.close()
            init.run(spec, descriptors, order["is_privileged"], zygote, host)
        close_all(descriptors)
        send(node, {"id": spec["id"], "pid": pid}, [pidfd])
        os.close(pidfd)
