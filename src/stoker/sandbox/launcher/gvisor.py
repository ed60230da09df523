"""A sandbox whose functions do not see the host's kernel: process 1 runs gVisor's `runsc` in all that it has made.

Everything around stays as it is with namespaces alone (`init.py`): gVisor runs inside the sandbox's mounts, processes,
loopback and control groups, as a user of the host that owns nothing, and ends with process 1, leaving nothing behind.
The function is a process of gVisor's own kernel, the sentry, and is killed by killing the sentry. Its files, /tmp
first, are mounts of the sandbox, so they outlive a sentry.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from typing import Any

from . import pause, urpc
from . import syscalls as sc
from .processes import Processes, kill_all
from .runtime import TELEMETRY_DESCRIPTOR

RUNSC = "/run/stoker/runsc"
# A tmpfs of the sandbox's own: what gVisor keeps of itself, and what is seen in the function's place of /run/stoker.
DIRECTORY = "/run/stoker/gvisor"
_STATE, _BUNDLE, _ROOT, _GUEST, _PROC = (f"{DIRECTORY}/{name}" for name in ("state", "bundle", "root", "guest", "proc"))
_LOG = f"{DIRECTORY}/log"
_NAME = "function"
_CONTROL = f"{_STATE}/runsc-{_NAME}.sock"
_PAUSE = "/run/stoker/pause"
_FLAGS = (
    f"--root={_STATE}",
    "--network=host",  # the host's is, here, the sandbox's own network namespace with our listeners
    "--ignore-cgroups",  # all of it is in the sandbox's already
    "--overlay2=none",  # nothing but mounts of the sandbox can be written
    "--host-uds=none",
    f"--log={_LOG}",
)
_CAPABILITY_SETS = ("PermittedCaps", "InheritableCaps", "EffectiveCaps", "BoundingCaps", "AmbientCaps")
_STOPPED = signal.SIGKILL  # how processes end whose sentry ended


def prepare(order: dict[str, Any]) -> None:
    """What `runsc` wants to find, while there are still rights to mount it. Raises OSError."""
    sc.mount("gvisor", DIRECTORY, "tmpfs", sc.MS_NOSUID | sc.MS_NODEV, "mode=0711,size=16m")
    for path in (_STATE, _BUNDLE, _ROOT, _GUEST, _PROC):
        os.mkdir(path)  # noqa: PTH102
        os.chmod(path, 0o755)  # noqa: PTH101, S103 - whatever the node's umask is
    os.chown(_STATE, order["keeper_uid"], order["keeper_uid"])
    # The function's files: what is here, without that which belongs to process 1 and `runsc`.
    sc.mount("/", _ROOT, "", sc.MS_BIND | sc.MS_REC)
    for path in ("/proc", "/sys"):  # it gets the sentry's
        sc.umount_detached(_ROOT + path)
    _write(f"{_GUEST}/pause", pause.program(), 0o755)
    sc.mount(_GUEST, f"{_ROOT}/run/stoker", "", sc.MS_BIND)
    # The kernel lets gVisor mount a /proc for its sentry only where one without covered files is to be seen.
    sc.mount("proc", _PROC, "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC)
    _write(f"{_BUNDLE}/config.json", json.dumps(_bundle(order)).encode(), 0o644)
    _write(_LOG, b"", 0o600)
    os.chown(_LOG, order["keeper_uid"], order["keeper_uid"])


def _write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _bundle(order: dict[str, Any]) -> dict[str, Any]:
    """The container as the OCI's runtime specification describes one. Its only process sleeps; others come by call."""
    writable = ["/tmp", *(mounted["target"] for mounted in order["file_systems"])]  # noqa: S108
    mounts = [
        {"destination": path, "source": path, "type": "bind", "options": ["rw", "nosuid", "nodev"]} for path in writable
    ]
    limits = (("RLIMIT_NOFILE", order["files_max"]), ("RLIMIT_NPROC", order["processes_max"]), ("RLIMIT_CORE", 0))
    process = {
        "args": [_PAUSE],
        "cwd": "/",
        "user": {"uid": 0, "gid": 0},
        "noNewPrivileges": True,
        "capabilities": {},
        "rlimits": [{"type": kind, "soft": most, "hard": most} for kind, most in limits],
    }
    return {
        "ociVersion": "1.0.2",
        "root": {"path": _ROOT, "readonly": True},
        "hostname": order["hostname"],
        "process": process,
        "mounts": mounts,
    }


def become_keeper(keeper_uid: int, uid_map: str, gid_map: str) -> None:
    """An identity that owns nothing on the host, with every right over the two users of a namespace of its own.

    Two users are more than a process may map for itself, so a child that stays outside does it. Raises OSError.
    """
    sc.prctl(sc.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(keeper_uid, keeper_uid, keeper_uid)
    os.setresuid(keeper_uid, keeper_uid, keeper_uid)
    sc.make_permitted_effective()
    sc.prctl(sc.PR_SET_DUMPABLE, 1)
    # The launcher's children need no reaping; these do, and gVisor's.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.close(writer)
        _map_from_outside(reader, {"uid_map": uid_map, "gid_map": gid_map})
    os.close(reader)
    try:
        sc.unshare(sc.CLONE_NEWUSER)
    finally:
        os.close(writer)
        _, status = os.waitpid(child, 0)
    if status != 0:
        raise OSError(os.waitstatus_to_exitcode(status), "mapping users: " + os.strerror(status >> 8))
    sc.prctl(sc.PR_SET_DUMPABLE, 0)
    sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)


