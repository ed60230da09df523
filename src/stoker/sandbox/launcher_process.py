"""The node's side of one launcher: starting the privileged program and asking it for sandboxes."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stoker.sandbox.helper_process import HelperProcess, Program
from stoker.sandbox.sandbox import SandboxError

START_LIMIT_S = 30.0

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from launcher.serve import main; main()"


def step_error(report: Mapping[str, Any]) -> SandboxError:
    """The launcher's report of a failed step as an error that names it."""
    return SandboxError(f"making a sandbox failed at: {report['step']}")


class LauncherProcess:
    """One running launcher. `is_alive` turns false when it ended; it is then to be replaced."""

    def __init__(self, helper: HelperProcess, on_ended: Callable[["LauncherProcess"], None]) -> None:
        self._helper = helper
        self._on_ended = on_ended
        helper.on_ended(self._ended)

    @property
    def is_alive(self) -> bool:
        return self._helper.is_alive

    @property
    def pid(self) -> int:
        return self._helper.pid

    @classmethod
    async def start(cls, order: dict[str, Any], on_ended: Callable[["LauncherProcess"], None]) -> "LauncherProcess":
        """Start the program and wait until it can make sandboxes. Raises SandboxError naming the step that failed."""
        return cls(await HelperProcess.start(_program(), order), on_ended)

    async def make(self, spec: dict[str, Any], descriptors: list[int]) -> tuple[int, int]:
        """Ask for one sandbox: (process id, pidfd) of its first process. Raises SandboxError."""
        message, (pidfd,) = await self._helper.ask(spec["id"], spec, descriptors)
        return message["pid"], pidfd

    async def close(self) -> None:
        """End it, and with it every sandbox it made; wait until it is gone."""
        if self.is_alive:
            self._ended()
        await self._helper.close()

    def _ended(self) -> None:
        self._on_ended(self)


def _program() -> Program:
    return Program(
        name="the launcher",
        command=(getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", _BOOT, str(Path(__file__).parent)),
        environment={},
        start_limit_s=START_LIMIT_S,
        failure=lambda message: step_error(message["error"]),
    )
