"""The extensions of one environment: who they are, what each is doing, and what the node waits for of them.

As in `exchange.py` both sides are plain calls on one object in one thread. An extension that the node started from
`/opt/extensions` is external; whoever else registers runs inside the runtime's process, and is internal.
Source: reference, runtime side, 5 and 7.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from stoker.runtime_api.exchange import ACCEPTED, END_HEARD_WITHIN_S, ExtensionFailed, Reply, json_reply, refusal

EXTENSIONS_MAX = 10
INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
ShutdownReason = Literal["SPINDOWN", "TIMEOUT", "FAILURE"]
Send = Callable[[Reply], None]
Api = Literal["Telemetry", "Logs"]
Subscribe = Callable[[str, Api, bytes], Reply]
"""Answers the extension of that name, which wants telemetry by that API with that request."""


class ExtensionState(StrEnum):
    """An extension's life, in the words of its log line."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    LAUNCH_ERROR = "LaunchError"
    EXITED = "Exited"


_FAILED = {ExtensionState.INIT_ERROR, ExtensionState.EXIT_ERROR}
_MOVES: Mapping[ExtensionState, set[ExtensionState]] = {
    ExtensionState.STARTED: {ExtensionState.REGISTERED},
    ExtensionState.REGISTERED: {ExtensionState.READY, *_FAILED},
    ExtensionState.READY: {ExtensionState.READY, ExtensionState.RUNNING, ExtensionState.EXIT_ERROR},
    ExtensionState.RUNNING: {ExtensionState.READY, ExtensionState.EXIT_ERROR},
    ExtensionState.INIT_ERROR: set(),
    ExtensionState.EXIT_ERROR: set(),
    ExtensionState.LAUNCH_ERROR: set(),
    ExtensionState.EXITED: set(),
}
_ERROR_TYPES = {
    ExtensionState.INIT_ERROR: "Extension.InitError",
    ExtensionState.EXIT_ERROR: "Extension.ExitError",
    ExtensionState.LAUNCH_ERROR: "Extension.LaunchError",
    ExtensionState.EXITED: "Extension.Crash",
}


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What an extension is told of its function when it registers."""

    name: str
    version: str
    handler: str
    account_id: str


@dataclass(slots=True)
class Extension:
    """One extension. `error_type` once it has failed; `waiting` takes its next event while it waits for one."""

    name: str
    is_external: bool
    state: ExtensionState
    identifier: str = ""
    events: tuple[str, ...] = ()
    error_type: str | None = None
    waiting: Send | None = None
    pending: Reply | None = None

    @property
    def wants_shutdown(self) -> bool:
        return SHUTDOWN in self.events and self.state not in (ExtensionState.EXITED, *_FAILED)


class Extensions:
    """Of one environment, which has none for most functions; `members` says."""

    def __init__(
        self, function: FunctionFacts, on_failed: Callable[[ExtensionFailed], None], subscribe: Subscribe
    ) -> None:
        """`on_failed` is told, once in each life, that an extension failed: the environment is to be reset."""
        self.members: dict[str, Extension] = {}
        self._function = function
        self._on_failed = on_failed
        self._subscribe = subscribe
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._failure: ExtensionFailed | None = None
        self._is_open = True
        self._is_shutting_down = False

    # The node's side.

    def restart(self) -> None:
        """Everything in the environment was killed; a new life begins."""
        self.members.clear()
        self._failure = None
        self._is_open = True
        self._is_shutting_down = False
        self._note()

    def launched(self, name: str) -> None:
        """The node has started the external extension `name`."""
        self.members[name] = Extension(name, True, ExtensionState.STARTED)

    def close_registration(self) -> None:
        """Init has ended: nobody registers, or subscribes to telemetry, any more."""
        self._is_open = False

    @property
    def has_failed(self) -> bool:
        return self._failure is not None

    async def wait_registered(self) -> ExtensionFailed | None:
        """Until every external extension has registered, or one failed."""
        return await self._until_none(ExtensionState.STARTED)

    async def wait_ready(self) -> ExtensionFailed | None:
        """Until every extension has asked for its first event, or one failed."""
        return await self._until_none(ExtensionState.STARTED, ExtensionState.REGISTERED)

    async def wait_done(self) -> ExtensionFailed | None:
        """Until everybody who got the present INVOKE event has asked for the next, or one failed."""
        return await self._until_none(ExtensionState.RUNNING)

    async def wait_shut_down(self) -> None:
        """Until everybody who was told to shut down has exited."""
        while any(member.wants_shutdown and member.is_external for member in self.members.values()):
            await self._changed.wait()

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Give an INVOKE event to those that registered for it."""
        for member in self.members.values():
            if INVOKE in member.events and member.state is ExtensionState.READY:
                member.state = ExtensionState.RUNNING
                _give(member, event)

    def shut_down(self, reason: ShutdownReason, deadline_ms: int) -> None:
        """Give a SHUTDOWN event to those that registered for it. From now on an exit is no failure."""
        self._is_shutting_down = True
        event = {"eventType": SHUTDOWN, "shutdownReason": reason, "deadlineMs": deadline_ms}
        for member in self.members.values():
            if member.wants_shutdown:
                _give(member, event)

    def ended(self, name: str, code: int | None, how: str) -> None:
        """An external extension's process ended with status `code` (None: by a signal); `how` in AWS's words."""
        member = self.members.get(name)
        if member is None:
            return
        if member.state in _FAILED:
            self._fail(member, how)
        elif member.state is ExtensionState.STARTED and code in (126, 127):
            # As our launcher, and every shell, says that there is nothing that can be run.
            self._fail_as(member, ExtensionState.LAUNCH_ERROR, f"fork/exec /opt/extensions/{name}: {_why(code)}")
        else:
            self._fail_as(member, ExtensionState.EXITED, how)
        member.state = ExtensionState.EXITED
        self._note()

    # The extensions' side; each returns the HTTP answer.

    def register(self, name: str, features: str, body: bytes) -> Reply:
        """`name` and `features` are headers; see `_wanted_events` for the body."""
        if not name:
            return refused("Extension.InvalidExtensionName", "Empty extension name")
        if not self._is_open:
            return refused("Extension.RegistrationClosed", "Extension registration closed already")
        member = self.members.get(name)
        events = _wanted_events(body, is_external=member is not None and member.is_external)
        if isinstance(events, Reply):
            return events
        if member is None:
            if len(self.members) >= EXTENSIONS_MAX:
                text = f"Extension limit ({EXTENSIONS_MAX}) reached"
                return refused("Extension.TooManyExtensions", text)
            member = self.members[name] = Extension(name, False, ExtensionState.STARTED)
        if (illegal := self._move(member, ExtensionState.REGISTERED)) is not None:
            return illegal
        member.identifier, member.events = str(uuid.uuid4()), events
        self._note()
        return self._registered(member, wants_account="accountId" in features.replace(" ", "").split(","))

    def next(self, identifier: str, send: Send) -> Reply | None:
        """The extension wants its next event. `send` is called with it, now or later; a Reply is a refusal."""
        member = self.found(identifier)
        if isinstance(member, Reply):
            return member
        if (illegal := self._move(member, ExtensionState.READY)) is not None:
            return illegal
        member.waiting = send
        if member.pending is not None:
            _deliver(member, member.pending)
        self._note()
        return None

    def forget(self, send: Send) -> None:
        """The connection on which an extension waited is gone."""
        for member in self.members.values():
            if member.waiting is send:
                member.waiting = None

    def fail(self, identifier: str, error_type: str, to: ExtensionState) -> Reply:
        """The extension says that it cannot go on (`to` is InitError or ExitError); it is to exit now."""
        member = self.found(identifier)
        if isinstance(member, Reply):
            return member
        if not error_type:
            return refused("Extension.MissingHeader", "Missing Lambda-Extension-Function-Error-Type header")
        if (illegal := self._move(member, to)) is not None:
            return illegal
        # How it exits says more, as it does on AWS, if that is soon.
        self._loop.call_later(END_HEARD_WITHIN_S, self._fail_late, member, error_type)
        return ACCEPTED

    def subscribe(self, identifier: str, api: Api, body: bytes) -> Reply:
        """The extension wants telemetry."""
        member = self.found(identifier)
        return member if isinstance(member, Reply) else self._subscribe(member.name, api, body)

    def found(self, identifier: str) -> Extension | Reply:
        """The extension of a Lambda-Extension-Identifier, or the refusal of it."""
        if not identifier:
            return refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        try:
            uuid.UUID(identifier)
        except ValueError:
            return refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        for member in self.members.values():
            if member.identifier == identifier:
                return member
        return refused("Extension.UnknownExtensionIdentifier", "Unknown extension " + identifier)

    def _registered(self, member: Extension, *, wants_account: bool) -> Reply:
        facts = self._function
        document = {"functionName": facts.name, "functionVersion": facts.version, "handler": facts.handler}
        if wants_account:
            document["accountId"] = facts.account_id
        return json_reply(200, document, f"Lambda-Extension-Identifier: {member.identifier}\r\n".encode())

    def _move(self, member: Extension, to: ExtensionState) -> Reply | None:
        if to not in _MOVES[member.state]:
            return refused(
                "Extension.InvalidExtensionState",
                f"State transition from {member.state} to {to} failed for extension {member.name}. "
                "Error: State transition is not allowed",
            )
        member.state = to
        return None

    def _fail_as(self, member: Extension, state: ExtensionState, text: str) -> None:
        member.state = state
        self._fail(member, text)

    def _fail_late(self, member: Extension, error_type: str) -> None:
        if self.members.get(member.name) is member:
            self._fail(member, error_type)

    def _fail(self, member: Extension, text: str) -> None:
        if self._is_shutting_down or self._failure is not None:
            return
        member.error_type = _ERROR_TYPES.get(member.state, "Extension.Crash")
        self._failure = ExtensionFailed(member.error_type, text)
        self._note()
        self._on_failed(self._failure)

    async def _until_none(self, *states: ExtensionState) -> ExtensionFailed | None:
        # One that said it gave up is waited for, until it is known how it ended.
        waited = {*states, *_FAILED}
        while self._failure is None and any(member.state in waited for member in self.members.values()):
            await self._changed.wait()
        return self._failure

    def _note(self) -> None:
        self._changed.set()
        self._changed.clear()


