"""Plain isolation: a mere process of the node's own user, for systems without namespaces. It protects from nothing.

It honours the same contract, so everything above works alike on a laptop: one Runtime API socket each (on the host's
loopback), a /tmp-like directory of its own (TMPDIR), freezing by SIGSTOP. Memory and processor shares are not limited.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.ahead import Interpreter
from stoker.sandbox.network.records import ISOLATED, Network
from stoker.sandbox.sandbox import SANDBOX, Exit, OnExit, ProcessSpec, SandboxError, SandboxSpec, Step, connected

DAEMON_ADDRESS = "169.254.100.1:2000"  # where the variables say that X-Ray's daemon is; here that is another place
CREDENTIALS_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"  # at the Runtime API, which has another port here
# Only what a process cannot do without: the node's own variables are not the function's business.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


# prctl(2), PR_SET_PDEATHSIG: a node that was killed leaves no process behind, not even one that is stopped.
_SETPRIV = ("--pdeathsig", "KILL", "--")


class PlainSandbox:
    """A process group."""

    def __init__(self, spec: SandboxSpec, directory: Path, on_exit: OnExit) -> None:
        """Raises SandboxError: a container image needs a root of its own."""
        if spec.task is None:
            raise SandboxError("container images do not run with isolation 'plain'")
        self.name = spec.name
        self.steps: list[Step] = []
        self._spec = spec
        self._directory = directory
        self._on_exit = on_exit
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._watched: dict[str, int] = {}
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._no_process: asyncio.Event = asyncio.Event()
        self._is_killed = False
        directory.mkdir(parents=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.aws_endpoint: socket.socket | None = None
        daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        self._daemon_port = str(daemon.getsockname()[1])
        self.datagrams: int | None = daemon.detach()
        self.runtime_api = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.task_directory = str(spec.task)
        self.output, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.output, False)

    def start(self, process: ProcessSpec, output: int | None = None) -> None:
        if not process.argv:
            return
        writer = self._writer if output is None else output
        try:
            started = subprocess.Popen(
                _ending_with_node(process.argv),
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                pass_fds=(self._writer,),
                cwd=self._spec.task,
                env=self._environment(process.environment),
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start {process.argv[0]}: {error.strerror}") from None
        self._processes[process.name] = started
        self._no_process.clear()
        pidfd = os.pidfd_open(started.pid)
        self._watched[process.name] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._ended, process.name, started, pidfd)

    def _environment(self, wanted: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {
            **inherited,
            **wanted,
            "TMPDIR": str(self._directory),
            "AWS_LAMBDA_RUNTIME_API": self.runtime_api,
            "AWS_LAMBDA_METADATA_API": self.runtime_api,
        }
        if CREDENTIALS_URI in environment:
            path = environment[CREDENTIALS_URI].removeprefix("http://").partition("/")[2]
            environment[CREDENTIALS_URI] = f"http://{self.runtime_api}/{path}"
        environment["PWD"] = environment["LAMBDA_TASK_ROOT"] = self.task_directory
        if environment.get("AWS_XRAY_DAEMON_ADDRESS") == DAEMON_ADDRESS:  # and not the customer's own
            environment["AWS_XRAY_DAEMON_ADDRESS"] = f"127.0.0.1:{self._daemon_port}"
        environment["_AWS_XRAY_DAEMON_ADDRESS"] = "127.0.0.1"
        environment["_AWS_XRAY_DAEMON_PORT"] = self._daemon_port
        if "_LAMBDA_TELEMETRY_LOG_FD" in environment:
            environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(self._writer)
        return environment

    def signal(self, process: str, number: int) -> None:
        started = self._processes.get(process)
        if started is not None:
            _signal_group(started.pid, number)

    async def reset(self) -> None:
        self._signal_all(signal.SIGKILL)
        while self._processes:
            await self._no_process.wait()

    async def connect(self, port: int) -> socket.socket:
        return await connected(socket.socket(), "127.0.0.1", port)

    def set_cpu(self, vcpus: float) -> None:
        """Nothing here limits it."""

    def freeze(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def memory_max_mb(self) -> int:
        peak_kb = 0
        for started in self._processes.values():
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = Path(f"/proc/{started.pid}/status").read_text()
                peak_kb += int(status.split("VmHWM:")[1].split()[0])
        return -(-peak_kb // 1024)

    def ran_out_of_memory(self) -> bool:
        return False

    def kill(self) -> None:
        if self._is_killed:
            return
        self._is_killed = True
        self._signal_all(signal.SIGKILL)
        if not self._processes:
            self._close()

    async def wait_closed(self) -> None:
        await asyncio.shield(self._closed)
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)

    def _signal_all(self, number: int) -> None:
        for started in self._processes.values():
            _signal_group(started.pid, number)

    def _ended(self, name: str, started: subprocess.Popen[bytes], pidfd: int) -> None:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        # What it left in the background goes with it.
        _signal_group(started.pid, signal.SIGKILL)
        status = started.wait()
        self._processes.pop(name, None)
        self._on_exit(Exit(name, None, -status) if status < 0 else Exit(name, status, None))
        if not self._processes:
            self._no_process.set()
            if self._is_killed:
                self._close()

    def _close(self) -> None:
        if self._closed.done():
            return
        self.listener.close()
        os.close(self._writer)
        self._closed.set_result(None)
        self._on_exit(Exit(SANDBOX, None, signal.SIGKILL))


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class PlainSandboxes:
    """Makes them. It has no helpers of its own."""

    isolation = "plain"

    def __init__(self, data: Path) -> None:
        self._directory = data / "run" / "plain"
        self._sandboxes: set[PlainSandbox] = set()

    async def __aenter__(self) -> "PlainSandboxes":
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        for sandbox in self._sandboxes:
            sandbox.kill()
        for sandbox in self._sandboxes:
            await sandbox.wait_closed()

    async def prepare(
        self, build: RuntimeBuild, *, fork: bool, network: Network = ISOLATED, ahead: Interpreter | None = None
    ) -> None:
        """A process needs nothing ahead."""

    async def make(self, spec: SandboxSpec, first: ProcessSpec, on_exit: OnExit) -> PlainSandbox:
        """It has the host's network, whatever `spec` says, but for subnets: a promise to keep something out."""
        if spec.network.kind == "vpc":
            raise SandboxError("isolation 'plain' has no VpcConfig: a function has the host's network")
        if spec.directories:
            raise SandboxError("isolation 'plain' mounts nothing: FileSystemConfigs need a sandbox")
        self._sandboxes = {sandbox for sandbox in self._sandboxes if not sandbox._closed.done()}
        sandbox = PlainSandbox(spec, self._directory / spec.name, on_exit)
        self._sandboxes.add(sandbox)
        try:
            sandbox.start(first)
        except SandboxError:
            sandbox.kill()
            if sandbox.datagrams is not None:
                os.close(sandbox.datagrams)
            raise
        return sandbox


def _ending_with_node(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that starts `argv` so, where the host has util-linux, and what can be executed at all."""
    setpriv = shutil.which("setpriv")
    return (setpriv, *_SETPRIV, *argv) if setpriv is not None and os.access(argv[0], os.X_OK) else argv
