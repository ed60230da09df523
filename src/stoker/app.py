"""Builds and joins every part of a node: the only module that knows everybody.

Read `serve` from top to bottom; what it enters it leaves in the opposite order.
"""

import logging
import sys
from contextlib import AsyncExitStack

import uvloop

from stoker.clock import SystemClock
from stoker.code.download import CodeDownload
from stoker.code.layer_trees import LayerTrees
from stoker.code.source import PackageSource
from stoker.code.store import CodeStore
from stoker.code_signing.api import CodeSigningApi
from stoker.code_signing.registry import CodeSigningConfigs
from stoker.code_signing.signature import SignatureCheck
from stoker.code_signing.store import CodeSigningStore
from stoker.code_signing.tags import CodeSigningTags
from stoker.code_sweep import CodeSweep
from stoker.config import Settings, SettingsError
from stoker.database.engine import Database, database_url
from stoker.database.errors import DatabaseError, DataDirectoryError
from stoker.database.lock import DataDirectoryLock
from stoker.environments.host_memory import HostMemory
from stoker.environments.maker import EnvironmentMaker
from stoker.environments.planner import Planner
from stoker.environments.pool import EnvironmentPool
from stoker.environments.provisioned import ProvisionedConcurrency
from stoker.environments.scaling_rate import ScalingRate
from stoker.event_sources.api import EventSourceMappingsApi
from stoker.event_sources.store import MappingStore
from stoker.event_sources.tags import MappingTags
from stoker.event_sources.transitions import MappingTransitions
from stoker.front_door.json_services import JsonService
from stoker.front_door.server import FrontDoor
from stoker.functions.account import code_bytes
from stoker.functions.activation import Activation
from stoker.functions.api import FunctionsApi
from stoker.functions.code import CodeReader
from stoker.functions.deployment_api import DeploymentApi
from stoker.functions.records import Function, FunctionKey, Image, State
from stoker.functions.registry import Follower, FunctionRegistry
from stoker.functions.store import FunctionStore
from stoker.functions.unsupported import not_supported
from stoker.invocations.api import InvocationsApi
from stoker.invocations.concurrency import Concurrency
from stoker.invocations.invoke import Invoker
from stoker.layers.api import LayersApi
from stoker.layers.attachable import AttachableLayers
from stoker.layers.store import LayerStore
from stoker.logs.api import LogsApi
from stoker.logs.store import LogStore
from stoker.node import Node
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.start import StartError, bound_socket, raise_descriptor_limit, sandbox_maker, stop_signal
from stoker.supervision import Background, supervise

log = logging.getLogger("stoker")


