"""Builds and joins every part of a node: the only module that knows everybody.

Read `serve` from top to bottom; what it enters it leaves in the opposite order.
"""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

import uvloop

from stoker.async_invocations.queue import AsyncInvocations
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
from stoker.environments.snapshots import Snapshots
from stoker.event_sources.api import EventSourceMappingsApi
from stoker.event_sources.calls import FunctionCalls
from stoker.event_sources.pollers import Pollers
from stoker.event_sources.readers import Readers
from stoker.event_sources.source_check import SourceCheck
from stoker.event_sources.store import MappingStore
from stoker.event_sources.tags import MappingTags
from stoker.event_sources.transitions import MappingTransitions
from stoker.front_door.json_services import JsonService
from stoker.front_door.rest_services import RestService
from stoker.front_door.sandbox_doors import SandboxDoors
from stoker.front_door.server import FrontDoor
from stoker.functions.account import code_bytes
from stoker.functions.activation import Activation
from stoker.functions.api import FunctionsApi
from stoker.functions.code import CodeReader
from stoker.functions.deployment_api import DeploymentApi
from stoker.functions.file_systems import FileSystems
from stoker.functions.idleness.idleness import Idleness
from stoker.functions.idleness.store import UseStore
from stoker.functions.objects import ObjectsInS3
from stoker.functions.presentation import Presentation
from stoker.functions.records import Function, FunctionKey, State
from stoker.functions.registry import Follower, FunctionRegistry
from stoker.functions.sealing import Sealing
from stoker.functions.store import FunctionStore
from stoker.functions.vpc import Vpcs
from stoker.images.credentials import Registries
from stoker.images.store import ImageStore
from stoker.invocations.api import InvocationsApi
from stoker.invocations.authorisation import Authorisation
from stoker.invocations.concurrency import Concurrency
from stoker.invocations.invoke import Invoker
from stoker.invocations.request_rate import RequestRate
from stoker.invocations.streaming import ResponseStreams
from stoker.invocations.trace import Tracing
from stoker.layers.api import LayersApi
from stoker.layers.attachable import AttachableLayers
from stoker.layers.store import LayerStore
from stoker.logs.api import LogsApi
from stoker.logs.store import LogStore
from stoker.neighbours.choices import Choices, Elsewhere, read_choices
from stoker.neighbours.clients import AwsClients
from stoker.neighbours.embedded import EmbeddedNeighbours
from stoker.neighbours.errors import NeighbourError
from stoker.neighbours.forwarder import Forwarder
from stoker.node import Node, url_of
from stoker.runtimes.catalogue import RuntimeCatalogue
from stoker.sandbox.file_systems import declared_file_systems
from stoker.sandbox.namespace_sandbox import AWS_ENDPOINT
from stoker.sandbox.network.declared import declared_networks
from stoker.start import StartError, bound_socket, raise_descriptor_limit, sandbox_maker, stop_signal
from stoker.supervision import Background, supervise
from stoker.traces.api import TracesApi
from stoker.traces.collector import Receiver, TraceCollector
from stoker.traces.kept_traces import KeptTraces
from stoker.traces.otlp import OtlpExport
from stoker.traces.sampling import Sampling
from stoker.traces.sending import Sender
from stoker.traces.xray_export import XRayExport

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
    limits, networks, directories = settings.limits, declared_networks(settings), declared_file_systems(settings)
    stop = stop_signal()
    raise_descriptor_limit()
    clock = SystemClock()
    async with AsyncExitStack() as parts:
        parts.enter_context(DataDirectoryLock(settings.data))
        maker = await parts.enter_async_context(await sandbox_maker(settings, networks, directories))
        database = await parts.enter_async_context(Database(database_url(settings.database_url, settings.data)))
        storage = await parts.enter_async_context(Background())

        log_store = LogStore(database, clock, storage, settings.log_retention_days)
        log_store.start()
        parts.push_async_callback(log_store.close)

        code_store = CodeStore(settings.data / "code", storage, limits.unzipped_bytes_max)
        await code_store.open()
        parts.push_async_callback(code_store.close)
        layer_trees = LayerTrees(code_store)
        await layer_trees.open()
        layer_store = LayerStore(database)
        on_host = maker.isolation == "plain"
        images = ImageStore(
            settings.data / "images", Registries(settings.registries), settings.images_dir, on_host=on_host
        )
        await images.open()
        parts.push_async_callback(images.close)

        neighbour_choices = read_choices(settings.neighbours)
        embedded = await parts.enter_async_context(EmbeddedNeighbours(settings.data / "run"))
        aws = AwsClients(neighbour_choices, embedded)
        parts.callback(aws.close)
        neighbours = Forwarder(neighbour_choices, embedded, clock)
        parts.push_async_callback(neighbours.close)

        # A group of its own, so that all work has ended before the stores close.
        background = await parts.enter_async_context(Background())
        runtimes = RuntimeCatalogue(settings)
        registry = FunctionRegistry(FunctionStore(database), background)
        await registry.load()
        signing_configs = CodeSigningConfigs(CodeSigningStore(database), background)
        await signing_configs.load()
        signatures = SignatureCheck(signing_configs, code_store)

        listener = bound_socket(settings)
        sealing = Sealing(aws)
        file_systems = FileSystems(directories, has_isolation=not on_host)
        planner = Planner(
            code_store,
            layer_trees,
            runtimes,
            images,
            fresh=settings.fresh,
            on_host=on_host,
            aws_endpoint=(url_of(listener) if on_host else AWS_ENDPOINT) if settings.aws_in_functions else "",
            networks=networks,
            file_systems=file_systems,
            sealing=sealing,
        )
        kept_traces = KeptTraces()
        traces = TraceCollector(_trace_receivers(settings, neighbour_choices, aws, kept_traces, background), background)
        traces.start()
        parts.push_async_callback(traces.close)
        sandbox_doors = SandboxDoors()
        parts.push_async_callback(sandbox_doors.close)
        environments = EnvironmentPool(
            maker=EnvironmentMaker(
                maker,
                planner.plan,
                log_store,
                traces,
                clock,
                limits.response_payload_bytes_max,
                add_door=sandbox_doors.add if settings.aws_in_functions else None,
            ),
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
        sweep = CodeSweep(code_store, layer_trees, layer_store, images, registry, environments)
        background.start(supervise(sweep.run, "code sweep"), "code sweep")

        concurrency = Concurrency(settings.concurrent_executions)
        registry.follow(concurrency.note)
        provisioned = ProvisionedConcurrency(
            environments, background, concurrency.provision, settle_s=settings.update_delay_s
        )
        parts.push_async_callback(provisioned.close)
        registry.follow(provisioned.follow)
        snapshots = Snapshots(environments, background, settings.snapshots_ready_max)
        parts.push_async_callback(snapshots.close)
        registry.follow(snapshots.follow)
        activation = Activation(
            registry, code_store, layer_trees, runtimes, images, snapshots, background, settings.update_delay_s
        )
        activation.resume()
        request_rate = RequestRate(
            settings.concurrent_executions, limits.requests_per_s_per_concurrency, asyncio.get_running_loop().time
        )
        registry.follow(request_rate.note)
        idleness = Idleness(
            registry,
            activation,
            UseStore(database),
            background,
            clock,
            settings.inactive_after_days,
            settings.snapshots_inactive_after_days,
        )
        background.start(supervise(idleness.run, "idleness"), "idleness")
        invoker = Invoker(registry, provisioned, concurrency, request_rate, environments, idleness)
        streams = ResponseStreams(invoker, background, limits)
        tracing = Tracing(registry, Sampling())
        events = AsyncInvocations(registry, invoker, aws, database, background, clock, settings)
        code_download = CodeDownload(code_store, settings.data / "code-links.key", clock)
        mapping_store = MappingStore(database)
        calls = FunctionCalls(registry, invoker, tracing.header)
        readers = Readers(aws, calls, database, background, clock, limits.request_payload_bytes_max)
        pollers = Pollers(mapping_store, readers, background)
        transitions = MappingTransitions(mapping_store, pollers, background, settings.update_delay_s)
        await transitions.resume()
        attachable = AttachableLayers(layer_store)
        packages = PackageSource(ObjectsInS3(aws), limits)
        presentation = Presentation(runtimes, sealing)
        deployment = DeploymentApi(
            registry=registry,
            code_store=code_store,
            code=CodeReader(registry, attachable, code_store, packages, images, limits.code_storage_bytes_max),
            runtimes=runtimes,
            activation=activation,
            layers=attachable,
            code_signing=signatures,
            networks=Vpcs(networks, aws, has_isolation=not on_host),
            file_systems=file_systems,
            sealing=sealing,
            presentation=presentation,
            limits=limits,
            clock=clock,
        )
        functions = FunctionsApi(
            registry=registry,
            code_download=code_download,
            runtimes=runtimes,
            presentation=presentation,
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
            limits,
            clock,
        )
        node = Node(settings, maker.isolation, environments, code_download)
        front_door = FrontDoor(
            settings,
            {
                **functions.operations(),
                **deployment.operations(),
                **layers.operations(),
                **CodeSigningApi(signing_configs, registry, signatures, limits.tags_max, clock).operations(),
                **EventSourceMappingsApi(
                    mapping_store, transitions, SourceCheck(aws), registry, limits, clock
                ).operations(),
                **InvocationsApi(invoker, streams, events, tracing, Authorisation(registry)).operations(),
            },
            {"Logs_20140328": JsonService("logs", LogsApi(log_store, clock).operations())},
            node.raw_routes(),
            listener,
            clock,
            neighbours,
            sandbox_doors,
            [RestService("xray", TracesApi(traces, kept_traces, clock).operations())]
            if traces.keeps(kept_traces)
            else [],
        )
        await front_door.start()
        await events.start()
        await pollers.start()
        node.announce(listener)
        parts.callback(node.withdraw)
        await stop.wait()
        log.info("stopping: waiting for running invocations, at most %.0f s", settings.stop_grace_s)
        node.state = "stopping"
        grace_s = settings.stop_grace_s
        await asyncio.gather(front_door.stop(grace_s), events.stop(grace_s), pollers.stop(grace_s))
        invoker.stop()
    log.info("stopped")


def _trace_receivers(
    settings: Settings, choices: Choices, aws: AwsClients, kept: KeptTraces, background: Background
) -> list[Receiver]:
    """Who gets the segments of sampled invocations."""
    receivers: list[Receiver] = []
    senders = []
    if isinstance(choices.of("xray"), Elsewhere):
        senders.append(Sender("X-Ray", XRayExport(aws, NeighbourError).send))
    else:
        receivers.append(kept)
    if settings.otlp_endpoint:
        senders.append(Sender("OTLP", OtlpExport(settings.otlp_endpoint).send))
    for sender in senders:
        background.start(supervise(sender.run, "sending traces"), "sending traces")
    return [*receivers, *senders]


def _prepare_active(environments: EnvironmentPool) -> Follower:
    """A runtime is started with the first of its functions, so that the first call does not wait for it."""

    def follow(_: FunctionKey, function: Function | None) -> None:
        if function is not None and function.latest.state is State.ACTIVE:
            environments.prepare(function.latest)

    return follow