def _map_from_outside(reader: int, maps: dict[str, str]) -> None:
    """Never returns."""
    status = 255
    try:
        os.read(reader, 1)  # ends when the parent is in its namespace
        for name, text in maps.items():
            with open(f"/proc/{os.getppid()}/{name}", "w") as file:  # noqa: PTH123
                file.write(text)
        status = 0
    except OSError as error:
        status = error.errno or status
    finally:
        os._exit(status)


def boot() -> None:
    """Start a sentry, with nothing in it but a process that sleeps. Raises OSError with what `runsc` said."""
    for name in os.listdir(_STATE):  # noqa: PTH208 - what a sentry left that was killed
        os.unlink(f"{_STATE}/{name}")  # noqa: PTH108
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(_LOG, os.O_WRONLY | os.O_TRUNC)
    outputs = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    arguments = ["runsc", *_FLAGS, "run", "--detach", f"--bundle={_BUNDLE}", _NAME]
    try:
        runsc = os.posix_spawn(RUNSC, arguments, {}, file_actions=outputs, setsigmask=())
        _, status = os.waitpid(runsc, 0)
    finally:
        os.close(null)
        os.close(log)
    if status != 0:
        with open(_LOG, errors="replace") as file:  # noqa: PTH123
            said = " ".join(file.read()[-1000:].split())
        raise OSError(os.waitstatus_to_exitcode(status), f"runsc: {said}")


def _signal_children(number: int) -> None:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
        for pid in file.read().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), number)


def _is_running() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(_CONTROL)
        except OSError:
            return False
        return True


class Guests(Processes):
    """Processes of the sentry's. Their numbers are those of the sentry's own."""

    def __init__(self, control: socket.socket, output: int, user: tuple[int, int]) -> None:
        """`user`: the function's user and group."""
        super().__init__(control, output)
        self._user = user
        self._waiting: dict[int, tuple[int, socket.socket]] = {}

    def _start(self, order: dict[str, Any], outputs: list[int]) -> None:
        if not order["argv"]:
            self._tell(order["name"], 0)
            return
        if not _is_running():
            kill_all()
            boot()
        output = outputs[0] if outputs else self._output
        try:
            pid = self._execute(order, output)
        except urpc.CallError as error:
            os.write(output, f"{order['argv'][:1]}: {error}\n".encode())
            is_missing = "no such file" in str(error)
            self._tell(order["name"], (127 if is_missing else 126) << 8)
            return
        self._names[pid] = order["name"]
        self._await(pid)

    def _execute(self, order: dict[str, Any], output: int) -> int:
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            result = urpc.call(
                _CONTROL,
                "ExecuteAsync",
                {
                    "ContainerID": _NAME,
                    "filename": order["argv"][0],
                    "argv": order["argv"],
                    "envv": [f"{name}={value}" for name, value in order["environment"].items()],
                    "wd": order["directory"],
                    "KUID": self._user[0],
                    "KGID": self._user[1],
                    "NoNewPrivileges": True,
                    "Capabilities": dict.fromkeys(_CAPABILITY_SETS, 0),
                    "GuestFDs": [0, 1, 2, TELEMETRY_DESCRIPTOR],
                },
                [null, output, output, output],
            )
        finally:
            os.close(null)
        return int(result)

    def _await(self, pid: int) -> None:
        try:
            waiting = urpc.begin(_CONTROL, "WaitPID", {"PID": pid, "CID": _NAME})
        except urpc.CallError:
            self._ended(pid, _STOPPED)
            return
        self._waiting[waiting.fileno()] = pid, waiting
        self._poll.register(waiting, select.POLLIN)

    def _heard(self, descriptor: int) -> None:
        if descriptor not in self._waiting:  # a reset came first
            return
        pid, waiting = self._waiting.pop(descriptor)
        self._poll.unregister(descriptor)
        with waiting:
            try:
                status = int(urpc.answer(waiting))
            except urpc.CallError:
                status = _STOPPED
        self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        name = self._names.pop(pid, None)
        if name is not None:
            self._tell(name, status)

    def _signal(self, name: str, number: int) -> None:
        for pid in [pid for pid, known in self._names.items() if known == name]:
            with contextlib.suppress(urpc.CallError):
                urpc.call(_CONTROL, "Signal", {"CID": _NAME, "PID": pid, "Signo": number, "Mode": 0})

    def _signal_all(self, number: int) -> None:
        """Kill all of gVisor; or let it stop the function's processes and stop it, or the other way round.

        The sentry and its server of files are stopped, but not what the sentry starts for the function's processes. It
        waits for those by seccomp's notifications, which a stop or a freeze makes vanish (seccomp_unotify(2), ENOENT);
        the process then dies of a SIGSEGV. They can make no call without the sentry.
        """
        if number == signal.SIGKILL:
            kill_all()
        elif number == signal.SIGSTOP:
            self._tell_sentry("Pause")
            _signal_children(number)
        else:
            _signal_children(number)
            self._tell_sentry("Resume")

    def _tell_sentry(self, method: str) -> None:
        with contextlib.suppress(urpc.CallError):  # it has ended, or is not what it was
            urpc.call(_CONTROL, method, {})

    def _reset(self) -> None:
        for _, waiting in self._waiting.values():
            self._poll.unregister(waiting)
            waiting.close()
        self._waiting.clear()
        super()._reset()

    def _reap(self) -> None:
        """What ends here is gVisor's: of the function's processes tells what they wait for."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
