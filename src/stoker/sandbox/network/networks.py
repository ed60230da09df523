"""The node's side of the network program: network namespaces for sandboxes, lent and taken back."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stoker.config import Settings
from stoker.sandbox.helper_process import HelperProcess, Program
from stoker.sandbox.network.records import DeclaredNetworks, Lease, Network
from stoker.sandbox.sandbox import SandboxError

START_LIMIT_S = 15.0
MAKE_LIMIT_S = 15.0
# Undoing a thousand links takes the kernel a while.
CLOSE_LIMIT_S = 60.0

_SETTINGS = ("network", "nameservers", "internet_allow", "internet_range", "uplinks", "subnets", "security_groups")


def node_id_of(data: Path) -> str:
    """The same for every node that uses this data directory, so that the next one cleans up after a killed one."""
    return hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:6]


class Networks:
    """Starts the program when the first namespace is wanted, and again if it ended."""

    def __init__(self, settings: Settings, declared: DeclaredNetworks, node_id: str) -> None:
        """`declared` is what `settings` say; `node_id` six hexadecimal digits that name what is made on the host."""
        self.declared = declared
        said = {name: getattr(settings, name) for name in _SETTINGS}
        # What the node found: by the time that the program starts, it may find others.
        said["nameservers"] = " ".join(map(str, declared.nameservers))
        self._order = {"node_id": node_id, "settings": said}
        self._program: asyncio.Task[_Program] | None = None
        self._on_ended: Callable[[], None] = _nobody

    def on_ended(self, call: Callable[[], None]) -> None:
        """`call` when the program ended by itself: nobody then knows which addresses are in use."""
        self._on_ended = call

    async def lease(self, network: Network) -> Lease:
        """A namespace of this kind; whoever has it closes the descriptor. Raises SandboxError."""
        try:
            async with asyncio.timeout(START_LIMIT_S + MAKE_LIMIT_S):
                return await (await self._running()).make(network)
        except TimeoutError:
            raise SandboxError("making a sandbox failed at: network: the network program does not answer") from None

    def release(self, number: int) -> None:
        """The sandbox that had the lease of this number is gone."""
        if self._program is not None and _is_alive(self._program):
            self._program.result().release(number)

    async def close(self) -> None:
        """Wait until the host is as it was. Every sandbox must be gone."""
        if self._program is not None:
            with contextlib.suppress(SandboxError):
                await (await self._program).close()

    async def _running(self) -> "_Program":
        if self._program is None or (self._program.done() and not _is_alive(self._program)):
            start = self._started_after(self._program)
            self._program = asyncio.get_running_loop().create_task(start, name="network program")
        return await asyncio.shield(self._program)

    async def _started_after(self, former: "asyncio.Task[_Program] | None") -> "_Program":
        """A new program. One that ended by itself is waited for, so that nothing of it is left."""
        if former is not None and not former.cancelled() and former.exception() is None:
            await former.result().close()
        return await _Program.start(self._order, self._on_ended)


def _nobody() -> None:
    """No sandbox has a network yet."""


def _is_alive(task: "asyncio.Task[_Program]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None and task.result().is_alive


class _Program:
    """One running program."""

    def __init__(self, helper: HelperProcess) -> None:
        self._helper = helper
        self._numbers = itertools.count()

    @property
    def is_alive(self) -> bool:
        return self._helper.is_alive

    @property
    def pid(self) -> int:
        return self._helper.pid

    @classmethod
    async def start(cls, order: dict[str, Any], on_ended: Callable[[], None]) -> "_Program":
        # Where its own modules and nft are; nothing else of the node's environment.
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
        helper = await HelperProcess.start(
            Program(
                name="making a sandbox failed at: network: the network program",
                command=(sys.executable, "-P", "-m", "stoker.sandbox.network.program"),
                environment=environment,
                start_limit_s=START_LIMIT_S,
                failure=lambda message: SandboxError(f"making a sandbox failed at: network: {message['error']}"),
            ),
            order,
        )
        helper.on_ended(on_ended)
        program = cls(helper)
        helper.on_unwanted(lambda message: program.release(message["number"]))
        return program

    async def make(self, network: Network) -> Lease:
        number = next(self._numbers)
        order = [network.kind, network.subnet_ids, network.security_group_ids]
        message, (descriptor,) = await self._helper.ask(number, {"command": "make", "id": number, "network": order})
        return Lease(message["number"], descriptor)

    def release(self, number: int) -> None:
        # What a full socket does not take is undone at the end of the program, with all the rest.
        with contextlib.suppress(OSError):
            self._helper.tell({"command": "release", "number": number})

    async def close(self) -> None:
        """Let it undo what it did, and wait until it is gone."""
        await self._helper.close(CLOSE_LIMIT_S)