def refused(error_type: str, text: str) -> Reply:
    """Every refusal of this API is Forbidden (reference: runtime side, 7)."""
    return refusal(403, error_type, text)


def _wanted_events(body: bytes, *, is_external: bool) -> tuple[str, ...] | Reply:
    """`{"events": [...]}`; nothing at all is no events."""
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        document = None
    events = (document.get("events") or []) if isinstance(document, dict) else None
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return refused("InvalidRequestFormat", "Invalid request format")
    for event in events:
        if event not in (INVOKE, SHUTDOWN):
            return refused("Extension.InvalidEventType", f"Invalid event type: {event[:100]}")
    if SHUTDOWN in events and not is_external:
        text = "SHUTDOWN event is not supported for internal extensions"
        return refused("ShutdownEventNotSupportedForInternalExtension", text)
    return tuple(dict.fromkeys(events))


def _give(member: Extension, event: Mapping[str, Any]) -> None:
    head = f"Lambda-Extension-Event-Identifier: {uuid.uuid4()}\r\n".encode()
    reply = json_reply(200, event, head)
    if member.waiting is None:
        member.pending = reply
    else:
        _deliver(member, reply)


def _deliver(member: Extension, reply: Reply) -> None:
    assert member.waiting is not None
    send, member.waiting, member.pending = member.waiting, None, None
    if member.state is ExtensionState.READY:
        member.state = ExtensionState.RUNNING
    send(reply)


def _why(code: int | None) -> str:
    return "no such file or directory" if code == 127 else "permission denied"
