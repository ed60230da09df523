"""Execution environments: how they are planned and made, the pool, and those that are initialised ahead."""

import socket
from dataclasses import dataclass

from stoker.assembly.functions import Declared, Functions
from stoker.assembly.ground import Ground
from stoker.assembly.stores import Stores
from stoker.code_sweep import CodeSweep
from stoker.config import Settings
from stoker.environments.host_memory import HostMemory
from stoker.environments.maker import EnvironmentMaker
from stoker.environments.planner import Planner
from stoker.environments.pool import EnvironmentPool
from stoker.environments.preloads import Preloads
from stoker.environments.provisioned import ProvisionedConcurrency
from stoker.environments.scaling_rate import ScalingRate
from stoker.environments.snapshots import Snapshots
from stoker.front_door.sandbox_doors import SandboxDoors
from stoker.functions.activation import Activation
from stoker.functions.records import Function, FunctionKey, State
from stoker.functions.registry import Follower
from stoker.invocations.concurrency import Concurrency
from stoker.node import url_of
from stoker.role_sessions import RoleSessions
from stoker.sandbox.namespace_sandbox import AWS_ENDPOINT
from stoker.sandbox.namespaces import NamespaceSandboxes
from stoker.sandbox.sandbox import SandboxMaker
from stoker.supervision import Background, supervise
from stoker.traces.collector import TraceCollector


@dataclass(frozen=True, slots=True)
class Environments:
    """The pool, running, and those who keep some of its environments ready; who activates functions needs them."""

    pool: EnvironmentPool
    doors: SandboxDoors
    concurrency: Concurrency
    provisioned: ProvisionedConcurrency
    activation: Activation


def start_environments(
    ground: Ground,
    declared: Declared,
    stores: Stores,
    functions: Functions,
    traces: TraceCollector,
    role_sessions: RoleSessions,
    maker: SandboxMaker,
    listener: socket.socket,
) -> Environments:
    """`listener` is the front door's: what ordinary processes call instead of a socket in their sandbox."""
    settings, clock, background, parts = ground.settings, ground.clock, ground.background, ground.parts
    registry = functions.registry
    preloads = _preloads(settings, functions, maker, background)
    planner = _planner(settings, declared, stores, functions, maker, listener, role_sessions, preloads)
    doors = SandboxDoors()
    parts.push_async_callback(doors.close)
    pool = EnvironmentPool(
        maker=EnvironmentMaker(
            maker,
            planner.plan,
            stores.logs,
            traces,
            clock,
            settings.limits.response_payload_bytes_max,
            add_door=doors.add if settings.aws_in_functions else None,
            forks=maker if isinstance(maker, NamespaceSandboxes) and maker.can_fork else None,
        ),
        background=background,
        host_memory=HostMemory(settings.memory_reserve_mb),
        scaling_rate=ScalingRate(settings.scale_out_environments_per_10_s),
        idle_timeout_s=settings.idle_timeout_s,
        freeze_after_s=settings.freeze_after_s,
        give_way=maker.give_way if isinstance(maker, NamespaceSandboxes) else None,
    )
    parts.push_async_callback(pool.close)
    registry.on_change(pool.drain)
    registry.follow(_prepare_active(pool))
    if preloads is not None:
        registry.follow(_preload_active(preloads, planner, maker, background))
    background.start(pool.run_housekeeping(), "environment housekeeping")
    sweep = CodeSweep(stores.code, stores.layer_trees, stores.layers, stores.images, registry, pool)
    background.start(supervise(sweep.run, "code sweep"), "code sweep")

    concurrency = Concurrency(settings.concurrent_executions)
    registry.follow(concurrency.note)
    provisioned = ProvisionedConcurrency(pool, background, concurrency.provision, settle_s=settings.update_delay_s)
    parts.push_async_callback(provisioned.close)
    registry.follow(provisioned.follow)
    snapshots = Snapshots(pool, background, settings.snapshots_ready_max)
    parts.push_async_callback(snapshots.close)
    registry.follow(snapshots.follow)
    activation = Activation(
        registry,
        stores.code,
        stores.layer_trees,
        functions.runtimes,
        stores.images,
        snapshots,
        background,
        settings.update_delay_s,
    )
    activation.resume()
    return Environments(pool, doors, concurrency, provisioned, activation)


def _planner(
    settings: Settings,
    declared: Declared,
    stores: Stores,
    functions: Functions,
    maker: SandboxMaker,
    listener: socket.socket,
    role_sessions: RoleSessions,
    preloads: Preloads | None,
) -> Planner:
    on_host = maker.isolation == "plain"
    return Planner(
        stores.code,
        stores.layer_trees,
        functions.runtimes,
        stores.images,
        fresh=settings.fresh,
        on_host=on_host,
        starts_ahead=maker.isolation == "namespaces" and settings.interpreters_ahead > 0,
        aws_endpoint=(url_of(listener) if on_host else AWS_ENDPOINT) if settings.aws_in_functions else "",
        networks=declared.networks,
        file_systems=functions.file_systems,
        sealing=functions.sealing,
        role_sessions=role_sessions,
        preloads=preloads,
    )


def _preloads(settings: Settings, functions: Functions, maker: SandboxMaker, background: Background) -> Preloads | None:
    """Where there are zygotes."""
    if not settings.preload or settings.fresh or maker.isolation != "namespaces":
        return None
    return Preloads(settings, functions.runtimes, background)


def _prepare_active(pool: EnvironmentPool) -> Follower:
    """A runtime is started with the first of its functions, so that the first call does not wait for it."""

    def follow(_: FunctionKey, function: Function | None) -> None:
        if function is not None and function.latest.state is State.ACTIVE:
            pool.prepare(function.latest)

    return follow


def _preload_active(preloads: Preloads, planner: Planner, maker: SandboxMaker, background: Background) -> Follower:
    """The same for what is preloaded for a function."""

    def follow(_: FunctionKey, function: Function | None) -> None:
        if function is not None and function.latest.state is State.ACTIVE:
            preparation = preloads.prepare(function.latest, planner.plan, maker)
            background.start(preparation, f"preload of {function.latest.name}")

    return follow
