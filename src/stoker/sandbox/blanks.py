"""Sandboxes made ahead: as far as they can be without a function, some of them with an interpreter that waits in them.

This file says which there are and how many; the maker (`namespaces.py`) knows how one is made.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from stoker.runtimes.records import RuntimeBuild
from stoker.sandbox.ahead import AheadDemand, AheadLimits, Interpreter
from stoker.sandbox.namespace_sandbox import NamespaceSandbox
from stoker.sandbox.network.records import Network
from stoker.sandbox.sandbox import SandboxError

log = logging.getLogger("stoker.sandbox")

# How many sandboxes of a runtime wait, made ahead; and how long after one was taken the next is made.
BLANKS = 2
REFILL_AFTER_S = 0.03
# An interpreter takes a processor for tens of milliseconds: the function that took the last one shall be done starting.
REFILL_AHEAD_AFTER_S = 0.2
# For how many combinations of runtime and network with a way out some wait; those that were wanted last.
KINDS_AHEAD_MAX = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """What sandboxes that wait for a function differ in. `fork`: made by a zygote. `ahead`: what waits in them."""

    runtime: str
    fork: bool
    network: Network
    build: RuntimeBuild = field(compare=False)
    ahead: Interpreter | None = None


class Blanks:
    """Takes care that some are there; whoever takes one asks for the next with `refill`."""

    def __init__(
        self,
        make: Callable[[Kind], Awaitable[NamespaceSandbox]],
        discard: Callable[[NamespaceSandbox], Awaitable[None]],
        ahead: AheadLimits,
    ) -> None:
        self._make = make
        self._discard = discard
        self._demand: AheadDemand[Kind] = AheadDemand(ahead)
        self._blanks: dict[Kind, list[NamespaceSandbox]] = {}
        self._refilling: dict[Kind, asyncio.Task[None]] = {}
        self._falling: dict[Kind, asyncio.TimerHandle] = {}

    def take(self, kind: Kind) -> NamespaceSandbox | None:
        """One of `kind`, or of the same without an interpreter, if there is one."""
        for wanted in (kind, replace(kind, ahead=None)):
            blanks = self._blanks.get(wanted, [])
            sandbox = next((blank for blank in reversed(blanks) if blank.is_alive), None)
            if sandbox is not None:
                blanks.remove(sandbox)
                return sandbox
        return None

    def refill(self, kind: Kind) -> None:
        """One of `kind` was or will be wanted: have as many as there should be, soon."""
        self._refill(replace(kind, ahead=None))
        if kind.ahead is not None and not self._demand.is_off:
            for forgotten in self._demand.note(kind, asyncio.get_running_loop().time()):
                self._refill(forgotten)
            self._refill(kind)

    def give_way(self) -> None:
        """The host's memory is needed: end the interpreters that wait, and start none until one is asked for again."""
        for kind in [kind for kind in self._blanks if kind.ahead is not None]:
            self._demand.forget(kind)
            for blank in self._blanks[kind]:
                blank.kill()
            self._refill(kind)

    async def refilled(self) -> None:
        """When all is there that should be."""
        await asyncio.gather(*self._refilling.values(), return_exceptions=True)

    async def drop(self, runtime: str) -> None:
        """End all of a runtime's."""
        for kind in [kind for kind in self._blanks if kind.runtime == runtime]:
            await self._stop(kind)
            for blank in self._blanks.pop(kind):
                await self._discard(blank)

    async def close(self) -> None:
        """Make no more. Those that are there are the maker's to end."""
        for kind in {*self._refilling, *self._falling}:
            await self._stop(kind)

    async def _stop(self, kind: Kind) -> None:
        if (timer := self._falling.pop(kind, None)) is not None:
            timer.cancel()
        if (refill := self._refilling.get(kind)) is not None:
            refill.cancel()
            await asyncio.gather(refill, return_exceptions=True)

    def _refill(self, kind: Kind) -> None:
        if kind not in self._refilling:
            name = f"blanks of {kind.runtime}" if kind.ahead is None else f"interpreters of {kind.runtime} ahead"
            task = asyncio.get_running_loop().create_task(self._refilled(kind), name=name)
            self._refilling[kind] = task
            task.add_done_callback(lambda _: self._refilling.pop(kind, None))

    async def _refilled(self, kind: Kind) -> None:
        # Not at once: the function that took the last one is just starting.
        await asyncio.sleep(REFILL_AFTER_S if kind.ahead is None else REFILL_AHEAD_AFTER_S)
        # The kind that was wanted last stands last.
        blanks = self._blanks[kind] = self._blanks.pop(kind, [])
        # Those that ended by themselves, with their launcher for one, still hold groups, a pipe and a slot.
        for blank in [blank for blank in blanks if not blank.is_alive]:
            blanks.remove(blank)
            await self._discard(blank)
        try:
            while len(blanks) < self._wanted(kind) and (kind.ahead is None or self._demand.may_add()):
                blanks.append(await self._make(kind))
        except SandboxError as error:
            log.warning("no sandbox could be made ahead for %s: %s", kind.runtime, error)
        while len(blanks) > self._wanted(kind):
            await self._discard(blanks.pop(0))
        if kind.ahead is not None:
            self._look_again(kind)
        await self._forget_old_kinds()

    def _wanted(self, kind: Kind) -> int:
        return BLANKS if kind.ahead is None else self._demand.wanted(kind, asyncio.get_running_loop().time())

    def _look_again(self, kind: Kind) -> None:
        """When fewer are wanted."""
        if (timer := self._falling.pop(kind, None)) is not None:
            timer.cancel()
        falls_s = self._demand.falls_s(kind)
        if falls_s is not None:
            self._falling[kind] = asyncio.get_running_loop().call_at(falls_s, self._refill, kind)
        elif not self._blanks[kind]:
            del self._blanks[kind]

    async def _forget_old_kinds(self) -> None:
        """Networks are as many as there are combinations of subnets and security groups: not all can wait."""
        connected = [kind for kind in self._blanks if not kind.network.is_isolated and kind.ahead is None]
        for kind in [kind for kind in connected[:-KINDS_AHEAD_MAX] if kind not in self._refilling]:
            for blank in self._blanks.pop(kind):
                await self._discard(blank)