def run(settings: Settings) -> int:
    """Run a node until SIGTERM or Ctrl-C. Returns the exit status; what prevents a start is told in one line."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "uvicorn", "botocore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        uvloop.run(serve(settings))
    except (SettingsError, DataDirectoryError, DatabaseError, StartError) as error:
        print(f"stoker: {error}", file=sys.stderr)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """The whole node, from its lock to its last sandbox."""
    stop = stop_signal()
    raise_descriptor_limit()
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        parts.enter_context(DataDirectoryLock(settings.data))
        maker = await parts.enter_async_context(await sandbox_maker(settings))
        database = await parts.enter_async_context(Database(database_url(settings.database_url, settings.data)))
        storage = await parts.enter_async_context(Background())

        log_store = LogStore(database, clock, storage, settings.log_retention_days)
        log_store.start()
        parts.push_async_callback(log_store.close)

        code_store = CodeStore(settings.data / "code", storage)
        await code_store.open()
        parts.push_async_callback(code_store.close)
        layer_trees = LayerTrees(code_store)
        await layer_trees.open()
        layer_store = LayerStore(database)

        # A group of its own, so that all work has ended before the stores close.
        background = await parts.enter_async_context(Background())
        runtimes = RuntimeCatalogue(settings)
        registry = FunctionRegistry(FunctionStore(database), background)
        await registry.load()
        signing_configs = CodeSigningConfigs(CodeSigningStore(database), background)
        await signing_configs.load()
        signatures = SignatureCheck(signing_configs, code_store)
        activation = Activation(registry, code_store, layer_trees, runtimes, background, settings.update_delay_s)
        activation.resume()

        planner = Planner(code_store, layer_trees, runtimes, fresh=settings.fresh, on_host=maker.isolation == "plain")
        environments = EnvironmentPool(
            maker=EnvironmentMaker(maker, planner.plan, log_store, clock),
            background=background,
            host_memory=HostMemory(settings.memory_reserve_mb),
            scaling_rate=ScalingRate(settings.scale_out_environments_per_10_s),
            idle_timeout_s=settings.idle_timeout_s,
            freeze_after_s=settings.freeze_after_s,
        )
        parts.push_async_callback(environments.close)
        registry.on_change(environments.drain)
        registry.follow(_prepare_active(environments))
        background.start(environments.run_housekeeping(), "environment housekeeping")
        sweep = CodeSweep(code_store, layer_trees, layer_store, registry, environments)
        background.start(supervise(sweep.run, "code sweep"), "code sweep")

        concurrency = Concurrency(settings.concurrent_executions)
        registry.follow(concurrency.note)
        provisioned = ProvisionedConcurrency(
            environments, background, concurrency.provision, settle_s=settings.update_delay_s
        )
        parts.push_async_callback(provisioned.close)
        registry.follow(provisioned.follow)
        invoker = Invoker(registry, provisioned, concurrency, environments)
        code_download = CodeDownload(code_store, settings.data / "code-links.key", clock)
        mapping_store = MappingStore(database)
        transitions = MappingTransitions(mapping_store, background, settings.update_delay_s)
        await transitions.resume()
        attachable = AttachableLayers(layer_store)
        packages = PackageSource(_NotYet())
        deployment = DeploymentApi(
            registry=registry,
            code_store=code_store,
            code=CodeReader(registry, attachable, code_store, packages, _NotYet()),
            runtimes=runtimes,
            activation=activation,
            layers=attachable,
            code_signing=signatures,
            networks=_NotYet(),
            clock=clock,
        )
        functions = FunctionsApi(
            registry=registry,
            code_download=code_download,
            runtimes=runtimes,
            activation=activation,
            layers=attachable,
            allocations=provisioned,
            tagged={
                "code-signing-config": CodeSigningTags(signing_configs),
                "event-source-mapping": MappingTags(mapping_store),
            },
            settings=settings,
            clock=clock,
        )
        layers = LayersApi(
            layer_store,
            code_store,
            packages,
            code_download,
            lambda caller: code_bytes(registry.functions_of(caller.account_id, caller.region)),
            clock,
        )
        node = Node(settings, maker.isolation, environments, code_download)
        listener = bound_socket(settings)
        front_door = FrontDoor(
            settings,
            {
                **functions.operations(),
                **deployment.operations(),
                **layers.operations(),
                **CodeSigningApi(signing_configs, registry, signatures, clock).operations(),
                **EventSourceMappingsApi(mapping_store, transitions, registry, clock).operations(),
                **InvocationsApi(invoker).operations(),
            },
            {"Logs_20140328": JsonService("logs", LogsApi(log_store, clock).operations())},
            node.raw_routes(),
            listener,
            clock,
        )
        await front_door.start()
        node.announce(listener)
        parts.callback(node.withdraw)
        await stop.wait()
        log.info("stopping: waiting for running invocations, at most %.0f s", settings.stop_grace_s)
        node.state = "stopping"
        await front_door.stop(settings.stop_grace_s)
        invoker.stop()
    log.info("stopped")


class _NotYet:
    """Stands for neighbours, images and networks: `functions/unsupported.py` refuses what would ask them."""

    async def download(self, *_: object) -> bytes:
        raise not_supported("code in S3")

    async def resolve(self, *_: object) -> Image:
        raise not_supported("PackageType Image")

    async def check(self, *_: object) -> str:
        raise not_supported("VpcConfig")


def _prepare_active(environments: EnvironmentPool) -> Follower:
    """A runtime is started with the first of its functions, so that the first call does not wait for it."""

    def follow(_: FunctionKey, function: Function | None) -> None:
        if function is not None and function.latest.state is State.ACTIVE:
            environments.prepare(function.latest)

    return follow
