"""What a node needs of its host before it can start, and what it says when that is not to be had."""

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from stoker.config import Settings, is_loopback
from stoker.environments.host_memory import HostMemory
from stoker.sandbox.ahead import AheadLimits
from stoker.sandbox.file_systems import check_mappable
from stoker.sandbox.gvisor import GvisorSandboxes, find_runsc
from stoker.sandbox.host import examine
from stoker.sandbox.isolations import IsolationError, MakerContext, provided_maker
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.network.host_support import network_lack
from stoker.sandbox.network.networks import Networks, node_id_of
from stoker.sandbox.network.records import DeclaredNetworks
from stoker.sandbox.plain import PlainSandboxes
from stoker.sandbox.sandbox import SandboxMaker

# What is reachable in cycles comes slowly here, so looking for it seldom costs little memory (decision 0037).
COLLECT_AFTER_OBJECTS = 20_000
# How long a thread that writes to the database may keep the event loop from going on.
SWITCH_INTERVAL_S = 0.0005


class StartError(Exception):
    """The node cannot start; the text says what to do."""


async def sandbox_maker(
    settings: Settings, networks: DeclaredNetworks, file_systems: Mapping[str, Path]
) -> SandboxMaker:
    """The best isolation this host allows, or what the settings insist on. Raises StartError, SettingsError."""
    report = await asyncio.to_thread(examine, settings.runsc)
    isolation = report.isolation if settings.isolation == "auto" else settings.isolation
    if isolation == "namespaces" and report.isolation != "namespaces":
        raise StartError(f"isolation 'namespaces' is not possible here: {report.reason}. See: stoker doctor")
    if isolation == "gvisor" and report.gvisor_lack:
        raise StartError(f"isolation 'gvisor' is not possible here: {report.gvisor_lack}. See: stoker doctor")
    if isolation == "plain":
        if not is_loopback(settings.host):
            raise StartError(
                f"isolation 'plain' protects nothing, so it is refused on {settings.host}: "
                "listen on 127.0.0.1, or see what is missing for isolation 'namespaces' with: stoker doctor"
            )
        return PlainSandboxes(settings.data)
    ways_out = None
    if networks.has_ways_out:
        if (lack := await asyncio.to_thread(network_lack)) is not None:
            raise StartError(f"network 'internet' and subnets are not possible here: {lack.what}. {lack.remedy}")
        ways_out = Networks(settings, networks, node_id_of(settings.data))
    context = MakerContext(
        settings.data, settings.data / "code", settings.limits, ways_out, tuple(sorted(set(file_systems.values())))
    )
    if isolation == "microvm":
        try:
            return provided_maker(isolation, context)
        except IsolationError as error:
            raise StartError(str(error)) from None
    if os.geteuid() == 0:
        await asyncio.to_thread(check_mappable, context.directories)
    _allow(resource.RLIMIT_NOFILE, "file_descriptors_max", settings.limits.file_descriptors_max)
    _allow(resource.RLIMIT_NPROC, "processes_max", settings.limits.processes_max)
    return _own_maker(isolation, settings, context)


def _own_maker(isolation: str, settings: Settings, context: MakerContext) -> SandboxMaker:
    where = context.data, context.code, context.networks
    if isolation == "namespaces":
        memory = HostMemory(settings.memory_reserve_mb)
        ahead = AheadLimits(settings.interpreters_ahead, lambda memory_mb: memory.has_room_for(memory_mb, 0))
        return NamespaceSandboxes(*where, limits=context.limits, directories=context.directories, ahead=ahead)
    program = find_runsc(settings.runsc)
    if program is None:  # it was there a moment ago
        raise StartError("isolation 'gvisor' needs gVisor's program runsc. See: stoker doctor")
    return GvisorSandboxes(program, *where, limits=context.limits, directories=context.directories)


def _allow(kind: int, name: str, wanted: int) -> None:
    """Let sandboxes, which inherit the node's own hard limit, have as much as is `wanted`. Raises StartError."""
    soft, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return
    try:
        resource.setrlimit(kind, (soft, wanted))
    except (ValueError, OSError):
        raise StartError(f"limits.{name} is {wanted}, and this host allows {hard}: raise it there first") from None


def bound_socket(settings: Settings) -> socket.socket:
    """The node's address, taken but not yet listened on. Raises StartError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another port with --port "
            "(0 takes a free one), or stop what listens there"
        ) from None
    return listener


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def raise_descriptor_limit() -> None:
    """An environment takes about ten descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_heap() -> None:
    """What a start has made (modules, service models, functions) stays: no collection looks at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
