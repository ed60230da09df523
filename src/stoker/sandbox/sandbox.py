"""What a sandbox is to the rest of the house: the contract that every kind of isolation honours.

A sandbox holds one execution environment: a private /tmp, a Runtime API socket of its own, limits, and the processes
that the node starts in it. It is made by a `SandboxMaker`, lives until `kill`, and its owner awaits `wait_closed`.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.ahead import Interpreter
from stoker.sandbox.network.records import ISOLATED, Network

RUNTIME = "runtime"
SANDBOX = "sandbox"
# What a sandbox that is held to be forked may use of a processor meanwhile: it has nothing to do.
SNAPSHOT_VCPUS = 0.05


class SandboxError(Exception):
    """A sandbox could not be made or is gone; the text names the step that failed."""


class FileSystemError(SandboxError):
    """A directory of the host that a sandbox shall see cannot be mounted."""


@dataclass(frozen=True, slots=True)
class HostDirectory:
    """A directory of the host, with what is mounted in it, that is seen at `target` (`/mnt/…`) and can be written.

    `source` is absolute and without symbolic links: none is followed.
    """

    source: Path
    target: str


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """Everything that making a sandbox takes.

    `task` becomes /var/task (None: the image brings its own), `opt` /opt (None: empty). `memory_mb` limits the
    processes and `tmp_mb` /tmp; the two do not share. `name` is unique on this node and safe as a file name.
    """

    name: str
    build: RuntimeBuild
    task: Path | None
    opt: Path | None
    memory_mb: int
    tmp_mb: int
    network: Network = ISOLATED
    directories: tuple[HostDirectory, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to start in a sandbox. `fork` goes on in the zygote's interpreter with `handler`, instead of `argv`.

    `is_snapshot`: it may be held where it would be restored, to be forked there (`Forks`).
    `ahead` is the command line of an interpreter that may have been started before, without the function's variables
    (`sandbox/ahead.py`), or will be started in the sandbox that begins with this process; empty if none may.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    handler: str
    fork: bool
    ahead: tuple[str, ...] = ()
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step of making a sandbox, and when it ended, in seconds of time.monotonic."""

    name: str
    ended_s: float


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: `code` is its exit status, or None when `signal` killed it."""

    name: str
    code: int | None
    signal: int | None


OnExit = Callable[[Exit], None]


class Sandbox(Protocol):
    """A running sandbox.

    `output` is the node's end of the one pipe into which its processes print (standard output, standard error and the
    framed log share it, so that their order is kept): a non-blocking descriptor that whoever reads it closes.
    `datagrams` is the X-Ray daemon's socket inside the sandbox: such a descriptor, too.
    `aws_endpoint` listens inside at the address that functions find in AWS_ENDPOINT_URL; None where they share the
    host's loopback and can call the node itself. `steps` are those by which it was made, in their order, as far as its
    kind tells them.
    """

    name: str
    listener: socket.socket
    aws_endpoint: socket.socket | None
    output: int
    datagrams: int | None
    runtime_api: str
    task_directory: str
    steps: list[Step]

    def start(self, process: ProcessSpec, output: int | None = None) -> None:
        """Start a process in it, which prints into the descriptor `output` if it is not to share the sandbox's pipe.

        Without `argv` nothing is started. Raises SandboxError if the sandbox is gone.
        """

    def signal(self, process: str, number: int) -> None:
        """Send a signal to a process by the name it was started with; a process or sandbox that ended is no error."""

    async def reset(self) -> None:
        """Kill every process in it and wait until they are gone; /tmp stays. Raises SandboxError if it is gone."""

    async def connect(self, port: int) -> socket.socket:
        """A TCP connection to what listens inside at sandbox.localdomain:`port`. Raises SandboxError, OSError."""

    def set_cpu(self, vcpus: float) -> None:
        """Limit the share of processor time, in vCPUs."""

    def freeze(self) -> None:
        """Stop all its processes, without their knowing."""

    def thaw(self) -> None:
        """Let them go on."""

    def memory_max_mb(self) -> int:
        """The most memory it used so far, in whole MB, rounded up; 0 where nothing counts it."""

    def ran_out_of_memory(self) -> bool:
        """Whether something in it was killed since the last look because the memory limit was reached."""

    def kill(self) -> None:
        """End it at once. Doing it twice is fine. Does not wait."""

    async def wait_closed(self) -> None:
        """Return when its processes are gone and nothing of it is left."""


class SandboxMaker(Protocol):
    """One kind of isolation. It is an asynchronous context: leaving it ends its helpers and all its sandboxes."""

    isolation: str

    async def __aenter__(self) -> "SandboxMaker": ...

    async def __aexit__(self, *_: object) -> None: ...

    async def prepare(
        self, build: RuntimeBuild, *, fork: bool, network: Network = ISOLATED, ahead: Interpreter | None = None
    ) -> None:
        """Do ahead what the first sandbox of a runtime and network needs. Raises SandboxError; twice is fine.

        `ahead` is an interpreter that it may start with. Only isolation by namespaces is ever asked for one.
        """

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> Sandbox:
        """A new sandbox with its first process started. Raises SandboxError, FileSystemError.

        `on_exit` is called for each process that ends, and once with the name SANDBOX when the sandbox itself is gone.
        """


class Forks(Protocol):
    """What a maker offers besides, if its sandboxes can be forked: a function is initialised once, and then copied."""

    def held(self, snapshot: Sandbox) -> "asyncio.Future[str]":
        """Of a sandbox whose first process `is_snapshot`: "" once that is held, or why it cannot be and goes on."""

    async def fork(self, snapshot: Sandbox, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> Sandbox:
        """A new sandbox, in which what is held in `snapshot` goes on as a copy. Raises SandboxError.

        `first` is what `snapshot` was made with. A snapshot that is killed ends once its copies have ended.
        """


async def connected(connection: socket.socket, address: str, port: int) -> socket.socket:
    """`connection`, connected; closed when it cannot be. Raises OSError."""
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection
